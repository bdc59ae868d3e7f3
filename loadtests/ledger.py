"""The ledger of acknowledgements: what the platform said that it keeps, written down while the load runs.

One JSON object a line: ``{"events": [...]}`` are events whose verdict was ``stored`` or ``duplicate``, as they were
sent; ``{"price": {...}}`` is a price edit that was answered, with the version that it made.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

LEDGER, ORIGINALS = "ledger.ndjson", "prices.json"  # in the run's folder; the second: prices before the run's edits
ACKNOWLEDGED = frozenset({"stored", "duplicate"})


def acknowledged_events(sent: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return those of the sent events that the answer's verdicts acknowledge."""
    kept = {verdict["id"] for verdict in answer["verdicts"] if verdict["status"] in ACKNOWLEDGED}
    return [event for event in sent if event["id"] in kept]


class LedgerFile:
    """Appends to a ledger; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def add_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Note acknowledged events."""
        if events:
            self._file.write(orjson.dumps({"events": events}, option=orjson.OPT_APPEND_NEWLINE))

    def add_price(self, product: str, price: Mapping[str, str], version: int) -> None:
        """Note an acknowledged price."""
        line = {"price": {"product": product, **price, "version": version}}
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Hand everything to the system."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Ledger:
    """A ledger read back: events by id, and of each product the price of the highest version."""

    events: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_ledger(path: Path) -> Ledger:
    """Read a ledger. Raises FileNotFoundError, orjson.JSONDecodeError for a line that is cut off."""
    events: dict[str, Mapping[str, Any]] = {}
    prices: dict[str, Mapping[str, Any]] = {}
    with path.open("rb") as lines:
        for line in lines:
            entry = orjson.loads(line)
            events.update({event["id"]: event for event in entry.get("events", ())})
            if price := entry.get("price"):
                known = prices.get(price["product"])
                if known is None or known["version"] < price["version"]:
                    prices[price["product"]] = price
    return Ledger(events, prices)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was found of what was acknowledged. ``door``: by which way the store was asked."""

    acknowledged: int
    lost: int
    doubled: int
    door: str
    prices: int = 0


def compare_events(acknowledged: Iterable[str], stored: Mapping[str, int], door: str) -> Kept:
    """Compare acknowledged ids with how often each stands in the log; what nobody acknowledged may stand there once."""
    ids = set(acknowledged)
    counts = Counter(stored)
    return Kept(
        acknowledged=len(ids),
        lost=sum(1 for each in ids if counts[each] == 0),
        doubled=sum(count - 1 for count in counts.values() if count > 1),
        door=door,
    )


def price_is_lost(acknowledged: Mapping[str, Any], product: Mapping[str, Any]) -> bool:
    """Tell whether the owner's product lacks an acknowledged price; a later version is somebody's later edit."""
    version = int(product["version"])
    if version != acknowledged["version"]:
        return version < int(acknowledged["version"])
    kept = {name: product["price"][name] for name in ("amount", "currency")}
    return kept != {name: acknowledged[name] for name in ("amount", "currency")}
