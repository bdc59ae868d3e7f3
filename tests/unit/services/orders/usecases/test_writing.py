"""Taking in facts: verdicts, duplicates, remarks, bounds, scans that know their parcel alone."""

import pytest

from services.kits.event_forms import EventRefusedError, ProductForm
from services.orders.domain.errors import BatchSizeError
from services.orders.domain.lifecycle import Headline, Parcel
from services.orders.domain.order import OrderRef
from services.orders.domain.reports import MAX_BATCH_EVENTS, CorrectedForm, ItemForm, OrderForm
from services.orders.usecases import writing
from services.orders.usecases.writing import DUPLICATE, REJECTED, STORED, BatchVerdict, RefusedForm
from tests.unit.services.orders.conftest import World, fact, parcel_form, placing


def told(verdict: BatchVerdict) -> list[tuple[str, list[str]]]:
    return [(item.status, [remark.doubt.value for remark in item.remarks]) for item in verdict.items]


async def test_what_is_told_is_read(world: World) -> None:
    verdict = await world.write(placing(world), fact(world, "payment-captured", id="p1"))
    assert told(verdict) == [(STORED, []), (STORED, [])]
    order = await world.order()
    assert order.state.headline is Headline.PAID
    assert verdict.items[0].order_id == order.ref.id
    assert {item.event_id for item in verdict.items} == {each.id for each in order.state.history}
    assert [each.seq for each in order.state.history] == [1, 2]
    assert order.version == 2


async def test_the_same_again_is_a_duplicate_whichever_key_brings_it(world: World) -> None:
    await world.write(placing(world))
    assert told(await world.write(placing(world))) == [(DUPLICATE, [])]
    assert len((await world.order()).state.history) == 1


async def test_the_same_id_with_other_content_is_refused(world: World) -> None:
    await world.write(fact(world, "payment-captured", id="p1"))
    verdict = await world.write(fact(world, "payment-captured", id="p1", minutes=31))
    assert verdict.items[0].error is not None
    assert (verdict.items[0].status, verdict.items[0].error.reason) == (REJECTED, "EVENT_ID_REUSED")


async def test_a_fact_without_id_is_known_by_its_content(world: World) -> None:
    verdict = await world.write(fact(world, "payment-captured"), fact(world, "payment-captured"))
    assert told(verdict) == [(STORED, ["ORDER_UNKNOWN"]), (DUPLICATE, ["ORDER_UNKNOWN"])]
    assert verdict.items[0].id.startswith("content-")
    assert verdict.items[0].id == verdict.items[1].id


async def test_a_bad_one_harms_nobody_beside_it(world: World) -> None:
    unreadable = RefusedForm("e9", EventRefusedError("EVENT_MALFORMED", "no time", field="time"))
    verdict = await world.write(placing(world), fact(world, "line-cancelled", id="x"), unreadable)
    assert [item.status for item in verdict.items] == [STORED, REJECTED, REJECTED]
    assert [item.id for item in verdict.items] == ["placed-7", "x", "e9"]
    assert (verdict.count(STORED), verdict.count(REJECTED)) == (1, 2)


async def test_a_batch_of_bad_ones_writes_nothing(world: World) -> None:
    verdict = await world.write(fact(world, "line-cancelled", id="x"))
    assert verdict.count(REJECTED) == 1
    assert await world.events() == []


@pytest.mark.parametrize("count", [0, MAX_BATCH_EVENTS + 1])
async def test_a_batch_has_its_bounds(world: World, count: int) -> None:
    with pytest.raises(BatchSizeError):
        await world.tell(*[fact(world, "payment-captured", id=f"p{n}") for n in range(count)])


async def test_what_does_not_fit_is_stored_and_remarked(world: World) -> None:
    shipment = parcel_form(ship_date="2026-01-05")
    verdict = await world.write(
        placing(world),
        fact(world, "shipment-created", id="pack", shipment=shipment, items=[ItemForm(1, 5), ItemForm(9, 1)]),
        fact(world, "shipment-scanned", id="word", shipment=shipment, carrier_word="飞走了"),
        fact(world, "return-received", id="back", return_id="r", items=[ItemForm(1, 1)]),
        fact(world, "correction", id="mend", corrects=[CorrectedForm("never")]),
        fact(world, "payment-captured", id="early", minutes=120),
    )
    assert told(verdict) == [
        (STORED, []),
        (STORED, ["OVER_SHIPPED", "LINE_UNKNOWN"]),
        (STORED, ["CARRIER_WORD_UNKNOWN"]),
        (STORED, ["RETURN_UNKNOWN", "OVER_RETURNED"]),
        (STORED, ["CORRECTED_EVENT_UNKNOWN"]),
        (STORED, ["BEFORE_ORDER"]),
    ]
    assert verdict.items[1].remarks[0].quantity == 3


async def test_a_remark_vanishes_with_the_fact_that_explains_it(world: World) -> None:
    early = fact(world, "shipment-picked-up", id="pick", shipment=parcel_form())
    assert told(await world.write(early)) == [(STORED, ["ORDER_UNKNOWN", "SHIPMENT_UNKNOWN"])]
    await world.write(placing(world), fact(world, "shipment-created", id="pack", shipment=parcel_form(), minutes=40))
    order = await world.order()
    assert order.state.headline is Headline.SHIPPED
    assert order.state.remarks == ()


async def test_remarks_know_what_the_reader_has_not_read_yet_of_the_same_batch(world: World) -> None:
    verdict = await world.tell(placing(world), fact(world, "line-cancelled", id="c", line=1, quantity=2))
    assert told(verdict) == [(STORED, []), (STORED, [])]


async def test_a_load_tests_orders_touch_no_real_ones(world: World) -> None:
    await world.write(placing(world))
    await world.write(placing(world), fact(world, "order-cancelled", id="stop"), synthetic=True)
    assert (await world.order()).state.headline is Headline.PLACED
    assert (await world.order(synthetic=True)).state.headline is Headline.CANCELLED
    assert [event.synthetic for event in await world.events()] == [False, True, True]


async def test_an_order_takes_a_bounded_number_of_facts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MAX_ORDER_EVENTS", 3)
    facts = [fact(world, "payment-authorized", id=f"p{n}") for n in range(3)]
    verdict = await world.write(placing(world), *facts)
    assert [item.status for item in verdict.items] == [STORED] * 3 + [REJECTED]
    assert verdict.items[3].error is not None and verdict.items[3].error.reason == "ORDER_FULL"
    again = await world.write(placing(world), fact(world, "payment-captured", id="late"))
    assert [item.status for item in again.items] == [DUPLICATE, REJECTED], "what is known is still known"


async def test_a_scan_may_name_its_parcel_alone(world: World) -> None:
    await world.write(placing(world), fact(world, "shipment-created", id="pack", shipment=parcel_form(), minutes=40))
    scan = fact(world, "shipment-delivered", id="s1", source="sf", order=None, shipment=parcel_form())
    verdict = await world.write(scan)
    assert told(verdict) == [(STORED, [])]
    assert verdict.items[0].order_id == OrderRef("main", "7").id
    assert (await world.order()).state.headline is Headline.DELIVERED


async def test_a_scan_of_a_parcel_that_nobody_told_of_waits_for_it(world: World) -> None:
    scan = fact(world, "shipment-delivered", id="s1", source="sf", order=None, shipment=parcel_form())
    verdict = await world.write(scan)
    assert told(verdict) == [(STORED, ["SHIPMENT_UNKNOWN"])]
    assert verdict.items[0].order_id == ""
    assert told(await world.write(scan)) == [(DUPLICATE, ["SHIPMENT_UNKNOWN"])]
    await world.write(placing(world), fact(world, "shipment-created", id="pack", shipment=parcel_form(), minutes=40))
    order = await world.order()
    assert order.state.headline is Headline.DELIVERED
    assert order.state.parcels[0].state is Parcel.DELIVERED
    assert told(await world.write(scan)) == [(DUPLICATE, [])], "now under its order"
    assert len((await world.order()).state.history) == 3


async def test_another_orders_parcel_is_remarked(world: World) -> None:
    other = placing(world, "8", id="placed-8")
    pack = fact(world, "shipment-created", id="pack", shipment=parcel_form())
    await world.write(placing(world), other, pack)
    twin = fact(world, "shipment-created", id="pack8", order=OrderForm("8"), shipment=parcel_form())
    assert told(await world.write(twin)) == [(STORED, ["SHIPMENT_OF_ANOTHER_ORDER"])]


async def test_a_second_placing_is_remarked_and_a_correction_is_none(world: World) -> None:
    await world.write(placing(world))
    twice = placing(world, id="again", products=[ProductForm("p-1", 9)], minutes=59)
    verdict = await world.write(twice)
    assert told(verdict) == [(STORED, [])]  # it is the first that is out of place now
    assert [remark.doubt.value for remark in (await world.order()).state.remarks] == ["ORDER_PLACED_TWICE"]
    mended = placing(
        world,
        id="mended",
        corrects=[CorrectedForm("placed-7"), CorrectedForm("again")],
        products=[ProductForm("p-1", 3)],
    )
    await world.write(mended)
    order = await world.order()
    assert order.state.remarks == ()
    assert order.state.lines[0].line.quantity == 3
