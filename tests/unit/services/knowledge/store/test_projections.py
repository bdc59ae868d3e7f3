"""Projections: once each whatever is repeated, a purchase counts once, rebuilt equals live (rules 8, 10, 17)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.documents.port import Collection
from services.chassis.eventlog.port import NewEvent
from services.chassis.eventlog.projection import WATERMARK
from services.kits.event_forms import MoneyForm, ProductForm
from services.kits.purchases import ORDER_EVENTS
from services.kits.text.identifiers import is_anonymous
from services.knowledge.domain.classes import figures_of
from services.knowledge.domain.user_events import OrderForm
from services.knowledge.jobs.projecting import build_own_label, build_shopping, build_statements
from services.knowledge.store.bodies import COUNTERS_KEPT, TRUNK_LINKS_KEPT, VISITOR_LINKS_KEPT, kept_neighbours
from services.knowledge.store.collections import (
    ACTIVITY,
    CUSTOMER_CLAIMS,
    ORDERS,
    OWN_LABEL,
    PRODUCTS,
    STATEMENTS,
    USER_EVENTS,
)
from services.knowledge.usecases.statements import Request, unmerge_customer
from tests.fakes.order_facts import order_fact, placed, stored
from tests.unit.services.knowledge.conftest import World, event_form, make_world

CARD, LOGIN = "card:1001", "login:u42"
BROWSER = "v-" + "a" * 22
YEN = MoneyForm("10.00", "CNY")


def purchase(event_id: str, world: World, number: str, **fields: Any) -> Any:
    given = {"identifiers": [CARD], "products": [ProductForm("p-1", 1, YEN)], **fields}
    return event_form(event_id, world.clock.now(), type="purchase-complete", order=OrderForm(number), **given)


async def bodies(world: World, collection: Collection) -> dict[str, dict[str, Any]]:
    page = await world.documents.scan(collection, limit=1_000)
    return {document.key: document.body for document in page.documents}


async def said(world: World, collection: Collection) -> dict[str, dict[str, Any]]:
    """Return what documents say; the numbers of reports that changed nothing depend on the way the logs were read."""
    return {key: {**body, WATERMARK: None} for key, body in (await bodies(world, collection)).items()}


async def test_a_purchase_from_browser_and_books_counts_once_and_the_books_hold(world: World) -> None:
    browser = purchase("b", world, "1001", identifiers=[], visitor_id=BROWSER)
    books = purchase("s", world, "1001", products=[ProductForm("p-1", 3, YEN)])
    await world.write(browser, allowed=[f"visitor:{BROWSER}"])
    await world.write(books)
    customer = await world.customer(CARD)
    assert (customer.purchases.orders, customer.purchases.spend_minor) == (1, 3_000)
    assert (await world.customer(f"visitor:{BROWSER}")).purchases.orders == 0


async def test_the_books_hold_also_when_the_browser_reports_later(world: World) -> None:
    await world.write(purchase("s", world, "1001", products=[ProductForm("p-1", 3, YEN)]))
    await world.write(purchase("b", world, "1001", identifiers=[], visitor_id=BROWSER), allowed=[f"visitor:{BROWSER}"])
    assert (await world.customer(CARD)).purchases.spend_minor == 3_000


@pytest.mark.parametrize("first", ["browser", "shop", "fact"])
@pytest.mark.parametrize("second", ["browser", "shop", "fact"])
async def test_the_order_fact_holds_in_whichever_order_the_two_logs_are_read(
    world: World, first: str, second: str
) -> None:
    now, line = world.clock.now(), {"id": "p-1", "quantity": 5, "price": {"amount": "10.00", "currency": "CNY"}}
    reports = {
        "browser": lambda: world.write(
            purchase("b", world, "1001", identifiers=[], visitor_id=BROWSER), allowed=[f"visitor:{BROWSER}"]
        ),
        "shop": lambda: world.write(purchase("s", world, "1001", products=[ProductForm("p-1", 3, YEN)])),
        "fact": lambda: world.orders(placed("f", "1001", now, identifiers=[LOGIN], products=[line])),
    }
    for name in dict.fromkeys((first, second, *reports)):
        world.clock.advance(1)
        await reports[name]()
    fact = (await world.customer(LOGIN)).purchases
    assert (fact.orders, fact.spend_minor, fact.habits[0].quantity) == (1, 5_000, 5)
    assert (await world.customer(CARD)).purchases.orders == 0
    assert len(await bodies(world, ORDERS)) == 1


async def test_of_an_orders_facts_only_its_placing_is_shopping(world: World) -> None:
    now = world.clock.now()
    later = (
        order_fact("paid", "1", now, type="payment-captured", payload={"amount": {"amount": "1", "currency": "CNY"}}),
        order_fact("shipped", "1", now, type="shipment-created", payload={"line": 1, "quantity": 1}),
    )
    await world.orders(placed("f", "1", now, identifiers=[CARD, LOGIN]), *later)
    activity = await bodies(world, ACTIVITY)
    assert {body["identifier"] for body in activity.values()} == {CARD, LOGIN}
    assert all(sum(counts.values()) == 1 for body in activity.values() for counts in body["channels"].values())
    assert (await world.customer(CARD)).person.identifiers == (CARD, LOGIN), "they came together"


PARCEL: dict[str, Any] = {"shipment": {"carrier": "sf", "tracking_number": "1", "ship_date": "2026-11-23"}}
TEN = {"amount": "10.00", "currency": "CNY"}


def sold(world: World, event_id: str = "f", number: str = "7", **said: Any) -> NewEvent:
    lines = (
        {"id": "p-1", "quantity": 1, "price": TEN},
        {"id": "p-2", "quantity": 4, "price": TEN, "discount": TEN},
        {"id": "fee", "quantity": 1, "price": TEN, "kind": "charge"},
    )
    return placed(event_id, number, world.clock.now(), **{"products": lines, **said})


def moved(world: World, event_id: str, type_: str, *, minutes: int = 1, number: str = "7", **said: Any) -> NewEvent:
    return order_fact(event_id, number, world.clock.now() + timedelta(minutes=minutes), type=type_, payload=said)


async def test_an_order_that_is_cancelled_whole_is_no_order_whichever_comes_first(world: World) -> None:
    await world.orders(sold(world, number="8"), moved(world, "c", "order-cancelled"), sold(world, "later"))
    customer = await world.customer(CARD)
    assert (customer.purchases.orders, customer.purchases.spend_minor) == (1, 5_000)
    assert [order.number for order in await world.customers.orders_of([CARD])] == ["8"]
    tallies = await world.customers.tallies(frozenset())
    assert tallies[CARD].figures() == figures_of(await world.customers.orders_of([CARD]), frozenset())
    assert await world.customers.buyer_of_order("main", "7") == CARD, "who asks for it still finds whose it is"


async def test_of_an_order_that_is_cancelled_in_part_counts_what_is_left_with_its_share(world: World) -> None:
    total = {"amount": "25.00", "currency": "CNY"}  # half of what the lines say
    await world.orders(
        sold(world, total=total),
        moved(world, "sent", "shipment-created", items=[{"line": 1}], **PARCEL),
        moved(world, "part", "line-cancelled", minutes=2, line=2, quantity=2),
        moved(world, "too late", "line-cancelled", minutes=3, line=1),
    )
    (order,) = await world.customers.orders_of([CARD])
    assert [(line.product_id, line.quantity, line.total_minor) for line in order.lines] == [
        ("p-1", 1, 1_000),
        ("p-2", 2, 1_500),
        ("fee", 1, 1_000),
    ]
    assert order.total_minor == 1_750
    bought = (await world.customer(CARD)).purchases
    assert (bought.orders, bought.spend_minor) == (1, 1_750)
    assert {habit.product_id: habit.quantity for habit in bought.habits} == {"p-1": 1, "p-2": 2}
    tallies = await world.customers.tallies(frozenset())
    assert tallies[CARD].figures() == figures_of([order], frozenset())


async def test_what_moves_an_order_that_nobody_told_of_is_no_order(world: World) -> None:
    await world.orders(moved(world, "c", "order-cancelled"))
    assert await world.customers.tallies(frozenset()) == {}
    assert await world.customers.buyer_of_order("main", "7") is None
    assert await world.customers.orders_of([CARD]) == []


async def test_a_load_test_cancels_nothing_nor_is_what_left_the_shop_or_came_back_cancelled(world: World) -> None:
    till, back = sold(world, "till", "8"), sold(world, "back", "9", kind="return")
    await world.orders(
        sold(world),
        replace(moved(world, "load", "order-cancelled"), synthetic=True),
        replace(till, payload={**till.payload, "handed_over": True}),
        moved(world, "c8", "order-cancelled", number="8"),
        back,
        moved(world, "c9", "order-cancelled", number="9", order={"shop": "main", "number": "9", "kind": "return"}),
    )
    bought = (await world.customer(CARD)).purchases
    assert (bought.orders, bought.spend_minor, bought.returned_units) == (2, 5_000, 5)


@given(st.permutations(range(9)), st.integers(1, 9))
def test_what_is_left_of_an_order_is_the_same_in_any_order_of_arrival(arrival: list[int], batch: int) -> None:
    async def read(places: Sequence[int]) -> dict[str, dict[str, Any]]:
        world = await make_world()
        facts = (
            sold(world),
            sold(world, "again", channel="phone"),
            sold(world, "other", number="8"),
            moved(world, "sent", "shipment-created", minutes=1, **PARCEL),
            moved(world, "lost", "shipment-lost", minutes=2, **PARCEL),
            moved(world, "one", "line-cancelled", minutes=3, line=2, quantity=3),
            moved(world, "wrong", "order-cancelled", minutes=4),
            moved(world, "mended", "correction", minutes=5, corrects=[{"id": "wrong"}]),
            moved(world, "all", "order-cancelled", minutes=6, number="8"),
        )
        events = [stored(fact, place + 1) for place, fact in enumerate(facts)]
        told = [replace(events[place], seq=seq) for seq, place in enumerate(places, 1)]  # another log, the same facts
        for start in range(0, len(told), batch):
            await world.projections[ORDER_EVENTS].apply(told[start : start + batch])
            await world.projections[ORDER_EVENTS].apply(told[: start + batch])  # as after a crash
        (order,) = await world.customers.orders_of([CARD])
        assert (order.number, order.total_minor, len(order.lines)) == ("7", 2_750, 3)
        for log in world.logs.values():
            await log.close()
        return await said(world, ORDERS)

    assert asyncio.run(read(arrival)) == asyncio.run(read(range(9)))


async def test_an_order_fact_of_nobody_is_an_order_and_makes_nobody(world: World) -> None:
    await world.orders(placed("f", "77", world.clock.now(), identifiers=[]))
    await world.write(purchase("a", world, "77", identifiers=[]))
    (order,) = (await bodies(world, ORDERS)).values()
    assert is_anonymous(order["subject"])
    assert await bodies(world, ACTIVITY) == {}


async def test_a_load_tests_order_fact_replaces_nothing(world: World) -> None:
    await world.write(purchase("real", world, "1001"))
    before = [await bodies(world, each) for each in (ORDERS, ACTIVITY)]
    await world.orders(placed("load", "1001", world.clock.now(), identifiers=[CARD, LOGIN], synthetic=True))
    assert [await bodies(world, each) for each in (ORDERS, ACTIVITY)] == before


async def test_both_in_one_batch_count_once(world: World) -> None:
    await world.write(purchase("one", world, "1001"), purchase("two", world, "1001"), purchase("three", world, "1002"))
    assert (await world.customer(CARD)).purchases.orders == 2


async def test_the_same_number_in_two_shops_is_two_orders(world: World) -> None:
    await world.write(purchase("n", world, "1", shop="north"), purchase("s", world, "1", shop="south"))
    assert (await world.customer(CARD)).purchases.orders == 2


async def test_events_applied_again_change_nothing(world: World) -> None:
    await world.write(purchase("one", world, "1001"), event_form("e", world.clock.now(), identifiers=[CARD, LOGIN]))
    await world.orders(placed("two", "1001", world.clock.now()), placed("three", "1003", world.clock.now()))
    await world.claim(CARD, LOGIN, claims={"name": "Li"})
    before = [await bodies(world, each) for each in (ORDERS, ACTIVITY, STATEMENTS)]
    for log in (USER_EVENTS, ORDER_EVENTS, CUSTOMER_CLAIMS):
        await world.projections[log].apply(await world.events(log))
    assert [await bodies(world, each) for each in (ORDERS, ACTIVITY, STATEMENTS)] == before


async def test_an_anonymous_order_is_kept_and_makes_nobody(world: World) -> None:
    await world.write(purchase("a", world, "77", identifiers=[]))
    assert len(await bodies(world, ORDERS)) == 1
    assert await bodies(world, ACTIVITY) == {}


async def test_what_a_load_test_does_counts_in_no_profile_and_joins_nobody(world: World) -> None:
    await world.write(purchase("real", world, "1001", products=[ProductForm("p-1", 3, YEN)]))
    before = [await bodies(world, each) for each in (ORDERS, ACTIVITY)]
    published = await world.published()
    login = event_form("l", world.clock.now(), type="login", products=[], identifiers=[CARD, LOGIN])
    verdict = await world.write(purchase("load", world, "1001"), purchase("more", world, "2"), login, synthetic=True)
    assert verdict.count("stored") == 3
    assert [await bodies(world, each) for each in (ORDERS, ACTIVITY)] == before
    assert await world.published() == published
    assert (await world.customer(CARD)).purchases.spend_minor == 3_000


async def test_own_label_products_are_kept_while_they_are(world: World) -> None:
    await world.product("p-1", ["own-label"])
    await world.product("p-2", ["organic"])
    assert await world.customers.own_label() == {"p-1"}
    assert await world.customers.own_label_among(["p-1", "p-2", "p-3"]) == {"p-1"}
    await world.product("p-1", [], version=2)
    assert await world.customers.own_label() == await world.customers.own_label_among(["p-1"]) == frozenset()
    await world.product("p-1", ["own-label"], version=3)
    assert await world.customers.own_label() == {"p-1"}


async def test_a_version_that_comes_late_undoes_none_that_came_before_it(world: World) -> None:
    await world.product("p-1", ["own-label"], version=3)
    await world.product("p-1", [], version=2)  # set aside at first, redriven now
    assert await world.customers.own_label() == {"p-1"}
    await world.product("p-1", [], version=5)
    await world.product("p-1", ["own-label"], version=4)
    assert await world.customers.own_label() == await world.customers.own_label_among(["p-1"]) == frozenset()


@pytest.mark.parametrize(
    ("logs", "build", "collections"),
    [
        ((USER_EVENTS, ORDER_EVENTS), build_shopping, (ORDERS, ACTIVITY)),
        ((ORDER_EVENTS, USER_EVENTS), build_shopping, (ORDERS, ACTIVITY)),
        ((CUSTOMER_CLAIMS,), build_statements, (STATEMENTS,)),
        ((PRODUCTS,), build_own_label, (OWN_LABEL,)),
    ],
)
async def test_a_rebuild_equals_what_is_live_also_after_merges_and_partings(
    world: World, logs: tuple[str, ...], build: Callable[..., Any], collections: tuple[Collection, ...]
) -> None:
    await _busy_day(world)
    generations = world.generations[USER_EVENTS if ORDER_EVENTS in logs else logs[0]]
    generation = await generations.begin()
    await generations.declare(generation)
    extra = () if build is build_own_label else (generations, world.announcer)
    name, resolve = generations.projection_name(generation), generations.resolver(generation)
    published = await world.published()
    rebuilt = build(world.documents, *extra)(name, resolve)
    for event in [each for log in logs for each in await world.events(log)]:
        await rebuilt.apply([event])  # one at a time and log by log, where the live one took batches of both
    for collection in collections:
        assert await said(world, resolve(collection)) == await said(world, collection)
        assert await said(world, collection)
    assert await world.published() == published, "what is only being built announces nothing"
    hashes = {name: (await world.customer(name)).profile_hash for name in (CARD, LOGIN)}
    await generations.promote(generation)
    assert {name: (await world.customer(name)).profile_hash for name in (CARD, LOGIN)} == hashes


async def test_the_edges_and_counters_of_one_identifier_are_bounded(world: World) -> None:
    now = world.clock.now()
    many = max(TRUNK_LINKS_KEPT, COUNTERS_KEPT) + 5
    for number in range(many):
        await world.write(event_form(f"e{number}", now, identifiers=[f"card:9{number:03d}", LOGIN]))
    records = await world.customers.records([LOGIN])
    assert len(records[LOGIN].node.links) == TRUNK_LINKS_KEPT
    assert len(records[LOGIN].said.channels["web"]) == COUNTERS_KEPT
    assert (await world.customer(LOGIN)).person.identifiers == (LOGIN,), "shared by many"


def test_which_edges_are_kept_does_not_depend_on_their_order() -> None:
    cards = [f"card:{number:04d}" for number in range(TRUNK_LINKS_KEPT + 3)]
    browsers = [f"visitor:{number:04d}" for number in range(VISITOR_LINKS_KEPT + 3)]
    kept = kept_neighbours([*cards, *browsers])
    assert kept == kept_neighbours([*reversed(browsers), *reversed(cards)])
    assert len(kept) == TRUNK_LINKS_KEPT + VISITOR_LINKS_KEPT


async def _busy_day(world: World) -> None:
    for number in range(4):
        await world.write(
            purchase(f"o{number}", world, str(number)),
            event_form(f"e{number}", world.clock.now(), identifiers=[CARD, LOGIN], visitor_id=BROWSER),
            purchase(f"again{number}", world, str(number), products=[ProductForm("p-2", 2, YEN)]),
        )
        facts = [placed(f"f{number}{each}", str(number + each), world.clock.now()) for each in (0, 3)]
        await world.orders(*facts, order_fact(f"s{number}", str(number), world.clock.now(), type="stage-entered"))
        cancelled = {} if number % 2 else {"line": 1}
        await world.orders(moved(world, f"c{number}", "line-cancelled", number=str(number), **cancelled))
        await world.claim(CARD, LOGIN, claims={"name": f"Li {number}"}, consents={"marketing": "denied"})
        await world.product(f"p-{number}", ["own-label"])
        await world.product(f"p-{number}", ["own-label"] if number % 2 else [], version=2)
    joined = await world.claim(CARD, "phone:13911223344", account="household:1")
    await unmerge_customer(world.writing, joined.id, [CARD], Request("key"), reason="two")
    await world.write(event_form("next-login", world.clock.now(), type="login", products=(), identifiers=[CARD, LOGIN]))
