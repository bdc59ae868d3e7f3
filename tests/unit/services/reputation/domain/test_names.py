"""Names in texts: whole words, the longest, and any number of them at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.names import MAX_NAME_CHARACTERS, NameIndex, folded_name


def found(names: list[str], text: str) -> list[str]:
    index = NameIndex()
    for name in names:
        index.put(folded_name(name), name)
    return [owner for _, owners in index.find(folded_name(text)) for owner in sorted(owners)]


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["Zhike"], "I like ZHIKE!", ["Zhike"]),
        (["Zhike"], "zhikeless and prezhike", []),
        (["Zhike"], "买了zhike的蛋糕", ["Zhike"]),
        (["iPhone"], "iphone15", []),
        (["Zhike Market"], "the Zhike \n market's cake", ["Zhike Market"]),
        (["知客"], "我爱知客超市", ["知客"]),
        (["知客", "知客超市"], "我爱知客超市", ["知客超市"]),
        (["知客", "客超市"], "知客超市", ["知客"]),  # from left to right
        (["知客"], "知客知客", ["知客", "知客"]),
        (["café"], "CAFE latte", ["café"]),
        (["ＺＫ"], "zk 店", ["ＺＫ"]),
        (["M&M's"], "m&m's please", ["M&M's"]),
        (["C"], "c is too short", []),
        (["知客"], "", []),
        (["知客"], "知", []),
    ],
)
def test_names_are_found_as_people_write_them(names: list[str], text: str, expected: list[str]) -> None:
    assert found(names, text) == expected


def test_a_name_of_several_names_all() -> None:
    index = NameIndex()
    index.put("苹果", "fruit")
    index.put("苹果", "phone")
    assert list(index.find("苹果")) == [("苹果", frozenset({"fruit", "phone"}))]


def test_a_name_too_long_names_nobody() -> None:
    index = NameIndex()
    index.put("a" * (MAX_NAME_CHARACTERS + 1), "x")
    assert len(index) == 0


names = (
    st.text(st.sampled_from("知客超市ab "), min_size=2, max_size=5).map(folded_name).filter(lambda name: len(name) > 1)
)


@given(st.lists(names, max_size=12), st.data())
def test_what_is_taken_away_is_as_if_it_had_never_been(known: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(known))) if known else set()
    text = "知客超市ab 知客 ab客超市b a市"
    index, fresh = NameIndex(), NameIndex()
    for name in known:
        index.put(name, "owner")
    for name in gone:
        index.discard(name, "owner")
        index.discard(name, "owner")
        index.discard(name, "nobody")
    for name in known:
        if name not in gone:
            fresh.put(name, "owner")
    assert list(index.find(text)) == list(fresh.find(text))
    assert len(index) == len(fresh)
