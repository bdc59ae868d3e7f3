"""Does to a running deployment what a fault says, and undoes it. Only processes that it was given are touched."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from typing import Final

import psutil

from infra.faults.proxy import FaultyProxy, Way
from infra.faults.schedule import RESTARTS, Fault, FaultKind

FULL_DISK_BYTES: Final = 4_096  # as large as a file may become while the disk is full
END_LIMIT_S: Final = 20.0
PAUSE_S: Final = 0.02
_WAYS: Final = {
    FaultKind.SLOW: Way.SLOW,
    FaultKind.BLACK_HOLE: Way.SILENT,
    FaultKind.STORE_DOWN: Way.CLOSED,
    FaultKind.STORE_SLOW: Way.SLOW,
}


@dataclass(frozen=True)
class Injector:
    """``pid_of`` names the process of a target now; ``ways`` are the proxies before services and stores."""

    pid_of: Callable[[str], int]
    ways: Mapping[str, FaultyProxy] = field(default_factory=dict)

    async def strike(self, fault: Fault) -> None:
        """Let the fault happen and return when it is over: the process ended, or the hold passed."""
        if fault.kind in RESTARTS:
            await self._end(fault)
        elif fault.kind is FaultKind.PAUSE:
            with _paused(psutil.Process(self.pid_of(fault.target))):
                await asyncio.sleep(fault.hold_s)
        elif fault.kind is FaultKind.DISK_FULL:
            with full_disk(psutil.Process(self.pid_of(fault.target))):
                await asyncio.sleep(fault.hold_s)
        else:
            with _changed(self.ways[fault.target], _WAYS[fault.kind]):
                await asyncio.sleep(fault.hold_s)

    async def _end(self, fault: Fault) -> None:
        process = psutil.Process(self.pid_of(fault.target))
        process.send_signal(SIGKILL if fault.kind is FaultKind.KILL else SIGTERM)
        async with asyncio.timeout(END_LIMIT_S):
            while _lives(process):  # noqa: ASYNC110 - another process
                await asyncio.sleep(PAUSE_S)


@contextmanager
def full_disk(process: psutil.Process) -> Iterator[None]:
    """Let no file of the process grow: for it, the disk is full."""
    process.rlimit(psutil.RLIMIT_FSIZE, (FULL_DISK_BYTES, psutil.RLIM_INFINITY))
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))


@contextmanager
def _paused(process: psutil.Process) -> Iterator[None]:
    process.send_signal(SIGSTOP)
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(SIGCONT)


@contextmanager
def _changed(proxy: FaultyProxy, way: Way) -> Iterator[None]:
    proxy.become(way)
    try:
        yield
    finally:
        proxy.become(Way.OPEN)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
