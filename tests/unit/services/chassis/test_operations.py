"""Operations outlive calls and processes: each ends once, with the truth about what it did."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import pytest

from services.chassis.artifacts.port import ArtifactsUnavailableError
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError
from services.chassis.leases import Leases
from services.chassis.metrics import Metrics
from services.chassis.operation_run import ERRORS_SHOWN_LIMIT, Operation, OperationRun, OperationState, RowError
from services.chassis.operations import (
    KEPT,
    REQUEST_ID_LIMIT,
    RUNNING_LIMIT,
    RUNS_LIMIT,
    UNFINISHED_LIMIT,
    OperationRunningError,
    Operations,
    OperationsFullError,
    RequestIdReusedError,
)
from tests.fakes.clock import ManualClock
from tests.fakes.memory_artifacts import MemoryArtifacts

Worker = Callable[[OperationRun], Awaitable[None]]
BLOB = "a" * 64


class TeapotError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "TEAPOT"


class Bench:
    """A service's documents and blobs over several processes."""

    def __init__(self) -> None:
        self.documents, self.artifacts, self.clock = MemoryDocuments(), MemoryArtifacts(), ManualClock()
        self.metrics = Metrics()
        self._processes = 0

    async def process(self, worker: Worker, *, repeatable: bool = True, kind: str = "import") -> Operations:
        """Start a process; the ones before it count as dead, as the data directory's lock proves."""
        self._processes += 1
        instance = f"search-{self._processes}"
        leases = Leases(self.documents, self.clock, instance, exclusive=True)
        await leases.open()
        operations = Operations(
            "search",
            self.documents,
            self.artifacts,
            leases,
            clock=self.clock,
            metrics=self.metrics,
            instance=instance,
            sleep=lambda _: asyncio.sleep(0),
        )
        await operations.open()
        operations.register(kind, worker, repeatable=repeatable)
        return operations


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def finished(operations: Operations, operation: Operation) -> Operation:
    return await operations.wait(operation.id, timeout_s=5)


async def nothing(run: OperationRun) -> None:
    return None


async def for_ever(run: OperationRun) -> None:
    run.progress.rows += 1
    await asyncio.Event().wait()


async def test_an_operation_runs_in_the_background_and_says_what_it_did(bench: Bench) -> None:
    async def work(run: OperationRun) -> None:
        assert run.arguments == {"upload": BLOB}
        run.progress.rows = 3
        run.progress.accept("order-line", 2)
        run.reject(RowError(3, "PRICE_NEGATIVE", "a price is at least 0", "price"), {"price": "-1", "标题": "奶"})
        bench.clock.advance(2)

    operations = await bench.process(work)
    started = await operations.start("import", {"upload": BLOB})
    assert started.id.startswith("search.") and not started.done
    ended = await finished(operations, started)
    assert ended.state is OperationState.SUCCEEDED and ended.failure is None
    assert (ended.end_time - ended.start_time).total_seconds() == 2
    progress = ended.progress
    assert (progress.rows, progress.accepted, progress.rejected) == (3, 2, 1)
    assert (progress.accepted_by_kind, progress.rejected_by_reason) == ({"order-line": 2}, {"PRICE_NEGATIVE": 1})
    assert progress.errors == [RowError(3, "PRICE_NEGATIVE", "a price is at least 0", "price")]
    (line,) = (await bench.artifacts.read(progress.error_file)).splitlines()
    assert orjson.loads(line)["raw"] == {"price": "-1", "标题": "奶"}
    assert (
        bench.metrics.registry.get_sample_value("zhike_operations_total", {"kind": "import", "state": "succeeded"}) == 1
    )


async def test_every_refused_row_is_in_the_file_and_a_bounded_number_is_shown(bench: Bench) -> None:
    count = ERRORS_SHOWN_LIMIT + 50_000

    async def work(run: OperationRun) -> None:
        for row in range(1, count + 1):
            run.reject(RowError(row, "BAD", "words " * 10))

    operations = await bench.process(work)
    ended = await finished(operations, await operations.start("import", {}))
    assert ended.progress.rejected == count and len(ended.progress.errors) == ERRORS_SHOWN_LIMIT
    lines = (await bench.artifacts.read(ended.progress.error_file)).splitlines()
    assert [orjson.loads(line)["row"] for line in lines] == list(range(1, count + 1))


async def test_counters_are_seen_while_it_runs_and_saved_now_and_then(bench: Bench) -> None:
    go_on, reported = asyncio.Event(), asyncio.Event()

    async def work(run: OperationRun) -> None:
        for _ in range(3):
            run.progress.rows += 1
            bench.clock.advance(0.3)
            await run.report()
        reported.set()
        await go_on.wait()

    operations = await bench.process(work)
    operation = await operations.start("import", {})
    await reported.wait()
    assert (await operations.get(operation.id)).progress.rows == 3
    elsewhere = await bench.process(nothing)
    assert (await elsewhere.get(operation.id)).progress.rows == 2, "saved at 0.6 s, the next is due at 1.1 s"
    go_on.set()
    assert (await finished(operations, operation)).done


async def test_a_refusal_of_the_worker_is_the_operations_failure(bench: Bench) -> None:
    async def work(run: OperationRun) -> None:
        raise TeapotError("not while the pot is hot", pot="blue")

    operations = await bench.process(work)
    ended = await finished(operations, await operations.start("import", {}))
    assert ended.state is OperationState.FAILED
    assert (ended.failure.kind, ended.failure.reason) == (ErrorKind.PRECONDITION, "TEAPOT")
    assert ended.failure.metadata == {"pot": "blue"}


async def test_a_defect_of_the_worker_fails_it_without_detail(bench: Bench) -> None:
    async def work(run: OperationRun) -> None:
        raise KeyError("13800138000")

    operations = await bench.process(work)
    ended = await finished(operations, await operations.start("import", {}))
    assert ended.failure.reason == "INTERNAL" and "13800138000" not in str(ended.failure)


async def test_the_same_request_again_is_the_same_operation(bench: Bench) -> None:
    runs = 0

    async def work(run: OperationRun) -> None:
        nonlocal runs
        runs += 1

    operations = await bench.process(work)
    started = await asyncio.gather(
        *(operations.start("import", {"upload": BLOB}, request_id="r-1", owner="key-1") for _ in range(5))
    )
    assert len({operation.id for operation in started}) == 1
    await finished(operations, started[0])
    again = await operations.start("import", {"upload": BLOB}, request_id="r-1", owner="key-1")
    assert again.done and runs == 1
    other = await operations.start("import", {"upload": BLOB}, request_id="r-1", owner="key-2")
    assert other.id != again.id, "another owner's ids are its own"
    await finished(operations, other)


async def test_a_request_id_with_other_arguments_is_refused(bench: Bench) -> None:
    operations = await bench.process(nothing)
    await finished(operations, await operations.start("import", {"upload": BLOB}, request_id="r-1"))
    with pytest.raises(RequestIdReusedError):
        await operations.start("import", {"upload": "b" * 64}, request_id="r-1")


async def test_a_request_id_has_its_bound(bench: Bench) -> None:
    operations = await bench.process(nothing)
    await finished(operations, await operations.start("import", {}, request_id="r" * REQUEST_ID_LIMIT))
    with pytest.raises(InvalidArgumentError):
        await operations.start("import", {}, request_id="r" * (REQUEST_ID_LIMIT + 1))


async def test_operations_without_request_id_are_each_their_own(bench: Bench) -> None:
    operations = await bench.process(nothing)
    first, second = await operations.start("import", {}), await operations.start("import", {})
    assert first.id != second.id
    await finished(operations, first)
    await finished(operations, second)


async def test_a_bounded_number_runs_at_once_and_a_bounded_number_waits(bench: Bench) -> None:
    running, most, release = 0, 0, asyncio.Event()

    async def work(run: OperationRun) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1

    operations = await bench.process(work)
    started = [await operations.start("import", {}) for _ in range(UNFINISHED_LIMIT)]
    with pytest.raises(OperationsFullError):
        await operations.start("import", {})
    release.set()
    assert all([(await finished(operations, each)).state is OperationState.SUCCEEDED for each in started])
    assert most == RUNNING_LIMIT
    await finished(operations, await operations.start("import", {}))


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancelled_operation_ends_whenever_the_request_comes(bench: Bench, turns: int) -> None:
    operations = await bench.process(for_ever)
    operation = await operations.start("import", {})
    for _ in range(turns):
        await asyncio.sleep(0)
    await operations.cancel(operation.id)
    await operations.cancel(operation.id)
    ended = await finished(operations, operation)
    assert ended.state is OperationState.CANCELLED and ended.failure.reason == "OPERATION_CANCELLED"
    await operations.cancel(operation.id)
    assert (await operations.get(operation.id)).state is OperationState.CANCELLED


async def test_a_waiting_operation_can_be_cancelled_before_its_turn(bench: Bench) -> None:
    operations = await bench.process(for_ever)
    first = [await operations.start("import", {}) for _ in range(RUNNING_LIMIT)]
    waiting = await operations.start("import", {})
    await operations.cancel(waiting.id)
    assert (await finished(operations, waiting)).state is OperationState.CANCELLED
    assert not any([(await operations.get(each.id)).done for each in first])
    await operations.close()


async def test_a_cancellation_through_another_replica_reaches_the_worker_at_its_next_report(bench: Bench) -> None:
    async def work(run: OperationRun) -> None:
        while True:
            bench.clock.advance(1)
            await run.report()
            await asyncio.sleep(0)

    operations = await bench.process(work)
    operation = await operations.start("import", {})
    elsewhere = await bench.process(nothing)
    await elsewhere.cancel(operation.id)
    assert (await finished(operations, operation)).state is OperationState.CANCELLED


async def test_what_a_stopped_process_left_is_run_again_from_its_beginning(bench: Bench) -> None:
    first = await bench.process(for_ever)
    operation = await first.start("import", {"upload": BLOB}, request_id="r-1")
    await asyncio.sleep(0)
    await first.close()
    assert not (await first.get(operation.id)).done

    async def work(run: OperationRun) -> None:
        assert run.progress.rows == 0 and run.arguments == {"upload": BLOB}
        run.progress.rows = 7

    second = await bench.process(work)
    await second.recover()
    ended = await finished(second, operation)
    assert (ended.state, ended.progress.rows) == (OperationState.SUCCEEDED, 7)
    assert ended.start_time == operation.start_time
    assert (await second.start("import", {"upload": BLOB}, request_id="r-1")).id == operation.id


async def test_what_cannot_be_run_again_is_marked_interrupted_with_what_it_had_done(bench: Bench) -> None:
    first = await bench.process(for_ever, repeatable=False)
    operation = await first.start("import", {})
    await asyncio.sleep(0)
    await first.close()
    for second in (await bench.process(nothing, repeatable=False), await bench.process(nothing, kind="other")):
        await second.recover()
        ended = await second.get(operation.id)
        assert ended.state is OperationState.FAILED and ended.failure.reason == "OPERATION_INTERRUPTED"


async def test_what_ends_its_process_again_and_again_is_given_up(bench: Bench) -> None:
    process = await bench.process(for_ever)
    operation = await process.start("import", {})
    for _ in range(RUNS_LIMIT):
        await asyncio.sleep(0)
        await process.close()
        assert not (await process.get(operation.id)).done
        process = await bench.process(for_ever)
        await process.recover()
    assert (await process.get(operation.id)).failure.reason == "OPERATION_INTERRUPTED"


async def test_what_was_to_be_cancelled_when_the_process_died_is_cancelled(bench: Bench) -> None:
    first = await bench.process(for_ever)
    operation = await first.start("import", {})
    await first.close()
    elsewhere = await bench.process(nothing)
    await elsewhere.cancel(operation.id)
    await elsewhere.recover()
    assert (await elsewhere.get(operation.id)).state is OperationState.CANCELLED


async def test_recovery_leaves_alone_what_runs_here_and_what_a_living_replica_runs(bench: Bench) -> None:
    operations = await bench.process(for_ever)
    operation = await operations.start("import", {})
    await asyncio.sleep(0)
    await operations.recover()
    leases = Leases(bench.documents, bench.clock, "search-replica")  # not exclusive: the other may live
    replica = Operations(
        "search",
        bench.documents,
        bench.artifacts,
        leases,
        clock=bench.clock,
        metrics=Metrics(),
        instance="search-replica",
    )
    replica.register("import", nothing, repeatable=True)
    await replica.recover()
    stored = await replica.get(operation.id)
    assert not stored.done
    await operations.close()


async def test_an_end_that_cannot_be_written_yet_is_written_later(bench: Bench) -> None:
    failures = 2

    class Away(MemoryDocuments):
        async def replace(self, *arguments: object, **named: object) -> object:
            nonlocal failures
            if arguments[0].name == "operations" and arguments[2]["done"] and failures:
                failures -= 1
                raise StoreUnavailableError("disk full")
            return await super().replace(*arguments, **named)

    bench.documents = Away()
    operations = await bench.process(nothing)
    assert (await finished(operations, await operations.start("import", {}))).state is OperationState.SUCCEEDED
    assert failures == 0


async def test_an_error_file_that_cannot_be_stored_yet_is_stored_later(bench: Bench) -> None:
    put, failures = bench.artifacts.put, 2

    async def failing(content: object) -> object:
        nonlocal failures
        if failures:
            failures -= 1
            raise ArtifactsUnavailableError("disk full")
        return await put(content)

    async def work(run: OperationRun) -> None:
        run.reject(RowError(1, "BAD", "bad"))

    bench.artifacts.put = failing
    operations = await bench.process(work)
    ended = await finished(operations, await operations.start("import", {}))
    assert ended.progress.error_file and failures == 0


@pytest.mark.parametrize("name", ["", "search.", "search.nothing", "knowledge.abc", "search." + "x" * 1_000])
async def test_an_unknown_operation_is_not_found(bench: Bench, name: str) -> None:
    operations = await bench.process(nothing)
    for ask in (operations.get, operations.cancel, operations.delete):
        with pytest.raises(NotFoundError):
            await ask(name)


async def test_operations_are_listed_latest_first_page_by_page(bench: Bench) -> None:
    operations, ids = await bench.process(nothing), []
    for _ in range(5):
        ids.append((await operations.start("import", {})).id)
        bench.clock.advance(1)
    for each in ids:
        await operations.wait(each, timeout_s=5)
    listed, after = [], None
    while True:
        page, after = await operations.list_page(done=None, after=after, limit=2)
        listed += [operation.id for operation in page]
        if after is None:
            break
    assert listed == ids[::-1]
    assert (await operations.list_page(done=False, after=None, limit=10))[0] == ()
    assert len((await operations.list_page(done=True, after=None, limit=10))[0]) == 5


async def test_only_what_has_ended_can_be_deleted(bench: Bench) -> None:
    operations = await bench.process(for_ever)
    operation = await operations.start("import", {})
    with pytest.raises(OperationRunningError):
        await operations.delete(operation.id)
    await operations.cancel(operation.id)
    await finished(operations, operation)
    await operations.delete(operation.id)
    with pytest.raises(NotFoundError):
        await operations.get(operation.id)


async def test_old_operations_are_forgotten_with_the_blobs_that_they_named_running_ones_never(bench: Bench) -> None:
    async def work(run: OperationRun) -> None:
        if run.arguments["upload"] == "old":
            run.reject(RowError(1, "BAD", "bad"))
        else:
            await asyncio.Event().wait()

    operations = await bench.process(work)
    running = await operations.start("import", {"upload": BLOB})
    old = await finished(operations, await operations.start("import", {"upload": "old"}))
    assert {BLOB, old.progress.error_file} <= await operations.named_blobs()
    bench.clock.advance(KEPT.total_seconds())
    assert await operations.purge() == 0
    bench.clock.advance(1)
    assert await operations.purge() == 1
    assert await operations.named_blobs() == {BLOB}
    assert not (await operations.get(running.id)).done
    await operations.close()


async def test_waiting_ends_with_its_time(bench: Bench) -> None:
    operations = await bench.process(for_ever)
    operation = await operations.start("import", {})
    assert not (await operations.wait(operation.id, timeout_s=0)).done
    await operations.close()


async def test_a_kind_that_nobody_registered_is_a_defect(bench: Bench) -> None:
    operations = await bench.process(nothing)
    with pytest.raises(ValueError, match="export"):
        await operations.start("export", {})
