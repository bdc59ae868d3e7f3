"""Promotion by compare and set, roll back, and a collection that never takes what somebody names."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import (
    BLOBS_LIMIT,
    CANDIDATE_GRACE,
    DELETING_GRACE,
    HISTORY_LIMIT,
    UNNAMED_GRACE,
    ManifestConflictError,
    Manifests,
    ManifestVersionMissingError,
)
from services.chassis.artifacts.port import BlobMissingError
from services.chassis.documents.memory import MemoryDocuments
from tests.fakes.clock import ManualClock
from tests.fakes.memory_artifacts import MemoryArtifacts


class Bench:
    """A manifest store with its parts at hand."""

    def __init__(self) -> None:
        self.documents, self.artifacts, self.clock = MemoryDocuments(), MemoryArtifacts(), ManualClock()
        self.manifests = Manifests(self.documents, self.artifacts, self.clock)

    async def put(self, text: str) -> str:
        return (await self.artifacts.put(text.encode())).digest

    async def collect_for_good(self) -> tuple[str, ...]:
        first = await self.manifests.collect_garbage()
        self.clock.advance(UNNAMED_GRACE.total_seconds())
        return first + await self.manifests.collect_garbage()


@pytest.fixture
async def bench() -> Bench:
    made = Bench()
    await made.manifests.open()
    return made


async def test_a_promotion_puts_blobs_in_force_with_version_time_and_words(bench: Bench) -> None:
    assert await bench.manifests.current("als") is None
    digest = await bench.put("model 1")
    promoted = await bench.manifests.promote("als", {"model": digest}, expected_version=0, metadata={"ndcg": 0.46})
    assert promoted == await bench.manifests.current("als")
    assert (promoted.version, promoted.blobs, promoted.metadata) == (1, {"model": digest}, {"ndcg": 0.46})
    assert promoted.promoted_time == bench.clock.now()


async def test_a_promotion_that_saw_an_older_version_is_refused(bench: Bench) -> None:
    first, second = await bench.put("1"), await bench.put("2")
    await bench.manifests.promote("als", {"model": first}, expected_version=0)
    for stale in (0, 2):
        with pytest.raises(ManifestConflictError):
            await bench.manifests.promote("als", {"model": second}, expected_version=stale)
    assert (await bench.manifests.current("als")).blobs == {"model": first}


async def test_of_many_promotions_at_once_exactly_one_wins(bench: Bench) -> None:
    digests = [await bench.put(str(number)) for number in range(10)]
    results = await asyncio.gather(
        *(bench.manifests.promote("als", {"model": digest}, expected_version=0) for digest in digests),
        return_exceptions=True,
    )
    winners = [result for result in results if not isinstance(result, BaseException)]
    assert len(winners) == 1
    assert all(isinstance(r, ManifestConflictError) for r in results if isinstance(r, BaseException))
    assert await bench.manifests.current("als") == winners[0]


async def test_a_blob_that_is_not_stored_cannot_be_promoted(bench: Bench) -> None:
    with pytest.raises(BlobMissingError):
        await bench.manifests.promote("als", {"model": "0" * 64}, expected_version=0)
    assert await bench.manifests.current("als") is None


async def test_a_manifest_names_a_bounded_number_of_blobs(bench: Bench) -> None:
    digest = await bench.put("x")
    for count in (0, BLOBS_LIMIT + 1):
        with pytest.raises(ValueError, match="blobs"):
            await bench.manifests.promote("als", {str(n): digest for n in range(count)}, expected_version=0)
    await bench.manifests.promote("als", {str(n): digest for n in range(BLOBS_LIMIT)}, expected_version=0)


async def test_a_roll_back_promotes_the_old_blobs_as_a_new_version(bench: Bench) -> None:
    digests = [await bench.put(str(number)) for number in range(3)]
    for version, digest in enumerate(digests):
        await bench.manifests.promote("als", {"model": digest}, expected_version=version, metadata={"n": version})
    back = await bench.manifests.roll_back("als", to_version=1, expected_version=3)
    assert (back.version, back.blobs, back.metadata) == (4, {"model": digests[0]}, {"n": 0, "rolled_back_to": 1})
    with pytest.raises(ManifestVersionMissingError):
        await bench.manifests.roll_back("als", to_version=9, expected_version=4)
    with pytest.raises(ManifestConflictError):
        await bench.manifests.roll_back("als", to_version=1, expected_version=3)


async def test_the_history_keeps_its_limit_and_forgets_what_lies_before(bench: Bench) -> None:
    digests = [await bench.put(str(number)) for number in range(HISTORY_LIMIT + 1)]
    for version, digest in enumerate(digests):
        await bench.manifests.promote("als", {"model": digest}, expected_version=version)
    history = await bench.manifests.history("als")
    assert [manifest.version for manifest in history] == list(range(HISTORY_LIMIT + 1, 1, -1))
    assert await bench.collect_for_good() == (digests[0],)


async def test_only_what_nobody_names_is_collected_and_only_after_its_grace(bench: Bench) -> None:
    named, loose, needed = await bench.put("named"), await bench.put("loose"), await bench.put("error file")
    await bench.manifests.promote("als", {"model": named}, expected_version=0)

    async def also_named() -> frozenset[str]:
        return frozenset({needed})

    assert await bench.manifests.collect_garbage(also_named) == ()
    bench.clock.advance(UNNAMED_GRACE.total_seconds() - 1)
    assert await bench.manifests.collect_garbage(also_named) == ()
    bench.clock.advance(1)
    assert await bench.manifests.collect_garbage(also_named) == (loose,)
    assert await bench.artifacts.exists(named) and await bench.artifacts.exists(needed)


async def test_a_blob_named_again_in_time_starts_its_grace_anew(bench: Bench) -> None:
    digest = await bench.put("model")
    await bench.manifests.collect_garbage()
    await bench.manifests.promote("als", {"model": digest}, expected_version=0)
    bench.clock.advance(UNNAMED_GRACE.total_seconds())
    assert await bench.manifests.collect_garbage() == ()
    assert await bench.artifacts.exists(digest)


async def test_the_candidate_of_a_promotion_that_died_is_let_go_after_its_grace(bench: Bench) -> None:
    digest = await bench.put("model")
    bench.artifacts.fail_exists = True
    with pytest.raises(RuntimeError):
        await bench.manifests.promote("als", {"model": digest}, expected_version=0)
    bench.artifacts.fail_exists = False
    assert await bench.manifests.collect_garbage() == ()
    bench.clock.advance((CANDIDATE_GRACE + timedelta(seconds=1)).total_seconds())
    assert await bench.manifests.collect_garbage() == ()
    bench.clock.advance(UNNAMED_GRACE.total_seconds())
    assert await bench.manifests.collect_garbage() == (digest,)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("steps", range(10))
async def test_however_a_promotion_and_a_collection_interleave_a_promoted_blob_exists(first: int, steps: int) -> None:
    """Each stops once after any number of steps while the other takes any number."""
    for others_steps in range(10):
        await _interleave([first] * steps + [1 - first] * others_steps + [first] * 20)


async def _interleave(order: list[int]) -> None:
    bench = Bench()
    await bench.manifests.open()
    digest = await bench.put("model")
    await bench.manifests.collect_garbage()
    bench.clock.advance(UNNAMED_GRACE.total_seconds())
    turns = Turns(order)
    bench.manifests = Manifests(turns.wrap(bench.documents), turns.wrap(bench.artifacts), bench.clock)
    promotion, _ = await turns.run(
        bench.manifests.promote("als", {"model": digest}, expected_version=0), bench.manifests.collect_garbage()
    )
    kept = await bench.artifacts.exists(digest)
    if isinstance(promotion, BlobMissingError):
        assert await Manifests(bench.documents, bench.artifacts, bench.clock).current("als") is None
    else:
        assert not isinstance(promotion, BaseException)
        assert kept


SEGMENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), max_size=7)


@settings(max_examples=400, deadline=None)
@given(SEGMENTS)
@example([(1, 5), (0, 2), (2, 5), (0, 6)])  # the second collection meets the mark of the first one
async def test_two_collections_at_once_do_no_harm_either(segments: list[tuple[int, int]]) -> None:
    bench = Bench()
    await bench.manifests.open()
    digest = await bench.put("model")
    await bench.manifests.collect_garbage()
    bench.clock.advance(UNNAMED_GRACE.total_seconds())
    turns = Turns([who for who, steps in segments for _ in range(steps)])
    stepping = Manifests(turns.wrap(bench.documents), turns.wrap(bench.artifacts), bench.clock)
    promotion, *collections = await turns.run(
        stepping.promote("als", {"model": digest}, expected_version=0),
        stepping.collect_garbage(),
        stepping.collect_garbage(),
    )
    assert not any(isinstance(result, BaseException) for result in collections)
    if not isinstance(promotion, BlobMissingError):
        assert not isinstance(promotion, BaseException)
        assert await bench.artifacts.exists(digest)


async def test_a_deletion_that_died_half_way_is_taken_up_after_its_grace(bench: Bench) -> None:
    digest = await bench.put("model")
    await bench.manifests.collect_garbage()
    bench.clock.advance(UNNAMED_GRACE.total_seconds())
    bench.artifacts.fail_delete = True
    with pytest.raises(RuntimeError):
        await bench.manifests.collect_garbage()
    bench.artifacts.fail_delete = False
    with pytest.raises(BlobMissingError):
        await bench.manifests.promote("als", {"model": digest}, expected_version=0)
    assert await bench.manifests.collect_garbage() == ()
    bench.clock.advance(DELETING_GRACE.total_seconds())
    assert await bench.manifests.collect_garbage() == (digest,)


class Turns:
    """Runs coroutines one step at a time in a given order; a step is one call of a store."""

    def __init__(self, order: list[int]) -> None:
        self._order = order
        self._waiting: dict[int, asyncio.Event] = {}

    def wrap(self, store: object) -> object:
        turns = self

        class Stepping:
            def __getattr__(self, name: str) -> object:
                act = getattr(store, name)

                async def step(*arguments: object, **named: object) -> object:
                    await turns.wait()
                    return await act(*arguments, **named)

                return step

        return Stepping()

    async def wait(self) -> None:
        me = int(asyncio.current_task().get_name())
        self._waiting[me] = asyncio.Event()
        await self._waiting[me].wait()

    async def run(self, *works: object) -> list[object]:
        tasks = [asyncio.create_task(work, name=str(number)) for number, work in enumerate(works)]
        order = iter(self._order)
        while not all(task.done() for task in tasks):
            for _ in range(3):
                await asyncio.sleep(0)
            chosen = next(order, 0)
            if tasks[chosen].done() or chosen not in self._waiting:
                chosen = next(iter(sorted(self._waiting)), chosen)
            event = self._waiting.pop(chosen, None)
            if event is not None:
                event.set()
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_manifests_stand_on_the_real_store_as_well(tmp_path: Path) -> None:
    documents, artifacts, clock = MemoryDocuments(), LocalArtifacts(tmp_path), ManualClock()
    await artifacts.open()
    manifests = Manifests(documents, artifacts, clock)
    await manifests.open()
    kept, loose = await artifacts.put(b"kept"), await artifacts.put(b"loose")
    await manifests.promote("als", {"model": kept.digest}, expected_version=0)
    await manifests.collect_garbage()
    clock.advance(UNNAMED_GRACE.total_seconds())
    assert await manifests.collect_garbage() == (loose.digest,)
    assert await artifacts.read(kept.digest) == b"kept"
