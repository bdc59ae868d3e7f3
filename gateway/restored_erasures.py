"""Holds all answers back until the persons are erased again whom a restored backup brought back.

A restore leaves the ids of their receipts in the gateway's store; knowledge carries the erasures out from its start on.
Until the last is done, pages and routes would show people who asked to be forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.clients import Caller
from gateway.privacy_clients import GET_ERASURE
from services.chassis.backup.marks import AWAITED
from services.chassis.documents.port import PAGE_LIMIT, DocumentStore
from services.chassis.errors import ErrorKind, UnavailableError, ZhikeError
from services.chassis.logs import get_log

LOOK_INTERVAL_S: Final = 0.5
RETRY_AFTER_S: Final = 5
DONE: Final = "done"

log = get_log("restored-erasures")


class RestoredErasuresOpenError(UnavailableError):
    """Persons erased after a restored backup was taken are erased again first; nobody is answered till then."""

    reason = "RESTORED_ERASURES_OPEN"

    def __init__(self, left: int) -> None:
        super().__init__(
            f"a backup was restored; {left} persons are being erased from it again, and nobody is answered before that",
            retry_after_s=RETRY_AFTER_S,
            left=left,
        )


class RestoredErasures:
    """The receipts that are waited for. ``await open()`` before the first request.

    ``scrub``: takes the names of the erased out of what the gateway itself keeps; tells whether none is left there.
    """

    def __init__(self, documents: DocumentStore, caller: Caller, scrub: Callable[[], Awaitable[bool]]) -> None:
        self._documents, self._caller, self._scrub = documents, caller, scrub
        self._left: set[str] = set()

    def __len__(self) -> int:
        return len(self._left)

    async def open(self) -> None:
        """Learn what a restore left."""
        await self._documents.declare(AWAITED)
        after: str | None = None
        while True:
            page = await self._documents.scan(AWAITED, after=after, limit=PAGE_LIMIT)
            self._left.update(document.key for document in page.documents)
            after = page.next_after
            if after is None:
                return

    def check(self) -> None:
        """Raise RestoredErasuresOpenError while one is left."""
        if self._left:
            raise RestoredErasuresOpenError(len(self._left))

    async def run(self) -> None:
        """Look until none is left."""
        while self._left:
            try:
                await self.look()
            except ZhikeError as error:  # a service that is still starting: asked again
                log.info("restored erasures not looked for", reason=error.reason, left=len(self._left))
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def look(self) -> None:
        """Ask after each that is left; once the last is done, scrub what the gateway keeps, and open."""
        for erasure_id in sorted(self._left):
            if not await self._is_done(erasure_id):
                return  # they go together: the others are asked after at the next look
        if not await self._scrub():
            return
        for erasure_id in sorted(self._left):
            await self._documents.delete(AWAITED, erasure_id)
        self._left.clear()
        log.info("restored erasures done")

    async def _is_done(self, erasure_id: str) -> bool:
        try:
            receipt = await GET_ERASURE(self._caller, pb.GetErasureRequest(id=erasure_id))
        except ZhikeError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            log.error("a restored erasure has no receipt", erasure=erasure_id)
            return True
        return bool(receipt.state == DONE)
