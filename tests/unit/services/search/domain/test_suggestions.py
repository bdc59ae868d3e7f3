"""Completions by the beginning of any word, likeliest first, no text twice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kits.text.fold import fold
from services.search.domain import beginnings, suggestions
from services.search.domain.beginnings import starts
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


def by_hand(phrases: list[Phrase], prefix: str, language: str, limit: int) -> list[str]:
    """Look at every phrase, as plainly as it can be said."""
    found: list[tuple[float, int, str]] = []
    for phrase in phrases:
        folded = fold(phrase.text)
        places = [start for start in starts(folded) if folded[start:].startswith(prefix)]
        if places and phrase.language in {"", language}:
            score = phrase.weight * suggestions._KIND_WEIGHT[phrase.kind]
            inner = suggestions._INNER_WEIGHT if places[0] else 1.0
            found.append((-score * inner, len(phrase.text), phrase.text))
    shown: dict[str, str] = {}
    for _, _, text in sorted(found):
        shown.setdefault(fold(text), text)
    return list(shown.values())[:limit]


PHRASES = st.lists(
    st.builds(
        Phrase,
        text=st.lists(st.sampled_from(["tea", "Te", "teak", "牛奶", "奶", "a"]), min_size=1, max_size=4).map(" ".join),
        kind=st.sampled_from(list(SuggestionKind)),
        weight=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]),
        language=st.sampled_from(["", "zh", "en"]),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(phrases=PHRASES, prefix=st.sampled_from(["t", "te", "tea", "teak a", "奶", "牛奶"]), limit=st.integers(1, 20))
def test_the_likeliest_are_those_that_a_look_at_every_phrase_finds(
    phrases: list[Phrase], prefix: str, limit: int
) -> None:
    completion = Completion(phrases)
    for language in ("zh", "en"):
        expected = by_hand(phrases, prefix, language, limit)
        for _ in range(2):  # a remembered answer is the same
            assert [phrase.text for phrase in completion.complete(prefix, language, limit)] == expected


def test_one_short_beginning_more_than_are_remembered_is_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "SHORT_LIMIT", 1)
    completion = Completion([Phrase("tea", QUERY, 1.0), Phrase("milk", QUERY, 1.0)])
    for beginning in ("t", "m", "t", "m"):
        assert len(completion.complete(beginning, "en")) == 1
    assert len(completion._short) == 1


@settings(deadline=None)
@given(before=PHRASES, middle=PHRASES, after=PHRASES, shared=PHRASES, prefix=st.sampled_from(["t", "tea", "奶", "a"]))
def test_a_completion_built_like_another_answers_as_one_built_anew(
    before: list[Phrase], middle: list[Phrase], after: list[Phrase], shared: list[Phrase], prefix: str
) -> None:
    like = Completion([*before, *shared])
    like = Completion([*shared, *middle], like=like)
    like = Completion([*after, *shared], like=like)
    anew = Completion([*after, *shared])
    for language in ("zh", "en"):
        assert like.complete(prefix, language, 20) == anew.complete(prefix, language, 20)
    assert len(Completion(like=like)) == 0


def test_only_texts_that_came_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(text: str) -> str:
        read.append(text)
        return fold(text)

    phrases = [Phrase(f"Milk {number}", PRODUCT, 1.0, "en") for number in range(50)]
    before = Completion(phrases)
    monkeypatch.setattr(beginnings, "fold", noted)
    heavier = [replace(phrase, weight=2.0) for phrase in phrases]
    assert Completion(heavier, like=before)._beginnings is before._beginnings
    renamed = Completion([*heavier[:20], Phrase("Oat milk", PRODUCT, 1.0, "en"), *heavier[21:]], like=before)
    assert read == ["Oat milk"]
    assert [phrase.text for phrase in renamed.complete("oat", "en")] == ["Oat milk"]
    assert renamed.complete("milk 20", "en") == []


def test_numbers_of_texts_that_are_gone_are_given_to_new_ones() -> None:
    found = beginnings.NONE
    for number in range(100):
        found = found.of([f"tea {number}", f"milk {number}"])
    assert found.size <= 4
    assert [key for key in found.keys if key.startswith("9")] == ["99", "99"]
