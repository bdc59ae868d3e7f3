"""Which fault strikes whom, when and for how long: everything out of one seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

FAULTS_LIMIT: Final = 10_000


class FaultKind(StrEnum):
    """What can be done to a part of the platform."""

    KILL = "kill"  # SIGKILL: it dies and is started again
    TERM = "term"  # SIGTERM: it ends in order and is started again
    PAUSE = "pause"  # SIGSTOP for a while, then SIGCONT
    SLOW = "slow"  # the way to it delays every packet
    BLACK_HOLE = "black-hole"  # the way to it takes everything and passes nothing on
    DISK_FULL = "disk-full"  # no file of it may grow
    STORE_DOWN = "store-down"  # a server that keeps documents or the search index refuses connections
    STORE_SLOW = "store-slow"  # the way to it delays every packet


RESTARTS: Final = frozenset({FaultKind.KILL, FaultKind.TERM})
OF_STORES: Final = frozenset({FaultKind.STORE_DOWN, FaultKind.STORE_SLOW})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``after_s``: since the last one was over; ``hold_s``: how long it lasts, 0 for a restart."""

    kind: FaultKind
    target: str
    after_s: float
    hold_s: float


def schedule(
    targets: Mapping[FaultKind, Sequence[str]],
    count: int,
    rng: Random,
    *,
    after_s: tuple[float, float],
    hold_s: tuple[float, float],
) -> tuple[Fault, ...]:
    """Draw ``count`` faults. ``targets``: the kinds to draw from, and whom each may strike. Raises ValueError."""
    if not 0 <= count <= FAULTS_LIMIT:
        raise ValueError(f"0 to {FAULTS_LIMIT} faults, not {count}")
    kinds = sorted(targets)
    if not kinds or not all(targets.values()):
        raise ValueError("name at least one kind of fault, and somebody for each to strike")
    faults = []
    for _ in range(count):
        kind = rng.choice(kinds)
        target, after, hold = rng.choice(targets[kind]), rng.uniform(*after_s), rng.uniform(*hold_s)
        faults.append(Fault(kind, target, after, 0.0 if kind in RESTARTS else hold))
    return tuple(faults)
