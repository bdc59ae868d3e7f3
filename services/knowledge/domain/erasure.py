"""The life of an erasure and what its receipt tells, as counts and times without a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final

SERVICES: Final = ("knowledge", "orders", "recommendation", "reputation", "search")
LOGS: Final = "logs"
COPIES: Final = "copies"
STEPS: Final = (LOGS, COPIES)
BY_SHOPPER: Final = "shopper"
BY_DESK: Final = "desk"


class ErasureState(StrEnum):
    """Where an erasure stands. Stored by text, so texts never change their meaning."""

    REQUESTED = "requested"
    LOGS = "logs"  # every service refuses the person and rewrites its logs
    COPIES = "copies"  # every service rewrites what was made of the logs
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step in one service."""

    time_us: int
    counts: Mapping[str, int]
    proof: str


@dataclass(frozen=True, slots=True)
class ServiceDone:
    """What one service has done so far, by step."""

    steps: Mapping[str, StepDone] = field(default_factory=dict)

    def with_step(self, step: str, done: StepDone) -> "ServiceDone":
        """Return it with one step more."""
        return ServiceDone({**self.steps, step: done})

    def counts(self) -> dict[str, int]:
        """Return the counts of all steps together."""
        total: dict[str, int] = {}
        for done in self.steps.values():
            for kind, count in done.counts.items():
                total[kind] = total.get(kind, 0) + count
        return total

    @property
    def proof(self) -> str:
        """The proofs of its steps in their order."""
        return "".join(self.steps[step].proof for step in STEPS if step in self.steps)


def progress_percent(services: Mapping[str, ServiceDone], *, done: bool) -> int:
    """Return how many of the steps are done, in hundredths; 100 only when all is."""
    if done:
        return 100
    steps = sum(len(each.steps) for each in services.values())
    return min(99, 100 * steps // (len(SERVICES) * len(STEPS)))


def whole_proof(services: Mapping[str, ServiceDone], names: Sequence[str] = SERVICES) -> str:
    """Return the hash over the services' proofs in the order of their names."""
    return sha256(
        "\n".join(f"{name}:{services[name].proof}" for name in names if name in services).encode()
    ).hexdigest()
