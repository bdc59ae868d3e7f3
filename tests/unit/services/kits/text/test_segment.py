"""What a text is indexed under and what a query asks for meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.text import segment
from services.kits.text.highlight import highlight
from services.kits.text.segment import Segmenter

SHARED = Segmenter()


@pytest.fixture
def segmenter() -> Segmenter:
    return SHARED


def finds(segmenter: Segmenter, query: str, text: str) -> bool:
    """Say whether a text has all words of a query: the rule that an engine applies to the streams."""
    stream = f" {segmenter.index_stream(text)} "
    characters = segmenter.character_stream(text).split()
    return all(
        f" {word.token} " in stream
        or (word.single and word.token in characters)
        or (word.parts and f" {' '.join(word.parts)} " in stream)
        for word in segmenter.query_words(query)
    )


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("可口可乐", "可口可乐无糖汽水2升"),
        ("可乐", "无糖可口可乐"),
        ("纯牛奶", "蒙牛特仑苏纯牛奶250ml"),
        ("酒", "青岛啤酒"),
        ("T恤", "男士短袖T恤"),
        ("wifi", "Wi-Fi router"),
        ("wi-fi", "WiFi router wi-fi"),
        ("12oz", "Soda 12 OZ can"),
        ("12 oz", "Soda 12oz can"),
        ("coca cola", "Coca-Cola Zero"),
        ("cocacola", "Coca-Cola Zero"),
        ("ｃｏｃａ", "COCA"),
        ("batteries", "AA battery 4 pack"),
        ("women's shoes", "Women shoe"),
        ("dv7", "HP dv7-1211ea notebook"),
        ("1.5l", "Water 1.5 L"),
        ("the milk", "milk"),
        ("crème", "CREME"),
    ],
)
def test_a_query_meets_the_text_that_it_names(segmenter: Segmenter, query: str, text: str) -> None:
    assert finds(segmenter, query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [("mp3", "3 MP camera"), ("牛肉", "肉牛"), ("universe", "university"), ("no5", "no 15"), ("milk", "silk")],
)
def test_a_query_does_not_meet_what_only_resembles_it(segmenter: Segmenter, query: str, text: str) -> None:
    assert not finds(segmenter, query, text)


def test_a_query_of_stop_words_alone_still_asks_for_them(segmenter: Segmenter) -> None:
    assert [word.token for word in segmenter.query_words("the")] == ["the"]
    assert [word.token for word in segmenter.query_words("milk for the cat")] == ["milk", "cat"]


def test_a_repeated_word_is_asked_for_once(segmenter: Segmenter) -> None:
    assert [word.token for word in segmenter.query_words("milk milk MILKS 牛奶牛奶")] == ["milk", "牛奶"]


def test_a_long_word_names_the_words_inside_it(segmenter: Segmenter) -> None:
    (word,) = segmenter.query_words("纯牛奶")
    assert word.parts == ("纯牛", "牛奶")
    assert word.inner == ("牛奶",)


def test_words_past_the_limit_are_not_read(segmenter: Segmenter) -> None:
    query = " ".join(f"w{number}x" for number in range(segment.MAX_QUERY_WORDS + 1))
    assert len(segmenter.query_words(query)) == segment.MAX_QUERY_WORDS


def test_characters_past_the_limits_are_not_read(segmenter: Segmenter) -> None:
    assert segmenter.query_words(" " * segment.MAX_QUERY_CHARACTERS + "milk") == ()
    assert segmenter.index_stream("." * segment.MAX_TEXT_CHARACTERS + "milk") == ""
    long = "x" * (segment.MAX_TOKEN_CHARACTERS + 1)
    assert segmenter.index_stream(long) == segmenter.query_words(long)[0].token == long[:-1]


def test_words_of_a_shop_are_kept_whole() -> None:
    assert "特仑苏" in Segmenter(["特仑苏"]).index_stream("蒙牛特仑苏牛奶").split()


HOSTILE = st.text(
    alphabet=st.one_of(
        st.sampled_from("可口乐牛奶酒的一ａＡ１aB3é'’-_.+&*?~^:()[]{}\"\\/!|\x00\u200b\u0301💥\ud800 　"),
        st.characters(),
    ),
    max_size=60,
)


@given(HOSTILE)
def test_any_text_can_be_cut_and_finds_itself(text: str) -> None:
    words, spans = SHARED.query_words(text), highlight(text, SHARED.query_words(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert bool(spans) == bool(words) or len(text) > segment.MAX_TEXT_CHARACTERS
    for word in words:
        assert word.token
        assert not any(char.isspace() for char in word.token)
        assert word.single or word.token in SHARED.index_stream(text).split()
