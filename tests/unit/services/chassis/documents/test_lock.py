"""One holder at a time, named by its pid, and free again with its end."""

import os
from pathlib import Path

import pytest

from services.chassis.documents.lock import StoreInUseError, StoreLock


def test_a_held_lock_is_refused_with_the_holders_pid_and_the_folder(tmp_path: Path) -> None:
    lock = StoreLock.acquire(tmp_path / "lock")
    with pytest.raises(StoreInUseError) as caught:
        StoreLock.acquire(tmp_path / "lock")
    assert caught.value.metadata["pid"] == str(os.getpid())
    assert f"{tmp_path} is in use by the process with pid {os.getpid()}" in caught.value.message
    lock.release()


def test_a_released_lock_is_free_and_its_file_stays(tmp_path: Path) -> None:
    lock = StoreLock.acquire(tmp_path / "lock")
    lock.release()
    lock.release()
    assert (tmp_path / "lock").read_bytes() == b""
    StoreLock.acquire(tmp_path / "lock").release()


def test_a_longer_pid_that_a_dead_holder_left_is_overwritten_whole(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999999999999")
    lock = StoreLock.acquire(tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == str(os.getpid())
    lock.release()


def test_a_holder_that_wrote_no_pid_is_called_unknown(tmp_path: Path) -> None:
    lock = StoreLock.acquire(tmp_path / "lock")
    (tmp_path / "lock").write_text("not a number")
    with pytest.raises(StoreInUseError, match="pid unknown"):
        StoreLock.acquire(tmp_path / "lock")
    lock.release()
