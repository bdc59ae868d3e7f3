"""The published lifecycle table."""

import re
from itertools import pairwise

import pytest

from services.orders.domain import lifecycle
from services.orders.domain.lifecycle import LIFECYCLE, SCANS, TYPES, Axis, Subject, Words, rank_of
from tests.architecture.source_tree import ROOT

TABLES = {
    lifecycle.Payment: lifecycle.PAYMENT_WORDS,
    lifecycle.Production: lifecycle.PRODUCTION_WORDS,
    lifecycle.Shipping: lifecycle.SHIPPING_WORDS,
    lifecycle.Parcel: lifecycle.PARCEL_WORDS,
    lifecycle.Returning: lifecycle.RETURN_WORDS,
    lifecycle.Headline: lifecycle.HEADLINE_WORDS,
}


def test_types_are_named_once_and_ranked_in_the_order_of_the_table() -> None:
    ranks = [each.rank for each in LIFECYCLE]
    assert ranks == sorted(set(ranks))
    assert len(TYPES) == len(LIFECYCLE)


def test_ranks_leave_room_for_types_that_come_later() -> None:
    ranks = [each.rank for each in LIFECYCLE]
    assert all(later - earlier >= 10 for earlier, later in pairwise(ranks))


def test_a_type_of_a_later_version_comes_after_all_that_are_known() -> None:
    assert rank_of("of-a-later-version") > LIFECYCLE[-1].rank


@pytest.mark.parametrize("axis", list(Axis))
def test_every_axis_has_types(axis: Axis) -> None:
    assert any(each.axis is axis for each in LIFECYCLE)


def test_types_of_parcels_and_returns_name_theirs() -> None:
    for each in LIFECYCLE:
        assert (each.axis is Axis.SHIPMENT) == (each.subject is Subject.SHIPMENT)
        assert (each.axis is Axis.RETURN) == (each.subject is Subject.RETURN)


def test_what_carriers_report_is_what_parcels_go_through() -> None:
    states = set(lifecycle.PARCEL_STATES)
    assert states - SCANS == {"shipment-created", "shipment-cancelled"}
    assert SCANS - states == {"shipment-scanned"}  # a word that nobody knows moves nothing


@pytest.mark.parametrize("states", TABLES)
def test_every_state_has_words_in_both_languages(states: type) -> None:
    words = TABLES[states]
    assert set(words) == set(states)
    for each in words.values():
        assert _is_chinese(each) and each.en.isascii()


def test_every_type_has_words_in_both_languages() -> None:
    for each in LIFECYCLE:
        assert _is_chinese(each.words) and each.words.en.isascii()


def test_the_page_shows_the_table_as_it_is() -> None:
    page = (ROOT / "docs" / "orders.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (\d+) \| `([a-z-]+)` \| (\w+) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert [(int(rank), name, axis, zh, en) for rank, name, axis, zh, en in shown] == [
        (each.rank, each.name, each.axis.value, each.words.zh, each.words.en) for each in LIFECYCLE
    ]


def _is_chinese(words: Words) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]", words.zh))
