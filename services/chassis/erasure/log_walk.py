"""Walks a log once for all persons of a round and rewrites what concerns them, in place, by compare and set."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from services.chassis.documents.port import Document, DocumentStore, Range, RevisionMismatchError, Scalar
from services.chassis.erasure.policies import LogPolicy
from services.chassis.erasure.subjects import Subjects
from services.chassis.eventlog.record import EVENTS, PLACE, time_from_micros
from services.chassis.eventlog.tombstones import leaves_no_trace

PAGE: Final = 500
ATTEMPTS_LIMIT: Final = 20  # against another walk over the same event
EXPORTED_EVENTS_LIMIT: Final = 20_000  # of one person and log


async def erase_from_log(
    documents: DocumentStore,
    name: str,
    partitions: int,
    policy: LogPolicy,
    subjects: Subjects,
    digest: Callable[[str], str],
) -> Counter[str]:
    """Rewrite every event of the log that concerns them; return how many by receipt. Again rewrites nothing."""
    if policy.needs_learning:
        async for page in pages_of(documents, name, partitions):
            for document in page:
                policy.learn(document.body, subjects)
    counts: Counter[str] = Counter()
    async for page in pages_of(documents, name, partitions):
        changes = [
            (document, found)
            for document in page
            if not leaves_no_trace(document.body["type"])
            and (found := policy.rewritten(document.body, subjects, digest)) is not None
            and found.body != document.body
        ]
        await asyncio.gather(*(_replace(documents, document, found.body) for document, found in changes))
        counts.update(found.erasure_id for _, found in changes)
    return counts


async def exported_from_log(
    documents: DocumentStore, name: str, partitions: int, policy: LogPolicy, subjects: Subjects
) -> tuple[list[dict[str, Any]], bool]:
    """Return what the log holds of a person, oldest first by number, and whether more of it was left out."""
    if policy.needs_learning:
        async for page in pages_of(documents, name, partitions):
            for document in page:
                policy.learn(document.body, subjects)
    found: list[dict[str, Any]] = []
    async for page in pages_of(documents, name, partitions):
        for document in page:
            body = document.body
            said = None if leaves_no_trace(body["type"]) else policy.exported(body, subjects)
            if said is None:
                continue
            if len(found) == EXPORTED_EVENTS_LIMIT:
                return found, True
            found.append(
                {
                    "type": body["type"],
                    "time": time_from_micros(body["occurred_time_us"]).isoformat(),
                    "recorded": time_from_micros(body["recorded_time_us"]).isoformat(),
                    "shop": body["shop"],
                    "channel": body["channel"],
                    "identifier": body["subject"],
                    "said": said,
                }
            )
    return found, False


async def pages_of(documents: DocumentStore, name: str, partitions: int) -> AsyncIterator[Sequence[Document]]:
    """Yield the stored events of a log, page by page; others are served between two pages."""
    for partition in range(partitions):
        place: dict[str, Scalar] = {"log": name, "partition": partition}
        after = 0
        while True:
            page = await documents.find(EVENTS, PLACE, place, range_=Range(at_least=after + 1), limit=PAGE)
            if not page.documents:
                break
            yield page.documents
            after = page.documents[-1].body["seq"]
            await asyncio.sleep(0)


async def _replace(documents: DocumentStore, document: Document, body: dict[str, Any]) -> None:
    current: Document | None = document
    for _ in range(ATTEMPTS_LIMIT):
        if current is None or leaves_no_trace(current.body["type"]):
            return
        try:
            await documents.replace(EVENTS, current.key, body, expected_revision=current.revision)
        except RevisionMismatchError:
            current = await documents.get(EVENTS, document.key)
        else:
            return
