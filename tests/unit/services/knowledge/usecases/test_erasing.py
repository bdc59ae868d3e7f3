"""An erasure goes through every service, whatever dies on the way, and its receipt names nobody."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.documents.port import StoreUnavailableError
from services.chassis.erasure.subjects import Subject
from services.chassis.erasure.suppression import SubjectErasedError, Suppression
from services.chassis.errors import InvalidArgumentError, UnavailableError
from services.chassis.metrics import Metrics
from services.knowledge.domain.erasure import BY_DESK, BY_SHOPPER, COPIES, LOGS, SERVICES, ErasureState
from services.knowledge.domain.errors import CustomerNotFoundError, ErasureNotFoundError, RequestIdReusedError
from services.knowledge.domain.user_events import IntakeRules
from services.knowledge.store.collections import USER_EVENTS
from services.knowledge.store.erasures import ERASURES, ErasureStore
from services.knowledge.usecases.erasing import (
    ASKED_MOST,
    GATHER_US,
    Erasing,
    StepReport,
    carry_out_erasures,
    get_erasure,
    request_erasure,
)
from services.knowledge.usecases.intake import REJECTED, Writer, write_user_events
from services.knowledge.usecases.statements import Request
from services.knowledge.wire.privacy import erasure_to_pb
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.unit.services.knowledge.conftest import SHOP, World, make_world

CARD, LOGIN, PHONE = "card:1000231", "login:anna", "phone:+8613917654321"
BIG = "card:1000232"
GATHER = timedelta(microseconds=GATHER_US)


class Services:
    """Five services that do each step at once and remember who asked for what."""

    def __init__(self) -> None:
        self.done: dict[tuple[str, str, str], list[Subject]] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.touched: dict[str, Sequence[str]] = {}
        self.refusing: set[str] = set()
        self.stuck: set[str] = set()

    async def erase(
        self, service: str, round_id: str, step: str, subjects: Sequence[Subject], touched_logs: Sequence[str]
    ) -> StepReport:
        self.asked.append((service, round_id, step))
        if service in self.refusing and BIG in subjects[0].identifiers:
            raise InvalidArgumentError("too many names of one person")
        if service in self.stuck and BIG in subjects[0].identifiers:
            return StepReport(False, {}, (), None, "")
        known = self.done.setdefault((service, round_id, step), list(subjects))
        assert {each.erasure_id for each in known} == {each.erasure_id for each in subjects}, "a round goes together"
        if step == COPIES:
            assert {name for name, _, done in self.done if done == LOGS} == set(SERVICES), "a copy before all logs"
            self.touched[service] = touched_logs
        counts = {each.erasure_id: {"events": 2} for each in subjects}
        return StepReport(True, counts, (f"{service}-log",) if step == LOGS else (), None, f"{service}{step}")


async def erasing_of(world: World, services: Services, documents: object = None) -> Erasing:
    store = documents or world.documents
    suppression = Suppression(store, world.clock, Metrics())  # type: ignore[arg-type]
    await suppression.open()
    erasures = ErasureStore(store)  # type: ignore[arg-type]
    await erasures.declare()
    return Erasing(
        world.customers,
        erasures,
        suppression,
        services,
        world.clock,
        new_id=lambda: f"id-{len(services.asked)}-{world.clock.now().timestamp()}",
        read_back=world.settle,
    )


async def known_world() -> World:
    world = await make_world()
    await world.claim(CARD, LOGIN, PHONE, claims={"name": "Anna"})
    await world.claim(BIG)
    return world


async def test_everyone_who_is_joined_goes_through_every_service_and_no_name_is_left() -> None:
    world, services = await known_world(), Services()
    erasing = await erasing_of(world, services)
    receipt = await request_erasure(erasing, CARD, Request("key", "r"), requested_by=BY_SHOPPER)
    assert receipt.state is ErasureState.REQUESTED
    world.clock.advance(GATHER.total_seconds())
    await carry_out_erasures(erasing)
    done = await get_erasure(erasing, receipt.id)
    assert done.state is ErasureState.DONE
    assert set(done.services) == set(SERVICES)
    assert done.services["orders"].counts() == {"events": 4}
    (first,) = {tuple(subjects[0].identifiers) for subjects in services.done.values()}
    assert set(first) == {CARD, LOGIN, PHONE}
    assert set(services.touched["search"]) == {f"{name}-log" for name in SERVICES}
    stored = await world.documents.get(ERASURES, receipt.id)
    assert stored is not None
    shown = f"{stored.body} {erasure_to_pb(done)}"
    assert not [name for name in (CARD, LOGIN, PHONE, "Anna") if name in shown]
    assert erasure_to_pb(done).progress_percent == 100


async def test_who_asks_again_gets_the_same_receipt_before_and_after() -> None:
    world, services = await known_world(), Services()
    erasing = await erasing_of(world, services)
    first = await request_erasure(erasing, CARD, Request("key", "r"), requested_by=BY_SHOPPER)
    assert await request_erasure(erasing, LOGIN, Request("key", "other"), requested_by=BY_DESK) == first
    world.clock.advance(GATHER.total_seconds())
    await carry_out_erasures(erasing)
    again = await request_erasure(erasing, PHONE, Request("key", "third"), requested_by=BY_DESK)
    assert (again.id, again.state) == (first.id, ErasureState.DONE)


async def test_a_request_id_of_another_person_is_refused_and_says_nothing_of_them() -> None:
    world, services = await known_world(), Services()
    erasing = await erasing_of(world, services)
    first = await request_erasure(erasing, CARD, Request("key", "r"), requested_by=BY_SHOPPER)
    with pytest.raises(RequestIdReusedError):
        await request_erasure(erasing, BIG, Request("key", "r"), requested_by=BY_SHOPPER)
    assert await request_erasure(erasing, PHONE, Request("key", "r"), requested_by=BY_SHOPPER) == first
    world.clock.advance(GATHER.total_seconds())
    await carry_out_erasures(erasing)
    with pytest.raises(RequestIdReusedError):
        await request_erasure(erasing, BIG, Request("key", "r"), requested_by=BY_SHOPPER)


async def test_a_round_that_is_refused_holds_up_no_other() -> None:
    world, services = await known_world(), Services()
    erasing = await erasing_of(world, services)
    services.refusing = {"orders"}
    refused = await request_erasure(erasing, BIG, Request("key", "r"), requested_by=BY_SHOPPER)
    world.clock.advance(GATHER.total_seconds())
    with pytest.raises(InvalidArgumentError):
        await carry_out_erasures(erasing)
    other = await request_erasure(erasing, CARD, Request("key", "s"), requested_by=BY_SHOPPER)
    world.clock.advance(GATHER.total_seconds())
    with pytest.raises(InvalidArgumentError):
        await carry_out_erasures(erasing)
    assert (await get_erasure(erasing, other.id)).state is ErasureState.DONE
    assert (await get_erasure(erasing, refused.id)).state is ErasureState.LOGS
    services.refusing = set()
    await carry_out_erasures(erasing)
    assert (await get_erasure(erasing, refused.id)).state is ErasureState.DONE


async def test_a_round_that_a_service_cannot_end_holds_up_no_other() -> None:
    world, services = await known_world(), Services()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    erasing = replace(await erasing_of(world, services), sleep=sleep)
    services.stuck = {"orders"}
    stuck = await request_erasure(erasing, BIG, Request("key", "r"), requested_by=BY_SHOPPER)
    world.clock.advance(GATHER.total_seconds())
    with pytest.raises(UnavailableError) as held:
        await carry_out_erasures(erasing)
    assert held.value.metadata == {"service": "orders", "step": LOGS}
    assert len(slept) == ASKED_MOST
    assert slept == sorted(slept), "asked ever more rarely"
    other = await request_erasure(erasing, CARD, Request("key", "s"), requested_by=BY_SHOPPER)
    world.clock.advance(GATHER.total_seconds())
    with pytest.raises(UnavailableError):
        await carry_out_erasures(erasing)
    assert (await get_erasure(erasing, other.id)).state is ErasureState.DONE
    services.stuck = set()
    await carry_out_erasures(erasing)
    assert (await get_erasure(erasing, stuck.id)).state is ErasureState.DONE


async def test_a_round_takes_no_more_names_than_a_call_carries() -> None:
    world, services = await known_world(), Services()
    erasing = replace(await erasing_of(world, services), round_identifiers=3)
    for name in (CARD, BIG):
        await request_erasure(erasing, name, Request("key", name), requested_by=BY_SHOPPER)
    world.clock.advance(GATHER.total_seconds())
    await carry_out_erasures(erasing)
    assert [len(subjects) for subjects in services.done.values()] == [1] * 10
    await carry_out_erasures(erasing)
    assert len({round_id for _, round_id, _ in services.done}) == 2


async def test_nobody_and_an_unknown_receipt_are_not_found() -> None:
    erasing = await erasing_of(await known_world(), Services())
    with pytest.raises(CustomerNotFoundError):
        await request_erasure(erasing, "card:999", Request("key"), requested_by=BY_SHOPPER)
    with pytest.raises(ErasureNotFoundError):
        await get_erasure(erasing, "0" * 32)


async def test_those_who_wait_go_in_one_round() -> None:
    world, services = await known_world(), Services()
    erasing = await erasing_of(world, services)
    for name in (CARD, BIG):
        await request_erasure(erasing, name, Request("key", name), requested_by=BY_SHOPPER)
    await carry_out_erasures(erasing)
    assert services.asked == [], "the first waits a moment for others"
    world.clock.advance(GATHER.total_seconds())
    await carry_out_erasures(erasing)
    assert len({round_id for _, round_id, _ in services.asked}) == 1
    assert len(services.done[("search", services.asked[0][1], LOGS)]) == 2


async def test_what_comes_late_is_refused_with_its_reason() -> None:
    from services.knowledge.wire.user_events import read_event

    world, services = await known_world(), Services()
    erasing = await erasing_of(world, services)
    await request_erasure(erasing, CARD, Request("key", "r"), requested_by=BY_SHOPPER)
    world.clock.advance(GATHER.total_seconds())
    await carry_out_erasures(erasing)
    event = read_event(
        b'{"id":"e1","type":"search","time":"%s","identifiers":["phone:13917654321"],"search":{"query":"tea"}}'
        % world.clock.now().isoformat().encode()
    )
    rules = IntakeRules(world.clock.now(), SHOP, "web", None)
    verdict = await write_user_events(
        world.logs[USER_EVENTS], [event], rules, Writer("key"), suppression=erasing.suppression
    )
    (item,) = verdict.items
    assert item.status == REJECTED and item.error is not None and item.error.reason == "SUBJECT_ERASED"
    with pytest.raises(SubjectErasedError):
        erasing.suppression.check([LOGIN], where="customer-claims")


@pytest.mark.parametrize("point", [CrashPoint.BEFORE, CrashPoint.AFTER])
async def test_a_crash_at_any_write_is_taken_up_and_ends_in_one_receipt_each(point: CrashPoint) -> None:
    counting = CrashingDocuments((await known_world()).documents)
    await _whole(counting)
    assert counting.writes > 10
    for crash_at in range(1, counting.writes + 1):
        world, services = await known_world(), Services()
        dying = await _erasing_that_dies(world, services, crash_at, point)
        with pytest.raises(StoreUnavailableError):
            await _ask_and_do(world, dying)
        erasing = await erasing_of(world, services)
        for receipt in await _ask_and_do(world, erasing):
            done = await get_erasure(erasing, receipt)
            assert done.state is ErasureState.DONE, f"write {crash_at}"
            assert done.identifiers == ()
            assert set(done.services) == set(SERVICES)
            for service in SERVICES:
                assert set(done.services[service].steps) == {LOGS, COPIES}
            for step in (LOGS, COPIES):
                named = {
                    (each, of) for (each, _, of), who in services.done.items() for s in who if s.erasure_id == receipt
                }
                assert {each for each, of in named if of == step} == set(SERVICES)
        assert await world.documents.count(ERASURES) == 2


async def _ask_and_do(world: World, erasing: Erasing) -> list[str]:
    names = (CARD, BIG)
    asked = [await request_erasure(erasing, each, Request("key", each), requested_by=BY_SHOPPER) for each in names]
    world.clock.advance(GATHER.total_seconds())
    await carry_out_erasures(erasing)
    return [each.id for each in asked]


async def _erasing_that_dies(world: World, services: Services, crash_at: int, point: CrashPoint) -> Erasing:
    await erasing_of(world, services)  # its collections and its key are there
    return await erasing_of(world, services, CrashingDocuments(world.documents, crash_at=crash_at, point=point))


async def _whole(counting: CrashingDocuments) -> None:
    world, services = await known_world(), Services()
    counting.inner = world.documents
    await erasing_of(world, services)
    counting.writes = 0
    await _ask_and_do(world, await erasing_of(world, services, counting))
