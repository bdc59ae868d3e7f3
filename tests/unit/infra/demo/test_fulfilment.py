"""Simulated workshops and carriers: seeded, labelled, in time, and as unruly as real ones."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from infra.demo.carrier_calls import CARRIERS, CarrierCall, signed_call
from infra.demo.fulfilment import DemoLine, DemoOrder, Plan, Step, fulfilment
from services.orders.domain.carrier_calls import CallReader, ShipmentReport
from services.orders.domain.carrier_signatures import check_signature
from services.orders.domain.carriers import World, own_carrier_words
from services.orders.domain.lifecycle import SHIPMENT_DELIVERED, TYPES
from services.orders.domain.stage_catalog import own_stage_catalog
from services.orders.domain.stages import StageFact, progress_of
from tests.unit.services.orders.domain.test_carrier_calls import NEW_YORK, WHSEC

PLACED = datetime(2026, 11, 30, 9, tzinfo=UTC)
ORDER = DemoOrder("demo", "900001", PLACED, (DemoLine(1, 2, "cakes"), DemoLine(2), DemoLine(3, 1, "balloons")))
SECRETS = {World.SCHEMA_ORG: WHSEC}


def steps(seed: int = 7, plan: Plan | None = None, order: DemoOrder = ORDER) -> list[Step]:
    return fulfilment(order, np.random.default_rng(seed), plan)


def events(found: list[Step]) -> list[dict[str, object]]:
    return [step.body for step in found if step.door == "events" and isinstance(step.body, dict)]


def calls(found: list[Step]) -> list[tuple[datetime, CarrierCall]]:
    return [(step.tell_time, step.body) for step in found if isinstance(step.body, CarrierCall)]


def read(call: CarrierCall, now: datetime) -> tuple[ShipmentReport, ...]:
    """Return what the service reads of the call, having checked its signature."""
    secret = SECRETS.get(call.world, "secret")
    signed = signed_call(call, secret, message_id="msg_1", now=now)
    check_signature(call.world, signed.headers, signed.body, [secret], now=now)
    return CallReader(call.world, call.connection, own_carrier_words(), NEW_YORK).read(signed.body, now=now)


def test_the_same_seed_gives_the_same_steps_and_another_seed_others() -> None:
    assert steps() == steps()
    assert steps(8) != steps()


def test_the_house_and_the_carrier_may_go_at_paces_of_their_own() -> None:
    carrier = CARRIERS[0][0]

    def spans(plan: Plan) -> tuple[float, float]:
        found = steps(plan=plan)
        packed = next(step.tell_time for step in found if step.door == "shipments")
        return (packed - PLACED).total_seconds(), (found[-1].tell_time - packed).total_seconds()

    inside, outside = spans(Plan(carrier=carrier))
    hurried = spans(Plan(pace=60.0, carry_pace=600.0, carrier=carrier))
    assert hurried == (pytest.approx(inside / 60, rel=1e-3), pytest.approx(outside / 600, rel=1e-3))


def test_nothing_is_told_before_it_happened() -> None:
    found = steps()
    assert all(one.tell_time <= other.tell_time for one, other in pairwise(found))
    for step in found:
        if isinstance(step.body, dict):
            assert datetime.fromisoformat(str(step.body["time"])) <= step.tell_time
        else:
            scans = [scan for report in read(step.body, step.tell_time) for scan in report.scans]
            assert all(scan.is_dated for scan in scans)


def test_everything_says_that_it_is_simulated() -> None:
    found = steps()
    assert all(step.body["raw"] == {"simulated": True} for step in found if isinstance(step.body, dict))
    assert {event["source"] for event in events(found)} == {"simulated-workshop"}
    for time, call in calls(found):
        (report,) = read(call, time)
        assert report.carrier.startswith("simulated-")
        assert all(scan.text.startswith("[simulated]") for scan in report.scans)


def test_every_line_made_to_order_goes_through_its_stages_to_the_end() -> None:
    found = events(steps())
    assert {event["line"] for event in found} == {1, 3}
    assert all(str(event["type"]) in TYPES for event in found)
    for line, family in ((1, "cakes"), (3, "balloons")):
        facts = [
            StageFact(str(event["type"]), datetime.fromisoformat(str(event["time"])), str(event.get("stage", "")))
            for event in found
            if event["line"] == line
        ]
        progress = progress_of(own_stage_catalog().template(family), facts, 1)
        assert progress.is_complete
        assert not progress.unknown


def test_ids_of_events_are_their_own() -> None:
    ids = [event["id"] for event in events(steps())]
    assert len(set(ids)) == len(ids)


def test_some_work_is_done_again_and_some_goes_round_as_planned() -> None:
    cakes = own_stage_catalog().template("cakes")
    kinds: Counter[str] = Counter()
    for seed in range(60):
        facts = [
            StageFact(str(event["type"]), datetime.fromisoformat(str(event["time"])), str(event.get("stage", "")))
            for event in events(steps(seed, order=DemoOrder("demo", "1", PLACED, (DemoLine(1, 1, "cakes"),))))
        ]
        kinds.update(remark.kind.value for remark in progress_of(cakes, facts, 1).remarks)
    assert kinds["rework"] >= 3
    assert kinds["loop"] >= 8


def test_carriers_tell_late_twice_out_of_order_and_in_odd_words_yet_all_arrive() -> None:
    late = twice = disordered = odd = 0
    for seed in range(60):
        order = DemoOrder("demo", "1", PLACED, (DemoLine(1),))
        told = calls(steps(seed, order=order))
        seen = [[scan for report in read(call, time) for scan in report.scans] for time, call in told]
        newest = [scans[0].time for scans in seen]
        late += any(time - scans[0].time > timedelta(hours=1) for (time, _), scans in zip(told, seen, strict=True))
        twice += len({call.content for _, call in told}) < len(told)
        disordered += any(one > other for one, other in pairwise(newest))
        odd += any(not scan.is_known for scans in seen for scan in scans)
        assert SHIPMENT_DELIVERED in {scan.type for scans in seen for scan in scans}
    assert min(late, twice, disordered) > 10
    assert odd > 0


@pytest.mark.parametrize(("carrier", "world"), CARRIERS)
def test_each_carrier_speaks_its_world_and_signs_as_it(carrier: str, world: World) -> None:
    told = calls(steps(plan=Plan(carrier=carrier)))
    assert {call.world for _, call in told} == {world}
    assert {call.connection for _, call in told} == {carrier if world is World.SCHEMA_ORG else world.value}


def test_a_workshop_that_will_be_late_says_so_once() -> None:
    said = [event for event in events(steps(plan=Plan(late_by=timedelta(days=3)))) if "expected_time" in event]
    assert {event["line"] for event in said} == {1, 3}
    assert len(said) == 2
    for event in said:
        ahead = datetime.fromisoformat(str(event["expected_time"])) - datetime.fromisoformat(str(event["time"]))
        assert ahead == timedelta(days=3)


def test_a_pace_makes_life_short() -> None:
    slow, fast = steps(), steps(plan=Plan(pace=3_600))
    assert len(slow) == len(fast)
    assert (fast[-1].tell_time - PLACED) * 1_000 < slow[-1].tell_time - PLACED


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(ValueError, match="anvils"):
        steps(order=DemoOrder("demo", "1", PLACED, (DemoLine(1, 1, "anvils"),)))
    with pytest.raises(ValueError, match="dragon"):
        steps(plan=Plan(carrier="dragon"))
