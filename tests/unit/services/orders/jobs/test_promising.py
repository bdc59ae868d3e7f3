"""Promises kept up: marked by what is told, looked at in time, told once, learned from what really happened."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.chassis.errors import InvalidArgumentError
from services.chassis.eventlog.port import Event
from services.chassis.metrics import Metrics
from services.kits.calendars.day_rules import EVERY_DAY
from services.kits.calendars.work_calendar import WorkCalendar
from services.kits.event_forms import MoneyForm, ProductForm
from services.kits.times import micros
from services.orders.domain.errors import ProductUnknownError
from services.orders.domain.lead_times import LeadTimes, own_assumptions
from services.orders.domain.lifecycle import Headline
from services.orders.domain.offers import ProductFacts, product_facts
from services.orders.domain.order import OrderRef
from services.orders.domain.promise import Confidence, Reason, WorkPlaces
from services.orders.domain.promise_facts import line_promises_of, notices_of, versions_of
from services.orders.domain.promised import LONGEST_LOOK, MAX_VERSIONS
from services.orders.domain.reports import EventForm, OrderForm
from services.orders.domain.stage_catalog import own_stage_catalog
from services.orders.jobs.promising import (
    HISTORY_AGE,
    MAX_LOOKS,
    PROMISE_METRICS,
    LeadTimeLearner,
    Marking,
    PromiseKeeper,
    marks_of,
)
from services.orders.store.late import LateStore
from services.orders.store.looks import LookStore, Mark
from services.orders.store.products import PRODUCTS, ProductCopies, product_generations, product_projection
from services.orders.usecases.promises import Foresight, Look, Promises
from tests.unit.services.orders.conftest import SHOP, World, fact, parcel_form, placing

ALWAYS = WorkCalendar(ZoneInfo("Asia/Shanghai"), EVERY_DAY)
PLACES = WorkPlaces(ALWAYS, ALWAYS, ALWAYS)
CATALOG = own_stage_catalog()
CAKE = ProductFacts("p-1", "cakes", 3)
WINE = ProductFacts("p-2", "", 5)


@dataclass
class Keeping:
    """Orders with promises, that move when a test says so."""

    world: World
    looks: LookStore
    late: LateStore
    promises: Promises
    keeper: PromiseKeeper
    learner: LeadTimeLearner
    foresight: Foresight
    metrics: Metrics

    async def tell(self, *forms: EventForm) -> None:
        """Tell facts and let the reader and the keeper follow."""
        await self.world.write(*forms)
        await self.keep()

    async def keep(self) -> None:
        """Let the keeper pass, and the reader follow what it wrote."""
        await self.keeper.run()
        await self.world.settle()

    async def wait(self, hours: float, *, step_minutes: float = 10) -> None:
        """Let time pass with the keeper looking whenever it should."""
        end = self.world.clock.now() + timedelta(hours=hours)
        while self.world.clock.now() < end:
            self.world.clock.advance(step_minutes * 60)
            await self.keep()

    async def versions(self) -> list[Any]:
        return versions_of((await self.world.order()).state.promises)

    async def notices(self) -> list[Any]:
        return notices_of((await self.world.order()).state.notices)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def keeping(world: World) -> AsyncIterator[Keeping]:
    metrics = Metrics((PROMISE_METRICS,))
    generations = product_generations(world.documents)
    await generations.open()
    looks, copies = LookStore(world.documents), ProductCopies(world.documents, generations)
    late = LateStore(world.documents)
    await looks.declare()
    await late.declare()
    for product in (CAKE, WINE):
        body = {name: getattr(product, name) for name in ("id", "family", "available_quantity", "is_sold", "version")}
        await world.documents.insert(generations.resolve(PRODUCTS), product.id, body)
    foresight = Foresight(CATALOG, PLACES, LeadTimes(own_assumptions()))
    promises = Promises(world.orders, copies, world.writing, foresight, world.clock)
    world.projection = Marking(world.projection, looks, world.clock, is_active=lambda: True)
    yield Keeping(
        world=world,
        looks=looks,
        late=late,
        promises=promises,
        keeper=PromiseKeeper(looks, late, promises, world.clock, metrics),
        learner=LeadTimeLearner(looks, world.orders, foresight, own_assumptions(), metrics),
        foresight=foresight,
        metrics=metrics,
    )


def stage(keeping: Keeping, name: str, **fields: Any) -> EventForm:
    return fact(keeping.world, "stage-entered", minutes=0, line=1, stage=name, id=f"stage-{name}", **fields)


async def test_an_order_that_is_placed_is_promised_line_by_line(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    (version,) = await keeping.versions()
    assert (version.number, version.cause.type, version.made_time) == (1, "order-placed", keeping.world.clock.now())
    state = (await keeping.world.order()).state
    cake, wine = line_promises_of(state.promises[0])
    assert (cake.line, cake.family, wine.line, wine.family) == (1, "cakes", 2, "")
    assert cake.estimate.p50 > wine.estimate.p50
    assert version.estimate.p50 == cake.estimate.p50
    assert state.lines[0].family == "cakes"
    assert keeping.count("zhike_orders_promise_versions_total") == 1


async def test_what_we_write_ourselves_is_no_reason_to_look_again(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    for _ in range(5):
        await keeping.keep()
    assert len(await keeping.versions()) == 1
    assert not await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=10)


async def test_every_version_is_kept_with_its_cause(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    keeping.world.clock.advance(60)
    await keeping.tell(stage(keeping, "packing"))
    first, second = await keeping.versions()
    assert (second.number, second.cause.type) == (2, "stage-entered")
    assert second.estimate.p50 < first.estimate.p50


async def test_a_workshop_that_will_be_late_has_the_delay_told_at_once_and_once(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    held = (await keeping.versions())[0].estimate.promise_time
    word = held + timedelta(days=6)
    await keeping.tell(stage(keeping, "baking", expected_time=word))
    await keeping.wait(10, step_minutes=60)
    (notice,) = await keeping.notices()
    assert (notice.slip, notice.broken_time, notice.is_late) == (1, held, False)
    assert notice.promised_time > word
    told = (await keeping.world.order()).state.notices[0]
    assert told.details["reason"] in {"workshop-says", "overdue"}
    assert "延至" in told.details["words"]["zh"]
    assert "now expected by" in told.details["words"]["en"]
    assert keeping.count("zhike_orders_delay_notices_total", when="in-time") == 1


async def test_an_order_is_on_the_list_of_late_ones_from_its_notice_until_it_is_there(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    held = (await keeping.versions())[0].estimate.promise_time
    assert await keeping.late.page(after=None, limit=10) == ([], None)
    await keeping.tell(stage(keeping, "baking", expected_time=held + timedelta(days=6)))
    await keeping.wait(10, step_minutes=60)
    (late,), after = await keeping.late.page(after=None, limit=10)
    assert (late.order.number, late.broken_time, late.slips, after) == ("7", held, 1, None)
    assert late.promised_time > held
    parcel = parcel_form()
    await keeping.tell(
        fact(keeping.world, "production-completed", minutes=1, id="made"),
        fact(keeping.world, "shipment-created", minutes=0, id="pack", shipment=parcel),
    )
    assert await keeping.late.count() == 1
    await keeping.tell(fact(keeping.world, "shipment-delivered", minutes=0, id="done", shipment=parcel))
    assert await keeping.late.count() == 0


async def test_an_order_of_which_nothing_is_heard_is_told_as_late_before_its_promise_breaks(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    held = (await keeping.versions())[0].estimate.promise_time
    hours = (held - keeping.world.clock.now()).total_seconds() / 3_600
    await keeping.wait(hours, step_minutes=30)
    notices = await keeping.notices()
    assert notices[0].broken_time == held
    told = (await keeping.world.order()).state.notices[0]
    assert told.occurred_us < micros(held)
    assert len({notice.broken_time for notice in notices}) == len(notices)


async def test_goods_that_arrive_in_time_are_never_told_as_late(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    await keeping.wait(2)
    parcel = parcel_form()
    await keeping.tell(
        fact(keeping.world, "production-completed", minutes=1, id="made"),
        fact(keeping.world, "shipment-created", minutes=0, id="pack", shipment=parcel),
    )
    await keeping.wait(20, step_minutes=60)
    await keeping.tell(fact(keeping.world, "shipment-delivered", minutes=0, id="done", shipment=parcel))
    await keeping.wait(200, step_minutes=600)
    order = await keeping.world.order()
    assert order.state.headline is Headline.DELIVERED
    assert not await keeping.notices()
    assert not await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=10)


async def test_two_keepers_at_once_make_one_promise(keeping: Keeping) -> None:
    await keeping.world.write(placing(keeping.world, minutes=0))
    order = OrderRef(SHOP, "7")
    first = await keeping.promises.look(order)
    keeping.world.clock.advance(5)
    second = await keeping.promises.look(order)  # has not read what the first one wrote
    await keeping.world.settle()
    assert (first.versions, second.versions) == (1, 0)
    assert len(await keeping.versions()) == 1


async def test_two_keepers_at_once_tell_a_slip_once(keeping: Keeping) -> None:
    await keeping.tell(placing(keeping.world, minutes=0))
    word = (await keeping.versions())[0].estimate.promise_time + timedelta(days=9)
    await keeping.world.write(stage(keeping, "baking", expected_time=word))
    order = OrderRef(SHOP, "7")
    first = await keeping.promises.look(order)
    keeping.world.clock.advance(5)
    second = await keeping.promises.look(order)
    await keeping.world.settle()
    assert first.notice is not None
    assert second.notice is None
    assert len(await keeping.notices()) == 1


async def test_what_is_told_while_an_order_is_looked_at_has_it_looked_at_again(keeping: Keeping) -> None:
    await keeping.world.write(placing(keeping.world, minutes=0))
    (due,) = await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=10)
    keeping.world.clock.advance(1)
    await keeping.looks.mark([Mark(OrderRef(SHOP, "7"), look=True)], now_us=micros(keeping.world.clock.now()))
    assert not await keeping.looks.set_next(due, None)
    assert len(await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=10)) == 1


async def test_a_keeper_that_another_was_faster_than_has_the_order_looked_at_once_more(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeping.world.write(placing(keeping.world, minutes=0))
    looking, other = (
        keeping.promises.look,
        PromiseKeeper(keeping.looks, keeping.late, keeping.promises, keeping.world.clock, keeping.metrics),
    )

    async def look_while_another_does(order: OrderRef) -> Look:
        monkeypatch.setattr(keeping.promises, "look", looking)
        found = await looking(order)
        await other.run()
        assert not await due()
        return found

    async def due() -> int:
        return len(await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=10))

    monkeypatch.setattr(keeping.promises, "look", look_while_another_does)
    await keeping.keep()
    assert await due() == 1
    await keeping.keep()
    assert await due() == 0


async def test_versions_have_a_bound_and_a_slip_beyond_it_is_still_told(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.orders.domain.promised.MAX_VERSIONS", 1)
    await keeping.tell(placing(keeping.world, minutes=0))
    word = (await keeping.versions())[0].estimate.promise_time + timedelta(days=9)
    await keeping.tell(stage(keeping, "baking", expected_time=word))
    assert (len(await keeping.versions()), len(await keeping.notices())) == (1, 1)
    assert MAX_VERSIONS > 1


@pytest.mark.parametrize(
    ("fields", "is_marked"),
    [
        ({}, True),
        ({"handed_over": True}, False),
        ({"minutes": (HISTORY_AGE + timedelta(minutes=1)).total_seconds() / 60}, False),
        ({"minutes": HISTORY_AGE.total_seconds() / 60 - 1}, True),
    ],
)
async def test_goods_that_left_at_once_and_orders_of_long_ago_are_not_promised(
    keeping: Keeping, fields: dict[str, Any], is_marked: bool
) -> None:
    await keeping.tell(placing(keeping.world, **{"minutes": 0, **fields}))
    assert bool(await keeping.versions()) is is_marked


async def test_marks_of_one_batch_are_one_mark_each(keeping: Keeping) -> None:
    parcel = parcel_form()
    await keeping.world.tell(
        placing(keeping.world, minutes=0),
        fact(keeping.world, "shipment-created", id="pack", minutes=0, shipment=parcel),
        placing(keeping.world, "8", minutes=0),
    )
    events: list[Event] = await keeping.world.events()
    one, two = sorted(marks_of(events), key=lambda mark: mark.order.number)
    assert (one.order.number, one.look, one.taught_us) == ("7", True, micros(keeping.world.clock.now()))
    assert (two.order.number, two.look, two.taught_us) == ("8", True, None)


async def test_a_pass_is_bounded_and_the_longest_waiting_goes_first(keeping: Keeping) -> None:
    for number in range(MAX_LOOKS + 1):
        await keeping.world.write(placing(keeping.world, str(number), minutes=0))
        keeping.world.clock.advance(1)
    await keeping.keeper.run()
    left = await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=100)
    assert [each.order.number for each in left] == [str(MAX_LOOKS)]
    assert keeping.count("zhike_orders_overdue_looks") == 1


async def test_an_order_that_cannot_be_estimated_holds_up_no_other(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeping.world.write(placing(keeping.world, minutes=0), placing(keeping.world, "8", minutes=0))
    sound = keeping.promises.look

    async def look(order: OrderRef) -> Look:
        if order.number == "7":
            raise ValueError("no such day")
        return await sound(order)

    monkeypatch.setattr(keeping.promises, "look", look)
    await keeping.keep()
    assert versions_of((await keeping.world.order("8")).state.promises)
    assert keeping.count("zhike_orders_failed_looks_total") == 1
    assert not await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=10)
    later = keeping.world.clock.now() + LONGEST_LOOK
    assert [each.order.number for each in await keeping.looks.due(now_us=micros(later), limit=1)] == ["7"]


async def test_the_largest_line_has_an_estimate(keeping: Keeping) -> None:
    most = ProductForm("p-1", 1_000_000, MoneyForm("1.00", "CNY"))
    await keeping.tell(placing(keeping.world, minutes=0, products=[most]))
    (version,) = await keeping.versions()
    assert version.estimate.p50 - keeping.world.clock.now() > timedelta(days=300)
    assert (await keeping.promises.offer("p-1", 100_000, "")).estimate is not None


async def test_what_really_happened_is_learned_once_and_makes_promises_surer(keeping: Keeping) -> None:
    assert (await keeping.promises.offer("p-2", 1, "")).estimate.confidence is Confidence.LOW  # type: ignore[union-attr]
    for number in range(30):
        await keeping.tell(*life_of(keeping, str(number)))
    await keeping.learner.run()
    learned = keeping.count("zhike_orders_lessons_total")
    await keeping.learner.run()
    assert learned >= 60  # packing and the way of each
    assert keeping.count("zhike_orders_lessons_total") == learned
    found = (await keeping.promises.offer("p-2", 1, "")).estimate
    assert found is not None
    assert (found.confidence, found.reason) == (Confidence.MEDIUM, Reason.USUAL)
    assert found.p50 - keeping.world.clock.now() < timedelta(hours=40)


def life_of(keeping: Keeping, number: str) -> list[EventForm]:
    """Return a sale of wine, packed after 2 hours and delivered after 20 more."""
    world, order, parcel = keeping.world, OrderForm(number), parcel_form(f"SF{number}")
    wine = placing(world, number, minutes=60 * 22).products[1]
    return [
        placing(world, number, minutes=60 * 22, products=[wine]),
        fact(world, "shipment-created", minutes=60 * 20, id=f"pack-{number}", order=order, shipment=parcel),
        fact(world, "shipment-delivered", minutes=0, id=f"done-{number}", order=order, shipment=parcel),
    ]


async def test_an_order_that_moves_on_twice_teaches_each_thing_once(keeping: Keeping) -> None:
    placed, packed, done = life_of(keeping, "7")
    await keeping.tell(placed, packed, done)
    await keeping.learner.run()
    learned = keeping.count("zhike_orders_lessons_total")
    keeping.world.clock.advance(5)
    again = fact(keeping.world, "shipment-delivered", minutes=0, id="again", shipment=parcel_form("SF7"))
    await keeping.tell(again)
    await keeping.learner.run()
    assert keeping.count("zhike_orders_lessons_total") == learned


async def test_stages_are_learned_by_family(keeping: Keeping) -> None:
    world = keeping.world
    await keeping.tell(placing(world, minutes=300))
    for minutes, name in ((240, "gathering"), (200, "baking"), (100, "cooling"), (60, "packing")):
        entered = fact(world, "stage-entered", minutes=minutes, line=1, stage=name, id=name, family="cakes")
        await keeping.tell(entered)
    await keeping.tell(fact(world, "production-completed", minutes=30, line=1, id="made"))
    await keeping.learner.run()
    baking = keeping.foresight.times.observed["stage/cakes/baking"]
    assert baking.samples == 1
    each = own_assumptions().stages["baking"].each_s  # the line has two pieces
    assert baking.median_s == pytest.approx(100 * 60 - each)


async def test_a_product_is_promised_before_it_is_bought(keeping: Keeping) -> None:
    cake, many = await keeping.promises.offer("p-1", 1, "US-OH"), await keeping.promises.offer("p-1", 9, "US-OH")
    wine = await keeping.promises.offer("p-2", 5, "")
    assert cake.made_to_order
    assert not wine.made_to_order
    assert cake.estimate is not None
    assert many.estimate is not None
    assert wine.estimate is not None
    assert wine.estimate.p50 < cake.estimate.p50 < many.estimate.p50
    assert (await keeping.promises.offer("p-2", 6, "")).estimate is None  # there are five
    collected = (await keeping.promises.offer("p-2", 1, "pickup")).estimate
    assert collected is not None
    assert collected.p50 < wine.estimate.p50


async def test_a_question_that_cannot_be_is_refused(keeping: Keeping) -> None:
    with pytest.raises(ProductUnknownError):
        await keeping.promises.offer("p-9", 1, "")
    for quantity, destination in ((0, ""), (100_001, ""), (1, "Ohio")):
        with pytest.raises(InvalidArgumentError):
            await keeping.promises.offer("p-1", quantity, destination)


async def test_the_copy_of_the_catalogue_holds_the_newest_version(world: World) -> None:
    generations = product_generations(world.documents)
    await generations.open()
    projection = product_projection(world.documents, CATALOG, "order-products", generations.resolve)
    copies = ProductCopies(world.documents, generations)
    await projection.apply([changed(2, 1, available_quantity=4), changed(1, 2, available_quantity=9)])
    found = await copies.get("p-1")
    assert found == ProductFacts("p-1", "cakes", 4, True, 2)
    await projection.apply([changed(3, 3, withdrawn=True), changed(3, 4, type_="ProductSeen", withdrawn=False)])
    found = await copies.get("p-1")
    assert found is not None
    assert not found.has(1)
    assert await copies.get("p-9") is None


def changed(version: int, seq: int, *, type_: str = "ProductChanged", **fields: Any) -> Event:
    payload = {"id": "p-1", "version": version, "attributes": {"production_family": ["cakes"]}, **fields}
    now = datetime.fromisoformat("2026-01-05T08:00:00+00:00")
    return Event("products", 0, seq, f"k{seq}", type_, now, now, "main", "web", "product:p-1", payload)


def test_what_is_sold_out_is_not_sold_and_what_is_made_to_order_is() -> None:
    def facts(**fields: Any) -> ProductFacts:
        return product_facts({"id": "p", **fields}, CATALOG)

    assert not facts(availability="out-of-stock").has(1)
    assert facts(availability="out-of-stock", tags=["made-to-order"], available_quantity=0).has(50)
    assert facts().has(9_999)
    assert not facts(available_quantity=3).has(4)


async def test_a_look_that_lost_says_so(keeping: Keeping) -> None:
    await keeping.world.write(placing(keeping.world, minutes=0))
    (due,) = await keeping.looks.due(now_us=micros(keeping.world.clock.now()), limit=10)
    assert await keeping.looks.set_next(due, 5)
    assert not await keeping.looks.set_next(due, 9)
    (still,) = await keeping.looks.due(now_us=5, limit=10)
    assert still.document.body["look_us"] == 5
