"""Writing what is said of people: claims, joins and partings by hand, consent. Each is one event of the claims log.

The answer is the customer as it is afterwards: a use case waits until its own event has been read back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.chassis.erasure.suppression import SubjectErasedError, Suppression
from services.chassis.eventlog.port import EventLog, NewEvent, VerdictStatus
from services.chassis.eventlog.tombstones import leaves_no_trace
from services.kits.text.identifiers import by_strength, parse_identifier
from services.knowledge.domain.errors import (
    MergeRefusedError,
    ProjectionLateError,
    RequestIdReusedError,
    UnmergeGroupsError,
)
from services.knowledge.domain.facts import DENIED, GRANTED
from services.knowledge.domain.identity import Person
from services.knowledge.domain.profile import Customer
from services.knowledge.domain.statements import (
    CLAIMS_WRITTEN,
    CONSENT_STATED,
    IDENTIFIERS_JOINED,
    IDENTIFIERS_PARTED,
    MAX_REASON_CHARACTERS,
    MAX_SOURCE_CHARACTERS,
    ClaimsStatement,
    checked_purpose,
    checked_text,
    records_of_event,
)
from services.knowledge.store.customers import Closure
from services.knowledge.usecases.customers import CustomerReading, get_customer, identifier_named, profile_of

READ_BACK_LIMIT_S: Final = 5.0
MAX_REQUEST_ID_CHARACTERS: Final = 100
DESK: Final = "desk"
ASKED: Final = "asked"  # fingerprint of the request: what a repeat must equal, whatever has changed since


@dataclass(frozen=True, slots=True)
class Writing:
    """What writing statements takes. ``read_back`` returns when all that the log holds is readable."""

    reading: CustomerReading
    log: EventLog
    clock: Clock
    new_id: Callable[[], str]
    read_back: Callable[[], Awaitable[None]]
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, and under which id; an empty id makes every call a new one."""

    owner: str
    request_id: str = ""


async def write_claims(writing: Writing, statement: ClaimsStatement, request: Request) -> Customer:
    """Keep a source's claims, join what it vouches for, and return the customer."""
    customers = writing.reading.customers
    first = statement.identifiers[0].identifier
    denied_for: tuple[str, ...] = ()
    if not all(statement.consents.values()):
        denied_for = (await customers.closure([first])).people[first].identifiers
    payload = statement.payload()
    asked = fingerprint(payload)
    payload["denied_for"] = list(denied_for)
    await _append(writing, CLAIMS_WRITTEN, first, {**payload, ASKED: asked}, request)
    return await get_customer(writing.reading, first)


async def set_consent(
    writing: Writing, name: str, request: Request, *, purpose: str, granted: bool, source: str
) -> Customer:
    """Keep a yes or a no and return the customer. Raises CustomerNotFoundError for an id that nobody has."""
    customers = writing.reading.customers
    identifier = await identifier_named(customers, name, must_be_known=False)
    members = (await customers.closure([identifier])).people[identifier].identifiers
    said = {
        "identifier": identifier,
        "purpose": checked_purpose(purpose),
        "state": GRANTED if granted else DENIED,
        "source": checked_text(source, MAX_SOURCE_CHARACTERS, "source"),
    }
    payload = {**said, "denied_for": [] if granted else list(members), ASKED: fingerprint(said)}
    await _append(writing, CONSENT_STATED, identifier, payload, request)
    return await get_customer(writing.reading, identifier)


async def merge_customers(writing: Writing, names: Sequence[str], request: Request, *, reason: str) -> Customer:
    """Join two customers by hand; a parting between them is lifted. Raises MergeRefusedError, CustomerNotFoundError."""
    if len(names) != 2:
        raise MergeRefusedError("a merge names two customers", field="ids")
    customers = writing.reading.customers
    one, two = [await identifier_named(customers, name, must_be_known=True) for name in names]
    closure = await customers.closure([one, two])
    first, second = closure.people[one], closure.people[two]
    if first.id == second.id:
        return await profile_of(writing.reading, closure, first)
    for person in (first, second):
        if person.refused and person.refused[0].identifier in person.identifiers:
            raise MergeRefusedError(
                "one of them has only an identifier that joins nobody", cause=person.refused[0].reason.value
            )
    said = {"identifiers": [first.identifiers[0], second.identifiers[0]], "reason": _reason(reason)}
    payload = {**said, "source": DESK, "lifted": _lifted(closure, first, second), ASKED: fingerprint(said)}
    await _append(writing, IDENTIFIERS_JOINED, first.identifiers[0], payload, request)
    return await get_customer(writing.reading, one)


async def unmerge_customer(
    writing: Writing, name: str, identifiers: Sequence[str], request: Request, *, reason: str
) -> list[Customer]:
    """Part a customer into the named identifiers and all others; return who they are now, the named ones first.

    A group whose identifiers were held together only by the other group is more than one customer afterwards. Raises
    UnmergeGroupsError, CustomerNotFoundError.
    """
    reading = writing.reading
    identifier = await identifier_named(reading.customers, name, must_be_known=True)
    named = set(by_strength(parse_identifier(text) for text in identifiers))
    members = set((await reading.customers.closure([identifier])).people[identifier].identifiers)
    said = {"identifiers": sorted(named), "reason": _reason(reason)}
    parting = f"{request.owner}/{request.request_id or writing.new_id()}"
    is_repeat = bool(request.request_id) and await _was_parted(writing, named, parting)
    if not is_repeat and not (named and named < members):
        raise UnmergeGroupsError(
            "name some of the customer's identifiers, not all of them and no others", field="identifiers"
        )
    groups = [list(by_strength(named)), list(by_strength(members - named))]
    payload = {"parting": parting, "groups": groups, "reason": said["reason"], ASKED: fingerprint(said)}
    stored = await _append(writing, IDENTIFIERS_PARTED, groups[0][0], payload, request)
    return await _customers_of(reading, stored["groups"])


async def _was_parted(writing: Writing, named: set[str], parting: str) -> bool:
    records = await writing.reading.customers.records(sorted(named))
    return any(parting in record.node.partings for record in records.values())


async def _customers_of(reading: CustomerReading, groups: Sequence[Sequence[str]]) -> list[Customer]:
    closure = await reading.customers.closure([each for group in groups for each in group])
    people = {closure.people[each].id: closure.people[each] for group in groups for each in group}
    return [await profile_of(reading, closure, person) for person in people.values()]


def _lifted(closure: Closure, first: Person, second: Person) -> dict[str, list[str]]:
    """Return, by member, the partings that stand between the two."""
    sides: list[dict[str, set[int]]] = [{}, {}]
    for known, person in zip(sides, (first, second), strict=True):
        for record in closure.said_of(person):
            for parting, side in record.node.partings.items():
                known.setdefault(parting, set()).add(side)
    between = {
        parting for parting in sides[0].keys() & sides[1].keys() if len(sides[0][parting] | sides[1][parting]) > 1
    }
    lifted: dict[str, list[str]] = {}
    for person in (first, second):
        for record in closure.said_of(person):
            own = sorted(between & record.node.partings.keys())
            if own:
                lifted[record.identifier] = own
    return lifted


def _reason(text: str) -> str:
    return checked_text(text, MAX_REASON_CHARACTERS, "reason")


async def _append(
    writing: Writing, event_type: str, subject: str, payload: Mapping[str, Any], request: Request
) -> Mapping[str, Any]:
    """Append one statement and wait until it can be read; return the payload that the log holds under its id."""
    if len(request.request_id) > MAX_REQUEST_ID_CHARACTERS:
        raise RequestIdReusedError(f"a request id has at most {MAX_REQUEST_ID_CHARACTERS} characters")
    if writing.suppression is not None:
        named = {subject, *records_of_event(event_type, payload, 0)}
        writing.suppression.check(named, where="customer-claims")
    event = NewEvent(
        client_event_id=f"{event_type}/{request.request_id or writing.new_id()}",
        owner=request.owner,
        type=event_type,
        occurred_time=writing.clock.now(),
        shop="",
        channel="",
        subject=subject,
        payload=payload,
    )
    (verdict,) = await writing.log.append([event])
    stored = payload
    if verdict.status is not VerdictStatus.STORED:
        (known,) = await writing.log.read(verdict.partition, after=verdict.seq - 1, limit=1)
        if leaves_no_trace(known.type):
            raise SubjectErasedError
        if known.payload[ASKED] != payload[ASKED]:
            raise RequestIdReusedError("this request id came with another request before")
        stored = known.payload
    try:
        async with asyncio.timeout(READ_BACK_LIMIT_S):
            await writing.read_back()
    except TimeoutError as error:
        raise ProjectionLateError(
            "it is kept, and will be readable in a moment; the same request may be sent again", retry_after_s=2
        ) from error
    return stored
