"""Joins what a shopper does after a search to that search's trace.

An attribution token names the search, and the search log's event of its first page carries the trace in which it was
served: so the span of a purchase links to the span of the search, with nothing more in the token than there was.
"""

from collections.abc import Sequence
from typing import Final

from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Event
from services.search.domain.attribution import attribution_in
from services.search.domain.mining import attribution_tokens
from services.search.jobs.search_log import OWNER, page_id

LINKS_LIMIT: Final = 32  # searches that one span links to
FIRST_POSITION: Final = 1


class SearchLinks:
    """Finds the traces of the searches that events name. ``searches``: this process's search log."""

    def __init__(self, searches: DocumentsLog, secret: bytes) -> None:
        self._searches, self._secret = searches, secret

    async def __call__(self, events: Sequence[Event]) -> Sequence[str]:
        """Return their traceparents. A search that nobody recorded, or that is not written yet, has none."""
        ids: dict[str, list[str]] = {}
        for event in events:
            for token in attribution_tokens(event.payload) if event.log != self._searches.name else ():
                found = attribution_in(token, self._secret)
                if found is not None:
                    ids.setdefault(event.shop, []).append(page_id(found.search_id, FIRST_POSITION))
        traces: dict[str, None] = {}
        for shop, own in ids.items():
            pages = await self._searches.events_named(shop, OWNER, list(dict.fromkeys(own))[:LINKS_LIMIT])
            traces |= {page.trace: None for page in pages if page.trace}
        return list(traces)[:LINKS_LIMIT]
