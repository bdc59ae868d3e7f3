"""One edit is repaired towards words that the shop uses; what is known or too short to tell is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.text import spelling
from services.kits.text.segment import Segmenter
from services.kits.text.spelling import Vocabulary, repaired_queries

SEGMENTER = Segmenter()
TITLES = (
    "可口可乐 无糖汽水",
    "蒙牛纯牛奶",
    "百事可乐",
    "洗发水",
    "卫生纸",
    "orange juice",
    "headphones",
    "chocolate cookies",
    "Coca-Cola",
    "milk 2 litre",
    "shampoo",
)


@pytest.fixture
def vocabulary() -> Vocabulary:
    words = Vocabulary()
    for title in TITLES:
        words.add(SEGMENTER.vocabulary_words(title))
    return words


@pytest.mark.parametrize(
    ("query", "repaired"),
    [
        ("可口可了", "可口可乐"),
        ("可可口乐", "可口可乐"),
        ("口可乐", "可口可乐"),
        ("可口可口乐", "可口可乐"),
        ("纯牛乃", "纯牛奶"),
        ("洗发睡", "洗发水"),
        ("百事可了汽水", "百事可乐汽水"),
        ("卫生只", "卫生纸"),
        ("oragne juice", "orange juice"),
        ("shampo", "shampoo"),
        ("chocolat cokies", "chocolate cookies"),
        ("ＭＩＬＫＫ 2", "milk 2"),
        ("head phones", "headphones"),
        ("mlk", "milk"),
        ("orangejuice", "orange juice"),
    ],
)
def test_the_best_repair_is_the_word_that_was_meant(vocabulary: Vocabulary, query: str, repaired: str) -> None:
    assert repaired_queries(query, vocabulary)[0] == repaired


@pytest.mark.parametrize("query", ["milk", "milks", "牛奶", "iphone5", "mi", "xyzzyx", "", "💥", "coca cola", "🐮奶"])
def test_known_short_numbered_and_far_words_are_left_alone(vocabulary: Vocabulary, query: str) -> None:
    assert repaired_queries(query, vocabulary) == ()


def test_a_word_that_left_the_catalog_is_no_longer_proposed(vocabulary: Vocabulary) -> None:
    vocabulary.discard(["shampoo"])
    vocabulary.discard(SEGMENTER.vocabulary_words("洗发水"))
    assert repaired_queries("shampo", vocabulary) == ()
    assert "洗发水" not in repaired_queries("洗发睡", vocabulary)


def test_a_word_used_twice_stays_when_one_use_goes(vocabulary: Vocabulary) -> None:
    vocabulary.add(["shampoo"])
    vocabulary.discard(["shampoo"])
    assert repaired_queries("shampo", vocabulary) == ("shampoo",)


def test_runs_and_words_past_the_limits_are_left_alone(vocabulary: Vocabulary) -> None:
    long_word = "a" * spelling.MAX_LATIN_LETTERS
    vocabulary.add([long_word, "可" * 3])
    assert repaired_queries(long_word + "a", vocabulary) == ()
    assert repaired_queries("口" * (spelling.MAX_CJK_RUN + 1), vocabulary) == ()


def test_a_wild_card_remembers_a_bounded_number_of_words() -> None:
    words = Vocabulary(chr(0x4E00 + number) + "奶" for number in range(spelling.MAX_WILD_WORDS + 1))
    assert len(words.wild_matches("*奶")) == spelling.MAX_WILD_WORDS


@given(st.text(alphabet="可口乐牛奶abmilk -'*2é💥", max_size=30))
def test_any_query_gets_a_bounded_number_of_other_spellings(query: str) -> None:
    words = Vocabulary(["可口可乐", "牛奶", "milk", "milk"])
    repairs = repaired_queries(query, words)
    assert len(repairs) <= spelling.MAX_REPAIRS
    assert query not in repairs
