"""The command speaks two languages completely."""

import re
import string

import pytest

from infra.cli.catalog import LANGUAGES, catalog, language, t
from tests.architecture.source_tree import ROOT


def _placeholders(text: str) -> set[str]:
    return {name.split("!")[0].split(":")[0] for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_the_same_keys() -> None:
    assert {tuple(sorted(catalog(name))) for name in LANGUAGES} == {tuple(sorted(catalog("en")))}


def test_every_text_has_the_same_placeholders_in_every_language() -> None:
    for key, text in catalog("en").items():
        assert _placeholders(text) == _placeholders(catalog("zh")[key]), key


def test_every_key_that_the_code_names_exists_and_none_is_dead() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "infra/cli").rglob("*.py")))
    named = set(re.findall(r"\bt\(\s*[\"']([a-z_.]+)[\"']", source))
    stems = set(re.findall(r"\bt\(f[\"']([a-z_]+\.)\{", source))
    assert named <= set(catalog("en"))
    dead = {key for key in catalog("en") if key not in named and not any(key.startswith(stem) for stem in stems)}
    assert not dead


def test_the_language_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_LANG", "zh")
    assert language() == "zh"
    assert t("up.stopped") == "已停止。"
    monkeypatch.setenv("ZHIKE_LANG", "en_GB.UTF-8")
    assert language() == "en"
