"""Completions by the beginning of any word, likeliest first, no text twice."""

import pytest

from services.search.domain import suggestions
from services.search.domain.suggestions import Completion, Phrase, SuggestionKind

PRODUCT, QUERY, BRAND, CATEGORY = (
    SuggestionKind.PRODUCT,
    SuggestionKind.QUERY,
    SuggestionKind.BRAND,
    SuggestionKind.CATEGORY,
)
COMPLETION = Completion(
    [
        Phrase("Coca-Cola Zero", PRODUCT, 1.0, "en", "p1"),
        Phrase("可口可乐 无糖", PRODUCT, 1.0, "zh", "p1"),
        Phrase("Coca-Cola", BRAND, 1.0),
        Phrase("coca cola", QUERY, 2.0, "en"),
        Phrase("牛奶", QUERY, 3.0, "zh"),
        Phrase("牛奶", CATEGORY, 1.0, "zh"),
        Phrase("纯牛奶 250ml", PRODUCT, 1.9, "zh", "p2"),
        Phrase("Café crème", PRODUCT, 1.0, "en", "p3"),
    ]
)


def texts(beginning: str, language: str = "zh", limit: int = 8) -> list[str]:
    return [phrase.text for phrase in COMPLETION.complete(beginning, language, limit)]


@pytest.mark.parametrize(
    ("beginning", "language", "expected"),
    [
        ("coca", "en", ["coca cola", "Coca-Cola", "Coca-Cola Zero"]),
        ("ＣＯＣＡ", "en", ["coca cola", "Coca-Cola", "Coca-Cola Zero"]),
        ("zer", "en", ["Coca-Cola Zero"]),
        ("可口", "zh", ["可口可乐 无糖"]),
        ("可乐", "zh", ["可口可乐 无糖"]),
        ("牛", "zh", ["牛奶", "纯牛奶 250ml"]),
        ("cafe", "en", ["Café crème"]),
        ("ola", "en", []),
        ("", "en", []),
        (" ", "en", []),
        ("💥", "en", []),
    ],
)
def test_any_beginning_of_a_word_is_completed(beginning: str, language: str, expected: list[str]) -> None:
    assert texts(beginning, language) == expected


def test_titles_of_the_other_language_are_left_out() -> None:
    assert texts("coca", "zh") == ["Coca-Cola"]


def test_equal_texts_are_shown_once_as_the_likelier_kind() -> None:
    assert COMPLETION.complete("牛奶", "zh")[0].kind is QUERY
    assert texts("牛奶").count("牛奶") == 1


def test_no_more_than_asked_come_back() -> None:
    assert len(texts("coca", "en", limit=2)) == 2


def test_what_is_wanted_less_makes_room_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "PHRASES_LIMIT", 2)
    small = Completion(
        [Phrase("tea one", PRODUCT, 1.0), Phrase("tea two", QUERY, 1.0), Phrase("tea six", PRODUCT, 2.0)]
    )
    assert [phrase.text for phrase in small.complete("tea", "en")] == ["tea two", "tea six"]


def test_characters_past_the_limit_are_not_read() -> None:
    text = "a" * (suggestions.PREFIX_LIMIT + 1)
    assert Completion([Phrase(text, QUERY, 1.0)]).complete(text + "b", "en")[0].text == text
