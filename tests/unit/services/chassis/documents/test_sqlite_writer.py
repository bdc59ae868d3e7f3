"""Group commit: bounded groups in order, bounded queue, halves after a failure, nobody left waiting."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.documents import sqlite_writer
from services.chassis.documents.port import KeyTakenError, StoreUnavailableError
from services.chassis.documents.sqlite_writer import GroupWriter


class TracedConnection(sqlite3.Connection):
    """Counts statements; refuses to commit while the table holds more rows than ``room``."""

    room = 10**9

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.commits = 0

    def execute(self, sql, *arguments):
        if sql == "COMMIT":
            (rows,) = super().execute("SELECT count(*) FROM t").fetchone()
            if rows > self.room:
                raise sqlite3.OperationalError("database or disk is full")
            self.commits += 1
        return super().execute(sql, *arguments)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[TracedConnection]:
    connection = sqlite3.connect(
        tmp_path / "w.sqlite", isolation_level=None, check_same_thread=False, factory=TracedConnection
    )
    connection.execute("CREATE TABLE t (n INTEGER)")
    yield connection
    connection.close()


@pytest.fixture
async def writer(connection: TracedConnection):
    writer = GroupWriter(connection, "test")
    yield writer
    await writer.close()


def add(number: int):
    return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (number,)).rowcount


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY rowid")]


async def test_what_one_turn_of_the_loop_submits_is_one_commit_in_order(
    writer: GroupWriter, connection: TracedConnection
) -> None:
    assert await asyncio.gather(*(writer.submit(add(n)) for n in range(100))) == [1] * 100
    assert connection.commits == 1
    assert await writer.submit(numbers) == list(range(100))


async def test_a_group_is_bounded_in_operations_and_in_bytes(
    writer: GroupWriter, connection: TracedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "GROUP_LIMIT", 10)
    await asyncio.gather(*(writer.submit(add(n)) for n in range(11)))
    assert connection.commits == 2, "one past the limit begins another"
    connection.commits = 0
    monkeypatch.setattr(sqlite_writer, "GROUP_LIMIT_BYTES", 100)
    await asyncio.gather(*(writer.submit(add(n), size_bytes=50) for n in range(5)))
    assert connection.commits == 3


async def test_a_lone_operation_splits_the_groups_and_keeps_its_place(
    writer: GroupWriter, connection: TracedConnection
) -> None:
    seen: list[int] = []
    calls = [writer.submit(add(n)) for n in range(3)]
    calls.append(writer.submit(lambda inner: seen.extend(numbers(inner)), alone=True))
    calls += [writer.submit(add(n)) for n in range(3, 6)]
    await asyncio.gather(*calls)
    assert seen == [0, 1, 2]
    assert connection.commits == 2


async def test_a_full_queue_lets_the_next_caller_wait_and_serves_all(
    writer: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "QUEUE_LIMIT", 5)
    gate = threading.Event()
    first = asyncio.create_task(writer.submit(lambda connection: gate.wait(10)))
    tasks = [asyncio.create_task(writer.submit(add(n))) for n in range(20)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert writer._waiting == 5, "one past the limit is not accepted yet"
    gate.set()
    await asyncio.gather(first, *tasks)
    assert sorted(await writer.submit(numbers)) == list(range(20))


async def test_a_queue_full_of_bytes_lets_the_next_caller_wait(
    writer: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "QUEUE_LIMIT_BYTES", 100)
    gate = threading.Event()
    first = asyncio.create_task(writer.submit(lambda connection: gate.wait(10), size_bytes=60))
    tasks = [asyncio.create_task(writer.submit(add(n), size_bytes=60)) for n in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert writer._waiting == 2
    gate.set()
    await asyncio.gather(first, *tasks)


async def test_a_group_that_fails_is_tried_in_halves_down_to_what_does_not_fit(
    writer: GroupWriter, connection: TracedConnection
) -> None:
    connection.room = 50
    results = await asyncio.gather(*(writer.submit(add(n)) for n in range(80)), return_exceptions=True)
    refused = [n for n, result in enumerate(results) if isinstance(result, StoreUnavailableError)]
    assert refused == list(range(50, 80))
    assert await writer.submit(numbers) == list(range(50))
    connection.room = 10**9
    assert await writer.submit(add(99)) == 1


async def test_a_refusal_seen_in_a_group_that_failed_is_judged_again(
    writer: GroupWriter, connection: TracedConnection
) -> None:
    """It may have lost against a write that was then rolled back."""

    def add_once(inner: sqlite3.Connection) -> str:
        if numbers(inner):
            raise KeyTakenError("t", key="k", index="key")
        inner.execute("INSERT INTO t VALUES (1)")
        return "added"

    def add_much(inner: sqlite3.Connection) -> str:
        inner.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(100)])
        return "added much"

    connection.room = 50
    first, second = await asyncio.gather(writer.submit(add_much), writer.submit(add_once), return_exceptions=True)
    assert isinstance(first, StoreUnavailableError)
    assert second == "added"


async def test_a_cancelled_caller_costs_the_others_nothing(writer: GroupWriter) -> None:
    gate = threading.Event()
    first = asyncio.create_task(writer.submit(lambda connection: gate.wait(10)))
    await asyncio.sleep(0)
    tasks = [asyncio.create_task(writer.submit(add(n))) for n in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert [result for result in results if not isinstance(result, asyncio.CancelledError)] == [True, 1, 1, 1]


async def test_closing_answers_what_was_accepted_and_refuses_what_comes_after(
    writer: GroupWriter, connection: TracedConnection
) -> None:
    tasks = [asyncio.create_task(writer.submit(add(n))) for n in range(10)]
    await asyncio.sleep(0)
    await writer.close()
    assert await asyncio.gather(*tasks) == [1] * 10
    with pytest.raises(StoreUnavailableError):
        await writer.submit(add(1))


async def test_a_defect_in_an_operation_is_told_to_its_caller_alone(writer: GroupWriter) -> None:
    def defect(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (666)")
        raise ZeroDivisionError

    results = await asyncio.gather(
        writer.submit(add(1)), writer.submit(defect), writer.submit(add(2)), return_exceptions=True
    )
    assert [type(result) for result in results] == [int, ZeroDivisionError, int]
    with pytest.raises(ZeroDivisionError):
        await writer.submit(lambda connection: 1 / 0, alone=True)
    assert await writer.submit(numbers) == [1, 2]


async def test_a_thread_that_breaks_leaves_nobody_waiting(writer: GroupWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda defect: reported.append(defect.exc_type))

    def exit_thread(connection: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    results = await asyncio.gather(
        writer.submit(add(1)), writer.submit(exit_thread), writer.submit(add(2)), return_exceptions=True
    )
    assert all(isinstance(result, StoreUnavailableError) for result in results)
    with pytest.raises(StoreUnavailableError):
        await writer.submit(add(3))
    await asyncio.to_thread(writer._thread.join)
    assert reported == [KeyboardInterrupt]
