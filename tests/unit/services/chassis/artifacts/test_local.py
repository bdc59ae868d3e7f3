"""What only the store of local files can get wrong: rot, crashes, full disks."""

import errno
import os
import stat
from pathlib import Path

import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactsUnavailableError, BlobCorruptError


async def opened(folder: Path) -> LocalArtifacts:
    store = LocalArtifacts(folder)
    await store.open()
    return store


def rot(path: Path) -> None:
    path.chmod(0o640)
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


async def test_a_rotten_blob_is_never_handed_out_and_storing_it_again_heals_it(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    blob = await store.put(b"a model")
    path = await store.open_path(blob.digest)
    rot(path)
    for ask in (store.read, store.open_path):
        with pytest.raises(BlobCorruptError):
            await ask(blob.digest)
    assert await store.put(b"a model") == blob
    assert await store.read(blob.digest) == b"a model"
    assert (await store.open_path(blob.digest)).read_bytes() == b"a model"


async def test_what_a_crash_left_half_written_is_swept_at_the_next_start(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    blob = await store.put(b"whole")
    (tmp_path / "tmp" / "half").write_bytes(b"ha")
    again = await opened(tmp_path)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [each.digest for each in await again.list()] == [blob.digest]


async def test_the_content_is_synced_before_it_gets_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path)
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        sync(descriptor)

    def rename(source: Path, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    await store.put(b"a model")
    assert steps == ["sync file", "rename", "sync folder", "sync folder"]


async def test_a_full_disk_is_unavailable_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await opened(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactsUnavailableError, match="No space left"):
        await store.put(b"a model")
    monkeypatch.undo()
    assert await store.list() == ()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (await store.put(b"a model")).size_bytes == 7


async def test_stored_files_are_read_only(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    path = await store.open_path((await store.put(b"a model")).digest)
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
