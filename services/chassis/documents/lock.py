"""One process per store: an advisory lock that the kernel lets go of when its holder dies, with its pid inside.

Holding it proves that the predecessor is dead, so what the predecessor left (its leases) may be taken at once.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from services.chassis.errors import ErrorKind, ZhikeError

PID_LIMIT_BYTES = 32


class StoreInUseError(ZhikeError):
    """Another process holds the lock; metadata ``pid`` names it (0: it wrote none)."""

    kind = ErrorKind.PRECONDITION
    reason = "STORE_IN_USE"


class StoreLock:
    """A held lock. The file stays when it is released: removing it would let two processes lock two files."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Take the lock at ``path``, creating the file; raises StoreInUseError at once when another holds it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder_pid = _read_pid(descriptor)
            os.close(descriptor)
            raise StoreInUseError(
                f"{path.parent} is in use by the process with pid {holder_pid or 'unknown'}; "
                "stop it first, or choose another data directory",
                pid=holder_pid,
                path=path,
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return cls(path, descriptor)

    def release(self) -> None:
        """Let go; silent when already released."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _read_pid(descriptor: int) -> int:
    text = os.pread(descriptor, PID_LIMIT_BYTES, 0)
    return int(text) if text.isdigit() else 0
