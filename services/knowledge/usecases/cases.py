"""What happens to cases: customers open and write, the desk answers, the clock ticks. Load, decide, save.

Every decision is the domain's; when another writer was faster, the case is read and decided again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from services.chassis.clock import Clock
from services.chassis.erasure.subjects import Subject
from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import InvalidArgumentError
from services.kits.text.identifiers import parse_identifier
from services.kits.times import micros
from services.knowledge.domain import cases as steps
from services.knowledge.domain.answer_clock import AnswerClock
from services.knowledge.domain.cases import Act, Case, CaseKind, CaseState, Cause, Entry, Opening, What, entries_since
from services.knowledge.domain.errors import (
    CaseNotFoundError,
    CustomerNotFoundError,
    DeskContendedError,
    DeskVersionMismatchError,
    RequestIdReusedError,
)
from services.knowledge.store.cases import CaseStore, StoredCase
from services.knowledge.store.customers import CustomerStore
from services.knowledge.usecases.customers import identifier_named

ANY_VERSION: Final = 0
OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
TRIES: Final = 16  # against others who change the same case
REQUEST_ID_LIMIT: Final = 256  # characters
TICKED_AT_ONCE: Final = 200
COUNTED_LIMIT: Final = 1_000
LOOKS_LIMIT: Final = 100  # reads for one page of a kind
EXPORTED_LIMIT: Final = 1_000  # cases of one identifier
SHORTEST_PREFIX: Final = 6  # of an id, "k-" included

Change = Callable[[Case], Case]
Saved = Callable[[Case, tuple[Entry, ...]], None]


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """What cases are kept with. ``saved`` hears of every entry that was saved."""

    cases: CaseStore
    customers: CustomerStore
    clock: Clock
    answer_clock: AnswerClock
    saved: Saved
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose cases a caller may see: of these identifiers, of this shop; empty means of all."""

    customers: tuple[str, ...] = ()
    shop: str = ""

    def holds(self, case: Case) -> bool:
        """Tell whether the caller may see it."""
        return (not self.customers or case.customer in self.customers) and self.shop in ("", case.shop)


EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True)
class Deed:
    """Who does what to which case. ``expected_version`` 0 means any."""

    case_id: str
    actor: str
    expected_version: int = ANY_VERSION
    request_id: str = ""
    scope: Scope = EVERYTHING
    time: datetime | None = None  # of what is taken over from another desk


@dataclass(frozen=True, slots=True)
class Standing:
    """How the desk stands."""

    open: int
    unassigned: int
    due_soon: int
    breached: int
    answered: int
    closed: int


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Which cases. ``customer`` or ``order_number`` name the list alone; ``owner`` "": nobody's, None: anybody's."""

    state: CaseState | None = None
    owner: str | None = None
    customer: str = ""
    order_number: str = ""
    scope: Scope = EVERYTHING
    kind: CaseKind | None = None


def case_id_of(request_id: str) -> str:
    """Return the id of the case that a request opens, equal for its repetition. Raises InvalidArgumentError."""
    return f"k-{_hashed(request_id)}"


async def create_case(
    desk: CaseDesk, opening: Opening, *, actor: str, request_id: str, time: datetime | None = None
) -> Case:
    """Open a case; the same request again answers it as it stands. ``time``: when it came, if not now.

    Raises InvalidArgumentError, IdentifierInvalidError, RequestIdReusedError.
    """
    case_id = case_id_of(request_id)
    checked = steps.checked_opening(
        Opening(
            kind=opening.kind,
            customer=parse_identifier(opening.customer),
            shop=opening.shop,
            channel=opening.channel,
            order_number=opening.order_number,
            product_id=opening.product_id,
            title=opening.title,
            text=opening.text,
        )
    )
    _check_not_erased(desk, checked.customer)
    known = await desk.cases.get(case_id)
    if known is None:
        act = Act(actor, _moment(desk, time), request_id)
        kept = await desk.cases.insert(steps.open_case(case_id, checked, act, desk.answer_clock))
        if kept is not None:
            desk.saved(kept.case, kept.case.history)
            return kept.case
        known = await _existing(desk, case_id, EVERYTHING)
    if known.case.history[0].asked != checked.asked:
        raise RequestIdReusedError("this request id came with another request before")
    return known.case


async def get_case(desk: CaseDesk, case_id: str, scope: Scope = EVERYTHING) -> Case:
    """Return a case, also by an unmistakable beginning of its id. Raises CaseNotFoundError."""
    stored = await desk.cases.get(case_id)
    if stored is None and len(case_id) >= SHORTEST_PREFIX:
        alike = await desk.cases.beginning_with(case_id, 2)
        if len(alike) == 1 and scope.holds(alike[0]):
            return alike[0]
    if stored is None or not scope.holds(stored.case):
        raise CaseNotFoundError("there is no case of this id", resource="case", id=case_id)
    return stored.case


async def list_cases(
    desk: CaseDesk, query: CaseQuery, *, after: object, limit: int
) -> tuple[tuple[Case, ...], object | None]:
    """Return a page of cases and where the next begins. Raises IdentifierInvalidError, InvalidArgumentError."""
    if query.customer:
        identifiers = await _identifiers_of(desk, query.customer)
        if query.scope.customers:
            identifiers = tuple(each for each in identifiers if each in query.scope.customers)
        return await _latest_of(desk, query, identifiers, after, limit)
    if query.scope.customers or query.order_number:
        return await _latest_of(desk, query, query.scope.customers, after, limit)
    if query.scope.shop:
        raise InvalidArgumentError("name a customer or an order", field="customer")
    if query.kind is not None:
        return await _of_kind(desk, query, _text(after), limit)
    return await desk.cases.page(query.state, owner=query.owner, after=_text(after), limit=limit)


async def count_cases(desk: CaseDesk) -> Standing:
    """Return how the desk stands."""
    due_soon = breached = 0
    now = desk.clock.now()
    waiting, _ = await desk.cases.page(CaseState.OPEN, after=None, limit=COUNTED_LIMIT)
    for case in waiting:
        breached += now > case.due_time
        due_soon += case.warn_time <= now <= case.due_time
    return Standing(
        open=await desk.cases.count(CaseState.OPEN),
        unassigned=await desk.cases.count(CaseState.OPEN, owner=""),
        due_soon=due_soon,
        breached=breached,
        answered=await desk.cases.count(CaseState.ANSWERED),
        closed=await desk.cases.count(CaseState.CLOSED),
    )


async def reply_case(desk: CaseDesk, deed: Deed, text: str) -> Case:
    """Answer the customer. Raises as services.knowledge.domain.cases.reply."""
    return await _changed(desk, deed, lambda case: steps.reply(case, _act(desk, deed), text))


async def note_case(desk: CaseDesk, deed: Deed, text: str) -> Case:
    """Keep a note. Raises as services.knowledge.domain.cases.note."""
    return await _changed(desk, deed, lambda case: steps.note(case, _act(desk, deed), text))


async def write_case(desk: CaseDesk, deed: Deed, text: str) -> Case:
    """Keep what the customer says further. Raises as services.knowledge.domain.cases.write."""
    return await _changed(desk, deed, lambda case: steps.write(case, _act(desk, deed), text, desk.answer_clock))


async def assign_case(desk: CaseDesk, deed: Deed, owner: str) -> Case:
    """Give a case into somebody's hands. Raises as services.knowledge.domain.cases.assign."""
    return await _changed(desk, deed, lambda case: steps.assign(case, _act(desk, deed), owner))


async def close_case(desk: CaseDesk, deed: Deed, cause: Cause | None, text: str) -> Case:
    """End a case. Raises as services.knowledge.domain.cases.close."""
    return await _changed(desk, deed, lambda case: steps.close(case, _act(desk, deed), cause, text))


async def reopen_case(desk: CaseDesk, deed: Deed, text: str) -> Case:
    """Begin a new life. Raises as services.knowledge.domain.cases.reopen."""
    return await _changed(desk, deed, lambda case: steps.reopen(case, _act(desk, deed), text, desk.answer_clock))


async def exported_cases(desk: CaseDesk, subject: Subject) -> Mapping[str, Any]:
    """Return a person's cases as that person may see them, the latest first."""
    found: list[Case] = []
    for identifier in subject.identifiers:
        found.extend(await desk.cases.of_customer(identifier, until_us=None, limit=EXPORTED_LIMIT))
    return {
        "cases": [
            {
                "id": case.id,
                "kind": case.kind.value,
                "state": case.state.value,
                "opened_time": case.opened_time.isoformat(),
                "order_number": case.order_number,
                "product_id": case.product_id,
                "title": case.title,
                "text": case.text,
                "history": [
                    {"what": each.what.value, "time": each.time.isoformat(), "text": each.text}
                    for each in steps.shown_to_customer(case.history)
                ],
            }
            for case in sorted(found, key=_place, reverse=True)
        ]
    }


async def tick_cases(desk: CaseDesk) -> int:
    """Let the clock pass over the cases that it has something to do for; return how many it changed.

    A case that another changes meanwhile is left for the next tick.
    """
    now, changed = desk.clock.now(), 0
    for stored in await desk.cases.for_the_clock(now, TICKED_AT_ONCE):
        after = steps.tick(stored.case, now)
        if after != stored.case:
            changed += await _save(desk, stored, after) is not None
    return changed


async def _of_kind(
    desk: CaseDesk, query: CaseQuery, after: str | None, limit: int
) -> tuple[tuple[Case, ...], object | None]:
    """Look for a kind through the cases, which no index keeps by it, up to a limit; the next page goes on there."""
    found: list[Case] = []
    for _ in range(LOOKS_LIMIT):
        cases, after = await desk.cases.page(query.state, owner=query.owner, after=after, limit=limit - len(found))
        found.extend(case for case in cases if case.kind is query.kind)
        if after is None or len(found) == limit:
            break
    return tuple(found), after


async def _latest_of(
    desk: CaseDesk, query: CaseQuery, identifiers: Sequence[str], after: object, limit: int
) -> tuple[tuple[Case, ...], object | None]:
    """Return the latest cases of several identifiers, or about an order, as one list. ``after``: [opened, id]."""
    position = after if isinstance(after, list) and len(after) == 2 else None
    until_us = None if position is None else int(position[0])
    # Cases of one moment stand in the order of their ids, so that some of them may lie on the page before.
    wanted = limit + 1 + (len(identifiers) or 1)
    if query.state is not None or query.kind is not None:
        wanted = COUNTED_LIMIT  # those that fit may lie far behind those that do not
    found: list[Case] = []
    if query.order_number:
        found.extend(await desk.cases.about_order(query.order_number, until_us=until_us, limit=wanted))
        if query.customer or query.scope.customers:
            found = [case for case in found if case.customer in identifiers]
    else:
        for identifier in identifiers:
            found.extend(await desk.cases.of_customer(identifier, until_us=until_us, limit=wanted))
    listed = sorted(
        (case for case in found if _fits(case, query)),
        key=_place,
        reverse=True,
    )
    if position is not None:
        listed = [case for case in listed if _place(case) < (int(position[0]), str(position[1]))]
    page = tuple(listed[:limit])
    return page, list(_place(page[-1])) if len(listed) > limit else None


def _fits(case: Case, query: CaseQuery) -> bool:
    return query.scope.holds(case) and query.state in (None, case.state) and query.kind in (None, case.kind)


async def _identifiers_of(desk: CaseDesk, name: str) -> tuple[str, ...]:
    """Return everybody's identifiers whom this names; a stranger's own."""
    try:
        identifier = await identifier_named(desk.customers, name, must_be_known=False)
    except CustomerNotFoundError:
        return ()
    return (await desk.customers.closure([identifier])).people[identifier].identifiers


async def _changed(desk: CaseDesk, deed: Deed, change: Change) -> Case:
    for _ in range(TRIES):
        stored = await _existing(desk, deed.case_id, deed.scope)
        _check_not_erased(desk, stored.case.customer)
        after = change(stored.case)
        if after == stored.case:  # it was done already, under whichever version
            return after
        _moment(desk, deed.time, after=_last_said(stored.case))
        if deed.expected_version not in (ANY_VERSION, stored.case.version):
            raise DeskVersionMismatchError(
                f"the case stands at version {stored.case.version}; read it again", id=deed.case_id
            )
        if (kept := await _save(desk, stored, after)) is not None:
            return kept
    raise DeskContendedError("others keep changing this case", id=deed.case_id)


async def _save(desk: CaseDesk, before: StoredCase, after: Case) -> Case | None:
    kept = await desk.cases.save(before, after)
    if kept is None:
        return None
    desk.saved(kept.case, entries_since(before.case, kept.case))
    return kept.case


async def _existing(desk: CaseDesk, case_id: str, scope: Scope) -> StoredCase:
    stored = await desk.cases.get(case_id)
    if stored is None or not scope.holds(stored.case):
        raise CaseNotFoundError("there is no case of this id", resource="case", id=case_id)
    return stored


def _act(desk: CaseDesk, deed: Deed) -> Act:
    if len(deed.request_id) > REQUEST_ID_LIMIT:
        raise InvalidArgumentError(f"a request id has at most {REQUEST_ID_LIMIT} characters", field="request_id")
    return Act(deed.actor, _moment(desk, deed.time), deed.request_id)


def _moment(desk: CaseDesk, time: datetime | None, *, after: datetime | None = None) -> datetime:
    """Return when something happened: now, or a given time of the past, not before what happened last."""
    now = desk.clock.now()
    if time is None:
        return now
    if not max(after or OLDEST, OLDEST) <= time <= now:
        raise InvalidArgumentError("a time of the past, not before what happened last", field="time")
    return time


def _last_said(case: Case) -> datetime:
    """Return when a person did something last; what the clock noted since does not hold up who takes a case over."""
    return max(entry.time for entry in case.history if entry.what not in (What.WARNED, What.BREACHED))


def _check_not_erased(desk: CaseDesk, customer: str) -> None:
    if desk.suppression is not None:
        desk.suppression.check([customer], where="cases")


def _place(case: Case) -> tuple[int, str]:
    return micros(case.opened_time), case.id


def _text(after: object) -> str | None:
    return after if isinstance(after, str) else None


def _hashed(request_id: str) -> str:
    if not 1 <= len(request_id) <= REQUEST_ID_LIMIT:
        raise InvalidArgumentError(f"a request id has 1 to {REQUEST_ID_LIMIT} characters", field="request_id")
    return blake2b(request_id.encode("utf-8", "replace"), digest_size=10).hexdigest()
