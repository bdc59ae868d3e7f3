"""When each order is to be looked at again, and which orders have something to teach: a list of things to do.

Not a projection: the follower of ``order-events`` marks an order, the promise job sets its next look. Both save by
compare and set, and a mark that meets a look wins: then the order is looked at once more, which changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.documents.port import (
    BATCH_LIMIT,
    PAGE_LIMIT,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
)
from services.orders.domain.order import OrderRef
from services.orders.store.bodies import ref_body, ref_from_body

DUE, TAUGHT = "due", "taught"
LOOKS: Final = Collection("order_looks", (Index(DUE, ("look_us",)), Index(TAUGHT, ("taught_us",))))
ATTEMPTS: Final = 20  # against another writer of the same document


@dataclass(frozen=True, slots=True)
class Mark:
    """An order of which something was told. ``taught_us``: when it last taught something, None if it did not now."""

    order: OrderRef
    look: bool
    taught_us: int | None = None


@dataclass(frozen=True, slots=True)
class DueLook:
    """An order that is to be looked at."""

    order: OrderRef
    document: Document


class LookStore:
    """The list."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Declare the collection."""
        await self._documents.declare(LOOKS)

    async def mark(self, marks: Sequence[Mark], *, now_us: int) -> None:
        """Have each order looked at now, or note what it taught."""
        for start in range(0, len(marks), BATCH_LIMIT):
            batch = {mark.order.id: mark for mark in marks[start : start + BATCH_LIMIT]}
            known = await self._documents.get_many(LOOKS, list(batch))
            for key, mark in batch.items():
                await self._mark(key, mark, known.get(key), now_us)

    async def due(self, *, now_us: int, limit: int) -> list[DueLook]:
        """Return the orders whose time has come, the longest waiting first."""
        page = await self._documents.find(LOOKS, DUE, {}, range_=Range(at_least=0, below=now_us + 1), limit=limit)
        return [DueLook(ref_from_body(each.body["order"]), each) for each in page.documents]

    async def set_next(self, look: DueLook, look_us: int | None) -> bool:
        """Set an order's next look, none for one of which nothing more is expected.

        Return False where somebody wrote since then: a mark, which stays, or another look.
        """
        body = {name: value for name, value in look.document.body.items() if name != "look_us"}
        if look_us is not None:
            body["look_us"] = look_us
        try:
            await self._documents.replace(LOOKS, look.document.key, body, expected_revision=look.document.revision)
        except RevisionMismatchError:
            return False
        return True

    async def taught(self, *, after_us: int, newest: int) -> list[tuple[OrderRef, int]]:
        """Return the orders that taught something since then, oldest first; at most the ``newest`` of them."""
        found: list[tuple[OrderRef, int]] = []
        after: str | None = None
        while len(found) < newest:
            page = await self._documents.find(
                LOOKS,
                TAUGHT,
                {},
                range_=Range(at_least=after_us),
                after=after,
                limit=min(PAGE_LIMIT, newest - len(found)),
                descending=True,
            )
            found += [(ref_from_body(each.body["order"]), each.body["taught_us"]) for each in page.documents]
            after = page.next_after
            if after is None:
                break
        return found[::-1]

    async def waiting(self, *, now_us: int) -> int:
        """Return how many orders are overdue for a look, at most PAGE_LIMIT: for an operator."""
        page = await self._documents.find(LOOKS, DUE, {}, range_=Range(at_least=0, below=now_us + 1), limit=PAGE_LIMIT)
        return len(page.documents)

    async def _mark(self, key: str, mark: Mark, known: Document | None, now_us: int) -> None:
        for _ in range(ATTEMPTS):
            body = _marked(mark, known.body if known is not None else None, now_us)
            if known is not None and body == known.body:
                return
            try:
                if known is None:
                    await self._documents.insert(LOOKS, key, body)
                else:
                    await self._documents.replace(LOOKS, key, body, expected_revision=known.revision)
            except (KeyTakenError, RevisionMismatchError):
                known = await self._documents.get(LOOKS, key)
                continue
            return


def _marked(mark: Mark, body: Mapping[str, Any] | None, now_us: int) -> dict[str, Any]:
    """Return the body with a mark; an order that is due already keeps its place.

    It is another body all the same, so that whoever looks at the order now, and may not have seen what was told, finds
    that it was marked meanwhile.
    """
    marked: dict[str, Any] = dict(body) if body is not None else {"order": ref_body(mark.order)}
    if mark.look:
        marked["look_us"] = min(marked.get("look_us", now_us), now_us)
        marked["marks"] = marked.get("marks", 0) + 1
    if mark.taught_us is not None:
        marked["taught_us"] = max(marked.get("taught_us", 0), mark.taught_us)
    return marked
