"""Promising: before a purchase by product, after it by order; every version and every notice a fact of the log.

Looking at an order is idempotent: its answer depends on the facts that are known and on the time, and what it writes
carries the order's own numbers. An order whose facts have not all been read yet is looked at again when they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgumentError
from services.chassis.eventlog.port import VerdictStatus
from services.kits.calendars.work_calendar import NoWorkingTimeError
from services.kits.event_forms import EventRefusedError
from services.orders.domain.errors import ProductUnknownError
from services.orders.domain.expecting import questions_of
from services.orders.domain.late import LateOrder, late_order
from services.orders.domain.lead_times import LeadTimes
from services.orders.domain.lifecycle import LIFECYCLE
from services.orders.domain.offers import Offer, question_of
from services.orders.domain.order import OrderRef, OrderState
from services.orders.domain.promise import MAX_LINE_QUANTITY, Question, WorkPlaces, estimate, estimate_of_order
from services.orders.domain.promise_facts import (
    LinePromise,
    cause_seq_of,
    delay_fact,
    notices_of,
    promise_fact,
    versions_of,
)
from services.orders.domain.promise_words import delay_words
from services.orders.domain.promised import (
    Cause,
    DelayNotice,
    Promised,
    delay_due,
    next_look_time,
    next_version,
    promised_of,
)
from services.orders.domain.reports import CheckedEvent, checked_destination
from services.orders.domain.stage_catalog import StageCatalog
from services.orders.store.orders import OrderStore
from services.orders.store.products import ProductCopies
from services.orders.usecases.reading import answer_of
from services.orders.usecases.writing import Writer, Writing

NOTHING_EXPECTED: Final = None

_OWN: Final = frozenset(each.name for each in LIFECYCLE if each.own)


@dataclass(slots=True)
class Foresight:
    """What estimates rest on: the tables, the calendars, and the lead times, which are learned while it runs."""

    catalog: StageCatalog
    places: WorkPlaces
    times: LeadTimes


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at an order. ``next_time`` None: nothing more is expected of it, so it is not late."""

    next_time: datetime | None
    versions: int = 0
    notice: DelayNotice | None = None
    late: LateOrder | None = None


class Promises:
    """Makes and keeps promises."""

    def __init__(
        self, orders: OrderStore, products: ProductCopies, writing: Writing, foresight: Foresight, clock: Clock
    ) -> None:
        self._orders, self._products, self._writing = orders, products, writing
        self._foresight, self._clock = foresight, clock

    async def offer(self, product_id: str, quantity: int, destination: str) -> Offer:
        """Return the promise of a product before it is bought.

        Raises ProductUnknownError, InvalidArgumentError (quantity, destination).
        """
        if not 1 <= quantity <= MAX_LINE_QUANTITY:
            raise InvalidArgumentError(f"a quantity is 1 to {MAX_LINE_QUANTITY:,}", field="quantity")
        try:
            where = checked_destination(destination) if destination else ""
        except EventRefusedError as error:
            raise InvalidArgumentError(error.message, field="destination") from error
        product = await self._products.get(product_id)
        if product is None:
            raise ProductUnknownError("the catalogue has no such product", resource="product", id=product_id)
        found = None
        if product.has(quantity):
            foresight = self._foresight
            question = question_of(product, quantity, where, foresight.catalog)
            try:
                found = estimate(question, foresight.times, foresight.places, now=self._clock.now())
            except NoWorkingTimeError as error:
                raise InvalidArgumentError("so many pieces are beyond any calendar", field="quantity") from error
        return Offer(product_id, quantity, where, bool(product.family), found)

    async def look(self, order: OrderRef) -> Look:
        """Estimate an order anew; write what is new, and tell a slip."""
        stored = await self._orders.get(order.id)
        if stored is None:
            return Look(NOTHING_EXPECTED)
        now, state = self._clock.now(), answer_of(stored).state
        families = await self._families(state)
        questions = questions_of(state, families, self._foresight.catalog)
        if not questions:
            return Look(NOTHING_EXPECTED)
        lines = [self._line(line, asked, now) for line, asked in questions.items()]
        promised = promised_of(versions_of(state.promises), notices_of(state.notices))
        return await self._decide(order, state, lines, promised, now)

    async def _decide(
        self, order: OrderRef, state: OrderState, lines: Sequence[LinePromise], promised: Promised, now: datetime
    ) -> Look:
        whole = estimate_of_order([line.estimate for line in lines])
        cause, cause_seq = _cause(state)
        events: list[CheckedEvent] = []
        version = next_version(promised, whole, cause, now=now)
        if version is not None:
            events.append(promise_fact(order, version, lines, cause_seq=cause_seq))
            promised = promised_of([*versions_of(state.promises), version], notices_of(state.notices))
        notice = delay_due(promised, whole, now=now)
        if notice is not None:
            words = delay_words(notice, whole.reason, self._foresight.places.workshop.zone)
            events.append(delay_fact(order, notice, words, whole.reason, now=now))
            promised = Promised(notice.promised_time, promised.latest, promised.versions, notice.slip)
        told_before = notices_of(state.notices)
        if not events:
            return Look(next_look_time(promised, now=now), late=late_order(order, told_before, promised, whole))
        verdicts = await self._writing.append(events, Writer(order.synthetic))
        stored = [verdict.status is VerdictStatus.STORED for verdict in verdicts]
        told = notice if notice is not None and stored[-1] else None
        late = late_order(order, [*told_before, *([told] if told is not None else [])], promised, whole)
        return Look(next_look_time(promised, now=now), int(version is not None and stored[0]), told, late)

    def _line(self, line: int, questions: Sequence[Question], now: datetime) -> LinePromise:
        foresight = self._foresight
        found = [estimate(question, foresight.times, foresight.places, now=now) for question in questions]
        return LinePromise(line, estimate_of_order(found), next((each.family for each in questions if each.family), ""))

    async def _families(self, state: OrderState) -> Mapping[str, str]:
        """Return the families of the products of lines that nobody told one of."""
        asked = [line.line.product_id for line in state.lines if not line.family]
        known = await self._products.get_many(asked)
        return {product.id: product.family for product in known.values()}


def _cause(state: OrderState) -> tuple[Cause, int]:
    """Return what was told last, and its number; time alone where nothing was told since the last version."""
    told = [fact for fact in state.history if fact.type not in _OWN]
    newest = max(told, key=lambda fact: fact.seq, default=None)
    known = max((cause_seq_of(fact) for fact in state.promises if "cause" in fact.details), default=0)
    if newest is None or newest.seq <= known:
        return Cause(), known
    return Cause(newest.type, newest.id), newest.seq
