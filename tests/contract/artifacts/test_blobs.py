"""What every artifact store promises."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.artifacts.port import ArtifactStore, Blob, BlobMissingError, BlobTooLargeError
from services.chassis.errors import InvalidArgumentError
from tests.contract.artifacts.conftest import LIMIT_BYTES

ABSENT = hashlib.sha256(b"never stored").hexdigest()


async def chunked(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_blob_is_named_by_its_content(artifacts: ArtifactStore) -> None:
    content = "知客".encode() * 1000
    blob = await artifacts.put(content)
    assert blob == Blob(hashlib.sha256(content).hexdigest(), len(content))
    assert await artifacts.read(blob.digest) == content
    assert (await artifacts.open_path(blob.digest)).read_bytes() == content
    assert await artifacts.exists(blob.digest)


async def test_the_same_content_by_whatever_way_is_the_same_blob(artifacts: ArtifactStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8_000
    source = tmp_path / "source"
    source.write_bytes(content)
    blobs = [
        await artifacts.put(content),
        await artifacts.put(chunked([content[:5], b"", content[5:1_500_000], content[1_500_000:]])),
        await artifacts.put_file(source),
        await artifacts.put(content),
    ]
    assert len(set(blobs)) == 1
    assert await artifacts.list() == (blobs[0],)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=3_000), max_size=6))
async def test_chunks_join_without_loss(artifacts: ArtifactStore, parts: list[bytes]) -> None:
    blob = await artifacts.put(chunked(parts))
    assert await artifacts.read(blob.digest) == b"".join(parts)
    assert blob.size_bytes == sum(map(len, parts))


async def test_an_empty_blob_is_a_blob(artifacts: ArtifactStore) -> None:
    blob = await artifacts.put(b"")
    assert await artifacts.read(blob.digest) == b""


async def test_a_blob_at_the_limit_is_stored_and_one_past_it_leaves_nothing(
    artifacts: ArtifactStore, tmp_path: Path
) -> None:
    assert (await artifacts.put(b"x" * LIMIT_BYTES)).size_bytes == LIMIT_BYTES
    too_large = b"y" * (LIMIT_BYTES + 1)
    source = tmp_path / "source"
    source.write_bytes(too_large)
    for put in (artifacts.put(too_large), artifacts.put(chunked([too_large])), artifacts.put_file(source)):
        with pytest.raises(BlobTooLargeError):
            await put
    assert len(await artifacts.list()) == 1


async def test_a_writer_that_fails_half_way_leaves_nothing(artifacts: ArtifactStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionError("the upload broke off")

    with pytest.raises(ConnectionError):
        await artifacts.put(failing())
    assert await artifacts.list() == ()


async def test_a_blob_that_is_not_there_is_missing(artifacts: ArtifactStore) -> None:
    assert not await artifacts.exists(ABSENT)
    assert not await artifacts.delete(ABSENT)
    for ask in (artifacts.read, artifacts.open_path):
        with pytest.raises(BlobMissingError) as caught:
            await ask(ABSENT)
        assert caught.value.metadata["digest"] == ABSENT


async def test_a_deleted_blob_is_gone_and_can_be_stored_again(artifacts: ArtifactStore) -> None:
    blob = await artifacts.put(b"once")
    assert await artifacts.delete(blob.digest)
    assert not await artifacts.exists(blob.digest)
    with pytest.raises(BlobMissingError):
        await artifacts.open_path(blob.digest)
    assert await artifacts.put(b"once") == blob
    assert await artifacts.read(blob.digest) == b"once"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "a" * 63, "a" * 65, "a" * 63 + "/", "知" * 64])
async def test_only_a_digest_names_a_blob(artifacts: ArtifactStore, name: str) -> None:
    for ask in (artifacts.read, artifacts.open_path, artifacts.exists, artifacts.delete):
        with pytest.raises(InvalidArgumentError):
            await ask(name)


async def test_blobs_are_listed_in_digest_order_page_by_page(artifacts: ArtifactStore) -> None:
    stored = sorted([(await artifacts.put(str(number).encode())).digest for number in range(30)])
    listed: list[str] = []
    after = None
    while page := await artifacts.list(after=after, limit=7):
        listed += [blob.digest for blob in page]
        after = page[-1].digest
    assert listed == stored


@pytest.mark.parametrize("limit", [0, 1_001])
async def test_a_page_of_blobs_is_bounded(artifacts: ArtifactStore, limit: int) -> None:
    with pytest.raises(InvalidArgumentError):
        await artifacts.list(limit=limit)


async def test_many_writers_of_the_same_and_of_other_content_do_not_disturb_each_other(
    artifacts: ArtifactStore,
) -> None:
    contents = [str(number % 5).encode() * 10_000 for number in range(40)]
    blobs = await asyncio.gather(*(artifacts.put(content) for content in contents))
    for blob, content in zip(blobs, contents, strict=True):
        assert await artifacts.read(blob.digest) == content
    assert len(await artifacts.list()) == 5
