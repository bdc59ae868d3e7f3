"""Reads orders and parcels: the facts that are kept of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.documents.port import BATCH_LIMIT, Collection, DocumentStore
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.projection import live_body
from services.kits.times import DAY_US
from services.orders.domain.events import OrderEvent, ParcelRef
from services.orders.domain.order import OrderRef
from services.orders.store.bodies import fact_from_body, ref_from_body
from services.orders.store.collections import ORDERS, PARCELS
from services.orders.store.projections import parcel_key


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """The facts of an order in the order in which they arrived. ``version``: the number of the latest in the log."""

    ref: OrderRef
    facts: tuple[OrderEvent, ...]
    version: int = 0
    dropped: int = 0  # facts beyond the bound


@dataclass(frozen=True, slots=True)
class ParcelLink:
    """A parcel of a tracking number, and the order that it is of."""

    ship_date: str
    packed_us: int
    order: OrderRef


@dataclass(frozen=True, slots=True)
class ParkedScan:
    """What was told of a tracking number before anybody told whose it is; in the form of the log."""

    fact_id: str
    type: str
    occurred_us: int
    shop: str
    channel: str
    synthetic: bool
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredParcels:
    """What is known of a tracking number."""

    links: tuple[ParcelLink, ...] = ()
    parked: tuple[ParkedScan, ...] = ()

    def order_at(self, occurred_us: int, ship_date: str) -> OrderRef | None:
        """Return whose parcel a scan is of: that of its day, else the last that was packed before it."""
        dated = [link for link in self.links if link.ship_date == ship_date]
        before = [link for link in self.links if link.packed_us <= occurred_us + DAY_US]
        chosen = dated or sorted(before, key=lambda link: link.packed_us)[-1:] or list(self.links[:1])
        return chosen[0].order if chosen else None


NO_PARCELS = StoredParcels()


class OrderStore:
    """The generation in force of what the log says."""

    def __init__(self, documents: DocumentStore, generations: Generations) -> None:
        self._documents, self._generations = documents, generations

    async def get(self, order_id: str) -> StoredOrder | None:
        """Return an order, None where nothing was told of it."""
        return (await self.get_many([order_id])).get(order_id)

    async def get_many(self, order_ids: Sequence[str]) -> dict[str, StoredOrder]:
        """Return those that exist, by id."""
        return {key: _order(body) for key, body in (await self._bodies(ORDERS, order_ids)).items()}

    async def parcels(self, refs: Sequence[ParcelRef], *, synthetic: bool) -> dict[ParcelRef, StoredParcels]:
        """Return what is known of the tracking numbers of these parcels."""
        keys = {ref: parcel_key(ref.carrier, ref.tracking_number, synthetic=synthetic) for ref in refs}
        bodies = await self._bodies(PARCELS, list(dict.fromkeys(keys.values())))
        return {ref: _parcels(bodies[key]) if key in bodies else NO_PARCELS for ref, key in keys.items()}

    async def sizes(self) -> dict[str, object]:
        """Return how many orders and tracking numbers there are, for an operator."""
        return {
            "orders": await self._documents.count(self._generations.resolve(ORDERS)),
            "tracking_numbers": await self._documents.count(self._generations.resolve(PARCELS)),
        }

    async def _bodies(self, collection: Collection, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), BATCH_LIMIT):
            documents = await self._documents.get_many(
                self._generations.resolve(collection), keys[start : start + BATCH_LIMIT]
            )
            for key, document in documents.items():
                body = live_body(document)
                if body is not None:
                    found[key] = body
        return found


def _order(body: Mapping[str, Any]) -> StoredOrder:
    facts = tuple([fact_from_body(each) for each in body["facts"]])
    return StoredOrder(ref_from_body(body), facts, body["version"], body["dropped"])


def _parcels(body: Mapping[str, Any]) -> StoredParcels:
    links = tuple([ParcelLink(day, packed_us, ref_from_body(order)) for day, packed_us, order in body["links"]])
    parked = tuple([ParkedScan(fact_id=fact_id, **scan) for fact_id, scan in body["parked"].items()])
    return StoredParcels(links, parked)
