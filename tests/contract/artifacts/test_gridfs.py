"""What GridFS adds: replicas that store, read and delete the same blobs, uploads that died, and local copies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import ObjectId

from services.chassis.artifacts.gridfs import ORPHAN_GRACE, GridFsArtifacts
from services.chassis.artifacts.port import ArtifactsUnavailableError, BlobCorruptError, BlobMissingError
from services.chassis.documents.mongo import MongoDocuments
from tests.contract.conftest import open_mongo

pytestmark = pytest.mark.real

MEBIBYTE = 1024 * 1024


@pytest.fixture
async def documents(mongodb_here: str, tmp_path: Path) -> AsyncIterator[MongoDocuments]:
    store = open_mongo(tmp_path)
    yield store
    await store.close()


@pytest.fixture
async def replicas(documents: MongoDocuments, tmp_path: Path) -> tuple[GridFsArtifacts, GridFsArtifacts]:
    """Two processes of one service, each with a folder of its own."""
    both = tuple(GridFsArtifacts(documents, tmp_path / name) for name in ("one", "other"))
    for each in both:
        await each.open()
    return both[0], both[1]


@pytest.fixture
def database(mongodb_here: str, documents: MongoDocuments) -> Iterator[Any]:
    with pymongo.MongoClient(mongodb_here) as client:
        yield client[documents.database_name]


async def test_what_one_replica_stores_every_replica_reads(replicas: tuple[GridFsArtifacts, GridFsArtifacts]) -> None:
    one, other = replicas
    content = bytes(range(256)) * 8_192
    blob = await one.put(content)
    assert await other.exists(blob.digest)
    assert await other.read(blob.digest) == content
    assert (await other.open_path(blob.digest)).read_bytes() == content
    assert await other.list() == (blob,)


async def test_replicas_that_store_the_same_content_at_once_leave_one_file(
    replicas: tuple[GridFsArtifacts, GridFsArtifacts], database: Any
) -> None:
    content = b"the same" * 100_000
    blobs = await asyncio.gather(*(each.put(content) for each in replicas for _ in range(6)))
    assert len(set(blobs)) == 1
    assert database["artifacts.files"].count_documents({}) == 1
    (file,) = database["artifacts.files"].find()
    assert set(database["artifacts.chunks"].distinct("files_id")) == {file["_id"]}
    for each in replicas:
        assert await each.read(blobs[0].digest) == content


async def test_a_copy_of_a_blob_that_another_replica_deleted_counts_no_more_and_leaves_the_disk(
    replicas: tuple[GridFsArtifacts, GridFsArtifacts], tmp_path: Path
) -> None:
    one, other = replicas
    blob = await one.put(b"a person's data")
    path = await other.open_path(blob.digest)
    assert await one.delete(blob.digest)
    assert not await other.exists(blob.digest)
    with pytest.raises(BlobMissingError):
        await other.open_path(blob.digest)
    assert not path.exists()
    second = await one.put(b"another's")
    third = await other.open_path(second.digest)
    await one.delete(second.digest)
    await other.put(b"something else")
    assert not third.exists(), "the next that is stored or fetched takes along what is gone"


async def test_copies_of_blobs_that_are_gone_leave_the_disk_at_the_next_start(
    replicas: tuple[GridFsArtifacts, GridFsArtifacts], documents: MongoDocuments, tmp_path: Path
) -> None:
    one, other = replicas
    kept, erased = await one.put(b"kept"), await one.put(b"erased")
    paths = [await other.open_path(blob.digest) for blob in (kept, erased)]
    await one.delete(erased.digest)
    again = GridFsArtifacts(documents, tmp_path / "other")
    await again.open()
    assert [path.exists() for path in paths] == [True, False]


async def test_copies_beyond_the_limit_go_the_longest_unused_first(documents: MongoDocuments, tmp_path: Path) -> None:
    store = GridFsArtifacts(documents, tmp_path / "small", cache_limit_bytes=3 * MEBIBYTE)
    await store.open()
    blobs = [await store.put(bytes([number]) * MEBIBYTE) for number in range(3)]
    paths = [await store.open_path(blob.digest) for blob in blobs]
    await store.read(blobs[0].digest)
    await store.put(b"x" * MEBIBYTE)
    assert [path.exists() for path in paths] == [True, False, True]
    assert await store.read(blobs[1].digest) == bytes([1]) * MEBIBYTE


async def test_a_copy_that_rotted_is_fetched_again(
    replicas: tuple[GridFsArtifacts, GridFsArtifacts],
) -> None:
    one, _ = replicas
    blob = await one.put(b"sound")
    path = await one.open_path(blob.digest)
    path.chmod(0o600)
    path.write_bytes(b"rotten")
    assert await one.read(blob.digest) == b"sound"


@pytest.mark.parametrize("damage", ["chunk gone", "chunk changed"])
async def test_a_damaged_blob_is_corrupt_and_storing_it_again_heals_a_lost_part(
    replicas: tuple[GridFsArtifacts, GridFsArtifacts], database: Any, damage: str
) -> None:
    one, other = replicas
    content = b"0123456789" * 60_000
    blob = await one.put(content)
    if damage == "chunk gone":
        database["artifacts.chunks"].delete_one({"n": 1})
    else:
        database["artifacts.chunks"].update_one({"n": 1}, {"$set": {"data": b"x" * 261_120}})
    with pytest.raises(BlobCorruptError):
        await other.read(blob.digest)
    if damage == "chunk gone":
        await other.put(content)
        assert await other.read(blob.digest) == content


async def test_chunks_of_an_upload_that_died_are_swept_once_it_cannot_be_going_on(
    documents: MongoDocuments, database: Any, tmp_path: Path
) -> None:
    first = GridFsArtifacts(documents, tmp_path / "one")
    await first.open()
    blob = await first.put(b"whole")
    dead = ObjectId.from_datetime(datetime.now(UTC) - ORPHAN_GRACE - timedelta(minutes=1))
    young = ObjectId()
    database["artifacts.chunks"].insert_many(
        [{"files_id": file, "n": n, "data": b"x"} for file in (dead, young) for n in range(2)]
    )
    await GridFsArtifacts(documents, tmp_path / "other").open()
    left = set(database["artifacts.chunks"].distinct("files_id"))
    assert dead not in left
    assert young in left
    assert await first.read(blob.digest) == b"whole"


async def test_a_server_that_is_away_is_said_in_the_ports_words(tmp_path: Path) -> None:
    away = MongoDocuments.open("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200", "away")
    store = GridFsArtifacts(away, tmp_path)
    for ask in (store.open(), store.exists("0" * 64), store.put(b"x"), store.list(), store.delete("0" * 64)):
        with pytest.raises(ArtifactsUnavailableError) as caught:
            await ask
        assert caught.value.metadata["cause"] == "ServerSelectionTimeoutError"
    await away.close()
