"""How long each part of an order's way takes here: the table of assumptions and, over it, what was observed.

A part is looked up from the exact to the wide: a stage of its family, then the stage anywhere; a carrier's lane to a
destination, then to its country, then the same of all carriers, then the assumption. Each step's own observations are
pooled with the next wider one's (durations.py).
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from services.orders.domain.durations import (
    MAX_SAMPLES,
    Durations,
    durations_from_quantiles,
    durations_from_samples,
    pooled,
)
from services.orders.domain.lifecycle import Parcel

ANY: Final = "*"
PICK_UP: Final = "pickup"  # the destination of who collects the goods
UNKNOWN_STAGE: Final = "unknown"
MAX_GROUPS: Final = 20_000  # of observations; further ones count for their wider groups alone
HOUR_S: Final = 3_600.0
LONGEST_EACH_S: Final = 100 * HOUR_S

_OWN_TABLE: Final = Path(__file__).with_name("lead_times.toml")


class LeadTimeTableError(ValueError):
    """A table that cannot be; the message names the place."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """An assumption. ``each_s``: seconds for every further piece."""

    durations: Durations
    each_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The table. ``lanes`` by destination, ``parcels`` by a parcel's state."""

    stages: Mapping[str, Assumed]
    pick: Durations
    lanes: Mapping[str, Durations]
    parcels: Mapping[Parcel, Durations]


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """Assumptions and observations. ``observed``: by group (``stage_groups`` and the like), seconds at work."""

    assumed: Assumptions
    observed: Mapping[str, Durations] = field(default_factory=dict)

    def stage(self, family: str, stage: str, quantity: int) -> Durations:
        """Return how long a stage takes for a line of ``quantity`` pieces."""
        assumed = self.assumed.stages.get(stage) or self.assumed.stages[UNKNOWN_STAGE]
        durations = self._pooled(stage_groups(family, stage), assumed.durations)
        return durations.longer_by(assumed.each_s * (quantity - 1))

    def pick(self) -> Durations:
        """Return how long it takes from ready to packed."""
        return self._pooled(PICK_GROUPS, self.assumed.pick)

    def transit(self, carrier: str, destination: str) -> Durations:
        """Return how long it takes from packed to delivered."""
        lanes = self.assumed.lanes
        assumed = next(lanes[each] for each in widening(destination) if each in lanes)
        return self._pooled(lane_groups(carrier, destination), assumed)

    def parcel(self, carrier: str, state: Parcel) -> Durations | None:
        """Return how long it takes from this state to delivered, None where the lane says it."""
        assumed = self.assumed.parcels.get(state)
        return self._pooled(parcel_groups(carrier, state), assumed) if assumed is not None else None

    def _pooled(self, groups: Sequence[str], assumed: Durations) -> Durations:
        """Return the first group's duration, pooled with the second's, pooled with the third's … and the assumption.

        As evidence, observations of a wider group count half in the next narrower one.
        """
        made, samples = assumed, 0
        for group in reversed(groups):
            own = self.observed.get(group)
            made = pooled(own, made)
            samples = max(samples // 2, own.samples if own is not None else 0)
        return Durations(made.values, samples)


def stage_groups(family: str, stage: str) -> tuple[str, ...]:
    """Return the groups that a stay in a stage is an observation of, the exact first."""
    return (f"stage/{family}/{stage}", f"stage/{ANY}/{stage}")


PICK_GROUPS: Final = ("pick",)


def lane_groups(carrier: str, destination: str) -> tuple[str, ...]:
    """Return the groups that a parcel's way is an observation of, the exact first."""
    if destination == PICK_UP:
        return (f"lane/{ANY}/{PICK_UP}",)
    places = tuple(widening(destination))
    own = tuple(f"lane/{carrier}/{place}" for place in places if place != ANY) if carrier else ()
    return (*own, *(f"lane/{ANY}/{place}" for place in places))


def parcel_groups(carrier: str, state: Parcel) -> tuple[str, ...]:
    """Return the groups that the end of a parcel's way is an observation of, the exact first."""
    return (f"parcel/{carrier or ANY}/{state}", f"parcel/{ANY}/{state}")


def widening(destination: str) -> Iterator[str]:
    """Yield a destination and what it lies in: "US-OH", "US", "*"; "pickup" lies in nothing."""
    yield destination or ANY
    if destination in ("", ANY, PICK_UP):
        return
    parts = destination.split("-")
    for length in range(len(parts) - 1, 0, -1):
        yield "-".join(parts[:length])
    yield ANY


@dataclass(slots=True)
class Observations:
    """Gathers what happened, group by group. Mutable; the newest MAX_SAMPLES of a group are kept."""

    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, groups: Sequence[str], seconds: float) -> None:
        """Take one observation for all of its groups."""
        for group in groups:
            kept = self.samples.get(group)
            if kept is None:
                if len(self.samples) >= MAX_GROUPS:
                    continue
                kept = self.samples[group] = []
            kept.append(seconds)
            if len(kept) > 2 * MAX_SAMPLES:
                del kept[:-MAX_SAMPLES]

    def durations(self) -> dict[str, Durations]:
        """Return each group's duration."""
        return {group: durations_from_samples(kept) for group, kept in self.samples.items()}


def load_assumptions(text: str) -> Assumptions:
    """Read the table. Raises LeadTimeTableError for the first thing in it that cannot be."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LeadTimeTableError(f"the table of lead times is no TOML: {error}") from error
    stages = {name: _assumed(entry, f"the stage {name}") for name, entry in _table(table, "stages").items()}
    lanes = {name: _assumed(entry, f"the lane {name}").durations for name, entry in _table(table, "lanes").items()}
    parcels = {}
    for name, entry in _table(table, "parcels").items():
        if name not in list(Parcel):
            raise LeadTimeTableError(f"a parcel is never {name!r}")
        parcels[Parcel(name)] = _assumed(entry, f"the parcel {name}").durations
    for required, found, where in ((UNKNOWN_STAGE, stages, "stages"), (ANY, lanes, "lanes"), (PICK_UP, lanes, "lanes")):
        if required not in found:
            raise LeadTimeTableError(f"[{where}] has no {required!r}")
    return Assumptions(stages, _assumed(_table(table, "pick"), "pick").durations, lanes, parcels)


def own_assumptions() -> Assumptions:
    """Return the table that comes with the service."""
    return load_assumptions(_OWN_TABLE.read_text(encoding="utf-8"))


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = table.get(key)
    if not isinstance(found, dict):
        raise LeadTimeTableError(f"the table has no [{key}]")
    return found


def _assumed(entry: Any, where: str) -> Assumed:
    hours, each = (entry.get("hours"), entry.get("each", 0.0)) if isinstance(entry, dict) else (None, None)
    numbers = [*hours, each] if isinstance(hours, list) and len(hours) == 3 else []
    if not numbers or any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers):
        raise LeadTimeTableError(f"{where} has hours = [10 %, 50 %, 90 %], and each is a number")
    p10_s, p50_s, p90_s, each_s = (float(value) * HOUR_S for value in numbers)
    if not 0 <= each_s <= LONGEST_EACH_S:
        raise LeadTimeTableError(f"{where}: each is 0 to {LONGEST_EACH_S / HOUR_S:,.0f} hours")
    try:
        return Assumed(durations_from_quantiles(p10_s, p50_s, p90_s), each_s)
    except ValueError as error:
        raise LeadTimeTableError(f"{where}: {error}") from error
