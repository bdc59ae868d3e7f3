"""Simulates what becomes of an order: a workshop that makes it, a shop that packs it, a carrier that brings it.

The data has neither stages nor parcels, so all of it is invented and says so: sources and carriers are called
simulated, and each event carries ``{"simulated": true}`` as it came. Carriers behave as carriers do: they scan late,
tell the same twice and out of order, now and then in words that nobody knows. Chance is a passed generator; the same
seed gives the same steps. Stages, durations and words are those that the orders service itself uses.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np

from infra.demo.carrier_calls import CARRIERS, CarrierCall, Checkpoint, carrier_call
from services.orders.domain.carriers import World
from services.orders.domain.durations import POINTS, Durations
from services.orders.domain.lead_times import LeadTimes, own_assumptions
from services.orders.domain.lifecycle import (
    PRODUCTION_COMPLETED,
    PRODUCTION_QUEUED,
    STAGE_COMPLETED,
    STAGE_ENTERED,
)
from services.orders.domain.stage_catalog import own_stage_catalog
from services.orders.domain.stages import StageTemplate

SOURCE: Final = "simulated-workshop"
RAW: Final = {"simulated": True}
REWORK_SHARE: Final = 0.12  # of inspections that send the line back
LOOP_SHARE: Final = 0.3  # of a template's planned loops that are gone
ATTEMPT_SHARE: Final = 0.1  # of deliveries that fail first
LATE_SHARE: Final = 0.25  # of scans that are told hours after they were made
TWICE_SHARE: Final = 0.3  # of calls that are made twice
ODD_WORD_SHARE: Final = 0.03  # of scans in a word that nobody knows
HUBS: Final = (1, 4)  # how many sorting centres a parcel passes, the second left out

Door = Literal["events", "shipments", "carrier"]


@dataclass(frozen=True, slots=True)
class DemoLine:
    """A line of an order. ``family``: of what is made to order, else ""."""

    number: int
    quantity: int = 1
    family: str = ""


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order that was placed."""

    shop: str
    number: str
    placed_time: datetime
    lines: tuple[DemoLine, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How an order is to go.

    ``pace``: how many times faster than life it is made and packed, and brought unless ``carry_pace`` says otherwise;
    ``late_by``: the workshop announces a delay.
    """

    pace: float = 1.0
    carry_pace: float | None = None
    late_by: timedelta | None = None
    carrier: str | None = None  # of CARRIERS; None: by chance


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is told at a time, through one of the API's doors. ``body``: its JSON, or the carrier's call."""

    tell_time: datetime
    door: Door
    body: dict[str, Any] | CarrierCall


def fulfilment(order: DemoOrder, rng: np.random.Generator, plan: Plan | None = None) -> list[Step]:
    """Return all that is told of an order from its placing to the door, by the time of telling.

    Nothing is told before it happened. Raises ValueError for a family that no template has, or an unknown carrier.
    """
    run = _Run(order, rng, plan or Plan())
    return sorted(run.steps(), key=lambda step: step.tell_time)


class _Run:
    """One order as it goes on: time passes line by line, then with the parcel."""

    def __init__(self, order: DemoOrder, rng: np.random.Generator, plan: Plan) -> None:
        self._order, self._rng, self._plan = order, rng, plan
        self._times, self._catalog = LeadTimes(own_assumptions()), own_stage_catalog()
        self._number, self._pace = 0, plan.pace

    def steps(self) -> Iterator[Step]:
        ready = self._order.placed_time
        for line in self._order.lines:
            if line.family:
                template = self._catalog.template(line.family)
                if template is None:
                    raise ValueError(f"no template is of the family {line.family!r}")
                made = list(self._make(line, template))
                ready = max(ready, made[-1].tell_time)
                yield from made
        packed = ready + self._drawn(self._times.pick())
        self._pace = self._plan.carry_pace or self._plan.pace
        yield from self._carry(packed)

    def _make(self, line: DemoLine, template: StageTemplate) -> Iterator[Step]:
        """Tell every stage of a line as it is begun, and the end of the last."""
        names = [stage.name for stage in template.stages]
        now = self._order.placed_time + self._span(timedelta(minutes=1))
        yield self._event(PRODUCTION_QUEUED, line, now, family=template.family)
        for place, stage in enumerate(self._walk(template, names)):
            now += self._drawn(self._times.stage(template.family, stage, line.quantity))
            said: dict[str, Any] = {"stage": stage, "family": template.family}
            if place == 0 and self._plan.late_by is not None:
                said["expected_time"] = _text(now + self._plan.late_by)
                said["reason"] = "simulated: a machine is being repaired"
            yield self._event(STAGE_ENTERED, line, now, **said)
        now += self._drawn(self._times.stage(template.family, names[-1], line.quantity))
        yield self._event(STAGE_COMPLETED, line, now, stage=names[-1], family=template.family)
        yield self._event(PRODUCTION_COMPLETED, line, now + self._span(timedelta(seconds=30)), family=template.family)

    def _walk(self, template: StageTemplate, names: Sequence[str]) -> Iterator[str]:
        """Yield the stages after the first in the order in which they are worked, loops and rework included."""
        loops = dict(template.loops)
        for place, name in enumerate(names[1:], start=1):
            yield name
            if name in loops and self._rng.random() < LOOP_SHARE:
                yield from names[names.index(loops[name]) : place + 1]
            elif name == "inspecting" and self._rng.random() < REWORK_SHARE:
                yield from names[int(self._rng.integers(1, place)) : place + 1]

    def _carry(self, packed: datetime) -> Iterator[Step]:
        carrier, world = self._carrier()
        tracking = f"SIM{self._order.number}"[:40]
        order = {"number": self._order.number, "shop": self._order.shop}
        body = {"order": order, "carrier": carrier, "tracking_number": tracking, "time": _text(packed), "raw": RAW}
        yield Step(packed, "shipments", body)
        history: list[Checkpoint] = []
        scans = list(self._scans(packed))
        for tell_time, checkpoint in sorted(
            ((self._told(each.time), each) for each in scans), key=lambda pair: pair[0]
        ):
            # A service repeats what it told before; the newest stands first, as services write it.
            history.insert(0, checkpoint)
            call = carrier_call(world, carrier, tracking, history)
            yield Step(tell_time, "carrier", call)
            if self._rng.random() < TWICE_SHARE:
                yield Step(tell_time + self._span(timedelta(minutes=5)), "carrier", call)

    def _scans(self, packed: datetime) -> Iterator[Checkpoint]:
        """Yield the scans of a parcel as they are made."""
        whole = self._drawn(self._times.transit("", "*"))
        hubs = int(self._rng.integers(*HUBS))
        ways = ["picked-up", *["arrived-at-hub"] * hubs, "out-for-delivery"]
        if self._rng.random() < ATTEMPT_SHARE:
            ways += ["attempted", "out-for-delivery"]
        ways.append("delivered")
        shares = np.sort(self._rng.random(len(ways)))
        for way, share in zip(ways, shares / shares[-1], strict=True):
            odd = way == "arrived-at-hub" and self._rng.random() < ODD_WORD_SHARE
            yield Checkpoint(packed + whole * float(share), "odd" if odd else way)

    def _told(self, time: datetime) -> datetime:
        """Return when a scan is told: mostly within minutes, sometimes hours late."""
        hours = float(self._rng.uniform(1, 10)) if self._rng.random() < LATE_SHARE else float(self._rng.uniform(0, 0.3))
        return time + self._span(timedelta(hours=hours))

    def _carrier(self) -> tuple[str, World]:
        chosen = self._plan.carrier or CARRIERS[int(self._rng.integers(len(CARRIERS)))][0]
        world = dict(CARRIERS).get(chosen)
        if world is None:
            raise ValueError(f"no simulated carrier is called {chosen!r}")
        return chosen, world

    def _event(self, type_: str, line: DemoLine, time: datetime, **said: Any) -> Step:
        self._number += 1
        body = {
            "id": f"{self._order.number}-{self._number}",
            "source": SOURCE,
            "type": type_,
            "time": _text(time),
            "order": {"number": self._order.number, "shop": self._order.shop},
            "line": line.number,
            "raw": RAW,
            **said,
        }
        return Step(time, "events", body)

    def _drawn(self, durations: Durations) -> timedelta:
        return self._span(timedelta(seconds=durations.values[int(self._rng.integers(POINTS))]))

    def _span(self, span: timedelta) -> timedelta:
        return span / self._pace


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
