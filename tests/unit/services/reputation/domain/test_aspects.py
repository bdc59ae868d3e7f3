"""What a mention is about follows from words that a reader can see."""

import tomllib
from pathlib import Path

import pytest

from services.reputation.domain import aspects as module
from services.reputation.domain.aspects import TEXT_LIMIT, aspect_names, aspect_of, aspects_of
from services.reputation.domain.levels import GRAVE_ASPECTS
from services.reputation.domain.names import SHORTEST_NAME, folded_name


@pytest.mark.parametrize(
    ("text", "aspect"),
    [
        ("蛋糕里吃出了一只蟑螂,全家拉肚子", "safety"),
        ("Got FOOD POISONING from their party tray", "safety"),
        ("怀疑是假货,和专柜的完全不一样", "counterfeit"),
        ("等了两个小时还没送到,骑手电话也不接", "delivery"),
        ("the parcel was DELAYED again", "delivery"),
        ("客服态度特别差,没人理", "service"),
        ("Customer service hung up on me", "service"),
        ("又涨价了,性价比越来越低", "price"),
        ("包装盒压坏了,奶油都漏了", "packaging"),
        ("申请退款一直不给退", "refund"),
        ("质量太差,洗一次就起球", "quality"),
        ("双十一下单直接砍单", "availability"),
        ("我的手机号被泄露了,天天骚扰电话", "privacy"),
        ("今天天气不错", ""),
        ("", ""),
    ],
)
def test_words_say_what_it_is_about(text: str, aspect: str) -> None:
    assert aspect_of(text) == aspect


def test_most_words_decide_and_the_gravest_of_equals() -> None:
    assert aspect_of("快递慢,物流慢,包装还行") == "delivery"
    assert aspect_of("包装破损,里面发霉") == "safety"


def test_the_words_are_told() -> None:
    assert aspects_of("快递慢,快递员凶,里面发霉") == {"delivery": ("快递", "快递员"), "safety": ("发霉",)}


def test_width_and_case_do_not_matter_and_latin_words_are_whole() -> None:
    assert aspect_of("ＦＡＫＥ！") == "counterfeit"
    assert aspect_of("fakery") == ""
    assert aspect_of("related lately") == ""


def test_what_stands_past_the_bound_is_not_looked_at() -> None:
    assert aspect_of("好" * (TEXT_LIMIT - 2) + "发霉") == "safety"
    assert aspect_of("好" * (TEXT_LIMIT - 1) + "发霉") == ""


def test_the_table_has_no_word_twice_and_none_that_cannot_be_found() -> None:
    table = tomllib.loads(Path(module.__file__).with_name("aspects.toml").read_text(encoding="utf-8"))
    words = [folded_name(word) for entry in table["aspect"] for word in entry["words"]]
    assert len(words) == len(set(words))
    assert min(map(len, words)) >= SHORTEST_NAME


def test_grave_aspects_are_aspects_and_come_first() -> None:
    names = aspect_names()
    assert set(tuple(names)[: len(GRAVE_ASPECTS)]) == GRAVE_ASPECTS
    assert all(name["zh"] and name["en"] for name in names.values())
