"""Keeps promises up with what is told, with the time that passes, and with how long things really take.

Three pieces: the follower of ``order-events`` marks each order of which something was told (``Marking``); one replica
looks at the orders whose time has come (``PromiseKeeper``); every replica learns lead times from orders that moved on
(``LeadTimeLearner``). Nothing's correctness rests on there being one keeper: what it writes carries the order's own
numbers.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from services.chassis.clock import Clock
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event
from services.chassis.logs import get_log, log_defect
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.kits.purchases import ORDER_PLACED
from services.kits.times import micros
from services.orders.domain.expecting import lessons_of
from services.orders.domain.lead_times import Assumptions, LeadTimes, Observations
from services.orders.domain.lifecycle import LIFECYCLE, PRODUCTION_COMPLETED, SHIPMENT_CREATED, SHIPMENT_DELIVERED
from services.orders.domain.order import OrderRef
from services.orders.domain.payloads import order_of
from services.orders.domain.promised import LONGEST_LOOK
from services.orders.store.late import LateStore
from services.orders.store.looks import LookStore, Mark
from services.orders.store.orders import OrderStore, StoredOrder
from services.orders.usecases.promises import Foresight, Look, Promises
from services.orders.usecases.reading import answer_of

HISTORY_AGE: Final = timedelta(days=60)  # what was told that much later is history: it teaches and is not promised
LOOK_INTERVAL_S: Final = 0.25
MAX_LOOKS: Final = 50  # of one pass, so that requests come in between
LEARN_INTERVAL_S: Final = 60.0
MAX_LEARNED: Final = 4_000  # orders that are read at the start, the newest
LEARN_BATCH: Final = 50
MAX_LESSONS_KNOWN: Final = 200_000  # ids, so that an order that moves on twice teaches each thing once

PROMISE_METRICS: Final = (
    Metric("zhike_orders_promise_versions_total", MetricKind.COUNTER, "Versions of promises that were made."),
    Metric(
        "zhike_orders_delay_notices_total",
        MetricKind.COUNTER,
        "Slips that were told: in time, or late, after the promise was broken.",
        ("when",),
    ),
    Metric(
        "zhike_orders_overdue_looks", MetricKind.GAUGE, "Orders whose promise waits to be looked at, at most 1,000."
    ),
    Metric(
        "zhike_orders_failed_looks_total",
        MetricKind.COUNTER,
        "Looks at an order that failed for good: a defect, in the log; the order is looked at again in half a day.",
    ),
    Metric("zhike_orders_lessons_total", MetricKind.COUNTER, "Observations of how long parts of an order's way took."),
)

# Failures that come again however often one tries; a store that is away is none of them.
DETERMINISTIC: Final = (ArithmeticError, LookupError, TypeError, ValueError)

_OWN: Final = frozenset(each.name for each in LIFECYCLE if each.own)
_TEACHING: Final = frozenset({PRODUCTION_COMPLETED, SHIPMENT_CREATED, SHIPMENT_DELIVERED})

log = get_log("promises")


class Marking:
    """The projection of orders, and the marks that it leaves. Silent while its generation is only being built."""

    def __init__(
        self, projection: Projection, looks: LookStore, clock: Clock, *, is_active: Callable[[], bool]
    ) -> None:
        self.name = projection.name
        self._projection, self._looks, self._clock, self._is_active = projection, looks, clock, is_active

    async def apply(self, events: Sequence[Event]) -> None:
        await self._projection.apply(events)
        if self._is_active():
            await self._looks.mark(marks_of(events), now_us=micros(self._clock.now()))


def marking(
    build: Callable[[str, Resolve], Projection], generations: Generations, looks: LookStore, clock: Clock
) -> Callable[[str, Resolve], Projection]:
    """Return a builder whose projections mark."""

    def build_marking(name: str, resolve: Resolve) -> Projection:
        def is_active() -> bool:
            return generations.projection_name(generations.active) == name

        return Marking(build(name, resolve), looks, clock, is_active=is_active)

    return build_marking


def marks_of(events: Sequence[Event]) -> list[Mark]:
    """Return one mark for each order of which something was told that matters to promises."""
    marks: dict[str, Mark] = {}
    for event in events:
        order = order_of(event.payload, synthetic=event.synthetic)
        if order is None or event.type in _OWN:
            continue
        is_history = event.recorded_time - event.occurred_time > HISTORY_AGE
        at_a_till = event.type == ORDER_PLACED and bool(event.payload.get("handed_over"))
        look = not is_history and not at_a_till
        taught_us = micros(event.recorded_time) if event.type in _TEACHING else None
        if not look and taught_us is None:
            continue
        known = marks.get(order.id)
        if known is not None:
            look, taught_us = look or known.look, taught_us if taught_us is not None else known.taught_us
        marks[order.id] = Mark(order, look, taught_us)
    return list(marks.values())


class PromiseKeeper:
    """Looks at the orders whose time has come: a pass of a singleton job."""

    def __init__(self, looks: LookStore, late: LateStore, promises: Promises, clock: Clock, metrics: Metrics) -> None:
        self._looks, self._late, self._promises, self._clock = looks, late, promises, clock
        self._versions = metrics.counter("zhike_orders_promise_versions_total")
        self._notices = metrics.counter("zhike_orders_delay_notices_total")
        self._overdue = metrics.gauge("zhike_orders_overdue_looks")
        self._failed = metrics.counter("zhike_orders_failed_looks_total")

    async def run(self) -> None:
        """Look at up to MAX_LOOKS orders, the longest waiting first."""
        due = await self._looks.due(now_us=micros(self._clock.now()), limit=MAX_LOOKS)
        known = await self._late.known([each.order for each in due])
        for each in due:
            look = await self._look(each.order)
            await self._late.settle(each.order, look.late, known.get(each.order.id))
            next_us = micros(look.next_time) if look.next_time is not None else None
            if not await self._looks.set_next(each, next_us):
                # Marked meanwhile, or looked at by another holder, whose facts may have been newer: once more.
                await self._looks.mark([Mark(each.order, look=True)], now_us=micros(self._clock.now()))
            self._versions.inc(look.versions)
            if look.notice is not None:
                self._notices.labels("late" if look.notice.is_late else "in-time").inc()
                log.info("delay told", order=each.order.id, slip=look.notice.slip, late=look.notice.is_late)
            await asyncio.sleep(0)
        waiting = await self._looks.waiting(now_us=micros(self._clock.now())) if len(due) == MAX_LOOKS else 0
        self._overdue.set(waiting)

    async def _look(self, order: OrderRef) -> Look:
        """Look at one order. One that cannot be estimated at all holds up no other: it is a defect, and waits."""
        try:
            return await self._promises.look(order)
        except DETERMINISTIC as error:
            log_defect(log, "order cannot be estimated", error, order=order.id)
            self._failed.inc()
            return Look(self._clock.now() + LONGEST_LOOK)


class LeadTimeLearner:
    """Learns from orders that moved on: a pass of a job of every replica."""

    def __init__(
        self, looks: LookStore, orders: OrderStore, foresight: Foresight, assumed: Assumptions, metrics: Metrics
    ) -> None:
        self._looks, self._orders, self._foresight, self._assumed = looks, orders, foresight, assumed
        self._lessons = metrics.counter("zhike_orders_lessons_total")
        self._observations = Observations()
        self._known: dict[str, None] = {}
        self._after_us = 0

    async def run(self) -> None:
        """Read what moved on since the last pass, a few orders at a time, and let estimates rest on it."""
        taught = await self._looks.taught(after_us=self._after_us, newest=MAX_LEARNED)
        learned = 0
        for start in range(0, len(taught), LEARN_BATCH):
            batch = taught[start : start + LEARN_BATCH]
            stored = await self._orders.get_many([order.id for order, _ in batch])
            for each in stored.values():
                learned += self._learn_from(each)
                await asyncio.sleep(0)
        if taught:
            self._after_us = taught[-1][1] + 1
        if learned:
            self._foresight.times = LeadTimes(self._assumed, self._observations.durations())
            self._lessons.inc(learned)

    def _learn_from(self, stored: StoredOrder) -> int:
        """Learn from one order and return how much was new; one that cannot be read teaches nothing."""
        foresight = self._foresight
        try:
            lessons = list(lessons_of(answer_of(stored).state, foresight.catalog, self._assumed, foresight.places))
        except DETERMINISTIC as error:
            log_defect(log, "order teaches nothing", error, order=stored.ref.id)
            return 0
        return sum(self._learn(lesson.id, lesson.groups, lesson.seconds) for lesson in lessons)

    def _learn(self, name: str, groups: Sequence[str], seconds: float) -> bool:
        if name in self._known:
            return False
        if len(self._known) >= MAX_LESSONS_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[name] = None
        self._observations.add(groups, seconds)
        return True
