"""The shop's own book of the orders that it took: which are whose. How they stand, the orders service knows."""

from typing import Final

from services.chassis.documents.port import Collection, DocumentStore, Index, KeyTakenError

BY_GUEST: Final = "guest"
LISTED_LIMIT: Final = 20

BOOK: Final = Collection("demo-shop-orders", (Index(BY_GUEST, ("guest", "placed_us")),))


class OrderBook:
    """The book."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(BOOK)

    async def note(self, order_id: str, guest: str, *, placed_us: int) -> None:
        """Write an order down, once."""
        try:
            await self._documents.insert(BOOK, order_id, {"guest": guest, "placed_us": placed_us})
        except KeyTakenError:
            return

    async def of(self, guest: str) -> list[str]:
        """Return the ids of a guest's latest orders, the newest first."""
        page = await self._documents.find(BOOK, BY_GUEST, {"guest": guest}, limit=LISTED_LIMIT, descending=True)
        return [document.key for document in page.documents]
