"""Simulated visits: labelled, plausible, never a purchase, and the same for the same seed."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest

from infra.demo.customers import DemoCustomer
from infra.demo.products import CatalogItem
from infra.demo.queries import build_queries
from infra.demo.simulators import SPAN, ShopFloor, event_lines, visitors_of
from services.knowledge.domain.user_events import EVENT_TYPES, MAX_BATCH_EVENTS


def _customer(household: int, *, login: str = "lili") -> DemoCustomer:
    return DemoCustomer(
        household=household,
        card=f"CJ{household:06d}",
        name="李丽",
        login=login,
        phone="",
        email="",
        phone_verified=False,
        email_verified=False,
        personalization=True,
        marketing=True,
    )


@pytest.fixture(scope="module")
def floor(tiny_items: list[CatalogItem]) -> ShopFloor:
    return ShopFloor(
        tiny_items, build_queries(tiny_items, rng=np.random.default_rng(1)), "demo", ZoneInfo("America/New_York")
    )


def _events(floor: ShopFloor, now: datetime, households: range = range(300)) -> list[dict[str, Any]]:
    streams = np.random.default_rng(9).spawn(1_000)
    visitors = [
        pair
        for household in households
        for pair in visitors_of(_customer(household, login=f"lili{household}"), frozenset({0}), streams[household])
    ]
    return [orjson.loads(line) for line in event_lines(floor, visitors, end_time=now)]


def test_every_event_says_that_it_is_simulated(floor: ShopFloor, now: datetime) -> None:
    events = _events(floor, now)
    assert len(events) > MAX_BATCH_EVENTS
    assert {event["attributes"]["simulated"] for event in events} == {"true"}
    assert all(event["visitor_id"].startswith("v-simulated-") for event in events)


def test_nothing_is_bought_in_a_simulation(floor: ShopFloor, now: datetime) -> None:
    types = {event["type"] for event in _events(floor, now)}
    assert "purchase-complete" not in types
    assert types <= EVENT_TYPES
    assert {"search", "detail-page-view", "add-to-cart", "shopping-cart-page-view"} <= types


def test_events_lie_within_the_span_oldest_first_with_ids_of_their_own(floor: ShopFloor, now: datetime) -> None:
    events = _events(floor, now)
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    assert now - SPAN - timedelta(days=1) <= times[0]
    assert times[-1] < now
    assert len({event["id"] for event in events}) == len(events)


def test_a_part_of_the_households_gives_a_part_of_the_same_events(floor: ShopFloor, now: datetime) -> None:
    whole = {event["id"]: event for event in _events(floor, now)}
    part = _events(floor, now, households=range(20))
    assert part
    assert all(whole[event["id"]] == event for event in part)


def test_members_sign_in_mostly_and_guests_never(floor: ShopFloor, now: datetime) -> None:
    signed = defaultdict(set)
    for event in _events(floor, now):
        kind = "member" if "-member-" in event["visitor_id"] else "guest"
        signed[kind].add(bool(event.get("identifiers")))
    assert signed == {"member": {True, False}, "guest": {False}}


def test_a_household_without_login_does_not_visit() -> None:
    assert visitors_of(_customer(5, login=""), frozenset(), np.random.default_rng(1)) == []


def test_a_click_follows_a_search_that_showed_the_product_at_that_place(floor: ShopFloor, now: datetime) -> None:
    shown: dict[str, list[str]] = {}
    clicks = 0
    for event in sorted(_events(floor, now), key=lambda each: (each["visitor_id"], int(each["id"].rpartition("-")[2]))):
        products = [product["id"] for product in event.get("products", [])]
        if event["type"] in ("search", "category-page-view"):
            shown[event["visitor_id"]] = products
        elif event["type"] == "detail-page-view":
            clicks += 1
            assert shown[event["visitor_id"]][event["position"]] == products[0]
    assert clicks > 100


def test_results_further_down_are_clicked_less(floor: ShopFloor, now: datetime) -> None:
    clicks = Counter(event["position"] for event in _events(floor, now) if event["type"] == "detail-page-view")
    assert clicks[0] > clicks[1] > 0


def test_sold_out_goods_are_put_into_no_cart(floor: ShopFloor, now: datetime) -> None:
    empty = replace(floor, items=[replace(item, stock=0) for item in floor.items])
    assert "add-to-cart" not in {event["type"] for event in _events(empty, now)}


def test_progress_ends_with_all_visitors(floor: ShopFloor, now: datetime) -> None:
    told: list[tuple[int, int]] = []
    visitors = visitors_of(_customer(1), frozenset(), np.random.default_rng(1))
    list(event_lines(floor, visitors, end_time=now, progress=lambda done, total: told.append((done, total))))
    assert told == [(2, 2)]
