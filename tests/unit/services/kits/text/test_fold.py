"""Folded text is one form whatever was typed, and every folded character knows its origin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.text.fold import fold, fold_with_offsets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＣＯＣＡ　ｃｏｌａ", "coca cola"),
        ("Café crème", "cafe creme"),
        ("cafe\u0301", "cafe"),
        ("Straße", "strasse"),
        ("可\u200b乐", "可乐"),
        ("wi\u2011fi wi—fi", "wi-fi wi-fi"),
        ("Kellogg’s", "kellogg's"),
        ("ガム", "ガム"),
        ("①㎏", "1kg"),
        ("a\x00b\ud800", "a b "),
    ],
)
def test_width_case_accents_and_invisible_characters_fold_away(text: str, expected: str) -> None:
    assert fold(text) == expected


@given(st.text(max_size=40))
def test_folding_with_and_without_offsets_gives_the_same_text(text: str) -> None:
    folded = fold_with_offsets(text)
    assert folded.text == fold(text)
    assert len(folded.starts) == len(folded.ends) == len(folded.text)
    assert all(0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True))


def test_an_offset_leads_back_to_the_original_characters() -> None:
    text = "一㎏ Cafe\u0301"
    folded = fold_with_offsets(text)
    start = folded.text.index("cafe")
    first, last = folded.original_span(start, start + 4)
    assert text[first:last] == "Cafe\u0301"
    first, last = folded.original_span(1, 3)
    assert text[first:last] == "㎏"
