"""Which texts are copies: alike however they are set or rewritten, and never because they are merely short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.cleaning import shown_text, spoken_text
from services.reputation.domain.fingerprints import (
    ALIKE,
    BANDS,
    READ_CHARACTERS,
    VALUES,
    Fingerprint,
    fingerprint_of,
    likeness,
    signature_of_text,
    signature_text,
)

RECALL = (
    "知客超市今日宣布召回一批由其自有品牌生产的婴幼儿奶粉，原因是部分批次检出菌落总数超标，消费者可凭小票到任意门店办理退款。"
    "公司表示已下架全部同批次产品，并就此向消费者致歉。"
)
ENGLISH = (
    "Zhike Market is recalling a batch of its own-label infant formula after inspectors found bacteria above the "
    "limit. Customers may return it to any shop for a full refund, the company said on Monday."
)


def likeness_of(one: Fingerprint, other: Fingerprint) -> float:
    assert one.signature is not None
    assert other.signature is not None
    return likeness(one.signature, other.signature)


@pytest.mark.parametrize(
    "copy",
    [
        RECALL.replace("，", " , ").replace("。", "！\n"),
        "<p>" + RECALL + "</p>",
        RECALL.replace("知客", "\u200b知\u2060客"),
        RECALL + " https://t.cn/A6xyz",
        "//@新闻早知道:" + RECALL,
    ],
)
def test_a_copy_has_the_same_hash_however_it_is_set(copy: str) -> None:
    assert fingerprint_of(spoken_text(shown_text(copy))).text_hash == fingerprint_of(RECALL).text_hash


def test_case_and_width_make_no_other_text() -> None:
    assert fingerprint_of("ＺＨＩＫＥ recalls FORMULA").text_hash == fingerprint_of("zhike Recalls formula").text_hash


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        (RECALL, "据悉，" + RECALL),
        (RECALL, RECALL + "（来源：本报记者）"),
        (RECALL, RECALL.replace("婴幼儿", "婴儿").replace("任意", "任何")),
        (ENGLISH, "BREAKING: " + ENGLISH),
        (ENGLISH, ENGLISH.replace("on Monday", "in a statement")),
    ],
)
def test_a_rewritten_copy_is_alike_and_meets_in_a_band(text: str, rewritten: str) -> None:
    one, other = fingerprint_of(text), fingerprint_of(rewritten)
    assert likeness_of(one, other) >= ALIKE
    assert set(one.bands) & set(other.bands)


@pytest.mark.parametrize(
    ("text", "another"),
    [
        (
            RECALL,
            "知客超市今日宣布在全市开设二十家新店，首店位于城南，开业当天全场八折，消费者可凭会员卡再领一份鸡蛋。",
        ),
        (
            ENGLISH,
            "Zhike Market opens twenty new shops this week and gives every member a dozen eggs on the first day.",
        ),
    ],
)
def test_another_story_of_the_same_shop_is_not_alike(text: str, another: str) -> None:
    assert likeness_of(fingerprint_of(text), fingerprint_of(another)) < ALIKE / 2


@pytest.mark.parametrize("text", ["质量很好，推荐购买", "Very good, will buy again", "👍👍👍", "", "!!!"])
def test_short_praise_is_not_compared(text: str) -> None:
    found = fingerprint_of(text)
    assert not found.is_comparable
    assert found.bands == ()
    assert found.text_hash


def test_emoji_alone_are_told_apart() -> None:
    assert fingerprint_of("👍").text_hash != fingerprint_of("👎").text_hash


def test_what_lies_past_the_read_part_changes_nothing() -> None:
    article = "".join(chr(0x4E00 + place) for place in range(READ_CHARACTERS))
    assert fingerprint_of(article + "甲").text_hash == fingerprint_of(article + "乙").text_hash
    assert fingerprint_of("甲" + article).text_hash != fingerprint_of("乙" + article).text_hash


def test_a_signature_comes_back_from_the_store() -> None:
    signature = fingerprint_of(RECALL).signature
    assert signature is not None
    assert len(signature) == VALUES
    assert (signature_of_text(signature_text(signature)) == signature).all()


def test_fingerprints_never_change() -> None:
    """Stored signatures and bands are compared with new ones for ever."""
    found = fingerprint_of(ENGLISH)
    assert found.signature is not None
    assert (found.text_hash, found.bands[0], len(found.bands)) == (
        "da1e27b8ab6513ca6b13457c",
        "0:4c88bd00399cb7040ead2001",
        BANDS,
    )
    assert signature_text(found.signature)[:24] == "TIi9ADmctwQOrSABlvBuA70B"


@given(st.text(max_size=400))
def test_the_hash_is_a_function_of_the_letters(text: str) -> None:
    first, again = fingerprint_of(text), fingerprint_of(text)
    assert first.text_hash == again.text_hash
    if first.signature is not None:
        assert likeness_of(first, again) == 1.0
