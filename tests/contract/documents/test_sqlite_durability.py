"""SQLite under kill, power cut, full disk, a foreign lock and erasure: what was acknowledged is there, and no more."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from services.chassis.documents import sqlite as adapter
from services.chassis.documents.lock import StoreInUseError
from services.chassis.documents.port import Collection, DeclarationError, Index, KeyTakenError, StoreUnavailableError
from services.chassis.documents.sqlite import SqliteDocuments
from tests.contract.documents.writing_process import BATCH, ITEMS

ROOT = Path(__file__).parents[3]
KILLS = 6
ACKNOWLEDGEMENTS_BEFORE_KILL = (1, 400)


@contextmanager
def writing_process(mode: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.contract.documents.writing_process", mode, str(folder), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


class Acknowledged:
    """What a writing process was told: keys with the lowest revision they must have, and keys that must be gone."""

    def __init__(self) -> None:
        self.revisions: dict[str, int] = {}
        self.in_doubt: set[str] = set()
        self.gone: set[str] = set()

    def read(self, line: str) -> None:
        word, *rest = line.split()
        if word == "has":
            self.revisions[rest[0]] = int(rest[1])
        elif word == "deleting":
            self.in_doubt.add(rest[0])
        elif word == "gone":
            self.gone.add(rest[0])

    def copy(self) -> "Acknowledged":
        other = Acknowledged()
        other.revisions, other.in_doubt, other.gone = dict(self.revisions), set(self.in_doubt), set(self.gone)
        return other

    def missing(self, stored: dict[str, int]) -> set[str]:
        """Return the acknowledged keys that a store lacks or holds at an older revision, or that are back."""
        lost = {
            key
            for key, revision in self.revisions.items()
            if key not in self.in_doubt and stored.get(key, 0) < revision
        }
        return lost | (self.gone & stored.keys())


async def stored_revisions(path: Path) -> dict[str, int]:
    """Open the store as the next process would and read everything, with SQLite's own check of the file."""
    store = SqliteDocuments.open(path)
    try:
        await store.declare(ITEMS)
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        found: dict[str, int] = {}
        after = None
        while True:
            page = await store.scan(ITEMS, after=after, limit=1_000)
            for document in page.documents:
                assert document.body["v"] == document.revision
                found[document.key] = document.revision
            after = page.next_after
            if after is None:
                return found
    finally:
        await store.close()


async def test_the_writing_connection_syncs_every_commit_and_wipes_what_it_frees(tmp_path: Path) -> None:
    store = SqliteDocuments.open(tmp_path / "d.sqlite")

    def pragmas(connection: sqlite3.Connection) -> dict[str, object]:
        names = ("synchronous", "journal_mode", "secure_delete")
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

    full = 2
    assert await store._writer.submit(pragmas, alone=True) == {
        "synchronous": full,
        "journal_mode": "wal",
        "secure_delete": 1,
    }
    await store.close()


async def cut_losses(folder: Path, synchronous: str) -> tuple[int, int]:
    """Cut the power after every single sync; return how many cuts there were and how many lost an acknowledgement."""
    with writing_process("power", folder, synchronous) as process:
        lines = (process.stdout or pytest.fail("no output")).read().splitlines()
        assert process.wait() == 0
    acknowledged = Acknowledged()
    declared = False
    required: dict[int, Acknowledged] = {}
    image = -1
    for line in lines:
        if line.startswith("image"):
            image = int(line.split()[1])
        declared = declared or line == "declared"
        acknowledged.read(line)
        # The image stays what the disk holds until the next sync, so it must hold all that is acknowledged by then.
        if declared:
            required[image] = acknowledged.copy()
    lossy = 0
    for number, expected in required.items():
        stored = await stored_revisions(folder / "images" / str(number) / "documents.sqlite")
        lossy += bool(expected.missing(stored))
        batches = [key.rpartition("-")[0] for key in stored if key.count("-") == 2]
        assert all(batches.count(batch) >= BATCH - 1 for batch in set(batches)), "a batch is stored whole"
    return len(required), lossy


async def test_a_power_cut_after_any_sync_loses_nothing_acknowledged(tmp_path: Path) -> None:
    cuts, lossy = await cut_losses(tmp_path, "FULL")
    assert cuts > 20
    assert lossy == 0


async def test_the_power_cut_test_sees_an_acknowledgement_before_its_sync(tmp_path: Path) -> None:
    """The control: with synchronous=NORMAL the same writer acknowledges what a power cut then takes away."""
    _, lossy = await cut_losses(tmp_path, "NORMAL")
    assert lossy > 0


@pytest.mark.timeout(120)
async def test_a_process_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    chance = Random(20260105)
    acknowledged = Acknowledged()
    for _ in range(KILLS):
        with writing_process("kill", tmp_path) as process:
            assert process.stdout is not None
            for _ in range(chance.randint(*ACKNOWLEDGEMENTS_BEFORE_KILL)):
                acknowledged.read(process.stdout.readline())
            process.kill()
            for line in process.stdout.read().splitlines():
                acknowledged.read(line)
        assert acknowledged.missing(await stored_revisions(tmp_path / "documents.sqlite")) == set()
    assert len(acknowledged.revisions) > KILLS


async def test_a_full_disk_refuses_loses_nothing_and_is_over_when_space_returns(tmp_path: Path) -> None:
    with writing_process("full", tmp_path) as process:
        assert process.stdout is not None
        said = dict(line.split(maxsplit=1) for line in process.stdout.read().splitlines())
        assert process.wait() == 0
    assert said["together"] == "1 1 1 1 0 1 1 1 1 1", "one that does not fit harms none of its group"
    assert said["full"] == "0 0 0"
    assert said["batch"].startswith("STORE_UNAVAILABLE SQLITE_")
    filled = int(said["filled"])
    assert filled > 0
    assert said["reads"] == f"{20 + 9 + filled} 1", "reads go on"
    assert said["after"] == "1 1 1"
    store = SqliteDocuments.open(tmp_path / "documents.sqlite")
    await store.declare(ITEMS)
    keys = {document.key for document in (await store.scan(ITEMS, limit=1_000)).documents}
    await store.close()
    together = {f"together-{n}" for n in range(10) if n != 4}
    filling = {f"filling-{n}" for n in range(filled)}
    assert keys == {f"before-{n}" for n in range(20)} | together | filling | {f"after-{n}" for n in range(3)}


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with writing_process("hold", tmp_path) as process:
        assert process.stdout is not None
        _, pid = process.stdout.readline().split()
        with pytest.raises(StoreInUseError, match=f"in use by the process with pid {pid}") as caught:
            SqliteDocuments.open(tmp_path / "documents.sqlite")
        assert caught.value.metadata["pid"] == pid
        process.kill()
        process.wait()
        SqliteDocuments.open(tmp_path / "documents.sqlite")._lock.release()


async def test_a_second_store_in_the_same_process_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    store = SqliteDocuments.open(tmp_path / "d.sqlite")
    with pytest.raises(StoreInUseError):
        SqliteDocuments.open(tmp_path / "d.sqlite")
    await store.close()
    await SqliteDocuments.open(tmp_path / "d.sqlite").close()


async def test_a_foreign_write_lock_refuses_the_whole_group_and_reads_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "WRITER_BUSY_TIMEOUT_MS", 50)
    path = tmp_path / "d.sqlite"
    store = SqliteDocuments.open(path)
    await store.declare(ITEMS)
    await store.insert(ITEMS, "k", {})
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(
        *(store.insert(ITEMS, f"k{n}", {}) for n in range(20)), store.ping(), return_exceptions=True
    )
    assert all(isinstance(result, StoreUnavailableError) for result in results)
    assert await store.get(ITEMS, "k") is not None
    foreign.execute("ROLLBACK")
    foreign.close()
    await store.ping()
    assert await store.count(ITEMS) == 1
    await store.close()


async def test_concurrent_small_writes_share_a_commit(tmp_path: Path) -> None:
    store = SqliteDocuments.open(tmp_path / "d.sqlite")
    await store.declare(ITEMS)
    statements: list[str] = []
    await store._writer.submit(lambda connection: connection.set_trace_callback(statements.append), alone=True)
    await asyncio.gather(*(store.insert(ITEMS, f"k{n}", {"n": n}) for n in range(200)))
    assert statements.count("COMMIT") == 1
    assert sum(statement.startswith("INSERT") for statement in statements) == 200
    await store.close()


async def test_erased_text_is_in_no_file_after_truncating_the_log(tmp_path: Path) -> None:
    people = Collection("people", (Index("by_phone", ("phone",)), Index("by_name", ("name",), unique=True)))
    store = SqliteDocuments.open(tmp_path / "d.sqlite")
    await store.declare(people)
    for n in range(400):
        body = {"name": f"secretname{n}", "phone": f"secretphone{n}", "story": f"secretstory{n} " * (n % 40)}
        await store.insert(people, f"secretkey{n}", body)
    await store.leave_no_trace()
    assert _files_with(tmp_path, b"secret"), "the check can see"
    for n in range(400):
        if n % 3 == 0:
            await store.delete(people, f"secretkey{n}")
        else:
            erased = {"name": f"erased{n}", "phone": None}
            await store.replace(people, f"secretkey{n}", erased, expected_revision=1)
    assert _files_with(tmp_path, b"secretphone"), "the write-ahead log still holds it"
    await store.leave_no_trace()
    for what in (b"secretname", b"secretphone", b"secretstory"):
        assert _files_with(tmp_path, what) == []
    assert (tmp_path / "d.sqlite-wal").stat().st_size == 0
    await store.drop(people)
    await store.leave_no_trace()
    assert _files_with(tmp_path, b"secretkey") == []
    await store.close()


async def test_pieces_of_what_was_moved_between_pages_are_in_no_file(tmp_path: Path) -> None:
    people, chance = Collection("people", (Index("by_name", ("name",)),)), Random(7)
    store = SqliteDocuments.open(tmp_path / "d.sqlite")
    await store.declare(people)
    for n in chance.sample(range(3_000), 3_000):
        await store.insert(people, f"k{n:04}", {"name": f"secretname{n}", "story": "x" * chance.randrange(2_000)})
    for n in chance.sample(range(3_000), 3_000):
        erased = {"name": f"erased{n}", "story": "y" * chance.randrange(2_000)}
        await store.replace(people, f"k{n:04}", erased, expected_revision=1)
    await store.leave_no_trace()
    assert _files_with(tmp_path, b"secretname") == []
    await store.close()


def _files_with(folder: Path, text: bytes) -> list[str]:
    return [path.name for path in folder.iterdir() if text in path.read_bytes()]


async def test_a_long_read_of_another_process_refuses_the_truncation_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "WRITER_BUSY_TIMEOUT_MS", 50)
    path = tmp_path / "d.sqlite"
    store = SqliteDocuments.open(path)
    await store.declare(ITEMS)
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN")
    foreign.execute("SELECT * FROM collections").fetchall()
    await store.insert(ITEMS, "k", {})
    with pytest.raises(StoreUnavailableError, match="long read"):
        await store.leave_no_trace()
    foreign.execute("ROLLBACK")
    foreign.close()
    await store.leave_no_trace()
    await store.close()


async def test_a_write_to_a_collection_dropped_meanwhile_is_told_so_and_harms_no_other(tmp_path: Path) -> None:
    other = Collection("other")
    store = SqliteDocuments.open(tmp_path / "d.sqlite")
    await store.declare(ITEMS, other)
    table = store._tables["items"]
    await store.drop(ITEMS)
    store._tables["items"] = table  # a caller that looked its table up just before the drop
    results = await asyncio.gather(
        store.insert(other, "a", {}), store.insert(ITEMS, "k", {}), store.insert(other, "b", {}), return_exceptions=True
    )
    assert isinstance(results[1], DeclarationError)
    assert await store.count(other) == 2
    with pytest.raises(DeclarationError):
        await store.get(ITEMS, "k")
    with pytest.raises(DeclarationError):
        await store.scan(ITEMS, limit=1_000)
    await store.close()


async def test_a_file_of_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    await SqliteDocuments.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {adapter.FORMAT_VERSION + 1}")
    connection.close()
    for _ in range(2):
        with pytest.raises(DeclarationError, match="is of format 2, this code reads 1"):
            SqliteDocuments.open(path)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    path.write_bytes(b"a poem, not a database " * 100)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            SqliteDocuments.open(path)
    assert path.read_bytes().startswith(b"a poem")


async def test_only_its_owner_may_read_the_files(tmp_path: Path) -> None:
    store = SqliteDocuments.open(tmp_path / "new" / "d.sqlite")
    await store.declare(ITEMS)
    await store.insert(ITEMS, "k", {})
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {0o600}
    await store.close()


async def test_a_batch_that_fails_for_want_of_its_store_leaves_its_group_whole(tmp_path: Path) -> None:
    """A statement that SQLite refuses (here: a constraint put in its way) makes the group run one by one."""
    path = tmp_path / "d.sqlite"
    store = SqliteDocuments.open(path)
    await store.declare(ITEMS)
    number = store._tables["items"].name
    trigger = (
        f"CREATE TRIGGER t BEFORE INSERT ON {number} WHEN new.key = 'bad' BEGIN SELECT abs(-9223372036854775808); END"
    )
    await store._writer.submit(lambda connection: connection.execute(trigger), alone=True)
    results = await asyncio.gather(
        store.insert(ITEMS, "a", {}),
        store.insert_many(ITEMS, [("b1", {}), ("bad", {}), ("b2", {})]),
        store.insert(ITEMS, "a", {}),
        store.insert(ITEMS, "c", {}),
        return_exceptions=True,
    )
    assert [type(result) for result in results[1:3]] == [StoreUnavailableError, KeyTakenError]
    keys = [document.key for document in (await store.scan(ITEMS)).documents]
    assert keys == ["a", "c"], "nothing of the failed batch was acknowledged, nothing of it stays"
    await store.close()
