"""One purchase by whoever tells of it: who is believed, whose it is, what counts once."""

from typing import Any

import pytest

from services.kits.purchases import (
    BY_BROWSER,
    BY_SHOP,
    ORDER_PLACED,
    PURCHASE,
    Authority,
    authority_of,
    buyer_of,
    is_channel,
    order_key,
    tells_of_purchase,
)
from services.kits.text.identifiers import is_anonymous


def payload(**fields: Any) -> dict[str, Any]:
    order = {"number": "1", "kind": "sale", "source": fields.pop("source", BY_SHOP)}
    return {"shop": "main", "identifiers": ["card:1001", "login:u"], "order": order, **fields}


@pytest.mark.parametrize(
    ("event_type", "source", "authority"),
    [
        (PURCHASE, BY_BROWSER, Authority.BROWSER),
        (PURCHASE, "somebody", Authority.BROWSER),
        (PURCHASE, BY_SHOP, Authority.SHOP),
        (ORDER_PLACED, BY_SHOP, Authority.FACT),
    ],
)
def test_the_fact_is_believed_before_the_shop_and_this_before_the_browser(
    event_type: str, source: str, authority: Authority
) -> None:
    assert authority_of(event_type, payload(source=source)) is authority
    assert authority_of(PURCHASE, {}) is Authority.BROWSER < Authority.SHOP < Authority.FACT


def test_only_a_purchase_and_the_placing_of_an_order_tell_of_a_purchase() -> None:
    assert [tells_of_purchase(each) for each in (PURCHASE, ORDER_PLACED, "shipment-created", "login")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_user_events_subject_bought_and_of_an_order_the_strongest_identifier_that_it_names() -> None:
    assert buyer_of(PURCHASE, payload(), subject="visitor:v-1") == "visitor:v-1"
    assert buyer_of(ORDER_PLACED, payload(), subject="order:main/1") == "card:1001"


def test_an_order_of_nobody_is_a_visitor_of_its_own_whichever_log_tells_of_it() -> None:
    names = {buyer_of(ORDER_PLACED, payload(identifiers=[], shop=shop), subject="order") for shop in ("main", "north")}
    assert len(names) == 2
    assert all(is_anonymous(each) for each in names)


def test_a_return_of_the_same_number_and_another_shops_order_are_facts_of_their_own() -> None:
    assert len({order_key("main", "sale", "1"), order_key("main", "return", "1"), order_key("other", "sale", "1")}) == 3


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("web", True), ("a" * 32, True), ("a" * 33, False), ("", False), ("Web", False), ("-web", False), ("网店", False)],
)
def test_a_channel_is_a_short_plain_word(text: str, is_one: bool) -> None:
    assert is_channel(text) is is_one
