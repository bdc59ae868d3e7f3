"""Owns cases as documents; every save is a compare and set and leaves with its events (docs/consistency.md rule 1).

An event of the log ``cases`` tells that a case was opened, answered, closed or opened again, and what the case is then;
the words of customers and of the desk stay here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
    Scalar,
)
from services.chassis.erasure.policies import DELETED, scrub
from services.chassis.erasure.subjects import Subjects
from services.chassis.eventlog.outbox import OUTBOX_INDEX, OutboxEvent, outbox_of, with_outbox
from services.kits.times import micros
from services.knowledge.domain.cases import Case, CaseState, entries_since
from services.knowledge.store.case_bodies import case_body, case_from_body

CASES_LOG: Final = "cases"
CASE_OPENED, CASE_REOPENED = "CaseOpened", "CaseReopened"
CASE_ANSWERED, CASE_CLOSED = "CaseAnswered", "CaseClosed"
BY_OPENED: Final = "opened"
BY_STATE: Final = "state"
BY_DUE: Final = "due"
BY_OWNER: Final = "owner"
BY_CUSTOMER: Final = "customer"
BY_ORDER: Final = "order"
BY_CLOCK: Final = "clock"
CASES: Final = Collection(
    "cases",
    (
        Index(BY_OPENED, ("at.opened_us",)),
        Index(BY_STATE, ("at.state", "at.opened_us")),
        Index(BY_DUE, ("at.state", "at.due_us")),
        Index(BY_OWNER, ("at.owner", "at.state", "at.due_us")),
        Index(BY_CUSTOMER, ("at.customer", "at.opened_us")),
        Index(BY_ORDER, ("at.order", "at.opened_us")),
        Index(BY_CLOCK, ("at.next_us",)),
        OUTBOX_INDEX,
    ),
)
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case with its place in the store; ``outbox``: what its document keeps of events that have not left."""

    case: Case
    revision: int
    outbox: Body = field(default_factory=dict)


class CaseStore:
    """Cases by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(CASES)

    async def get(self, case_id: str) -> StoredCase | None:
        """Return the case or None."""
        document = await self._documents.get(CASES, case_id) if case_id else None
        return None if document is None else _stored(document)

    async def beginning_with(self, prefix: str, limit: int) -> tuple[Case, ...]:
        """Return the first cases whose ids begin so."""
        page = await self._documents.scan(CASES, after=prefix, limit=limit)
        return tuple(_stored(each).case for each in page.documents if each.key.startswith(prefix))

    async def insert(self, case: Case) -> StoredCase | None:
        """Store a new case; None when its id is taken."""
        case = replace(case, version=1)
        body = _body(case, [event_of(case, CASE_OPENED, case.opened_time)], {})
        try:
            return _stored(await self._documents.insert(CASES, case.id, body))
        except KeyTakenError:
            return None

    async def save(self, before: StoredCase, after: Case) -> StoredCase | None:
        """Replace what was read; None when another was faster. Raises OutboxFullError."""
        after = replace(after, version=before.case.version + 1)
        body = _body(after, _events(before.case, after), before.outbox)
        try:
            document = await self._documents.replace(CASES, after.id, body, expected_revision=before.revision)
        except RevisionMismatchError:
            return None
        return _stored(document)

    async def page(
        self, state: CaseState | None, *, owner: str | None = None, after: str | None, limit: int
    ) -> tuple[tuple[Case, ...], str | None]:
        """Return cases: open ones by due time, others (and all) the latest first; ``owner`` "": nobody's."""
        index, equals, descending = BY_OPENED, dict[str, Scalar](), True
        if owner is not None:
            index, equals = BY_OWNER, {"at.owner": owner}
            if state is not None:
                equals["at.state"] = state.value
            descending = state is not CaseState.OPEN
        elif state is CaseState.OPEN:
            index, equals, descending = BY_DUE, {"at.state": state.value}, False
        elif state is not None:
            index, equals = BY_STATE, {"at.state": state.value}
        page = await self._documents.find(CASES, index, equals, after=after, limit=limit, descending=descending)
        return tuple(_stored(document).case for document in page.documents), page.next_after

    async def of_customer(self, identifier: str, *, until_us: int | None, limit: int) -> tuple[Case, ...]:
        """Return the cases that came with an identifier, the latest first, opened at ``until_us`` or before."""
        return await self._latest(BY_CUSTOMER, {"at.customer": identifier}, until_us, limit)

    async def about_order(self, number: str, *, until_us: int | None, limit: int) -> tuple[Case, ...]:
        """Return the cases about an order of this number, the latest first, opened at ``until_us`` or before."""
        return await self._latest(BY_ORDER, {"at.order": number}, until_us, limit)

    async def for_the_clock(self, now: datetime, limit: int) -> tuple[StoredCase, ...]:
        """Return cases for which the clock has something to do, the longest waiting first."""
        page = await self._documents.find(CASES, BY_CLOCK, {}, range_=Range(below=micros(now) + 1), limit=limit)
        return tuple(_stored(document) for document in page.documents)

    async def count(self, state: CaseState | None = None, *, owner: str | None = None) -> int:
        """Count all cases, those in a state, or those in a state and in somebody's hands."""
        if state is None:
            return await self._documents.count(CASES)
        if owner is None:
            return await self._documents.count(CASES, BY_STATE, {"at.state": state.value})
        return await self._documents.count(CASES, BY_OWNER, {"at.owner": owner, "at.state": state.value})

    async def _latest(
        self, index: str, equals: Mapping[str, Scalar], until_us: int | None, limit: int
    ) -> tuple[Case, ...]:
        range_ = None if until_us is None else Range(below=until_us + 1)
        page = await self._documents.find(CASES, index, equals, range_=range_, limit=limit, descending=True)
        return tuple(_stored(document).case for document in page.documents)


def erased_with_customer(document: Document, subjects: Subjects) -> Body | str | None:
    """Return what becomes of a case or contact: an erased customer's goes, another's loses the erased one's names."""
    return DELETED if document.body["customer"] in subjects else scrub(document, subjects)


def event_of(case: Case, event_type: str, time: datetime) -> OutboxEvent:
    """Return the event that tells how a case stands."""
    return OutboxEvent(
        type=event_type,
        occurred_time=time,
        shop=case.shop,
        channel=case.channel,
        subject=case.customer,
        payload={
            "case_id": case.id,
            "kind": case.kind.value,
            "state": case.state.value,
            "customer": case.customer,
            "order_number": case.order_number,
            "product_id": case.product_id,
            "owner": case.owner,
            "cause": "" if case.cause is None else case.cause.value,
            "life": case.life,
            "opened_us": micros(case.opened_time),
            "due_us": micros(case.due_time),
            "answered_us": None if case.answered_time is None else micros(case.answered_time),
            "breached": case.breached,
            "version": case.version,
        },
        schema_version=SCHEMA_VERSION,
    )


def _events(before: Case, after: Case) -> list[OutboxEvent]:
    """Return what a change tells: that a life began, or how the state moved."""
    entries = entries_since(before, after)
    if not entries:
        return []
    if after.life > before.life:
        return [event_of(after, CASE_REOPENED, entries[-1].time)]
    if after.state is not before.state:
        moved = CASE_CLOSED if after.state is CaseState.CLOSED else CASE_ANSWERED
        return [event_of(after, moved, entries[-1].time)]
    return []


def _body(case: Case, events: list[OutboxEvent], outbox: Body) -> dict[str, Any]:
    return with_outbox({**case_body(case), "at": _places(case), **outbox}, case.version, events)


def _places(case: Case) -> dict[str, Any]:
    """Return what a case is found by."""
    return {
        "state": case.state.value,
        "owner": case.owner,
        "customer": case.customer,
        "order": case.order_number or None,
        "opened_us": micros(case.opened_time),
        "due_us": micros(case.due_time),
        "next_us": None if case.next_time is None else micros(case.next_time),
    }


def _stored(document: Document) -> StoredCase:
    return StoredCase(case_from_body(document.body), document.revision, outbox_of(document.body))
