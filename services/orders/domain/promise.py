"""When an order will be there: an estimate for one line, and for an order of several.

The way of a line is the stages that remain, packing, and the parcel's way, each on the work calendar of who does it.
Each part is a duration of fifteen equally likely values (durations.py, lead_times.py); what has passed of a part is
taken off. The arrival's 50 % quantile is the likely time, its 10 % and 90 % quantiles are the band that holds 80 % of
cases, and the promise is the end of the day on which the 90 % quantile falls. Where who does the work names a time of
its own, the estimate is drawn to it with half the spread. A trained model replaces ``estimate`` and nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.kits.calendars.work_calendar import WorkCalendar
from services.orders.domain.durations import HIGH, LOW, MEDIAN, POINTS, Durations, middles, total
from services.orders.domain.lead_times import PICK_UP, LeadTimes
from services.orders.domain.lifecycle import Parcel
from services.orders.domain.stages import Progress, StageTemplate

METHOD: Final = "lane-quantiles/1"
ENOUGH_SAMPLES: Final = 100  # observations of the least known part, for high confidence
SOME_SAMPLES: Final = 20  # for medium
LEAST_LEFT: Final = timedelta(minutes=30)  # what is not there yet will not be within this time
LONGEST_PASSED: Final = timedelta(days=366)
MAX_LINE_QUANTITY: Final = 100_000
# What a parcel must be for its goods still to arrive by it.
COMING: Final = frozenset(Parcel) - {
    Parcel.DELIVERED,
    Parcel.REFUSED,
    Parcel.RETURNING,
    Parcel.RETURNED,
    Parcel.LOST,
    Parcel.CANCELLED,
}


class Confidence(StrEnum):
    """How much an estimate is to be relied on."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Reason(StrEnum):
    """Why an estimate is what it is; the gravest first."""

    PARCEL_PROBLEM = "parcel-problem"
    OVERDUE = "overdue"
    REWORK = "rework"
    STAGE_UNKNOWN = "stage-unknown"
    CALENDAR_NOT_PUBLISHED = "calendar-not-published"
    CARRIER_SAYS = "carrier-says"
    WORKSHOP_SAYS = "workshop-says"
    FEW_OBSERVATIONS = "few-observations"
    USUAL = "usual"


_STRENGTH: Final = {Confidence.LOW: 0, Confidence.MEDIUM: 1, Confidence.HIGH: 2}
_GRAVITY: Final = {reason: place for place, reason in enumerate(Reason)}
_LOWERING: Final = frozenset(
    {
        Reason.PARCEL_PROBLEM,
        Reason.OVERDUE,
        Reason.REWORK,
        Reason.STAGE_UNKNOWN,
        Reason.CALENDAR_NOT_PUBLISHED,
    }
)
_PROBLEMS: Final = frozenset({Parcel.EXCEPTION, Parcel.ATTEMPTED})


@dataclass(frozen=True, slots=True)
class WorkPlaces:
    """The calendars of who makes, packs and carries."""

    workshop: WorkCalendar
    warehouse: WorkCalendar
    carrier: WorkCalendar


@dataclass(frozen=True, slots=True)
class ParcelNews:
    """Where a parcel is. ``since``: when its state began; ``expected_time``: the carrier's own word."""

    state: Parcel
    packed_time: datetime
    since: datetime
    carrier: str = ""
    expected_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A line that is not there yet. ``family`` "" for goods in stock; ``progress`` None before production.

    ``ready_time``: since when it waits to be packed; ``expected_ready_time``: the workshop's own word.
    """

    quantity: int = 1
    family: str = ""
    template: StageTemplate | None = None
    progress: Progress | None = None
    ready_time: datetime | None = None
    expected_ready_time: datetime | None = None
    parcel: ParcelNews | None = None
    carrier: str = ""
    destination: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.quantity <= MAX_LINE_QUANTITY:
            raise ValueError(f"a line has 1 to {MAX_LINE_QUANTITY:,} pieces")


@dataclass(frozen=True, slots=True)
class Estimate:
    """When it will be there. ``samples``: observations of the least known part. Times are UTC."""

    p10: datetime
    p50: datetime
    p90: datetime
    promise_time: datetime
    confidence: Confidence
    reasons: tuple[Reason, ...]
    samples: int
    method: str = METHOD

    @property
    def reason(self) -> Reason:
        """The gravest reason."""
        return self.reasons[0]


@dataclass(slots=True)
class _Way:
    """The way so far: possible instants, ascending, and what it rests on."""

    instants: tuple[datetime, ...]
    samples: list[int]
    reasons: set[Reason]

    def go(self, durations: Durations, calendar: WorkCalendar) -> None:
        """Go on by a part of the way: every instant so far with every value of the part.

        They are added as working time since the first instant, so that the calendar is asked 30 times and not 225.
        """
        start = self.instants[0]
        so_far = [calendar.working_time(start, instant).total_seconds() for instant in self.instants]
        ends_s = middles(sorted(passed_s + value for passed_s in so_far for value in durations.values))
        self.instants = tuple(calendar.add(start, timedelta(seconds=end_s)) for end_s in ends_s)
        self.samples.append(durations.samples)
        if not calendar.is_published(start, self.instants[HIGH]):
            self.reasons.add(Reason.CALENDAR_NOT_PUBLISHED)

    def lean(self, expected: datetime | None, now: datetime, reason: Reason) -> None:
        """Draw the way to a time that who does the work names, unless it has passed."""
        if expected is None or expected <= now:
            return
        middle = self.instants[MEDIAN] if len(self.instants) == POINTS else self.instants[0]
        self.instants = tuple(max(now, expected + (instant - middle) / 2) for instant in self.instants)
        self.samples.append(SOME_SAMPLES)
        self.reasons.add(reason)


def estimate(question: Question, times: LeadTimes, places: WorkPlaces, *, now: datetime) -> Estimate:
    """Return when a line will be there. ``now`` is aware. Raises NoWorkingTimeError for a calendar without days."""
    way = _Way((now,), [], set())
    destination_place = places.warehouse if question.destination == PICK_UP else places.carrier
    if question.parcel is not None and question.parcel.state in COMING:
        _carry(way, question.parcel, question, times, places, now)
    else:
        _make(way, question, times, places, now)
        _pack(way, question, times, places, now)
        way.go(times.transit(question.carrier, question.destination), destination_place)
    instants = tuple(max(instant, now + LEAST_LEFT) for instant in way.instants)
    samples = min(way.samples)
    reasons = way.reasons | ({Reason.FEW_OBSERVATIONS} if samples < SOME_SAMPLES else set())
    return Estimate(
        p10=instants[LOW],
        p50=instants[MEDIAN],
        p90=instants[HIGH],
        promise_time=destination_place.close_of_day(instants[HIGH]),
        confidence=_confidence(samples, reasons),
        reasons=_by_gravity(reasons),
        samples=samples,
    )


def estimate_of_order(estimates: Sequence[Estimate]) -> Estimate:
    """Return when all of several lines will be there: with the last, at its confidence. Raises ValueError for none.

    Lines of an order share the days that they meet, so the latest of each quantile is taken, not the independent one.
    """
    if not estimates:
        raise ValueError("an order has lines")
    weakest = min(estimates, key=lambda each: _STRENGTH[each.confidence])
    return Estimate(
        p10=max(each.p10 for each in estimates),
        p50=max(each.p50 for each in estimates),
        p90=max(each.p90 for each in estimates),
        promise_time=max(each.promise_time for each in estimates),
        confidence=weakest.confidence,
        reasons=_by_gravity({reason for each in estimates for reason in each.reasons}),
        samples=min(each.samples for each in estimates),
    )


def _make(way: _Way, question: Question, times: LeadTimes, places: WorkPlaces, now: datetime) -> None:
    """Go through the stages that remain, as the last pieces of the line do."""
    progress, template = question.progress, question.template
    if not question.family or question.ready_time is not None or (progress is not None and progress.is_complete):
        return
    stages = [stage.name for stage in template.stages] if template is not None else [question.family]
    behind = progress.done_by_all if progress is not None else 0
    parts = [times.stage(question.family, stage, question.quantity) for stage in stages[behind:]]
    if progress is not None and progress.since is not None and progress.now:
        passed_s = _passed_s(places.workshop, progress.since, now)
        parts = _at_work(way, progress, question, times, parts, passed_s)
    way.go(total(parts), places.workshop)
    way.lean(question.expected_ready_time, now, Reason.WORKSHOP_SAYS)


def _at_work(
    way: _Way, progress: Progress, question: Question, times: LeadTimes, parts: list[Durations], passed_s: float
) -> list[Durations]:
    """Return the parts that remain of a line at work: what has passed is taken off, what is done again is put on."""
    template = question.template
    place = template.place_of(progress.now) if template is not None else None
    if progress.reworks:
        way.reasons.add(Reason.REWORK)
    if template is None or place is None:
        way.reasons.add(Reason.STAGE_UNKNOWN)
        return [_left(way, times.stage(question.family, progress.now, question.quantity), passed_s), *parts]
    if place == progress.done_by_all:
        return [_left(way, parts[0], passed_s), *parts[1:]]
    if place >= min(progress.done_by_all, progress.reached - 1):
        return parts  # this stage is behind the line and the next has not begun, or other pieces are at work in it
    again = [
        times.stage(question.family, stage.name, question.quantity)
        for stage in template.stages[place : progress.done_by_all]
    ]
    return [_left(way, again[0], passed_s), *again[1:], *parts]


def _pack(way: _Way, question: Question, times: LeadTimes, places: WorkPlaces, now: datetime) -> None:
    pick = times.pick()
    if question.ready_time is not None and question.ready_time < now:
        pick = _left(way, pick, _passed_s(places.warehouse, question.ready_time, now))
    way.go(pick, places.warehouse)


def _carry(
    way: _Way, parcel: ParcelNews, question: Question, times: LeadTimes, places: WorkPlaces, now: datetime
) -> None:
    """Go the rest of a parcel's way: by its state where that says more, else by its lane."""
    carrier = parcel.carrier or question.carrier
    of_state, since = times.parcel(carrier, parcel.state), parcel.since
    if of_state is None:
        of_state, since = times.transit(carrier, question.destination), parcel.packed_time
    if parcel.state in _PROBLEMS:
        way.reasons.add(Reason.PARCEL_PROBLEM)
    way.go(_left(way, of_state, _passed_s(places.carrier, since, now)), places.carrier)
    way.lean(parcel.expected_time, now, Reason.CARRIER_SAYS)


def _passed_s(calendar: WorkCalendar, since: datetime, now: datetime) -> float:
    """Return the seconds at work since then; what began more than LONGEST_PASSED ago counts as that."""
    start = min(max(since, now - LONGEST_PASSED), now)
    return calendar.working_time(start, now).total_seconds()


def _left(way: _Way, durations: Durations, passed_s: float) -> Durations:
    """Return what is left of a part, and note one that takes longer than nine of ten do."""
    if passed_s > durations.values[HIGH]:
        way.reasons.add(Reason.OVERDUE)
    return durations.after(passed_s)


def _confidence(samples: int, reasons: Iterable[Reason]) -> Confidence:
    """Return the word: by how much was observed, a step down for each thing that is out of the ordinary."""
    steps = 2 if samples >= ENOUGH_SAMPLES else 1 if samples >= SOME_SAMPLES else 0
    steps -= sum(1 for reason in reasons if reason in _LOWERING)
    return (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)[max(steps, 0)]


def _by_gravity(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    found = sorted(reasons, key=_GRAVITY.__getitem__)
    return tuple(found) or (Reason.USUAL,)
