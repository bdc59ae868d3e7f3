"""Both languages of the console are complete, and no word stands there for nothing."""

import re
from pathlib import Path

import pytest
from babel import Locale

from gateway.console import words
from gateway.console.registry import AREAS
from gateway.console.words import PLACEHOLDER, Words, catalog

HOME = Path(words.__file__).parent
CALL = re.compile(r"""(?<![\w.])(?:t|visit\.t|visit\.words|words)\(\s*f?["']([^"']+)["']\s*([~,)\]])?""")
LITERAL = re.compile(r"""f?["']([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]*)+)["']""")
PREFIX = re.compile(r"""["']([a-z][\w.]*\.)["']\s*~|f["']([a-z][\w.]*\.)\{""")


def _sources() -> list[str]:
    files = [*HOME.rglob("*.py"), *(HOME / "templates").rglob("*.html")]
    return [path.read_text(encoding="utf-8") for path in files]


def _forms(entry: object) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())  # type: ignore[attr-defined]


def test_both_languages_have_the_same_keys_of_the_same_kind() -> None:
    english, chinese = catalog("en"), catalog("zh")
    assert english.keys() == chinese.keys()
    assert len(english) > 80
    assert not [key for key in english if isinstance(english[key], str) != isinstance(chinese[key], str)]


def test_every_area_has_both_catalogs_and_a_name() -> None:
    for area in AREAS:
        if area.pages:
            assert f"{area.name}.area" in catalog("en"), area.name


def test_placeholders_are_the_same_in_both_languages() -> None:
    for key, entry in catalog("en").items():
        english = {name for each in _forms(entry) for name in PLACEHOLDER.findall(each)}
        chinese = {name for each in _forms(catalog("zh")[key]) for name in PLACEHOLDER.findall(each)}
        assert english == chinese, key


@pytest.mark.parametrize("language", ["en", "zh"])
def test_plural_texts_have_the_forms_of_their_language(language: str) -> None:
    needed = {*Locale(language).plural_form.tags, "other"}
    for key, entry in catalog(language).items():
        if not isinstance(entry, str):
            assert set(entry) == needed, key


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_word_is_empty(language: str) -> None:
    assert not [key for key, entry in catalog(language).items() if not all(map(str.strip, _forms(entry)))]


def test_every_word_that_pages_say_exists() -> None:
    said = {match[0] for text in _sources() for match in CALL.findall(text) if match[1] != "~" and "{" not in match[0]}
    said |= {page.title for area in AREAS for page in area.pages} | {f.title for area in AREAS for f in area.finders}
    said |= {page.help for area in AREAS for page in area.pages if page.help}
    assert len(said) > 30
    assert not sorted(key for key in said if "." in key and key not in catalog("en"))


def test_no_word_is_dead() -> None:
    text = "\n".join(_sources())
    literal = set(LITERAL.findall(text))
    prefixes = {first or second for first, second in PREFIX.findall(text)}
    assert not sorted(
        key
        for key in catalog("en")
        if key not in literal and not any(key.startswith(prefix) for prefix in prefixes) and not key.endswith(".area")
    )


def test_a_plural_is_chosen_by_count_and_a_missing_key_shows() -> None:
    assert Words("en")("table.total", count=1, number="1") == "1 row"
    assert Words("en")("table.total", count=2, number="2") == "2 rows"
    assert Words("zh")("table.total", count=1, number="1") == "共 1 行"
    assert Words("en")("no.such") == "⟨no.such⟩"


def test_values_are_put_in_as_they_are() -> None:
    assert Words("en")("search.for", text="{name}") == "Found for “{name}”"
