"""The demo shop speaks two languages completely, and its script never writes markup from text."""

import re
from pathlib import Path

STATIC = Path(__file__).resolve().parents[4] / "gateway" / "demo_shop" / "static"
PAIR = re.compile(r'"([A-Za-z0-9._-]+)":\s*"((?:[^"\\]|\\.)*)"')


def _catalogs() -> dict[str, dict[str, str]]:
    text = (STATIC / "words.js").read_text(encoding="utf-8")
    english, chinese = text.split("\n  zh: {")
    return {"en": dict(PAIR.findall(english)), "zh": dict(PAIR.findall(chinese))}


def _scripts() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(STATIC.glob("*.js")) if path.stem != "words")


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    catalogs = _catalogs()
    assert len(catalogs["en"]) > 60
    assert set(catalogs["en"]) == set(catalogs["zh"])
    for key, text in catalogs["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", catalogs["zh"][key])), key


def test_every_key_that_the_page_names_exists() -> None:
    page = (STATIC / "shop.html").read_text(encoding="utf-8")
    named = set(re.findall(r'\bt\("([^"]+)"', _scripts())) | set(re.findall(r'data-t(?:-\w+)?="([^"]+)"', page))
    assert named
    assert named <= set(_catalogs()["en"])


def test_no_text_becomes_markup() -> None:
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", _scripts())
