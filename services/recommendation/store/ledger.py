"""The copy of what shoppers did: one row per product of an event, per identifier as it came, in memory.

A replica keeps it whole (about 35 bytes a row) because folding a person in needs every row of that person now. The
latest snapshot and the tails of the two logs bring it back (docs/consistency.md rule 11). An order counts once by
(shop, kind, number): the report that is believed most replaces the others, and a later recorded one of equal authority
the earlier (rule 17). A line that was cancelled before it was sent was not bought (services/kits/pieces.py), one of
which pieces are left was. The logs and their partitions are read beside each other in any order: what is asked here
does not depend on it.
"""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.chassis.eventlog.port import Event
from services.chassis.eventlog.record import micros_from_time
from services.kits.pieces import Line, Move, Step, cancelled_lines, line_numbers, moves_pieces, step_of
from services.kits.purchases import (
    CHARGE,
    ORDER_EVENTS,
    ORDER_PLACED,
    PURCHASE,
    RETURN,
    SALE,
    authority_of,
    buyer_of,
    tells_of_purchase,
)
from services.kits.text.identifiers import is_anonymous
from services.recommendation.domain.interactions import NO_BASKET, NOBODY, Floats, Interactions, Ints, Kind, Seconds
from services.recommendation.store.columns import Column
from services.recommendation.store.moves import Moves
from services.recommendation.store.numbering import by_first, in_text_order, numbers_of
from services.recommendation.store.packing import pack, unpack

USER_EVENTS: Final = "user-events"
LOGS: Final = ((USER_EVENTS, "knowledge"), (ORDER_EVENTS, "orders"))  # with their owners
PENDING_LIMIT = 4_096  # rows
LINES_LIMIT = 2_000  # of one event; knowledge takes no more
TILL_CHANNELS = frozenset({"store", "phone"})
KINDS = {
    "detail-page-view": Kind.VIEW,
    "add-to-cart": Kind.ADD,
    "remove-from-cart": Kind.REMOVE,
    PURCHASE: Kind.PURCHASE,
    ORDER_PLACED: Kind.PURCHASE,
}
SECOND_US = 1_000_000
KEY_BYTES = 8  # of an event's key are kept
NO_LINE = -1  # of what cannot be cancelled


class Flag(IntFlag):
    """What else is true of a row."""

    SYNTHETIC = 1  # of a load test: trains nothing
    SIMULATED = 2  # made up by the demo: trains nothing, is never part of a figure
    TILL = 4  # happened away from the web cart


UNTRAINED = Flag.SYNTHETIC | Flag.SIMULATED


@dataclass(frozen=True, slots=True)
class History:
    """Rows of one person in the order in which they happened. ``item`` is the ledger's own numbering."""

    item: Ints
    time_s: Seconds
    kind: npt.NDArray[np.uint8]
    quantity: Floats
    flags: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, slots=True)
class _Act:
    """What an event says, read and checked."""

    kind: Kind
    time_us: int
    flags: int
    lines: list[tuple[str, float, int]]


@dataclass(slots=True)
class _Pending:
    """Rows on their way into the columns."""

    actor: list[int] = field(default_factory=list)
    item: list[int] = field(default_factory=list)
    time_us: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    basket: list[int] = field(default_factory=list)
    quantity: list[float] = field(default_factory=list)
    line: list[int] = field(default_factory=list)


COLUMNS: dict[str, Any] = {
    "actor": np.int32,
    "item": np.int32,
    "time_us": np.int64,
    "kind": np.uint8,
    "flags": np.uint8,
    "basket": np.int32,
    "quantity": np.float32,
    "line": np.int32,
}
BASKET_COLUMNS: dict[str, Any] = {
    "order": np.uint64,
    "start": np.int64,
    "end": np.int64,
    "authority": np.uint8,
    "recorded_us": np.int64,
    "event": np.uint64,
}


class Ledger:
    """All interactions of a shop: a state of services.chassis.eventlog.snapshots. One writer, its log readers.

    A dump from before lines could be cancelled is of another form: the logs are read from their start.
    """

    name, form = "interactions", "interactions-3"

    def __init__(self) -> None:
        self.epoch = 0  # grows when item numbers begin anew
        self.changes = 0  # grows when rows that were there change their meaning
        self.purchases = 0  # rows that may train; tells whether popularity moved
        self.item_ids: list[str] = []
        self._actor_ids: list[str] = []
        self._items: dict[str, int] = {}
        self._actors: dict[str, int] = {}
        self._rows_of: list[array[int]] = []
        self._columns = {name: Column(dtype) for name, dtype in COLUMNS.items()}
        self._baskets = {name: Column(dtype) for name, dtype in BASKET_COLUMNS.items()}
        self._orders: dict[int, int] = {}
        self._moves = Moves()
        self._pending = _Pending()
        self._cart_actors: set[int] = set()
        self._taken_back: dict[int, int] = {}  # by identifier: how often rows of it changed their meaning

    def __len__(self) -> int:
        return len(self._columns["item"]) + len(self._pending.item)

    @property
    def actors(self) -> int:
        """How many identifiers did something."""
        return len(self._actor_ids)

    @property
    def baskets(self) -> int:
        """How many orders there are, replaced reports included."""
        return len(self._baskets["order"])

    def apply(self, event: Event) -> None:
        """Apply one event, or raise before anything is changed."""
        if event.log == ORDER_EVENTS and moves_pieces(event.type, event.payload):
            self._move(event)
            return
        kind = KINDS.get(event.type)
        if kind is None:
            return
        # All that may fail on an unreadable event comes before the first change.
        order = event.payload.get("order") or {}
        act = _Act(
            kind=Kind.RETURN if kind is Kind.PURCHASE and order.get("kind") == RETURN else kind,
            time_us=micros_from_time(event.occurred_time),
            flags=_flags(event),
            lines=_lines(event, order),
        )
        buyer = buyer_of(event.type, event.payload, subject=event.subject)
        if not tells_of_purchase(event.type):
            self._add_rows(self._actor(buyer), act, NO_BASKET)
            return
        # A load test's order has no number: it must not take back the order of a customer that happens to share it.
        basket = self._open_basket(event, {} if event.synthetic else order)
        if basket is not None:
            self._add_rows(self._actor(buyer), act, basket)
            self._baskets["end"].fill(basket, basket + 1, len(self))
            self._recount(basket, self._moves.steps_of(int(self._baskets["order"].view()[basket])))

    def item_place(self, product_id: str) -> int:
        """Return the ledger's number of a product, -1 for one that nobody touched."""
        return self._items.get(product_id, -1)

    def actor_places(self, identifiers: Iterable[str]) -> tuple[int, ...]:
        """Return the numbers of those identifiers that did something, in the order of the identifiers."""
        return tuple(self._actors[each] for each in sorted(set(identifiers)) if each in self._actors)

    def identifiers(self) -> Sequence[str]:
        """Return every identifier that did something, in the order of its first deed. It grows; do not change it."""
        return self._actor_ids

    def may_have_cart(self, actors: Iterable[int]) -> bool:
        """Tell whether any of these identifiers ever put something into a cart."""
        return not self._cart_actors.isdisjoint(actors)

    def revision_of(self, actors: Sequence[int]) -> int:
        """Return a number that grows within an epoch whenever rows of these identifiers are added or taken back."""
        self._settle()
        revision = 0
        for actor in actors:
            revision += len(self._rows_of[actor]) + self._taken_back.get(actor, 0)
        return revision

    def history(self, actors: Sequence[int]) -> History:
        """Return the rows of these identifiers as they happened: of one moment by ``actors``, then as told."""
        self._settle()
        rows = np.concatenate([np.frombuffer(self._rows_of[each], dtype=np.uint32) for each in actors] or [_NO_ROWS])
        time_us = self._columns["time_us"].take(rows)
        order = np.argsort(time_us, kind="stable")
        rows = rows[order]
        taken = {name: self._columns[name].take(rows) for name in ("item", "kind", "quantity", "flags")}
        return History(time_s=time_us[order] // SECOND_US, **taken)

    def snapshot(self) -> "LedgerSnapshot":
        """Return what is there now, at once; working on it may then take its time in another thread."""
        self._settle()
        views = {name: column.view() for name, column in self._columns.items()}
        views["kind"] = views["kind"].copy()  # replaced orders change it
        return LedgerSnapshot(views, tuple(self._actor_ids), tuple(self.item_ids), self.baskets)

    def dump(self) -> bytes:
        """Return the whole state; about 0.1 s for a million rows."""
        self._settle()
        arrays = {name: column.view() for name, column in self._columns.items()}
        arrays |= {f"basket_{name}": column.view() for name, column in self._baskets.items()}
        arrays |= self._moves.arrays()
        return pack({"actors": self._actor_ids, "items": self.item_ids}, arrays, self.form)

    def load(self, content: bytes) -> None:
        """Take over a dumped state. Raises SnapshotUnreadableError."""
        meta, arrays = unpack(content, self.form)
        self.clear()
        self._actor_ids, self.item_ids = meta["actors"], meta["items"]
        self._actors = {name: place for place, name in enumerate(self._actor_ids)}
        self._items = {name: place for place, name in enumerate(self.item_ids)}
        self._columns = {name: Column(dtype, arrays[name]) for name, dtype in COLUMNS.items()}
        self._baskets = {name: Column(dtype, arrays[f"basket_{name}"]) for name, dtype in BASKET_COLUMNS.items()}
        orders = self._baskets["order"].view().tolist()
        self._orders = {order: basket for basket, order in enumerate(orders) if order}
        self._moves = Moves(arrays)
        self._rows_of = _rows_by_actor(arrays["actor"], len(self._actor_ids))
        self._cart_actors = set(np.unique(arrays["actor"][arrays["kind"] == Kind.ADD]).tolist())
        self.purchases = int(_trains(arrays["kind"], arrays["flags"]).sum())

    def clear(self) -> None:
        """Begin anew, empty."""
        self.epoch += 1
        self.changes += 1
        self.purchases = 0
        self.item_ids, self._actor_ids = [], []
        self._items, self._actors, self._orders, self._moves = {}, {}, {}, Moves()
        self._rows_of = []
        self._columns = {name: Column(dtype) for name, dtype in COLUMNS.items()}
        self._baskets = {name: Column(dtype) for name, dtype in BASKET_COLUMNS.items()}
        self._pending = _Pending()
        self._cart_actors = set()
        self._taken_back = {}

    def _add_rows(self, actor: int, act: "_Act", basket: int) -> None:
        pending = self._pending
        for product_id, quantity, line in act.lines:
            pending.actor.append(actor)
            pending.item.append(self._item(product_id))
            pending.time_us.append(act.time_us)
            pending.kind.append(act.kind)
            pending.flags.append(act.flags)
            pending.basket.append(basket)
            pending.quantity.append(quantity)
            pending.line.append(line)
        if act.kind is Kind.ADD:
            self._cart_actors.add(actor)
        if act.kind is Kind.PURCHASE and not act.flags & UNTRAINED:
            self.purchases += len(act.lines)
        if len(pending.item) >= PENDING_LIMIT:
            self._settle()

    def _open_basket(self, event: Event, order: Mapping[str, Any]) -> int | None:
        """Return the number of a new basket, None when a stronger report of the same order is there already."""
        number = order.get("number") or ""
        key = _order_key(event.shop, order.get("kind") or SALE, number) if number else 0
        known, rank = self._orders.get(key) if key else None, _rank(event)
        if known is not None:
            if tuple(int(self._baskets[name].view()[known]) for name in rank) > tuple(rank.values()):
                return None
            self._void(known)
        basket, start = self.baskets, len(self)
        for name, value in ({"order": key, "start": start, "end": start} | rank).items():
            self._baskets[name].extend([value])
        if key:
            self._orders[key] = basket
        return basket

    def _void(self, basket: int) -> None:
        """Take back the rows of an order."""
        self._settle()
        start, end = self._span(basket)
        self._rewrite(start, np.full(end - start, Kind.VOID, dtype=np.uint8))

    def _move(self, event: Event) -> None:
        """Take in what says what was sent of an order, or cancelled."""
        order = event.payload.get("order") or {}
        number = order.get("number")
        if event.synthetic or not number or (order.get("kind") or SALE) != SALE:
            return
        step = step_of(event.type, event.payload, time_us=micros_from_time(event.occurred_time))
        key = _order_key(event.shop, SALE, number)
        steps = None if step is None else self._moves.add(key, step)
        if steps is not None and key in self._orders:
            self._recount(self._orders[key], steps)

    def _recount(self, basket: int, steps: Sequence[Step]) -> None:
        """Take back the lines of an order that were cancelled before they were sent; the others count."""
        if not any(step.move is Move.CANCEL for step in steps):
            return
        self._settle()
        start, end = self._span(basket)
        numbers, quantities = (self._columns[name].view()[start:end].tolist() for name in ("line", "quantity"))
        lines = [
            Line(number, place, int(quantity) or 1)
            for place, (number, quantity) in enumerate(zip(numbers, quantities, strict=True))
            if number != NO_LINE
        ]
        gone = cancelled_lines(lines, steps)
        kinds = self._columns["kind"].view()[start:end].copy()
        for line in lines:
            kinds[line.product] = Kind.CANCELLED if line.number in gone else Kind.PURCHASE
        self._rewrite(start, kinds)

    def _span(self, basket: int) -> tuple[int, int]:
        start, end = (int(self._baskets[name].view()[basket]) for name in ("start", "end"))
        return start, end

    def _rewrite(self, start: int, kinds: npt.NDArray[np.uint8]) -> None:
        """Change the meaning of an order's rows."""
        end = start + len(kinds)
        before, flags = (self._columns[name].view()[start:end] for name in ("kind", "flags"))
        if np.array_equal(before, kinds):
            return
        self.purchases += int(_trains(kinds, flags).sum()) - int(_trains(before, flags).sum())
        self._columns["kind"].put(start, kinds)
        self.changes += 1
        actor = int(self._columns["actor"].view()[start])  # all rows of an order are of the one event that told of it
        self._taken_back[actor] = self._taken_back.get(actor, 0) + 1

    def _settle(self) -> None:
        """Move pending rows into the columns: many at once is far cheaper than one event at a time."""
        pending = self._pending
        if not pending.item:
            return
        self._pending = _Pending()
        first_row = len(self._columns["item"])
        for name in COLUMNS:
            self._columns[name].extend(getattr(pending, name))
        for row, actor in enumerate(pending.actor, first_row):
            if actor != NOBODY:
                self._rows_of[actor].append(row)

    def _actor(self, identifier: str) -> int:
        if not identifier or is_anonymous(identifier):
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
    baskets: int

    def interactions(self, persons: Ints | None, kept_items: Collection[str] | None) -> tuple[Interactions, list[str]]:
        """Return what may train, and the product id of each column.

        ``persons``: the person's number of each identifier (None: each is its own, as the ledger numbers it, which is
        enough to count). ``kept_items``: products that may be columns (None: all). Load tests and simulated rows are
        left out. Columns come in the order of product ids, so that equal scores are by product id, and persons in that
        of their first identifiers; what has no row is no column, who has none no person.
        """
        arrays, kind = self.arrays, self.arrays["kind"]
        keeps = np.array([kept_items is None or each in kept_items for each in self.item_ids], dtype=bool)
        rows = (arrays["flags"] & UNTRAINED == 0) & says_something(kind) & keeps[arrays["item"]]
        item, actor = arrays["item"][rows], arrays["actor"][rows]
        person, count = (actor, len(self.actor_ids)) if persons is None else self._persons(actor, persons)
        columns = in_text_order(item, self.item_ids)
        interactions = Interactions(
            person=person,
            item=numbers_of(columns, len(self.item_ids))[item],
            time_s=arrays["time_us"][rows] // SECOND_US,
            kind=kind[rows],
            basket=arrays["basket"][rows],
            quantity=arrays["quantity"][rows],
            persons=count,
            items=len(columns),
            baskets=self.baskets,
        )
        return interactions, [self.item_ids[place] for place in columns.tolist()]

    def last_purchase_s(self) -> int | None:
        """Return when something was last bought, None if nothing was."""
        bought = self.arrays["time_us"][_trains(self.arrays["kind"], self.arrays["flags"])]
        return int(bought.max()) // SECOND_US if len(bought) else None

    def _persons(self, actor: Ints, persons: Ints) -> tuple[Ints, int]:
        """Return the person of each row's identifier, numbered anew, and how many persons there are."""
        known = actor != NOBODY
        found = by_first(persons[in_text_order(actor[known], self.actor_ids)])
        anew = numbers_of(found, int(persons.max(initial=NOBODY)) + 1)
        person = np.full(len(actor), NOBODY, dtype=np.int32)
        person[known] = anew[persons[actor[known]]]
        return person, len(found)


_NO_ROWS = np.empty(0, dtype=np.uint32)


def _trains(kind: npt.NDArray[np.uint8], flags: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    trains: npt.NDArray[np.bool_] = (kind == Kind.PURCHASE) & (flags & UNTRAINED == 0)
    return trains


def _lines(event: Event, order: Mapping[str, Any]) -> list[tuple[str, float, int]]:
    """Return product, quantity and number of each goods line; only those of a sale that is sent can be cancelled."""
    products = event.payload.get("products") or ()
    is_fixed = event.synthetic or event.payload.get("handed_over") or (order.get("kind") or SALE) != SALE
    is_sent = tells_of_purchase(event.type) and not is_fixed and order.get("number")
    numbers = line_numbers(products) if is_sent else [NO_LINE] * len(products)
    return [
        (str(line["id"]), float(line.get("quantity") or 0), number)
        for line, number in zip(products[:LINES_LIMIT], numbers, strict=False)
        if line.get("kind") != CHARGE
    ]


def says_something(kind: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Tell which rows say anything of taste: neither replaced nor cancelled."""
    says: npt.NDArray[np.bool_] = (kind != Kind.VOID) & (kind != Kind.CANCELLED)
    return says


def _flags(event: Event) -> int:
    flags = int(Flag.TILL) if event.channel in TILL_CHANNELS else 0
    if event.synthetic:
        flags |= Flag.SYNTHETIC
    if (event.payload.get("attributes") or {}).get("simulated") == "true":
        flags |= Flag.SIMULATED
    return int(flags)


def _rank(event: Event) -> dict[str, int]:
    """Return what decides between reports of one order, the strongest first: knowledge decides alike (rule 17)."""
    return {
        "authority": authority_of(event.type, event.payload),
        "recorded_us": micros_from_time(event.recorded_time),
        "event": int.from_bytes(event.key.encode()[:KEY_BYTES].ljust(KEY_BYTES, b"\0")),  # of one moment: by the key
    }


def _order_key(shop: str, kind: str, number: str) -> int:
    digest = blake2b("\x1f".join((shop, kind, number)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1  # 0 stands for an order without a number


def _rows_by_actor(actor: npt.NDArray[np.int32], actors: int) -> "list[array[int]]":
    order = np.argsort(actor, kind="stable").astype(np.uint32)
    starts = np.searchsorted(actor[order], np.arange(actors + 1))
    return [array("I", order[starts[each] : starts[each + 1]].tobytes()) for each in range(actors)]
