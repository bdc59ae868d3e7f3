"""Erasing a person: the request with its receipt, and the rounds in which every service does its steps.

A round takes everyone who waits, so that a log is walked once for all of them. Whatever dies in between, the round goes
on from the last step that was saved: each step of each service is named by the round and done once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import Final, Protocol

from services.chassis.clock import Clock
from services.chassis.erasure.subjects import ERASED_PREFIX, Subject, Subjects
from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import UnavailableError, ZhikeError
from services.chassis.eventlog.record import micros_from_time
from services.chassis.logs import get_log
from services.knowledge.domain.erasure import (
    BY_DESK,
    BY_SHOPPER,
    COPIES,
    LOGS,
    SERVICES,
    ErasureState,
    ServiceDone,
    StepDone,
    whole_proof,
)
from services.knowledge.domain.errors import ErasureNotFoundError, RequestIdReusedError
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.store.customers import CustomerStore
from services.knowledge.store.erasures import Erasure, ErasureStore
from services.knowledge.usecases.customers import identifier_named
from services.knowledge.usecases.statements import MAX_REQUEST_ID_CHARACTERS, Request

RESOLVE_ROUNDS: Final = 5  # looks for members that came while the first were being refused
ASK_AGAIN_S: Final = 0.2  # doubled from one asking to the next, up to:
ASK_AGAIN_MOST_S: Final = 1.0  # beside the seconds for which a service waits with its answer
ASKED_MOST: Final = 30  # in one pass; a step goes on in its service meanwhile, and the other rounds have their turn
ROUND_IDENTIFIERS_LIMIT: Final = 10_000  # of all who go together, so that a call can carry them
GATHER_US: Final = 2_000_000  # the first of a round waits so long for others: a round costs the same for many

log = get_log("erasing")


@dataclass(frozen=True, slots=True)
class StepReport:
    """How a step of a round stands in a service. ``counts``: by receipt."""

    done: bool
    counts: Mapping[str, Mapping[str, int]]
    touched_logs: tuple[str, ...]
    done_time: datetime | None
    proof: str


class ErasingServices(Protocol):
    """Every service of the deployment, as a round asks it."""

    async def erase(
        self, service: str, round_id: str, step: str, subjects: Sequence[Subject], touched_logs: Sequence[str]
    ) -> StepReport:
        """Begin the step, or tell how it stands."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """What erasing takes. ``read_back`` returns when all that the logs hold is readable."""

    customers: CustomerStore
    erasures: ErasureStore
    suppression: Suppression
    services: ErasingServices
    clock: Clock
    new_id: Callable[[], str]
    read_back: Callable[[], Awaitable[None]]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    round_identifiers: int = ROUND_IDENTIFIERS_LIMIT


async def request_erasure(erasing: Erasing, name: str, request: Request, *, requested_by: str) -> Erasure:
    """Keep the request and return its receipt. Raises CustomerNotFoundError, IdentifierInvalidError,
    RequestIdReusedError where the request id came with another person.

    Who is erased already, or about to be, gets the receipt of that.
    """
    if len(request.request_id) > MAX_REQUEST_ID_CHARACTERS:
        raise RequestIdReusedError(f"a request id has at most {MAX_REQUEST_ID_CHARACTERS} characters")
    known = await erasing.suppression.erasure_of(name)
    if known:
        return await get_erasure(erasing, known)
    unique = request.request_id or erasing.new_id()
    erasure_id = erasing.suppression.digest(f"erasure/{request.owner}/{unique}")
    identifier = await identifier_named(erasing.customers, name, must_be_known=True)
    members = (await erasing.customers.closure([identifier])).people[identifier].identifiers
    stored = await erasing.erasures.get(erasure_id)
    if stored is not None:
        return _of_person(stored, members)
    for waiting in await erasing.erasures.of_state(ErasureState.REQUESTED):
        if set(waiting.identifiers) & set(members):
            return waiting
    inserted = await erasing.erasures.insert(
        Erasure(
            erasure_id,
            ErasureState.REQUESTED,
            BY_DESK if requested_by == BY_DESK else BY_SHOPPER,
            micros_from_time(erasing.clock.now()),
            identifiers=members,
            customer_ids=_ids(members),
        )
    )
    return _of_person(inserted, members)


async def get_erasure(erasing: Erasing, erasure_id: str) -> Erasure:
    """Return a receipt. Raises ErasureNotFoundError."""
    erasure = await erasing.erasures.get(erasure_id)
    if erasure is None:
        raise ErasureNotFoundError("there is no receipt of this id", resource="erasure", id=erasure_id)
    return erasure


def hidden_name(suppression: Suppression, name: str) -> str:
    """Return what stands in the place of an erased name, wherever it is kept."""
    return f"{ERASED_PREFIX}{suppression.digest(name)}"


async def carry_out_erasures(erasing: Erasing) -> None:
    """Finish the rounds that were begun, then take everyone who waits into a new one: a pass of a job.

    A round that fails leaves the others their turn; the first failure is raised when all had it.
    """
    failures: list[ZhikeError] = []
    for round_id, erasures in (await _rounds(erasing)).items():
        try:
            await _finish(erasing, round_id, erasures)
        except ZhikeError as error:
            log.warning("erasure round will be tried again", round=round_id, reason=error.reason, where=error.metadata)
            failures.append(error)
    waiting = await erasing.erasures.of_state(ErasureState.REQUESTED)
    if waiting and micros_from_time(erasing.clock.now()) - waiting[0].request_us >= GATHER_US:
        await _begin(erasing, waiting)
    if failures:
        raise failures[0]


async def _rounds(erasing: Erasing) -> dict[str, list[Erasure]]:
    """Return the rounds that were begun, each with everyone of it wherever they stand."""
    rounds: dict[str, list[Erasure]] = {}
    for state in (ErasureState.COPIES, ErasureState.LOGS):
        for erasure in await erasing.erasures.every_of_state(state):
            rounds.setdefault(erasure.round_id, []).append(erasure)
    return rounds


async def _begin(erasing: Erasing, waiting: Sequence[Erasure]) -> None:
    """Refuse those who wait, learn who else they are by now, and give them their round, as many as it carries."""
    round_id, names, begun = erasing.new_id(), 0, list[Erasure]()
    for whole in await _whole_persons(erasing, _carried(waiting, erasing.round_identifiers)):
        names += len(whole.identifiers)
        if begun and names > erasing.round_identifiers:
            break
        saved = await erasing.erasures.save(replace(whole, state=ErasureState.LOGS, round_id=round_id))
        if saved is not None:
            begun.append(saved)
    if begun:
        await _finish(erasing, round_id, begun)


def _carried(waiting: Sequence[Erasure], round_identifiers: int) -> Sequence[Erasure]:
    """Return the first of those who wait, as many as a round carries by what is known of them, and always one."""
    names = accumulate(len(each.identifiers) for each in waiting)
    return waiting[: max(1, sum(each <= round_identifiers for each in names))]


async def _whole_persons(erasing: Erasing, erasures: Sequence[Erasure]) -> list[Erasure]:
    """Refuse all identifiers of these persons, also those that came in until the refusal held."""
    members = {each.id: set(each.identifiers) for each in erasures}
    growing = list(erasures)
    for _ in range(RESOLVE_ROUNDS):
        refused = [Subject(each.id, tuple(sorted(members[each.id])), _ids(members[each.id])) for each in growing]
        await erasing.suppression.add(Subjects(refused, erasing.suppression.digest))
        await erasing.read_back()
        asked = sorted(set().union(*(members[each.id] for each in growing)))
        people = (await erasing.customers.closure(asked)).people
        before = {each.id: len(members[each.id]) for each in growing}
        for each in growing:
            members[each.id].update(*(people[name].identifiers for name in tuple(members[each.id])))
        growing = [each for each in growing if len(members[each.id]) > before[each.id]]
        if not growing:
            break
    return [_with_names(each, members[each.id]) for each in erasures]


def _with_names(erasure: Erasure, names: set[str]) -> Erasure:
    ordered = (*erasure.identifiers, *sorted(names - set(erasure.identifiers)))
    return replace(erasure, identifiers=ordered, customer_ids=_ids(ordered))


async def _finish(erasing: Erasing, round_id: str, erasures: Sequence[Erasure]) -> None:
    """Do the steps that are left, in every service, and turn the intents into receipts.

    The round goes on together: where another holder of the job was faster with one of it, the next pass looks anew.
    """
    if any(each.state is ErasureState.LOGS for each in erasures):
        touched = await _step(erasing, round_id, LOGS, erasures)
        behind = await _read(erasing, erasures, ErasureState.LOGS)
        copies = [
            replace(each, state=ErasureState.COPIES, touched_logs=tuple(sorted({*each.touched_logs, *touched})))
            for each in behind
        ]
        if await _saved(erasing, copies) is None:
            return
    current = await _read(erasing, erasures, ErasureState.COPIES)
    if not current:
        return
    await _step(erasing, round_id, COPIES, current)
    # The intents are the last that name them; they are done only when the store holds no trace of that either.
    unnamed = [
        replace(each, identifiers=(), customer_ids=()) for each in await _read(erasing, current, ErasureState.COPIES)
    ]
    last = await _saved(erasing, unnamed)
    if last is None:
        return
    await erasing.erasures.leave_no_trace()
    now_us = micros_from_time(erasing.clock.now())
    await _saved(
        erasing,
        [replace(each, state=ErasureState.DONE, done_us=now_us, proof=whole_proof(each.services)) for each in last],
    )


async def _step(erasing: Erasing, round_id: str, step: str, erasures: Sequence[Erasure]) -> tuple[str, ...]:
    """Have every service do the step; return the logs that were rewritten."""
    subjects = [Subject(each.id, each.identifiers, each.customer_ids) for each in erasures]
    before = tuple(sorted({name for each in erasures for name in each.touched_logs}))

    async def ask(service: str) -> tuple[str, ...]:
        for asked in range(ASKED_MOST):
            report = await erasing.services.erase(service, round_id, step, subjects, before)
            if report.done:
                await _note(erasing, erasures, service, step, report)
                return report.touched_logs
            await erasing.sleep(min(ASK_AGAIN_S * 2**asked, ASK_AGAIN_MOST_S))
        raise UnavailableError("a step of an erasure is not done yet", service=service, step=step)

    left = [service for service in SERVICES if step == LOGS or not _is_noted(erasures, service, step)]
    answers = await asyncio.gather(*map(ask, left), return_exceptions=True)  # nobody is still asked after a failure
    touched: set[str] = set()
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        touched.update(answer)
    return tuple(sorted(touched))


def _is_noted(erasures: Sequence[Erasure], service: str, step: str) -> bool:
    return all(step in each.services.get(service, ServiceDone()).steps for each in erasures)


async def _note(erasing: Erasing, erasures: Sequence[Erasure], service: str, step: str, report: StepReport) -> None:
    time_us = micros_from_time(report.done_time or erasing.clock.now())
    for erasure in erasures:
        done = StepDone(time_us, report.counts.get(erasure.id, {}), report.proof)
        saved: Erasure | None = None
        while saved is None:
            stored = await get_erasure(erasing, erasure.id)
            if step in stored.services.get(service, ServiceDone()).steps:
                break
            of_service = stored.services.get(service, ServiceDone()).with_step(step, done)
            saved = await erasing.erasures.save(replace(stored, services={**stored.services, service: of_service}))


async def _read(erasing: Erasing, erasures: Sequence[Erasure], state: ErasureState) -> list[Erasure]:
    """Return them as they are by now, those that stand there."""
    found = [await get_erasure(erasing, each.id) for each in erasures]
    return [each for each in found if each.state is state]


async def _saved(erasing: Erasing, erasures: Sequence[Erasure]) -> list[Erasure] | None:
    """Save each; None where another holder of the job changed one meanwhile."""
    saved = [each for erasure in erasures if (each := await erasing.erasures.save(erasure)) is not None]
    return saved if len(saved) == len(erasures) else None


def _of_person(erasure: Erasure, members: Sequence[str]) -> Erasure:
    """Return the erasure of a request id if it is that person's. Raises RequestIdReusedError."""
    if not set(erasure.identifiers) & set(members):
        raise RequestIdReusedError("this request id came with another person before")
    return erasure


def _ids(identifiers: Sequence[str] | set[str]) -> tuple[str, ...]:
    return tuple(sorted(own_customer_id(each) for each in identifiers))
