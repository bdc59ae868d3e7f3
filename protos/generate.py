"""Generates protos/gen from the .proto files; with --check only tells whether it is fresh; with --lint runs buf.

Google's own protos come out of the googleapis-common-protos wheel: its operations_proto.proto registers itself as
google/longrunning/operations.proto, so it is laid out under that name in a temporary folder first.
"""

import argparse
import filecmp
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
GENERATED = HERE / "gen"


def main() -> int:
    """Generate, check or lint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when protos/gen is stale, write nothing")
    parser.add_argument("--lint", action="store_true", help="run buf lint and buf format on our protos")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        google = _lay_out_google_protos(Path(folder) / "google_protos")
        if arguments.lint:
            return _lint(google, Path(folder) / "workspace")
        output = Path(folder) / "gen"
        _generate(google, output)
        if arguments.check:
            return _report_stale(output)
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(output, GENERATED)
    return 0


def _lay_out_google_protos(target: Path) -> Path:
    """Copy the wheel's google/*.proto below ``target`` under the names that they register."""
    spec = importlib.util.find_spec("google.rpc")
    assert spec is not None and spec.submodule_search_locations, "googleapis-common-protos is not installed"
    wheel = Path(next(iter(spec.submodule_search_locations))).parent
    for package in ("rpc", "type", "api", "longrunning"):
        for source in (wheel / package).glob("*.proto"):
            name = "operations.proto" if source.name == "operations_proto.proto" else source.name
            destination = target / "google" / package / name
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)
    return target


def _sources() -> list[str]:
    return sorted(str(path.relative_to(HERE)) for path in (HERE / "zhike").rglob("*.proto"))


def _generate(google: Path, output: Path) -> None:
    from grpc_tools import protoc  # a development dependency

    output.mkdir(parents=True)
    bundled = Path(str(protoc.__file__)).parent / "_proto"
    arguments = ["protoc", f"-I{HERE}", f"-I{google}", f"-I{bundled}", f"--python_out={output}"]
    arguments += [f"--grpc_python_out={output}", f"--mypy_out={output}", f"--mypy_grpc_out={output}"]
    scripts = Path(sys.executable).parent
    arguments += [f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}"]
    arguments += [f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}"]
    if protoc.main([*arguments, *_sources()]) != 0:
        raise SystemExit("protoc failed")
    for folder in [path for path in output.rglob("*") if path.is_dir()]:
        (folder / "__init__.py").write_text("")
    (output / "zhike" / "py.typed").write_text("")


def _report_stale(fresh: Path) -> int:
    names = {p.relative_to(fresh) for p in fresh.rglob("*") if p.is_file()}
    committed = {p.relative_to(GENERATED) for p in GENERATED.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    stale = sorted(names ^ committed)
    stale += [n for n in sorted(names & committed) if not filecmp.cmp(fresh / n, GENERATED / n, shallow=False)]
    for name in stale:
        print(f"stale: protos/gen/{name}", file=sys.stderr)
    return 1 if stale else 0


def _lint(google: Path, workspace: Path) -> int:
    """Run buf over a workspace of two modules, ours and Google's, since buf resolves imports inside it only."""
    shutil.copytree(HERE / "zhike", workspace / "ours" / "zhike")
    shutil.copytree(google / "google", workspace / "theirs" / "google")
    ours = (
        (HERE / "buf.yaml")
        .read_text()
        .replace("path: .\n    excludes: [gen]", "path: ours\n  - path: theirs\n    lint: {use: [], ignore: [theirs]}")
    )
    (workspace / "buf.yaml").write_text(ours)
    buf = Path(sys.executable).parent / "buf"
    lint = subprocess.run([buf, "lint", "ours"], cwd=workspace, check=False).returncode
    style = subprocess.run([buf, "format", "--diff", "--exit-code", "ours"], cwd=workspace, check=False).returncode
    return lint or style


if __name__ == "__main__":
    sys.exit(main())
