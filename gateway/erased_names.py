"""Takes the names of erased persons out of what the gateway keeps itself: the trail of staff, the demo shop's book.

The gateway is no owner of a log and is told of no erasure. It asks how many names were erased, and where there are more
than before, which of the names that it keeps are among them. So it does not matter when an erasure happened, nor what a
restored backup brought back. It looks until a look finds nothing more, and once more than that: a request that was
under way when the person was erased may write the name behind the back of the first look.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.clients import Caller
from gateway.demo_shop.order_book import BOOK
from gateway.privacy_clients import FIND_ERASED
from gateway.staff.audit import AUDIT
from services.chassis.documents.measured import MeasuredDocuments
from services.chassis.documents.port import Collection, Document, RevisionMismatchError
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.logs import get_log

LOOK_INTERVAL_S: Final = 5.0
SCAN_PAGE: Final = 200
NAMES_LIMIT: Final = 1_000  # in one question
COLLECTIONS: Final = (AUDIT, BOOK)
_NAME: Final = re.compile(r"(?:card|login|phone|email|visitor):[^\s\"'\\,;<>\]})/]+|c-[0-9a-f]{20}")
_PASSING: Final = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE, ErrorKind.ABORTED, ErrorKind.EXHAUSTED})

log = get_log("erased-names")


@dataclass(slots=True)
class _Found:
    """Documents that named an erased person: freed of the name, or changed by somebody else meanwhile."""

    scrubbed: int = 0
    missed: int = 0


class ErasedNames:
    """The job. ``run`` until cancelled."""

    def __init__(self, documents: MeasuredDocuments, caller: Caller) -> None:
        self._documents, self._caller = documents, caller
        self._known = 0  # names erased when last a look found nothing more
        self._begun = 0  # and when it was looked at all

    async def run(self) -> None:
        """Look every few seconds; what is away is asked again at the next look."""
        while True:
            try:
                await self.look()
            except ZhikeError as error:
                if error.kind not in _PASSING:
                    log.error("names of erased persons not looked for", reason=error.reason)
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def look(self) -> int:
        """Scrub every document that names an erased person, if there may be any; return how many were."""
        total = int((await FIND_ERASED(self._caller, pb.FindErasedRequest())).total)
        if total == self._known:
            return 0
        is_first, self._begun = total != self._begun, total
        found = _Found()
        declared = {each.name for each in self._documents.declared()}
        for collection in COLLECTIONS:
            if collection.name in declared:
                await self._scrub(collection, found)
        await self._documents.leave_no_trace()
        if not (is_first or found.scrubbed or found.missed):
            self._known = total
        return found.scrubbed

    async def is_clean(self) -> bool:
        """Look, and tell whether nothing more is to be looked for."""
        await self.look()
        return self._known == self._begun

    async def _scrub(self, collection: Collection, found: _Found) -> None:
        after: str | None = None
        while True:
            page = await self._documents.scan(collection, after=after, limit=SCAN_PAGE)
            await self._scrub_page(collection, page.documents, found)
            after = page.next_after
            if after is None:
                return

    async def _scrub_page(self, collection: Collection, documents: Sequence[Document], found: _Found) -> None:
        names = sorted({name for document in documents for name in _names_in(document.body)})
        erased: dict[str, str] = {}
        for start in range(0, len(names), NAMES_LIMIT):
            asked = pb.FindErasedRequest(names=names[start : start + NAMES_LIMIT])
            erased.update((await FIND_ERASED(self._caller, asked)).erased)
        for document in documents if erased else ():
            body = _without(document.body, erased)
            if body == document.body:
                continue
            try:
                await self._documents.replace(collection, document.key, body, expected_revision=document.revision)
                found.scrubbed += 1
            except RevisionMismatchError:
                found.missed += 1


def _names_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _NAME.findall(value)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _NAME.findall(key)
            yield from _names_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _names_in(each)


def _without(value: Any, erased: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _NAME.sub(lambda match: erased.get(match.group(), match.group()), value)
    if isinstance(value, Mapping):
        return {_without(key, erased): _without(each, erased) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without(each, erased) for each in value]
    return value
