"""A change over several documents (rule 1): written down as an intent, then done, and resumed where a crash cut it.

There are no transactions over documents, so the handler of an intent must bear being run again, and by two at once: it
saves by compare and set, and what it finds done already it leaves as it is.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.backoff import is_passing
from services.chassis.eventlog.record import micros_from_time
from services.chassis.logs import get_log

BY_STATE = "state"
INTENTS = Collection("intents", (Index(BY_STATE, ("state", "begun_time_us")),))
OPEN, DONE = "open", "done"
RESUME_PAGE = 100

Handler = Callable[[str, Mapping[str, Any]], Awaitable[None]]

log = get_log("intents")


class IntentReusedError(ZhikeError):
    """The id belongs to an intent of another kind or with other arguments."""

    kind = ErrorKind.CONFLICT
    reason = "INTENT_REUSED"


class IntentUnknownError(ZhikeError):
    """No handler for this kind; a defect of the caller, or an intent of a later version of the service."""

    reason = "INTENT_UNKNOWN"


class Intents:
    """The intents of one service. ``handlers`` by kind; ``await open()`` before use."""

    def __init__(self, documents: DocumentStore, clock: Clock, handlers: Mapping[str, Handler]) -> None:
        self._documents = documents
        self._clock = clock
        self._handlers = dict(handlers)

    async def open(self) -> None:
        """Create the collection."""
        await self._documents.declare(INTENTS)

    async def carry_out(self, intent_id: str, kind: str, arguments: Mapping[str, Any]) -> None:
        """Return when the whole change is done; asked again with the same id and arguments, it is not done twice."""
        body = {
            "kind": kind,
            "arguments": dict(arguments),
            "fingerprint": fingerprint([kind, arguments]),
            "state": OPEN,
            "begun_time_us": micros_from_time(self._clock.now()),
        }
        self._handler(kind)  # before anything is written
        try:
            document = await self._documents.insert(INTENTS, intent_id, body)
        except KeyTakenError:
            stored = await self._documents.get(INTENTS, intent_id)
            if stored is None or stored.body["fingerprint"] != body["fingerprint"]:
                raise IntentReusedError(f"intent {intent_id} is another one", id=intent_id) from None
            document = stored
        await self._finish(document)

    async def resume(self) -> None:
        """Finish what a crash left open, oldest first: a job's pass, and the first thing after a start."""
        after: str | None = None
        while True:
            page = await self._documents.find(INTENTS, BY_STATE, {"state": OPEN}, after=after, limit=RESUME_PAGE)
            for document in page.documents:
                await self._try_finish(document)
            if page.next_after is None:
                return
            after = page.next_after

    async def _try_finish(self, document: Document) -> None:
        try:
            await self._finish(document)
        except ZhikeError as error:
            if is_passing(error):
                raise
            log.error(
                "intent cannot be carried out", intent=document.key, kind=document.body["kind"], reason=error.reason
            )

    async def _finish(self, document: Document) -> None:
        if document.body["state"] == DONE:
            return
        await self._handler(document.body["kind"])(document.key, document.body["arguments"])
        try:
            await self._documents.replace(
                INTENTS, document.key, {**document.body, "state": DONE}, expected_revision=document.revision
            )
        except RevisionMismatchError:  # another one finished it
            return

    def _handler(self, kind: str) -> Handler:
        handler = self._handlers.get(kind)
        if handler is None:
            raise IntentUnknownError(f"no intent of kind {kind} is known here", kind=kind)
        return handler
