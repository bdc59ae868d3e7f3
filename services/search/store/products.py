"""Owns products as documents: each with the changes of it that are not in the log yet (docs/consistency.md rule 1)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from weakref import WeakValueDictionary

from services.chassis.documents.port import (
    BATCH_LIMIT,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.search.domain.errors import ChangesBehindError
from services.search.domain.product import Product, product_to_json, stored_product, time_text

BY_PENDING: Final = "by_pending"
PRODUCTS: Final = Collection("products", (Index(BY_PENDING, ("pending",)),))
OUTBOX_LIMIT: Final = 64  # changes of one product that wait for the log
REQUEST_IDS_LIMIT: Final = 16  # remembered edits of one product


@dataclass(frozen=True, slots=True)
class Change:
    """A product as it was after one edit: what an event of the log says."""

    version: int
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product with its place in the store. ``revision`` 0: not stored yet. ``request_ids``: of the latest edits."""

    product: Product
    create_time: datetime
    revision: int = 0
    outbox: tuple[Change, ...] = ()
    request_ids: tuple[str, ...] = ()

    def edited(self, product: Product, *, request_id: str = "") -> "StoredProduct":
        """Return it after an edit, with the event that tells of it. Raises ChangesBehindError."""
        if len(self.outbox) >= OUTBOX_LIMIT:
            raise ChangesBehindError("earlier changes of this product are not published yet", retry_after_s=1)
        change = Change(product.version, product_to_json(product))
        request_ids = (*self.request_ids, request_id)[-REQUEST_IDS_LIMIT:] if request_id else self.request_ids
        return replace(self, product=product, outbox=(*self.outbox, change), request_ids=request_ids)


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

    async def trim(self, published: Sequence[StoredProduct]) -> None:
        """Forget the changes that are in the log now; what was edited meanwhile keeps its newer ones."""
        await asyncio.gather(*(self._trim(each) for each in published))

    async def pending(self, limit: int) -> list[StoredProduct]:
        """Return products with changes that are not in the log yet."""
        page = await self._documents.find(PRODUCTS, BY_PENDING, {"pending": 1}, limit=limit)
        return [_stored(document) for document in page.documents]

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

    async def _trim(self, published: StoredProduct) -> None:
        last = published.outbox[-1].version
        current: StoredProduct | None = published
        while current is not None:
            rest = tuple(change for change in current.outbox if change.version > last)
            if rest == current.outbox or await self._replace(replace(current, outbox=rest)):
                return
            current = await self.get(published.product.id)


def _body(stored: StoredProduct) -> dict[str, Any]:
    return {
        "product": product_to_json(stored.product),
        "create_time": time_text(stored.create_time),
        "pending": int(bool(stored.outbox)),
        "outbox": [[change.version, change.payload] for change in stored.outbox],
        "request_ids": list(stored.request_ids),
    }


def _stored(document: Document) -> StoredProduct:
    body = document.body
    return StoredProduct(
        product=stored_product(body["product"]),
        create_time=datetime.fromisoformat(body["create_time"]),
        revision=document.revision,
        outbox=tuple(Change(version, payload) for version, payload in body["outbox"]),
        request_ids=tuple(body["request_ids"]),
    )
