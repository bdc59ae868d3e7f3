"""The copy of what shoppers did: one row per product of an event, per identifier as it came, in memory.

A replica keeps it whole (about 30 bytes a row) because folding a person in needs every row of that person now. The
latest snapshot and the tail of the log bring it back (docs/consistency.md rule 11); its watermark makes applying
idempotent (rule 8). An order counts once by (shop, kind, number): the shop's books replace the browser's report, a later
report of equal authority the earlier (rule 17).
"""

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from services.chassis.eventlog.port import Event
from services.recommendation.domain.interactions import NO_BASKET, NOBODY, Floats, Interactions, Ints, Kind, Seconds
from services.recommendation.domain.model import TrainedThrough
from services.recommendation.store.columns import Column
from services.recommendation.store.packing import pack, unpack

LOG, OWNER, PROJECTION = "user-events", "knowledge", "interactions"
FORM = "interactions-1"
LINES_LIMIT = 2_000  # of one event; knowledge takes no more
ANONYMOUS_PREFIX = "visitor:v-anonymous-"  # an order without a customer: knowledge gives each its own
TILL_CHANNELS = frozenset({"store", "phone"})
PURCHASE_TYPE = "purchase-complete"
KINDS = {
    "detail-page-view": Kind.VIEW,
    "add-to-cart": Kind.ADD,
    "remove-from-cart": Kind.REMOVE,
    PURCHASE_TYPE: Kind.PURCHASE,
}
BOOKS, BROWSER = 1, 0  # who reports an order


class Flag(IntFlag):
    """What else is true of a row."""

    SYNTHETIC = 1  # of a load test: trains nothing
    SIMULATED = 2  # made up by the demo: trains nothing, is never part of a figure
    TILL = 4  # happened away from the web cart


UNTRAINED = Flag.SYNTHETIC | Flag.SIMULATED


@dataclass(frozen=True, slots=True)
class History:
    """Rows of one person in the order of the log. ``item`` is the ledger's own numbering."""

    item: Ints
    time_s: Seconds
    kind: npt.NDArray[np.uint8]
    quantity: Floats
    flags: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.item)


@dataclass(slots=True)
class _Batch:
    """Rows on their way into the columns."""

    actor: list[int] = field(default_factory=list)
    item: list[int] = field(default_factory=list)
    time_s: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    basket: list[int] = field(default_factory=list)
    quantity: list[float] = field(default_factory=list)


COLUMNS: dict[str, Any] = {
    "actor": np.int32,
    "item": np.int32,
    "time_s": np.int64,
    "kind": np.uint8,
    "flags": np.uint8,
    "basket": np.int32,
    "quantity": np.float32,
}
BASKET_COLUMNS: dict[str, Any] = {
    "order": np.uint64,
    "start": np.int64,
    "end": np.int64,
    "authority": np.uint8,
}


class Ledger:
    """All interactions of a shop. One writer (its log reader); readers see whole batches."""

    name, log, owner = PROJECTION, LOG, OWNER

    def __init__(self) -> None:
        self.generation = ""
        self.watermark: dict[int, int] = {}
        self.purchases = 0  # rows that may train; tells whether popularity moved
        self.changes = 0  # grows when rows that were there change their meaning
        self.item_ids: list[str] = []
        self._actor_ids: list[str] = []
        self._items: dict[str, int] = {}
        self._actors: dict[str, int] = {}
        self._rows_of: list[array[int]] = []
        self._columns = {name: Column(dtype) for name, dtype in COLUMNS.items()}
        self._baskets = {name: Column(dtype) for name, dtype in BASKET_COLUMNS.items()}
        self._orders: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._columns["item"])

    @property
    def actors(self) -> int:
        """How many identifiers did something."""
        return len(self._actor_ids)

    @property
    def baskets(self) -> int:
        """How many orders there are, replaced reports included."""
        return len(self._baskets["order"])

    async def apply(self, events: Sequence[Event]) -> None:
        """Apply events of one partition in order; those at or below the watermark are known already."""
        batch = _Batch()
        first_row = len(self)
        for event in events:
            if event.seq <= self.watermark.get(event.partition, 0):
                continue
            kind = KINDS.get(event.type)
            if kind is not None:
                self._take(event, kind, batch, first_row)
            self.watermark[event.partition] = event.seq
        self._append(batch, first_row)

    def item_place(self, product_id: str) -> int:
        """Return the ledger's number of a product, -1 for one that nobody touched."""
        return self._items.get(product_id, -1)

    def actor_places(self, identifiers: Iterable[str]) -> tuple[int, ...]:
        """Return the numbers of those identifiers that did something, ascending."""
        found = {self._actors[each] for each in identifiers if each in self._actors}
        return tuple(sorted(found))

    def rows_of(self, actors: Sequence[int]) -> int:
        """Return how many rows these identifiers have; a cheap sign that something was added."""
        return sum(len(self._rows_of[actor]) for actor in actors)

    def history(self, actors: Sequence[int]) -> History:
        """Return the rows of these identifiers, in log order."""
        rows = np.concatenate([np.frombuffer(self._rows_of[each], dtype=np.uint32) for each in actors] or [_NO_ROWS])
        if len(actors) > 1:
            rows = np.sort(rows)
        taken = {name: self._columns[name].take(rows) for name in ("item", "time_s", "kind", "quantity", "flags")}
        return History(**taken)

    def trained_through(self) -> TrainedThrough:
        """Return how far the copy has read its log."""
        return TrainedThrough(self.generation, dict(self.watermark))

    def snapshot(self) -> "LedgerSnapshot":
        """Return what is there now, at once; packing it may then take its time in another thread."""
        views = {name: column.view() for name, column in self._columns.items()}
        views["kind"] = views["kind"].copy()  # replaced orders change it
        baskets = {f"basket_{name}": column.view().copy() for name, column in self._baskets.items()}
        position = {"generation": self.generation, "watermark": [[p, s] for p, s in self.watermark.items()]}
        return LedgerSnapshot({**views, **baskets}, tuple(self._actor_ids), tuple(self.item_ids), position)

    def pack(self) -> "LedgerSnapshot":
        """Return a snapshot to write down (the face of every copy)."""
        return self.snapshot()

    @classmethod
    def unpacked(cls, content: bytes) -> "Ledger":
        """Return the copy that ``LedgerSnapshot.encode`` wrote. Raises SnapshotUnreadableError."""
        meta, arrays = unpack(content, FORM)
        ledger = cls()
        ledger.generation = meta["generation"]
        ledger.watermark = {partition: seq for partition, seq in meta["watermark"]}
        ledger._actor_ids, ledger.item_ids = meta["actors"], meta["items"]
        ledger._actors = {name: place for place, name in enumerate(ledger._actor_ids)}
        ledger._items = {name: place for place, name in enumerate(ledger.item_ids)}
        ledger._columns = {name: Column(dtype, arrays[name]) for name, dtype in COLUMNS.items()}
        ledger._baskets = {name: Column(dtype, arrays[f"basket_{name}"]) for name, dtype in BASKET_COLUMNS.items()}
        orders = ledger._baskets["order"].view().tolist()
        ledger._orders = {order: basket for basket, order in enumerate(orders) if order}
        ledger._rows_of = _rows_by_actor(arrays["actor"], len(ledger._actor_ids))
        ledger.purchases = int(_trains(arrays["kind"], arrays["flags"]).sum())
        return ledger

    def _take(self, event: Event, kind: Kind, batch: _Batch, first_row: int) -> None:
        payload = event.payload
        order = payload.get("order") or {}
        if kind is Kind.PURCHASE and order.get("kind") == "return":
            kind = Kind.RETURN
        start = first_row + len(batch.item)
        if event.type == PURCHASE_TYPE:
            basket = self._open_basket(event, order, start, batch, first_row)
            if basket is None:
                return
        else:
            basket = NO_BASKET
        flags = Flag.TILL if event.channel in TILL_CHANNELS else Flag(0)
        if event.synthetic:
            flags |= Flag.SYNTHETIC
        if (payload.get("attributes") or {}).get("simulated") == "true":
            flags |= Flag.SIMULATED
        actor = self._actor(event.subject)
        time_s = int(event.occurred_time.timestamp())
        for line in (payload.get("products") or ())[:LINES_LIMIT]:
            if line.get("kind") == "charge":
                continue
            batch.actor.append(actor)
            batch.item.append(self._item(line["id"]))
            batch.time_s.append(time_s)
            batch.kind.append(kind)
            batch.flags.append(flags)
            batch.basket.append(basket)
            batch.quantity.append(line.get("quantity") or 0)
        if basket != NO_BASKET:
            self._baskets["end"].fill(basket, basket + 1, first_row + len(batch.item))

    def _open_basket(
        self, event: Event, order: dict[str, Any], start: int, batch: _Batch, first_row: int
    ) -> int | None:
        """Return the number of a new basket, None when a stronger report of the same order is there already."""
        number, authority = order.get("number") or "", BOOKS if order.get("source") == "shop" else BROWSER
        key = _order_key(event.shop, order.get("kind") or "sale", number) if number else 0
        known = self._orders.get(key) if key else None
        if known is not None:
            if self._baskets["authority"].view()[known] > authority:
                return None
            self._void(known, batch, first_row)
        basket = self.baskets
        for name, value in (("order", key), ("start", start), ("end", start), ("authority", authority)):
            self._baskets[name].extend([value])
        if key:
            self._orders[key] = basket
        return basket

    def _void(self, basket: int, batch: _Batch, first_row: int) -> None:
        """Take back an order's rows, whether they are in the columns or still in the batch."""
        start, end = (int(self._baskets[name].view()[basket]) for name in ("start", "end"))
        self._columns["kind"].fill(min(start, first_row), min(end, first_row), Kind.VOID)
        for row in range(max(start, first_row), end):
            batch.kind[row - first_row] = Kind.VOID
        self.changes += 1

    def _append(self, batch: _Batch, first_row: int) -> None:
        if not batch.item:
            return
        for name in COLUMNS:
            self._columns[name].extend(getattr(batch, name))
        for row, actor in enumerate(batch.actor, first_row):
            if actor != NOBODY:
                self._rows_of[actor].append(row)
        self.purchases += int(
            _trains(np.array(batch.kind, dtype=np.uint8), np.array(batch.flags, dtype=np.uint8)).sum()
        )

    def _actor(self, identifier: str) -> int:
        if not identifier or identifier.startswith(ANONYMOUS_PREFIX):
            return NOBODY
        place = self._actors.get(identifier)
        if place is None:
            place = self._actors[identifier] = len(self._actor_ids)
            self._actor_ids.append(identifier)
            self._rows_of.append(array("I"))
        return place

    def _item(self, product_id: str) -> int:
        place = self._items.get(product_id)
        if place is None:
            place = self._items[product_id] = len(self.item_ids)
            self.item_ids.append(product_id)
        return place


@dataclass(frozen=True, slots=True)
class LedgerSnapshot:
    """Everything that was there at one moment."""

    arrays: dict[str, npt.NDArray[Any]]
    actor_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    position: dict[str, Any]

    def encode(self) -> bytes:
        """Write it down; takes a tenth of a second for a million rows, so not on the event loop."""
        return pack({**self.position, "actors": self.actor_ids, "items": self.item_ids}, self.arrays, FORM)

    def interactions(self, persons: Ints | None, kept_items: Collection[str] | None) -> tuple[Interactions, list[str]]:
        """Return what may train, and the product id of each column.

        ``persons``: the person's number of each identifier (None: each is its own). ``kept_items``: products that may
        be columns (None: all). Load tests and simulated rows are left out.
        """
        keeps = np.array([kept_items is None or each in kept_items for each in self.item_ids], dtype=bool)
        columns = np.cumsum(keeps) - 1
        arrays = self.arrays
        kind = arrays["kind"]
        rows = (arrays["flags"] & UNTRAINED == 0) & (kind != Kind.VOID) & keeps[arrays["item"]]
        actor = arrays["actor"][rows]
        of_actor = np.arange(len(self.actor_ids), dtype=np.int32) if persons is None else persons
        person = np.where(actor >= 0, of_actor[np.maximum(actor, 0)], NOBODY) if len(of_actor) else actor
        interactions = Interactions(
            person=person.astype(np.int32),
            item=columns[arrays["item"][rows]].astype(np.int32),
            time_s=arrays["time_s"][rows],
            kind=kind[rows],
            basket=arrays["basket"][rows],
            quantity=arrays["quantity"][rows],
            persons=int(of_actor.max()) + 1 if len(of_actor) else 0,
            items=int(keeps.sum()),
            baskets=len(arrays["basket_order"]),
        )
        return interactions, [each for each, kept in zip(self.item_ids, keeps, strict=True) if kept]


_NO_ROWS = np.empty(0, dtype=np.uint32)


def _trains(kind: npt.NDArray[np.uint8], flags: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return (kind == Kind.PURCHASE) & (flags & UNTRAINED == 0)


def _order_key(shop: str, kind: str, number: str) -> int:
    digest = blake2b("\x1f".join((shop, kind, number)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1  # 0 stands for an order without a number


def _rows_by_actor(actor: npt.NDArray[np.int32], actors: int) -> "list[array[int]]":
    order = np.argsort(actor, kind="stable").astype(np.uint32)
    starts = np.searchsorted(actor[order], np.arange(actors + 1))
    return [array("I", order[starts[each] : starts[each + 1]].tobytes()) for each in range(actors)]
