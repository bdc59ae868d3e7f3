"""Carriers' calls: signed or refused, kept whole, told once, answered as each service expects."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.demo.carrier_calls import CARRIERS, CarrierCall, SignedCall, signed_call
from infra.demo.fulfilment import DemoLine, DemoOrder, Plan, Step, fulfilment
from services.chassis.errors import ZhikeError
from services.kits.event_forms import MoneyForm, ProductForm
from services.orders.domain.carrier_calls import MAX_CALL_BYTES, CallReader
from services.orders.domain.carrier_connections import connections_of
from services.orders.domain.carrier_errors import (
    CarrierCallTooLargeError,
    CarrierNotFoundError,
    CarrierSignatureError,
)
from services.orders.domain.carriers import World as CarrierWorld
from services.orders.domain.carriers import own_carrier_words
from services.orders.domain.lifecycle import TERMINAL, Headline, Parcel
from services.orders.domain.remarks import Doubt
from services.orders.domain.reports import EventForm, IntakeRules, OrderForm, ShipmentForm, check_event
from services.orders.usecases.carriers import CarrierIntake, Carriers, _forms
from services.orders.usecases.writing import Writer
from services.orders.wire.reports import read_batch
from tests.unit.services.orders.conftest import World, placing
from tests.unit.services.orders.domain.test_carrier_calls import FIELDS, JSON, WHSEC, body_of

NEW_YORK = ZoneInfo("America/New_York")
SETUP = ("aftership=secret", "aftership=older", "kuaidi100=salt", "kdniao=key", f"simulated-post={WHSEC}")
SECRETS = {"aftership": "secret", "kuaidi100": "salt", "kdniao": "key", "simulated-post": WHSEC}


def carriers(world: World) -> Carriers:
    return Carriers(world.writing, connections_of(SETUP), own_carrier_words(), world.clock, zone=NEW_YORK)


async def receive(world: World, name: str, call: SignedCall) -> CarrierIntake:
    taken = await carriers(world).receive(name, call.headers, call.body, shop="main", writer=Writer())
    await world.settle()
    return taken


def aftership(world: World, *checkpoints: dict[str, Any], **fields: Any) -> SignedCall:
    message = {"tracking_number": "SF1", "slug": "sf", "checkpoints": list(checkpoints), **fields}
    content = CarrierCall(CarrierWorld.AFTERSHIP, "aftership", orjson.dumps({"msg": message}))
    return signed_call(content, "secret", message_id="", now=world.clock.now())


def scanned(world: World, tag: str, minutes: float) -> dict[str, str]:
    return {"tag": tag, "checkpoint_time": (world.clock.now() - timedelta(minutes=minutes)).isoformat()}


async def packed(world: World) -> None:
    time = world.clock.now() - timedelta(minutes=50)
    parcel = ShipmentForm("sf-express", "SF1")
    await world.write(
        placing(world), EventForm(type="shipment-created", time=time, id="pack", order=OrderForm("7"), shipment=parcel)
    )


async def test_a_call_moves_the_parcel_that_it_names(world: World) -> None:
    await packed(world)
    taken = await receive(world, "aftership", aftership(world, scanned(world, "OutForDelivery", 5)))
    assert (taken.stored, taken.duplicate, taken.rejected, taken.reply) == (1, 0, 0, b"{}")
    order = await world.order()
    assert order.state.headline is Headline.OUT_FOR_DELIVERY
    assert order.state.parcels[0].carrier_word == "OutForDelivery"


async def test_a_history_that_is_repeated_is_told_once(world: World) -> None:
    await packed(world)
    early = scanned(world, "InTransit", 20)
    await receive(world, "aftership", aftership(world, early))
    taken = await receive(world, "aftership", aftership(world, scanned(world, "Delivered", 1), early))
    assert (taken.stored, taken.duplicate) == (1, 1)
    assert (await world.order()).state.headline is Headline.DELIVERED


async def test_a_call_that_comes_before_the_shop_tells_of_the_parcel_waits_for_it(world: World) -> None:
    await receive(world, "aftership", aftership(world, scanned(world, "InTransit", 20)))
    await packed(world)
    assert (await world.order()).state.parcels[0].state is Parcel.IN_TRANSIT


async def test_a_word_that_nobody_knows_is_counted_and_remarked(world: World) -> None:
    await packed(world)
    taken = await receive(world, "aftership", aftership(world, scanned(world, "Teleported", 5)))
    assert (taken.stored, taken.unknown) == (1, 1)
    state = (await world.order()).state
    assert Doubt.CARRIER_WORD_UNKNOWN in {remark.doubt for remark in state.remarks}
    assert state.parcels[0].carrier_word == "Teleported"


async def test_a_scan_without_a_time_is_kept_once_however_often_it_comes(world: World) -> None:
    await packed(world)
    call = {"tag": "Delivered", "checkpoint_time": "soon"}
    first = await receive(world, "aftership", aftership(world, call))
    world.clock.advance(60)
    again = await receive(world, "aftership", aftership(world, call))
    assert (first.stored, first.undated, again.stored, again.duplicate, again.rejected) == (1, 1, 0, 1, 0)
    assert (await world.order()).state.headline is not Headline.DELIVERED


async def test_a_carriers_own_estimate_is_kept(world: World) -> None:
    await packed(world)
    expected = (world.clock.now() + timedelta(days=2)).date().isoformat()
    call = aftership(world, scanned(world, "InTransit", 5), expected_delivery=expected)
    taken = await receive(world, "aftership", call)
    assert taken.stored == 2
    told = [fact for fact in (await world.order()).state.history if "expected_time" in fact.details]
    assert [fact.details["detail"] for fact in told] == ["estimated"]
    assert (await receive(world, "aftership", call)).stored == 0


async def test_who_is_not_set_up_or_signs_otherwise_is_refused_and_nothing_is_written(world: World) -> None:
    call = aftership(world, scanned(world, "Delivered", 5))
    with pytest.raises(CarrierNotFoundError):
        await receive(world, "dragon", call)
    with pytest.raises(CarrierSignatureError):
        await receive(world, "aftership", SignedCall({"aftership-hmac-sha256": "AAAA"}, call.body))
    with pytest.raises(CarrierCallTooLargeError):
        await receive(world, "aftership", SignedCall(call.headers, b"x" * (MAX_CALL_BYTES + 1)))
    assert not await world.events()


async def test_an_older_secret_is_live_beside_the_newer(world: World) -> None:
    content = CarrierCall(CarrierWorld.AFTERSHIP, "aftership", b'{"msg": {"tracking_number": "SF1"}}')
    call = signed_call(content, "older", message_id="", now=world.clock.now())
    assert (await receive(world, "aftership", call)).stored == 0


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("kuaidi100", {"result": True, "returnCode": "200", "message": "成功"}),
        ("kdniao", {"Success": True, "Reason": ""}),
        ("simulated-post", {}),
    ],
)
async def test_each_service_is_answered_as_it_expects(world: World, name: str, reply: dict[str, Any]) -> None:
    worlds = {"kuaidi100": CarrierWorld.KUAIDI100, "kdniao": CarrierWorld.KDNIAO}
    content = CarrierCall(worlds.get(name, CarrierWorld.SCHEMA_ORG), name, EMPTY[name])
    taken = await receive(world, name, signed_call(content, SECRETS[name], message_id="msg_1", now=world.clock.now()))
    assert reply.items() <= orjson.loads(taken.reply).items()


EMPTY = {
    "kuaidi100": b'{"lastResult": {"com": "yunda", "nu": "1", "data": []}}',
    "kdniao": b'{"Data": []}',
    "simulated-post": b'{"trackingNumber": "1"}',
}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_simulated_workshops_and_carriers_do_the_order_comes_to_the_door(
    world: World, seed: int
) -> None:
    """Late, twice, out of order, in odd words: one answer, and no step back from a terminal state."""
    placed = world.clock.now()
    lines = (DemoLine(1, 2, "cakes"), DemoLine(2))
    plan = Plan(pace=3_600.0, carrier=CARRIERS[seed % len(CARRIERS)][0])
    steps = fulfilment(DemoOrder("main", "7", placed, lines), np.random.default_rng(seed), plan)
    price = MoneyForm("1.00", "USD")
    await world.write(placing(world, minutes=0, products=[ProductForm("p-1", 2, price), ProductForm("p-2", 1, price)]))
    ended = False
    for step in steps:
        world.clock.advance(max((step.tell_time - world.clock.now()).total_seconds(), 0))
        await tell(world, step)
        headline = (await world.order()).state.headline
        assert not ended or headline in TERMINAL
        ended = headline in TERMINAL
    state = (await world.order()).state
    assert state.headline is Headline.DELIVERED
    assert state.lines[0].progress is not None
    assert state.lines[0].progress.is_complete


async def tell(world: World, step: Step) -> None:
    if isinstance(step.body, CarrierCall):
        call = step.body
        secret = SECRETS[call.connection]
        taken = await receive(world, call.connection, signed_call(call, secret, message_id="m", now=world.clock.now()))
        assert taken.rejected == 0
        return
    event = dict(step.body)
    if step.door == "shipments":
        shipment = {"carrier": event.pop("carrier"), "tracking_number": event.pop("tracking_number")}
        event |= {"type": "shipment-created", "id": "pack", "shipment": shipment}
    event["order"] = {"number": "7"}
    verdict = await world.write(*read_batch(orjson.dumps({"events": [event]})))
    assert verdict.count("rejected") == 0, verdict


NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@given(st.sampled_from(list(CarrierWorld)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_whatever_can_be_read_at_all_is_kept(world: CarrierWorld, call: dict[str, Any]) -> None:
    """No scan of a call that was read is refused by the intake: acknowledged is kept."""
    connection = connections_of(["aftership=s"])["aftership"]
    reader = CallReader(world, "post", own_carrier_words(), NEW_YORK)
    try:
        reports = reader.read(body_of(world, call), now=NOW)
    except ZhikeError as error:
        assert error.reason in {"CARRIER_CALL_MALFORMED", "CARRIER_CALL_TOO_LARGE"}
        return
    rules = IntakeRules(NOW, "main", "web")
    for report in reports:
        for form in _forms(report, connection, NOW):
            assert check_event(form, rules).fact.parcel is not None


@pytest.mark.parametrize(
    "setup",
    [
        ["aftership"],
        ["aftership="],
        ["=secret"],
        ["post=secret"],
        ["The Post=secret"],
        ["kdniao=a", "kdniao=b", "kdniao=c"],
    ],
)
def test_a_sender_that_cannot_be_set_up_is_refused(setup: list[str]) -> None:
    with pytest.raises(ValueError, match=r"carrier|secret"):
        connections_of(setup)
