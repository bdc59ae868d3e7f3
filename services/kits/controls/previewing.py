"""What a preview and a dry run show, whatever service made it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from services.chassis.operation_run import OperationRun
from services.kits.controls.arranging import Origin
from services.kits.controls.control import Control
from services.kits.controls.plan import Effect

MOVERS_LIMIT: Final = 50  # products gained and lost that a dry run lists


@dataclass(frozen=True, slots=True)
class Look:
    """A request to be looked at before and after. Which fields count depends on the service."""

    identifiers: tuple[str, ...] = ()
    placement: str = ""
    query: str = ""
    product_ids: tuple[str, ...] = ()
    language: str = "zh"
    page_size: int = 12
    shop: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class TracedSlot:
    """One slot with its trace: what found it, its score and rank there, how it won its place, what touched it."""

    product_id: str
    card: bytes
    reason: str
    source: str
    model: str
    score: float
    rank: int
    origin: Origin
    position: int
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """What is shown before, or after."""

    slots: tuple[TracedSlot, ...]
    redirect: str = ""
    synonyms: tuple[str, ...] = ()
    fallback_reason: str = ""
    total_size: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """Both sides. ``applies``: the condition holds for this request."""

    before: Side
    after: Side
    applies: bool


class Previewer(Protocol):
    """What a service adds to the kit: how its answers look with and without a Control."""

    async def preview(self, control: Control, look: Look) -> Preview:
        """Look at one request. Raises what the request itself would raise."""

    async def dry_run(self, control: Control, run: OperationRun, *, sample: int) -> Mapping[str, Any]:
        """Look at many; return the result, to be kept as JSON. Reports progress by rows."""


@dataclass(slots=True)
class Tally:
    """What a dry run counts. A slot is changed where another product stands in it."""

    looked_at: int = 0
    changed: int = 0
    slots: int = 0
    slots_changed: int = 0
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    redirected: int = 0

    def add(self, before: Sequence[str], after: Sequence[str], *, redirected: bool = False) -> None:
        """Count one request."""
        self.looked_at += 1
        longest = max(len(before), len(after))
        self.slots += longest
        moved = longest - sum(one == other for one, other in zip(before, after, strict=False))
        self.slots_changed += moved
        self.changed += bool(moved) or redirected
        self.redirected += redirected
        self.gained.update(set(after).difference(before))
        self.lost.update(set(before).difference(after))

    def result(self, unit: str, titles: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        """Return the result. ``unit``: "customers" or "queries"; ``titles`` by product, both languages."""
        return {
            "unit": unit,
            "looked_at": self.looked_at,
            "changed": self.changed,
            "redirected": self.redirected,
            "slots": self.slots,
            "slots_changed": self.slots_changed,
            "share": self.slots_changed / self.slots if self.slots else 0.0,
            "gained": _movers(self.gained, titles),
            "lost": _movers(self.lost, titles),
        }

    def movers(self) -> set[str]:
        """Return the products whose titles a result needs."""
        return {each for counter in (self.gained, self.lost) for each, _ in counter.most_common(MOVERS_LIMIT)}


def _movers(counter: Counter[str], titles: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    ranked = sorted(counter.items(), key=lambda each: (-each[1], each[0]))[:MOVERS_LIMIT]
    return [{"product_id": name, "titles": dict(titles.get(name, {})), "count": count} for name, count in ranked]
