"""A backup holds what was acknowledged before it began, says when it is broken, and is restored on either profile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import orjson
import pytest

from infra.local.restoring import Restore, restore
from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import Manifests
from services.chassis.backup.archive import (
    MANIFEST,
    BackupDamagedError,
    BackupFormError,
    BackupTargetError,
    Manifest,
    RestoreTargetError,
    read_manifest,
)
from services.chassis.backup.marks import RESTORES
from services.chassis.backup.taking import Wanted, take_embedded, take_through_ports
from services.chassis.backup.verifying import verify
from services.chassis.clock import SystemClock
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import Collection, DocumentStore, Index
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import NewEvent, VerdictStatus
from services.chassis.eventlog.record import LOGS
from services.chassis.settings import ChassisSettings

PEOPLE = Collection("people", (Index("by_card", ("card",), unique=True),))
CLOCK = SystemClock()
T0 = datetime(2026, 3, 1, tzinfo=UTC)


def show(what: str, done: int, total: int) -> None:
    assert done <= total, what


def event(number: int) -> NewEvent:
    return NewEvent(f"e{number}", "own", "thing", T0, "main", "web", f"card:{number % 7}", {"n": number})


async def fill(documents: DocumentStore, *, partitions: int, events: int = 60) -> DocumentsLog:
    await documents.declare(PEOPLE)
    for number in range(25):
        await documents.insert(PEOPLE, f"p{number:02}", {"card": f"c{number}", "name": "知客"})
    log = DocumentsLog(documents, "things", partitions, CLOCK, Random(1))
    await log.open()
    for start in range(0, events, 10):
        await log.append([event(number) for number in range(start, start + 10)])
    return log


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    """A data directory with one service, whose store is open as that of a running process is."""
    folder = tmp_path / "data"
    store = SqliteDocuments.open(folder / "knowledge" / "documents.sqlite")
    artifacts = LocalArtifacts(folder / "knowledge" / "artifacts")
    await artifacts.open()
    manifests = Manifests(store, artifacts, CLOCK)
    await manifests.open()
    blob = await artifacts.put(b"model" * 100)
    await manifests.promote("model", {"weights": blob.digest}, expected_version=0)
    (folder / "knowledge" / "token.secret").write_text("hush")
    log = await fill(store, partitions=1)
    yield folder
    await log.close()
    await store.close()


async def taken(data: Path, target: Path, previous: Path | None = None) -> Manifest:
    wanted = Wanted(target, "embedded", timedelta(days=30), previous)
    return await take_embedded(wanted, data, ("knowledge", "search"), CLOCK, show)


def settings(data: Path, **more: object) -> dict[str, ChassisSettings]:
    return {"knowledge": ChassisSettings(data=data, **more)}  # type: ignore[arg-type]


async def restored(backup: Path, data: Path, *, force: bool = False, **more: object) -> None:
    wanted = Restore(backup, read_manifest(backup), data, settings(data, **more), force=force)
    await restore(wanted, clock=CLOCK, rng=Random(2), show=show)


async def test_a_backup_of_a_running_store_is_whole_and_says_what_it_holds(data: Path, tmp_path: Path) -> None:
    manifest = await taken(data, tmp_path / "b")
    (copy,) = manifest.services
    assert (copy.collections["people"], copy.collections["events"], copy.logs[0].seqs) == (25, 60, (60,))
    assert (manifest.events, len(manifest.blobs), [each.path for each in copy.files]) == (
        60,
        1,
        ["files/knowledge/token.secret"],
    )
    assert verify(tmp_path / "b", show) == manifest == read_manifest(tmp_path / "b")
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["blobs", "documents", "files", MANIFEST]
    assert [path.name for path in (tmp_path / "b" / "documents").iterdir()] == ["knowledge.sqlite"]


async def test_writes_go_on_during_a_backup_and_what_came_before_it_is_in_it(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "busy"
    store = SqliteDocuments.open(folder / "knowledge" / "documents.sqlite")
    log = await fill(store, partitions=1)
    acknowledged, stop = 60, asyncio.Event()

    async def write_on() -> None:
        nonlocal acknowledged
        while not stop.is_set():
            await log.append([event(acknowledged)])
            acknowledged += 1

    writing = asyncio.ensure_future(write_on())
    await asyncio.sleep(0.1)
    before = acknowledged
    manifest = await taken(folder, tmp_path / "b")
    stop.set()
    await writing
    await log.close()
    await store.close()
    assert before <= manifest.events <= acknowledged
    verify(tmp_path / "b", show)


async def test_a_restored_log_has_a_new_generation_and_all_that_was_there(data: Path, tmp_path: Path) -> None:
    manifest = await taken(data, tmp_path / "b")
    await restored(tmp_path / "b", tmp_path / "new")
    store = SqliteDocuments.open(tmp_path / "new" / "knowledge" / "documents.sqlite")
    log = DocumentsLog(store, "things", 1, CLOCK, Random(3))
    await log.open()
    head = await log.head()
    assert (head.seqs, head.generation != manifest.services[0].logs[0].generation) == ((60,), True)
    assert [each.payload["n"] for each in await log.read(0, after=0)] == list(range(60))
    assert [each.status for each in await log.append([event(3), event(60)])] == [
        VerdictStatus.DUPLICATE,
        VerdictStatus.STORED,
    ]
    await store.declare(PEOPLE, RESTORES)
    assert await store.count(PEOPLE) == 25
    assert [each.body["created_time"] for each in (await store.scan(RESTORES)).documents] == [manifest.created_time]
    await log.close()
    await store.close()
    artifacts = LocalArtifacts(tmp_path / "new" / "knowledge" / "artifacts")
    assert await artifacts.read(next(iter(manifest.blobs))) == b"model" * 100
    assert (tmp_path / "new" / "knowledge" / "token.secret").read_text() == "hush"


@pytest.mark.parametrize(("before", "after"), [(8, 1), (1, 8), (3, 2)])
async def test_a_log_is_dealt_out_anew_where_the_profile_has_other_partitions(
    tmp_path: Path, before: int, after: int
) -> None:
    source = MemoryDocuments()
    log = await fill(source, partitions=before)
    artifacts = LocalArtifacts(tmp_path / "artifacts")
    await artifacts.open()
    wanted = Wanted(tmp_path / "b", "distributed")
    manifest = await take_through_ports(
        wanted, tmp_path / "none", {"knowledge": (source, artifacts)}, CLOCK, lambda *_: None
    )
    verify(tmp_path / "b", show)
    await log.close()
    assert len(manifest.services[0].logs[0].seqs) == before
    await restored(tmp_path / "b", tmp_path / "new", log_partitions=after)
    store = SqliteDocuments.open(tmp_path / "new" / "knowledge" / "documents.sqlite")
    dealt = DocumentsLog(store, "things", after, CLOCK, Random(3))
    await dealt.open()
    events = [each for place in range(after) for each in await dealt.read(place, after=0)]
    assert sorted(each.payload["n"] for each in events) == list(range(60))
    for subject in {each.subject for each in events}:
        own = [each.payload["n"] for each in events if each.subject == subject]
        assert own == sorted(own)
    again = await dealt.append([event(number) for number in range(60)])
    assert {each.status for each in again} == {VerdictStatus.DUPLICATE}
    await dealt.close()
    await store.close()


async def test_a_blob_of_the_backup_before_is_linked(data: Path, tmp_path: Path) -> None:
    manifest = await taken(data, tmp_path / "b1")
    await taken(data, tmp_path / "b2", tmp_path / "b1")
    (digest,) = manifest.blobs
    paths = [tmp_path / name / "blobs" / digest[:2] / digest for name in ("b1", "b2")]
    assert paths[0].samefile(paths[1])


async def test_a_target_that_is_not_empty_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(BackupTargetError):
        await taken(data, tmp_path / "full")


@pytest.mark.parametrize("what", ["documents/knowledge.sqlite", "blob", "files/knowledge/token.secret"])
async def test_a_changed_byte_is_found(data: Path, tmp_path: Path, what: str) -> None:
    manifest = await taken(data, tmp_path / "b")
    (digest,) = manifest.blobs
    path = tmp_path / "b" / (f"blobs/{digest[:2]}/{digest}" if what == "blob" else what)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises(BackupDamagedError):
        verify(tmp_path / "b", show)


async def test_other_counts_than_stated_and_missing_blobs_are_found(data: Path, tmp_path: Path) -> None:
    await taken(data, tmp_path / "b")
    path = tmp_path / "b" / MANIFEST
    said = orjson.loads(path.read_bytes())
    (own,) = said["services"]
    changes: list[dict[str, object]] = [
        {"collections": {**own["collections"], "people": 24}},
        {"blobs": {}},
        {"logs": []},
    ]
    for change in changes:
        path.write_bytes(orjson.dumps({**said, "services": [{**own, **change}]}))
        with pytest.raises(BackupDamagedError):
            verify(tmp_path / "b", show)


@pytest.mark.parametrize(
    "said", [b"", b"{", b"[]", b"{}", b'{"format": 2}', b'{"format": 1}', b'{"format": 1, "services": 3}']
)
def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path, said: bytes) -> None:
    if said:
        (tmp_path / MANIFEST).write_bytes(said)
    with pytest.raises(BackupFormError):
        read_manifest(tmp_path)


async def test_a_manifest_that_points_outside_is_refused(data: Path, tmp_path: Path) -> None:
    await taken(data, tmp_path / "b")
    path = tmp_path / "b" / MANIFEST
    path.write_bytes(path.read_bytes().replace(b"documents/knowledge.sqlite", b"../data/knowledge/documents.sqlite"))
    with pytest.raises(BackupDamagedError, match="outside"):
        verify(tmp_path / "b", show)


async def test_a_restore_replaces_nothing_unless_told_to(data: Path, tmp_path: Path) -> None:
    await taken(data, tmp_path / "b")
    target = tmp_path / "new"
    (target / "logs").mkdir(parents=True)
    (target / "search").mkdir()
    (target / "search" / "old").touch()
    with pytest.raises(RestoreTargetError):
        await restored(tmp_path / "b", target)
    assert (target / "search" / "old").exists()
    await restored(tmp_path / "b", target, force=True)
    assert sorted(path.name for path in target.iterdir()) == ["knowledge", "logs", "supervisor.lock"]


async def test_an_expired_backup_says_so(data: Path, tmp_path: Path) -> None:
    manifest = await taken(data, tmp_path / "b")
    created = datetime.fromisoformat(manifest.created_time)
    assert not manifest.is_expired(created + timedelta(days=30, seconds=-1))
    assert manifest.is_expired(created + timedelta(days=30))


async def test_an_empty_deployment_can_be_backed_up(tmp_path: Path) -> None:
    manifest = await taken(tmp_path / "nothing", tmp_path / "b")
    assert (manifest.services, manifest.size_bytes) == ((), 0)
    assert verify(tmp_path / "b", show) == manifest


async def test_the_log_document_says_its_new_partitions(tmp_path: Path, data: Path) -> None:
    await taken(data, tmp_path / "b")
    await restored(tmp_path / "b", tmp_path / "new", log_partitions=4)
    store = SqliteDocuments.open(tmp_path / "new" / "knowledge" / "documents.sqlite")
    await store.declare(LOGS)
    document = await store.get(LOGS, "things")
    assert document is not None
    assert document.body["partitions"] == 4
    await store.close()
