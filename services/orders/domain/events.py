"""One immutable fact about an order, its identity, and its place among the others.

A fact is named by its source's own id, unique within (shop, source); a source that has none names it by the hash of its
content, so the same report twice is one fact. Facts are sorted by (occurred time, rank, id): what arrives late takes
the place where it belongs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from services.chassis.canonical import canonical_json
from services.orders.domain.lifecycle import rank_of

ID_BYTES: Final = 16
CONTENT_PREFIX: Final = "content-"  # of a source event id that we made
NO_DETAILS: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Portion:
    """Some pieces of a line; ``quantity`` None: all that there is of it."""

    line: int
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class ParcelRef:
    """The natural key of a shipment. Carriers use tracking numbers again, so the day of shipping belongs to it.

    ``ship_date`` "" (a scan): the parcel of this number that was on its way at the time.
    """

    carrier: str
    tracking_number: str
    ship_date: str = ""


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """A fact as the fold sees it. Times in microseconds since 1970 UTC; ``seq``: its number in the log, 0 before."""

    id: str
    source: str
    source_event_id: str
    type: str
    occurred_us: int
    zone: str
    recorded_us: int = 0
    seq: int = 0
    portions: tuple[Portion, ...] = ()
    parcel: ParcelRef | None = None
    return_id: str = ""
    corrects: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=lambda: NO_DETAILS)

    @property
    def sort_key(self) -> tuple[int, int, str]:
        """When it happened, then what it is; the id makes the order total."""
        return (self.occurred_us, rank_of(self.type), self.id)


def event_id(shop: str, source: str, source_event_id: str) -> str:
    """Return the id of a fact: 32 hex digits, the same wherever and however often it is told."""
    return blake2b(canonical_json([shop, source, source_event_id]), digest_size=ID_BYTES).hexdigest()


def content_id(content: Mapping[str, Any]) -> str:
    """Return the source event id of a fact whose source has none."""
    return CONTENT_PREFIX + blake2b(canonical_json(content), digest_size=ID_BYTES).hexdigest()


def in_order(events: Iterable[OrderEvent]) -> list[OrderEvent]:
    """Return each fact once, by (occurred time, rank, id)."""
    unique = {event.id: event for event in events}
    return sorted(unique.values(), key=_sort_key)


def uncorrected(history: Sequence[OrderEvent]) -> list[OrderEvent]:
    """Return the facts that no other takes back.

    What any fact names in ``corrects`` is void for good, also when that fact is corrected in turn: who wants the first
    one back tells it again. So the answer does not depend on who corrected whom first.
    """
    void = {name for event in history if event.corrects for name in event.corrects if name != event.id}
    return [event for event in history if event.id not in void] if void else list(history)


def _sort_key(event: OrderEvent) -> tuple[int, int, str]:
    return (event.occurred_us, rank_of(event.type), event.id)
