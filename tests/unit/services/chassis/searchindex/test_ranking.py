"""What every adapter does after its engine: boosts, total order, cursors."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.searchindex.port import CURSOR_LIMIT_CHARACTERS, RERANK_WINDOW, Boost, IndexCursorError
from services.chassis.searchindex.ranking import (
    Key,
    boosted,
    decode_cursor,
    decode_relevance_key,
    encode_cursor,
    id_prefix,
    relevance_page,
)


def test_a_boost_saturates_and_never_lowers() -> None:
    scores = boosted(np.array([2.0, 2.0, 2.0, 2.0]), [Boost("sold", 0.5, 10.0)], [np.array([0.0, 10.0, 1e12, -5.0])])
    assert [round(score, 6) for score in scores] == [2.0, 2.5, 3.0, 2.0]


def test_a_missing_value_boosts_nothing() -> None:
    missing = np.array([None, 10.0], dtype=np.float64)
    assert boosted(np.array([2.0, 2.0]), [Boost("sold", 0.5, 10.0)], [missing]).tolist() == [2.0, 2.5]


def test_boosts_multiply() -> None:
    ones = [np.array([1.0]), np.array([1.0])]
    assert math.isclose(boosted(np.array([4.0]), [Boost("a", 1.0), Boost("b", 1.0)], ones)[0], 4.0 * 1.5 * 1.5)


IDS = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=40, unique=True)


@given(IDS, st.data())
def test_pages_of_any_size_join_up_to_the_one_order(ids: list[str], data: st.DataObject) -> None:
    tiers = data.draw(st.lists(st.integers(0, 2), min_size=len(ids), max_size=len(ids)))
    scores = data.draw(st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=len(ids), max_size=len(ids)))
    limit = data.draw(st.integers(1, 7))
    prefixes = data.draw(st.sampled_from([None, [id_prefix(entry_id) for entry_id in ids]]))
    expected = sorted(ids, key=lambda entry_id: (-tiers[ids.index(entry_id)], -scores[ids.index(entry_id)], entry_id))
    assert walked(ids, tiers, scores, limit, prefixes) == expected


def walked(
    ids: list[str], tiers: Sequence[int], scores: Sequence[float], limit: int, prefixes: Sequence[int] | None
) -> list[str]:
    found: list[str] = []
    after: Key | None = None
    while True:
        page = relevance_page(tiers, np.array(scores), ids.__getitem__, after=after, limit=limit, prefixes=prefixes)
        if not page:
            return found
        found += [ids[place] for place, _ in page]
        place, head = page[-1]
        after = decode_relevance_key(encode_cursor("relevance", *head, ids[place]))


@pytest.mark.parametrize("tiers", [None, [0] * (RERANK_WINDOW + 2)])
def test_what_lies_outside_the_window_follows_it_whatever_its_score(tiers: list[int] | None) -> None:
    count = RERANK_WINDOW + 2
    scores = np.array([1.0] * RERANK_WINDOW + [9.0, 8.0])
    page = relevance_page(tiers, scores, lambda place: f"{place:04}", after=None, limit=count)
    assert [place for place, _ in page][-2:] == [RERANK_WINDOW, RERANK_WINDOW + 1]


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_prefixes_order_as_ids_do_as_far_as_they_go(left: str, right: str) -> None:
    if id_prefix(left) < id_prefix(right):
        assert left.encode("utf-8", "surrogatepass") < right.encode("utf-8", "surrogatepass")
    assert -(2**63) <= id_prefix(left) < 2**63


def test_a_cursor_reads_back_and_knows_its_kind() -> None:
    assert decode_cursor(encode_cursor("id", "奶酪/💥"), "id") == ["奶酪/💥"]
    with pytest.raises(IndexCursorError):
        decode_cursor(encode_cursor("id", "x"), "sort:price:asc")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "A" * (CURSOR_LIMIT_CHARACTERS + 1),
        encode_cursor("relevance", 0, 0, "1", "x"),
        encode_cursor("relevance", 0),
    ],
)
def test_a_garbled_relevance_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(IndexCursorError):
        decode_relevance_key(cursor)
