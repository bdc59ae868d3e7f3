"""Owns products as documents: each with the changes of it that are not in the log yet (docs/consistency.md rule 1).

The chassis relays them to the ``products`` log.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from weakref import WeakValueDictionary

from services.chassis.documents.port import (
    BATCH_LIMIT,
    Body,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.eventlog.outbox import PENDING, OutboxEvent, outbox_of, waiting_in, with_outbox
from services.search.domain.errors import ChangesBehindError
from services.search.domain.product import Product, product_to_json, stored_product, time_text

BY_PENDING: Final = "by_pending"
PRODUCTS: Final = Collection("products", (Index(BY_PENDING, (PENDING,)),))
OUTBOX_LIMIT: Final = 64  # changes of one product that wait for the log
REQUEST_IDS_LIMIT: Final = 16  # remembered edits of one product
EVENT_TYPE: Final = "ProductChanged"


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product with its place in the store. ``revision`` 0: not stored yet. ``request_ids``: of the latest edits.

    ``outbox``: what its document keeps of changes that are not in the log yet.
    """

    product: Product
    create_time: datetime
    revision: int = 0
    outbox: Body = field(default_factory=dict)
    request_ids: tuple[str, ...] = ()

    def edited(self, product: Product, *, request_id: str = "") -> "StoredProduct":
        """Return it after an edit, with the event that tells of it. Raises ChangesBehindError."""
        if waiting_in(self.outbox) >= OUTBOX_LIMIT:
            raise ChangesBehindError("earlier changes of this product are not published yet", retry_after_s=1)
        outbox = with_outbox(self.outbox, product.version, [change_of(product)])
        request_ids = (*self.request_ids, request_id)[-REQUEST_IDS_LIMIT:] if request_id else self.request_ids
        return replace(self, product=product, outbox=outbox, request_ids=request_ids)


class ProductStore:
    """Products as documents, by id."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, product_id: str) -> asyncio.Lock:
        """Return the lock that spares editors of one product in this process from losing to one another."""
        lock = self._turns.get(product_id)
        if lock is None:
            lock = self._turns[product_id] = asyncio.Lock()
        return lock

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(PRODUCTS)

    async def get(self, product_id: str) -> StoredProduct | None:
        """Return the product or None."""
        document = await self._documents.get(PRODUCTS, product_id)
        return None if document is None else _stored(document)

    async def get_many(self, ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return those that exist, by id."""
        found: dict[str, StoredProduct] = {}
        for start in range(0, len(ids), BATCH_LIMIT):
            documents = await self._documents.get_many(PRODUCTS, ids[start : start + BATCH_LIMIT])
            found |= {key: _stored(document) for key, document in documents.items()}
        return found

    async def save(self, products: Sequence[StoredProduct]) -> frozenset[str]:
        """Save each unless somebody else changed it meanwhile; return the ids of those that lost."""
        fresh = [each for each in products if not each.revision]
        known = [each for each in products if each.revision]
        lost = await self._insert(fresh)
        results = await asyncio.gather(*(self._replace(each) for each in known))
        return frozenset((*lost, *(each.product.id for each, kept in zip(known, results, strict=True) if not kept)))

    async def scan(self, *, after: str | None, limit: int) -> tuple[list[StoredProduct], str | None]:
        """Return a page of products by id, and where the next begins."""
        page = await self._documents.scan(PRODUCTS, after=after, limit=limit)
        return [_stored(document) for document in page.documents], page.next_after

    async def count(self) -> int:
        """Return how many products there are, withdrawn ones too."""
        return await self._documents.count(PRODUCTS)

    async def _insert(self, products: Sequence[StoredProduct]) -> list[str]:
        lost: list[str] = []
        remaining = [(each.product.id, _body(each)) for each in products]
        while remaining:
            try:
                await self._documents.insert_many(PRODUCTS, remaining[:BATCH_LIMIT])
            except KeyTakenError as taken:
                lost.append(taken.key)
                remaining = remaining[taken.position + 1 :]
            else:
                remaining = remaining[BATCH_LIMIT:]
        return lost

    async def _replace(self, product: StoredProduct) -> bool:
        try:
            await self._documents.replace(
                PRODUCTS, product.product.id, _body(product), expected_revision=product.revision
            )
        except RevisionMismatchError:
            return False
        return True


def change_of(product: Product) -> OutboxEvent:
    """Return the event that says how a product is after an edit."""
    return OutboxEvent(
        type=EVENT_TYPE,
        occurred_time=product.update_time,
        shop=product.shop,
        channel="",
        subject=product.id,
        payload=product_to_json(product),
    )


def _body(stored: StoredProduct) -> dict[str, Any]:
    return {
        "product": product_to_json(stored.product),
        "create_time": time_text(stored.create_time),
        "request_ids": list(stored.request_ids),
        **stored.outbox,
    }


def _stored(document: Document) -> StoredProduct:
    body = document.body
    return StoredProduct(
        product=stored_product(body["product"]),
        create_time=datetime.fromisoformat(body["create_time"]),
        revision=document.revision,
        outbox=outbox_of(body),
        request_ids=tuple(body["request_ids"]),
    )
