"""The image: built from what exists, for nobody in particular, with commands that can be imported."""

import importlib.util
import re
import shlex
import subprocess

import orjson
import pytest

from tests.architecture.source_tree import ROOT
from tests.fakes.tools import tool

FILE = ROOT / "infra" / "docker" / "Dockerfile"
TEXT = FILE.read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Return each instruction with its argument; continued lines are joined, comments left out."""
    lines = [line for line in TEXT.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines()) if name]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(place for place, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


def ignored(path: str) -> bool:
    """Tell whether .dockerignore keeps a path from the builder; the last line that matches decides."""
    decided = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        top = pattern.split("/")[0]
        if line and not line.startswith("#") and not pattern.startswith("**"):
            matches = pattern == "*" or path == pattern or path.startswith(f"{pattern}/")
            matches = matches or (pattern.endswith("/*") and path.startswith(f"{top}/"))
            decided = (not line.startswith("!")) if matches else decided
    return decided


def copied() -> list[str]:
    return [source for name, rest in instructions() if name == "COPY" for source in shlex.split(rest)[:-1]]


def test_every_path_that_is_copied_exists_and_reaches_the_builder() -> None:
    assert len(copied()) >= 5
    assert not [path for path in copied() if not (ROOT / path).exists()]
    assert not [path for path in copied() if ignored(path)]


def test_the_wheel_has_all_that_the_project_says_it_has() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert not [path for path in wanted if not any(path == each or path.startswith(f"{each}/") for each in copied())]


def test_nothing_else_reaches_the_builder() -> None:
    for path in ("tests", ".git", ".venv", "zhike-data", "docs", "protos/zhike", ".env", "benchmarks"):
        assert ignored(path), path


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = [rest for name, rest in final_stage() if name == "USER"]
    assert users == ["10001:10001"]
    assert [rest for name, rest in final_stage() if name == "VOLUME"] == ['["/data"]']


def test_every_image_is_pinned_and_of_one_python() -> None:
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", bases[0])


def test_commands_are_in_exec_form_and_can_be_imported() -> None:
    stage = dict(final_stage())
    entry, command = orjson.loads(stage["ENTRYPOINT"]), orjson.loads(stage["CMD"])
    assert entry == ["python", "-m"]
    health = orjson.loads(stage["HEALTHCHECK"].partition("CMD ")[2])
    for module in (*command, health[-1]):
        assert importlib.util.find_spec(module) is not None, module


def test_no_secret_is_in_the_image() -> None:
    named = [rest for name, rest in instructions() if name in {"ARG", "ENV"}]
    assert not re.search(r"(?i)secret|token|password|api_key", " ".join(named))


def test_the_version_of_the_image_is_the_projects() -> None:
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f'image.version="{version}"' in TEXT


def test_hadolint_finds_nothing() -> None:
    result = subprocess.run([tool("hadolint"), str(FILE)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("extra", ["", "demo", "demo,load"])
def test_what_is_fetched_before_our_code_is_what_the_project_depends_on(
    extra: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    import tomllib

    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (line,) = [rest for name, rest in instructions() if name == "RUN" and "requirements.txt" in rest and "-c" in rest]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXTRAS", extra)
    exec(compile(orjson.loads(line)[2], "Dockerfile", "exec"), {})
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [
        each for name in extra.split(",") if name for each in project["optional-dependencies"][name]
    ]
    assert (tmp_path / "requirements.txt").read_text(encoding="utf-8").splitlines() == wanted
