"""Publishes changes of products: from each document's outbox to the ``products`` log (docs/consistency.md rule 1).

Singleton; two at once publish the same events under the same ids, which the log folds.
"""

import asyncio
from datetime import datetime
from hashlib import blake2b
from typing import Final

from services.chassis.eventlog.port import APPEND_LIMIT, EventLog, NewEvent
from services.search.store.products import Change, ProductStore, StoredProduct

OWNER: Final = "search"
EVENT_TYPE: Final = "ProductChanged"
LOOK_INTERVAL_S: Final = 0.5  # how soon another replica's save is seen; this one's own announce themselves
PRODUCTS_AT_ONCE: Final = 250


class ProductPublisher:
    """The relay. ``announce`` after each save; ``run`` until cancelled."""

    def __init__(self, store: ProductStore, log: EventLog) -> None:
        self._store = store
        self._log = log
        self._announced = asyncio.Event()

    def announce(self) -> None:
        """Say that something waits to be published."""
        self._announced.set()

    async def run(self) -> None:
        """Publish what waits, then wait for more."""
        while True:
            self._announced.clear()
            while await self.publish_some():
                pass
            try:
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await self._announced.wait()
            except TimeoutError:
                continue

    async def publish_some(self) -> bool:
        """Publish a batch of waiting changes; tell whether there was any. A crash in between repeats, never loses."""
        waiting = await self._store.pending(PRODUCTS_AT_ONCE)
        events = [event_of(stored, change) for stored in waiting for change in stored.outbox]
        for start in range(0, len(events), APPEND_LIMIT):
            await self._log.append(events[start : start + APPEND_LIMIT])
        await self._store.trim(waiting)
        return bool(waiting)


def event_of(stored: StoredProduct, change: Change) -> NewEvent:
    """Return the event of one change, its id made from the product and its version."""
    product = stored.product
    named = blake2b(product.id.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return NewEvent(
        client_event_id=f"{named}/{change.version}",
        owner=OWNER,
        type=EVENT_TYPE,
        occurred_time=datetime.fromisoformat(change.payload["update_time"]),
        shop=change.payload["shop"],
        channel="",
        subject=product.id,
        payload=change.payload,
    )
