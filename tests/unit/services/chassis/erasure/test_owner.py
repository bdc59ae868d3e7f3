"""Erasing a person from one service: nothing of them is left, others lose nothing, a crash anywhere changes nothing."""

from collections.abc import AsyncIterator

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.erasure.policies import ErasureParts, delete
from services.chassis.erasure.subjects import EVERY_LOG
from services.chassis.eventlog.port import VerdictStatus
from services.chassis.eventlog.tombstones import ERASED, SUBJECT_ERASED
from services.chassis.idempotency import IDEMPOTENT_CREATES
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.unit.services.chassis.erasure.erasing_world import ANNA, BEN, CANARIES, NOTES, PEOPLE, World, act

PROJECTED = ErasureParts(projections={"people": ["acts"]}, rebuilt=(PEOPLE,))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(MemoryDocuments())
    await made.open()
    await made.fill()
    yield made
    await made.log.close()


async def test_nothing_of_the_person_is_left_and_others_lose_nothing(world: World) -> None:
    await world.erase(ANNA)
    everything = await world.everything()
    assert not [each for each in CANARIES if each in everything]
    assert everything.count("ben's words") == 2
    assert "00-trace" in everything  # of Ben's own act


async def test_numbers_stay_and_each_log_says_that_a_person_was_erased(world: World) -> None:
    before = {(event.partition, event.seq) for event in await world.events()}
    await world.erase(ANNA)
    events = await world.events()
    assert before <= {(event.partition, event.seq) for event in events}
    assert [event.type for event in events].count(ERASED) == 2
    (said,) = [event for event in events if event.type == SUBJECT_ERASED]
    assert said.payload == {"erasure": "r-1"}


async def test_a_repeated_event_of_an_erased_one_is_a_duplicate_and_no_new_event(world: World) -> None:
    await world.erase(ANNA)
    (verdict,) = await world.log.append([act(1, "card:1")])
    assert verdict.status is VerdictStatus.DUPLICATE


async def test_names_are_refused_from_then_on_after_a_restart_too(world: World) -> None:
    await world.erase(ANNA)
    again = World(world.documents)
    await again.open()
    for name in (*ANNA.identifiers, *ANNA.customer_ids, "+8613912345678"):
        assert again.suppression.is_erased(name)
        assert await again.suppression.erasure_of(name) == "r-1"
    assert not again.suppression.is_erased("card:2")


async def test_a_reader_skips_the_erased_and_sees_others_without_them(world: World) -> None:
    events = {event.seq: event for event in await world.events() if event.subject == "card:2"}
    mixed = max(events.values(), key=lambda event: event.seq)
    assert world.suppression.seen(mixed) is mixed
    anna = next(event for event in await world.events() if event.subject == "card:1")
    await world.erase(ANNA)
    assert world.suppression.seen(anna) is None
    seen = world.suppression.seen(mixed)
    assert seen is not None and seen.payload["identifiers"] == ["card:2"]


async def test_what_is_rebuilt_from_the_log_is_the_same_read_before_or_after_the_rewriting(world: World) -> None:
    await world.suppression.add(world.owner.subjects([ANNA]))
    suppressed = await world.rebuilt()
    await world.erase(ANNA)
    assert await world.rebuilt() == suppressed
    assert set(suppressed) == {"card:2"}


async def test_two_persons_of_a_round_have_counts_of_their_own(world: World) -> None:
    await world.erase(ANNA, BEN)
    done = await world.outcome("logs", ANNA, BEN)
    assert done is not None
    assert done.counts["r-1"]["events"] == 2
    assert done.counts["r-2"]["events"] == 2
    assert done.touched_logs == ("acts",)
    assert done.proof


async def test_a_step_is_done_once_for_a_round(world: World) -> None:
    await world.erase(ANNA)
    first = await world.outcome("copies", ANNA)
    assert first is not None
    await world.erase(ANNA)
    assert await world.outcome("copies", ANNA) == first


async def test_a_step_that_was_done_for_some_of_a_round_is_not_done_for_the_others() -> None:
    world = World(MemoryDocuments(), PROJECTED)
    await world.open()
    await world.fill()
    await world.erase(ANNA)
    assert await world.outcome("logs", ANNA, BEN) is None
    await world.erase(ANNA, BEN)
    everything = await world.everything()
    assert "card:2" not in everything and "ben's words" not in everything
    assert len({request_id for _, request_id in world.operations.started}) == 2


async def test_projections_are_rebuilt_when_a_log_of_theirs_was_rewritten_and_not_otherwise() -> None:
    parts = ErasureParts(projections={"people": ["acts"], "others": ["elsewhere"]}, rebuilt=(PEOPLE,))
    world = World(MemoryDocuments(), parts)
    await world.open()
    await world.fill()
    await world.erase(ANNA)
    assert [kind for kind, _ in world.operations.started] == ["rebuild-people"]
    await world.owner.erase_copies("r2", world.owner.subjects([ANNA]), [EVERY_LOG])
    assert [kind for kind, _ in world.operations.started[1:]] == ["rebuild-people", "rebuild-others"]


async def test_a_policy_of_the_service_decides_over_a_collection() -> None:
    world = World(MemoryDocuments(), ErasureParts(documents={NOTES.name: delete}, rebuilt=(PEOPLE,)))
    await world.open()
    await world.fill()
    await world.erase(ANNA)
    assert await world.documents.count(NOTES) == 0


async def test_a_kept_answer_that_names_the_person_goes(world: World) -> None:
    answer = {"fingerprint": "f", "answer": {"identifiers": ["card:1"]}, "deleted": False}
    await world.documents.insert(IDEMPOTENT_CREATES, "i-1", answer)
    await world.erase(ANNA)
    kept = await world.documents.get(IDEMPOTENT_CREATES, "i-1")
    assert kept is not None and kept.body["answer"] is None and kept.body["deleted"]


async def test_an_export_holds_the_persons_own_events_and_nobody_elses(world: World) -> None:
    files, truncated = await world.owner.export(ANNA)
    assert not truncated
    assert files["acts.json"].count(b"anna's words") == 2
    assert b"ben's words" not in files["acts.json"]


@pytest.mark.parametrize("point", CrashPoint)
async def test_a_crash_at_any_write_is_taken_up_and_ends_alike(point: CrashPoint) -> None:
    writes = await _writes()
    for crash_at in range(1, writes + 1):
        inner = MemoryDocuments()
        world = World(inner, PROJECTED)
        await world.open()
        await world.fill()
        await world.log.close()
        dying = World(CrashingDocuments(inner, crash_at=crash_at, point=point), PROJECTED)
        with pytest.raises(StoreUnavailableError):
            await dying.open()
            await dying.erase(ANNA)
        after = World(inner, PROJECTED)
        await after.open()
        await after.erase(ANNA)
        assert dying.operations.started or after.operations.started, f"write {crash_at}: the projection was left"
        everything = await after.everything()
        assert not [each for each in CANARIES if each in everything], f"write {crash_at}"
        assert set(await after.rebuilt()) == {"card:2"}
        await after.log.close()


async def _writes() -> int:
    inner = MemoryDocuments()
    world = World(inner, PROJECTED)
    await world.open()
    await world.fill()
    counting = CrashingDocuments(inner)
    again = World(counting, PROJECTED)
    await again.open()
    await again.erase(ANNA)
    return counting.writes
