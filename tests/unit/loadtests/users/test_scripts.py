"""What users ask, played against made-up answers."""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from random import Random
from typing import Any

import numpy as np
import orjson
import pytest

from infra.demo.queries import Query, QuerySet
from loadtests.users import mix
from loadtests.users.asking import Actor, Ask, Script, product_path
from loadtests.users.merchandiser import Shares, merchandiser
from loadtests.users.partner import partner
from loadtests.users.pr import pr
from loadtests.users.shopper import shopper
from services.knowledge.domain.user_events import IntakeRules, check_event
from services.knowledge.usecases.intake import RefusedForm
from services.knowledge.wire.user_events import read_batch

NOW = datetime(2026, 11, 11, 0, 0, tzinfo=UTC)
PRICE = {"amount": "12.50", "currency": "CNY"}
QUERIES = QuerySet((Query("牛奶", "zh", "type", ()), Query("milk", "en", "type", ())), np.array([0.55, 1.0]))


def an_actor(number: int = 1, seed: int = 7) -> Actor:
    return Actor(number, "run", Random(seed), QUERIES, lambda: NOW)


def answer(ask: Ask) -> Any:
    """Answer as the platform does."""
    if ask.route == "search":
        results = [{"product": {"id": f"p{n}", "price": PRICE}, "position": n} for n in range(1, 65)]
        return {"results": results, "attribution_token": "token", "next_page_token": "next"}
    if ask.route == "product":
        return {"id": ask.path.rpartition("/")[2], "price": PRICE}
    if ask.route == "mentions" and "?" in ask.path:
        return {
            "mentions": [{"id": "m/1"}, {"id": "m/2"}],
            "next_page_token": "" if "page_token" in ask.path else "more",
        }
    return {}


def played(script: Script, turns: int, *, unanswered: frozenset[str] = frozenset()) -> list[Ask]:
    asked: list[Ask] = []
    reply: Any = None
    for _ in range(turns):
        ask = script.send(reply) if asked else next(script)
        asked.append(ask)
        reply = None if ask.route in unanswered else answer(ask)
    return asked


def scripts() -> list[tuple[str, Script]]:
    return [
        ("shopper", shopper(an_actor())),
        ("partner", partner(an_actor())),
        ("merchandiser", merchandiser(an_actor(), share=3)),
        ("pr", pr(an_actor())),
    ]


def test_the_same_seed_plays_the_same_and_another_plays_otherwise() -> None:
    assert played(shopper(an_actor()), 200) == played(shopper(an_actor()), 200)
    assert played(shopper(an_actor()), 200) != played(shopper(an_actor(seed=8)), 200)


def test_a_shopper_comes_by_every_door_of_a_shop() -> None:
    routes = Counter(ask.route for ask in played(shopper(an_actor()), 2_000))
    assert set(routes) == {"events", "search", "suggest", "product", "recommendation", "cart"}
    assert routes["events"] > routes["recommendation"] > routes["cart"] > 0


def test_shoppers_ask_in_both_languages() -> None:
    asked = [ask.path for ask in played(shopper(an_actor()), 2_000) if ask.route == "search"]
    assert any("language=zh" in path and "%E7%89%9B" in path for path in asked)
    assert any("language=en" in path for path in asked)


@pytest.mark.parametrize("script", [shopper, partner])
def test_the_platform_would_take_every_event(script: Any) -> None:
    events = [event for ask in played(script(an_actor()), 1_000) for event in ask.events]
    assert len({event["id"] for event in events}) == len(events), "no id twice"
    for start in range(0, len(events), 500):
        body = orjson.dumps({"events": events[start : start + 500]})
        for form in read_batch(body):
            assert not isinstance(form, RefusedForm), form
            check_event(form, IntakeRules(NOW, "main", "web", None))


def test_a_body_holds_the_events_that_the_ledger_will_note() -> None:
    for ask in played(shopper(an_actor()), 500):
        if ask.events:
            assert orjson.loads(ask.body)["events"] == list(ask.events)


def test_two_users_share_no_event_and_no_order() -> None:
    ids = [
        {event["id"] for ask in played(partner(an_actor(number)), 100) for event in ask.events} for number in (1, 2, 12)
    ]
    assert not (ids[0] & ids[1] or ids[0] & ids[2] or ids[1] & ids[2])


def test_tills_write_full_batches_of_orders() -> None:
    batches = [ask for ask in played(partner(an_actor()), 100) if ask.events]
    assert {len(ask.events) for ask in batches} == {mix.BATCH_EVENTS}
    assert {event["type"] for ask in batches for event in ask.events} == {"purchase-complete"}


def test_a_script_goes_on_when_nothing_is_answered() -> None:
    for name, script in scripts():
        if name == "merchandiser":
            continue
        asked = played(script, 50, unanswered=frozenset({"search", "product", "events", "cart"}))
        assert len(asked) == 50
    readers = merchandiser(an_actor(), share=3)
    assert {ask.route for ask in played(readers, 50, unanswered=frozenset({"search"}))} == {"search", "insights"}


def test_pr_staff_watch_alerts_counts_and_mentions_and_write_nothing() -> None:
    asked = played(pr(an_actor()), 400)
    assert {(ask.route, ask.method, ask.key) for ask in asked} == {
        (route, "GET", "staff") for route in ("alerts", "mentions", "mention-counts")
    }
    paths = [ask.path for ask in asked if ask.route == "mentions"]
    assert any("tone=negative" in path for path in paths) and any("tone" not in path for path in paths)
    assert "/v1/mentions/m%2F1" in paths and any("page_token=more" in path for path in paths)


def test_merchandisers_edit_prices_by_a_little_and_read_them() -> None:
    asked = played(merchandiser(an_actor(), share=3), 400)
    edits = [ask for ask in asked if ask.route == "price-edit"]
    assert {ask.route for ask in asked} == {"search", "price-edit", "product", "insights"}
    for ask in edits:
        price = orjson.loads(ask.body)["price"]
        assert price["amount"] in {"11.25", "11.88", "13.13", "13.75"}
        assert (ask.before, ask.method, price["currency"]) == (PRICE, "PATCH", "CNY")
    assert {ask.key for ask in asked if ask.route == "insights"} == {"staff"}


def test_no_two_merchandisers_edit_the_same_product_whatever_number_they_have_among_all_users() -> None:
    shares = Shares()
    edited = [
        {
            ask.path
            for ask in played(merchandiser(an_actor(1 + mix.MERCHANDISERS_LIMIT * number), share=shares.take()), 300)
            if ask.route == "price-edit"
        }
        for number in range(mix.MERCHANDISERS_LIMIT)
    ]
    assert sum(map(len, edited)) == len(set().union(*edited)) > mix.MERCHANDISERS_LIMIT


def test_a_share_has_one_merchandiser_at_a_time_and_one_more_than_there_are_only_reads() -> None:
    shares = Shares()
    taken = [shares.take() for _ in range(mix.MERCHANDISERS_LIMIT)]
    assert set(taken) == set(range(mix.MERCHANDISERS_LIMIT))
    assert shares.take() is None
    shares.give_back(None)
    shares.give_back(5)
    assert (shares.take(), shares.take()) == (5, None)


def test_without_leave_a_merchandiser_only_reads() -> None:
    asked = played(merchandiser(an_actor(), share=None), 200)
    assert {(ask.route, ask.method) for ask in asked} == {("insights", "GET")}


def test_odd_product_ids_stay_one_segment_of_the_path() -> None:
    assert product_path("a/b?c 茶") == "/v1/products/a%2Fb%3Fc%20%E8%8C%B6"


def test_weights_are_of_a_hundred_users() -> None:
    assert sum(mix.WEIGHTS.values()) == 100
    assert len(list(islice(shopper(an_actor()), 3))) == 3
