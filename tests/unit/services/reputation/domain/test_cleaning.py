"""A mention's text: markup and tricks gone, what people wrote still there."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.cleaning import MAX_MARKS, MAX_TEXT_CHARACTERS, own_words, shown_text, spoken_text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<p>这家店 <b>真好</b></p><p>还来</p>", "这家店 真好\n还来"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<td>a</td><td>b</td>", "a b"),
        ("before<script>alert('<b>x</b>')</script>after", "before after"),
        ("before<SCRIPT type=x>evil</SCRIPT >after", "before after"),
        ("before<script>never closed", "before"),
        ("a<style>p{}</style>b", "a b"),
        ("a<!-- <b>hidden</b> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("a<![CDATA[x]]>b", "ab"),
        ("a<!DOCTYPE html>b<?xml version='1.0'?>c", "abc"),
        ('<a href="https://x.example/?a=1&b=2" title="1 > 2">link</a>', "link"),
        ('<a title="never closed>text</a>', "text"),
        ("a &lt;b&gt; &amp;amp; c&nbsp;d &#20013; &#x6587;", "a <b> &amp; c d 中 文"),
        ("&#999999999999;x", "\ufffdx"),
        ("&#" + "9" * 5_000 + ";x", "\ufffdx"),
        ('生气<img alt="[怒]" src=x.png>了', "生气[怒]了"),
        ("if a<b, 3 < 4, I <3 it, <三星> and <Apple>", "if a<b, 3 < 4, I <3 it, <三星> and <Apple>"),
        ("a<o:p>b</o:p><x-card>c</x-card>", "abc"),
        ("a\x00b\x07c", "a b c"),
        ("a\r\nb\rc\n\n\n d", "a\nb\nc\nd"),
        ("a \t\u3000 b", "a b"),
        ("", ""),
    ],
)
def test_markup_becomes_text(raw: str, shown: str) -> None:
    assert shown_text(raw) == shown


@pytest.mark.parametrize(
    "text",
    [
        "好吃😋👍🏽",
        "家庭👨‍👩‍👧‍👦聚会",
        "❤️‍🔥",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 队",  # a region's flag
        "🇨🇳加油",
    ],
)
def test_emoji_stay_whole(text: str) -> None:
    assert shown_text(text) == text


def test_marks_that_turn_text_around_and_characters_that_show_nothing_go() -> None:
    assert shown_text("好\u202e评\u2066x\u2069\u200b\ufeff\u00ad\u200d吧") == "好评x吧"
    assert shown_text("a\U000e0061\U000e0062b") == "ab"  # text hidden in tag characters
    assert shown_text("x\ud800y") == "x\ufffdy"


def test_a_tower_of_marks_is_cut() -> None:
    assert len(shown_text("e" + "\u0301\u0323" * 5_000)) <= 1 + MAX_MARKS


def test_a_text_past_its_bound_is_cut() -> None:
    assert len(shown_text("好" * (MAX_TEXT_CHARACTERS + 1))) == MAX_TEXT_CHARACTERS


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("@小明:这家店太差了再也不来", "这家店太差了再也不来"),  # not swallowed whole
        ("太差了//@张三:转发//@李四：原来的话", "太差了 转发 原来的话"),
        ("回复@王五:同意", "同意"),
        ("RT @someone: never again", "never again"),
        ("去过 @知客超市 两次", "去过 两次"),
        ("看图 https://t.cn/A6x，很好", "看图 ，很好"),
        ("www.example.com/a 不错", "不错"),
        ("mail me at a@b.example", "mail me at a@b.example"),
        ("转发微博", ""),
        ("转发微博。", ""),
        ("转发给你看看", "转发给你看看"),
        ("@知客超市太差了再也不来", "知客超市太差了再也不来"),  # nothing else is left, so it was said
        ("@" + "好" * 40, "好" * 40),  # too long for a handle
        ("#双十一# 又涨价", "#双十一# 又涨价"),
    ],
)
def test_what_points_elsewhere_is_not_spoken(shown: str, spoken: str) -> None:
    assert spoken_text(shown) == spoken


def test_the_words_of_who_reposts_end_where_the_chain_begins() -> None:
    assert own_words("太差了//@张三:转发//@李四：原来的话") == "太差了"
    assert own_words("转发微博//@李四：原来的话") == ""


@pytest.mark.parametrize(
    "bomb",
    [
        "<a",
        '<a b="',
        "<a b='\"",
        "<!--",
        "<!",
        "</",
        "<?",
        "&#",
        "<![CDATA[",
        "<script>",
        "<script></script",
        "@",
        "//@a",
    ],
)
def test_what_is_made_to_hurt_its_reader_is_read_as_it_stands(bomb: str) -> None:
    """That it costs no more than other text is measured by benchmarks.mentions."""
    raw = (bomb * MAX_TEXT_CHARACTERS)[:MAX_TEXT_CHARACTERS]
    shown = shown_text(raw)
    assert shown in ("", raw, raw.strip())
    assert len(spoken_text(shown)) <= len(shown)


@given(st.text())
def test_cleaning_never_fails_and_leaves_text_that_can_be_stored(raw: str) -> None:
    shown = shown_text(raw)
    shown.encode()
    spoken_text(shown)
    own_words(shown)
    assert not {"\u202e", "\u200b", "\x00"} & set(shown)


@given(st.text(st.characters(categories=["L", "Nd", "Po"]), max_size=60))
def test_text_that_was_escaped_comes_back(text: str) -> None:
    assert shown_text(escape(text)) == shown_text(text) or "&" in text
