"""Highlights point at the original characters that answer the query."""

import pytest

from services.kits.text.highlight import highlight, marked
from services.kits.text.segment import Segmenter

SEGMENTER = Segmenter()


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("可口可乐", "Coca-Cola's 可口可乐汽水", "Coca-Cola's [可口可乐]汽水"),
        ("wifi", "Wi‑Fi router ＷＩ-ＦＩ", "[Wi‑Fi] router [ＷＩ-ＦＩ]"),
        ("cafe 咖", "Ｃａｆé 咖啡", "[Ｃａｆé] [咖]啡"),
        ("纯牛奶", "脱脂牛奶", "脱脂[牛奶]"),
        ("batteries", "2 Battery packs", "2 [Battery] packs"),
        ("cola coca", "Coca-Cola", "[Coca]-[Cola]"),
        ("wi-fi", "WiFi and Wi Fi", "[WiFi] and Wi Fi"),
        ("12oz", "12 oz or 12oz", "12 oz or [12oz]"),
        ("dv7", "HP dv7-1211ea", "HP [dv7]-1211ea"),
        ("cat", "concatenate cats", "concatenate [cats]"),
        ("1.5l", "1.5L bottle", "[1.5L] bottle"),
        ("牛奶", "㎏牛奶牛奶", "㎏[牛奶牛奶]"),
        ("cafe", "Cafe\u0301 noir", "[Cafe\u0301] noir"),
        ("<b>", "a <b> tag", "a <[b]> tag"),
        ("tea", "coffee", "coffee"),
    ],
)
def test_what_answers_the_query_is_marked(query: str, text: str, expected: str) -> None:
    spans = highlight(text, SEGMENTER.query_words(query))
    assert marked(text, spans, opening="[", closing="]") == expected
