"""What customers bought is the same whichever log tells of it (docs/consistency.md rule 17): part of the demo shop."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from infra.demo.files import DEMO_SHOP, DemoPlan, write_demo_files
from services.chassis.eventlog.port import APPEND_LIMIT, NewEvent
from services.chassis.operation_run import OperationRun
from services.kits.imports.plan import CSV, ImportPlan
from services.kits.imports.running import ImportRun, Items
from services.kits.purchases import ORDER_EVENTS, PURCHASE
from services.kits.times import time_of
from services.knowledge.domain.profile import Customer
from services.knowledge.domain.user_events import IntakeRules, check_event
from services.knowledge.store.collections import USER_EVENTS
from services.knowledge.usecases.classes import compute_classes
from services.knowledge.usecases.intake import RefusedForm
from services.knowledge.wire.user_events import read_event
from services.orders.domain.import_plan import ORDERS
from services.orders.domain.payloads import fact_of, order_of
from services.orders.domain.reports import CheckedEvent
from services.orders.jobs.staging import CURRENCY, STAGES, TIME_ZONE
from services.orders.usecases.writing import Writer, new_event
from tests.fakes.clock import ManualClock
from tests.fakes.imports import RunningImports
from tests.unit.services.knowledge.conftest import World, make_world

HOUSEHOLDS = 12
END_TIME = datetime.fromisoformat("2026-11-23T18:40:00+00:00")
RULES = {TIME_ZONE: "America/New_York", CURRENCY: "USD"}


def as_fact(item: dict[str, Any]) -> NewEvent:
    """What the import of orders appends."""
    payload, time_us = item["payload"], item["time_us"]
    checked = CheckedEvent(
        time=time_of(time_us),
        shop=payload["shop"],
        channel=payload["channel"],
        payload=payload,
        fact=fact_of("order-placed", payload, occurred_us=time_us),
        order=order_of(payload, synthetic=False),
    )
    return new_event(checked, Writer())


def as_event(item: dict[str, Any], rules: IntakeRules) -> NewEvent:
    """What a shop's backend that tells of the same purchase by POST /v1/events has appended."""
    said, time = item["payload"], time_of(item["time_us"])
    order = {name: said["order"][name] for name in ("number", "kind", "total")}
    kept = {name: said[name] for name in ("identifiers", "products", "shop", "channel", "attributes") if name in said}
    body = {"id": said["source_event_id"], "type": PURCHASE, "time": time.isoformat(), "order": order, **kept}
    form = read_event(orjson.dumps(body))
    assert not isinstance(form, RefusedForm), form.error.message
    event = check_event(form, rules)
    return NewEvent(event.id, "key", event.type, event.time, event.shop, event.channel, event.subject, event.payload)


@pytest.fixture(scope="module")
def orders_file(complete_journey: None, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The orders of a few households."""
    plan = DemoPlan(end_time=END_TIME, households=HOUSEHOLDS)
    return write_demo_files(tmp_path_factory.mktemp("demo"), plan).orders.read_bytes()


@pytest.fixture
async def items(orders_file: bytes, tmp_path: Path) -> Items:
    """What staging makes of them."""
    found: Items = []
    running = RunningImports(tmp_path, ManualClock(END_TIME), STAGES, RULES)

    async def keep(batch: Items) -> None:
        found.extend(batch)

    async def stage(run: OperationRun) -> None:
        await ImportRun(running.parts, ORDERS, run).carry_out(keep)

    progress = await running.run(stage, orders_file, ImportPlan(CSV, shop=DEMO_SHOP))
    assert (progress.rejected, len(found)) == (0, len({each["payload"]["order"]["number"] for each in found}))
    return found


async def told(items: Items, *logs: str) -> World:
    """Knowledge after orders that came by these logs, of customers who are known by more than their card."""
    world = await make_world()
    rules = IntakeRules(END_TIME, DEMO_SHOP, "store")
    events = {ORDER_EVENTS: [as_fact(each) for each in items], USER_EVENTS: [as_event(each, rules) for each in items]}
    for log in logs:
        for start in range(0, len(items), APPEND_LIMIT):
            await world.logs[log].append(events[log][start : start + APPEND_LIMIT])
        await world.settle()
    for number, card in enumerate(cards_of(items)[::2]):
        await world.claim(card, f"login:guest-{number}", claims={"name": f"Guest {number}"})
    basis = await compute_classes(world.customers, world.resolutions, world.classes, world.clock, head=[1])
    assert basis.by_currency["USD"].customers == HOUSEHOLDS
    return world


def cards_of(items: Items) -> list[str]:
    return sorted({name for each in items for name in each["payload"]["identifiers"]})


async def customers(world: World, cards: Sequence[str]) -> list[Customer]:
    return [await world.customer(card) for card in cards]


@pytest.mark.data
async def test_every_customer_is_the_same_to_the_hash_whether_orders_come_as_events_or_as_facts(items: Items) -> None:
    cards = cards_of(items)
    by_event, by_fact = await told(items, USER_EVENTS), await told(items, ORDER_EVENTS)
    one, two = await customers(by_event, cards), await customers(by_fact, cards)
    assert len(cards) == HOUSEHOLDS and sum(each.purchases.orders for each in one) == len(items)
    assert [each.purchases for each in one] == [each.purchases for each in two]
    assert [each.classes for each in one] == [each.classes for each in two]
    assert [each.profile_hash for each in one] == [each.profile_hash for each in two]
    assert one == two


@pytest.mark.data
@pytest.mark.parametrize("logs", [(USER_EVENTS, ORDER_EVENTS), (ORDER_EVENTS, USER_EVENTS)])
async def test_and_when_they_come_by_both_each_purchase_counts_once(items: Items, logs: tuple[str, str]) -> None:
    cards = cards_of(items)
    both, by_fact = (
        await customers(await told(items, *logs), cards),
        await customers(await told(items, ORDER_EVENTS), cards),
    )
    assert [each.purchases for each in both] == [each.purchases for each in by_fact]
    assert [each.classes for each in both] == [each.classes for each in by_fact]
