"""Stemming takes plurals and possessives away and nothing else."""

import pytest

from services.kits.text.stem import stem


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("shoes", "shoe"),
        ("batteries", "battery"),
        ("ties", "tie"),
        ("boxes", "box"),
        ("dishes", "dish"),
        ("watches", "watch"),
        ("glasses", "glass"),
        ("cookies", "cookie"),
        ("knives", "knife"),
        ("kellogg's", "kellogg"),
        ("women's", "woman"),
        ("cases", "case"),
        ("apples", "apple"),
    ],
)
def test_plural_and_possessive_lead_to_the_singular(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(
    "word", ["glass", "bus", "gas", "series", "lens", "tv", "ps", "usb", "500", "running", "universe", "可乐", ""]
)
def test_what_is_no_plural_stays(word: str) -> None:
    assert stem(word) == word


@pytest.mark.parametrize(
    "pair", [("shoe", "shoes"), ("battery", "batteries"), ("headphone", "headphones"), ("dress", "dresses")]
)
def test_singular_and_plural_meet(pair: tuple[str, str]) -> None:
    assert stem(pair[0]) == stem(pair[1])
