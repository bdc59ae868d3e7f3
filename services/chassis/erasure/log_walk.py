"""Walks a log once for all persons of a round and rewrites what concerns them, in place, by compare and set."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from services.chassis.documents.port import Document, DocumentStore, Range, RevisionMismatchError, Scalar
from services.chassis.erasure.policies import LogPolicy, Rewritten
from services.chassis.erasure.subjects import Subjects
from services.chassis.errors import UnavailableError
from services.chassis.eventlog.record import EVENTS, PLACE, time_from_micros
from services.chassis.eventlog.tombstones import leaves_no_trace

PAGE: Final = 500
WALKS: Final = 2  # what was on its way past the door when the names were refused is in the log by the second
ATTEMPTS_LIMIT: Final = 20  # against another walk over the same event
EXPORTED_EVENTS_LIMIT: Final = 20_000  # of one person and log


async def erase_from_log(
    documents: DocumentStore,
    name: str,
    partitions: int,
    policy: LogPolicy,
    subjects: Subjects,
    *,
    digest: Callable[[str], str],
    before_first: Callable[[], Awaitable[None]],
) -> Counter[str]:
    """Rewrite every event of the log that concerns them; return how many by receipt. Again rewrites nothing.

    ``before_first`` is awaited before the first event is rewritten. What teaches is rewritten last of all, so that
    whoever takes up a walk that died half-way still learns from it.
    """
    counts: Counter[str] = Counter()

    async def rewrite(*, teaching: bool) -> None:
        def rewritten(body: dict[str, Any]) -> Rewritten | None:
            if leaves_no_trace(body["type"]) or policy.teaches(body) != teaching:
                return None
            found = policy.rewritten(body, subjects, digest)
            return None if found is None or found.body == body else found

        async for page in pages_of(documents, name, partitions):
            changes = [document for document in page if rewritten(document.body) is not None]
            if changes and not counts:
                await before_first()
            done = await asyncio.gather(*(_replace(documents, document, rewritten) for document in changes))
            counts.update(erasure_id for erasure_id in done if erasure_id)

    for _ in range(WALKS):
        await _learn(documents, name, partitions, policy, subjects)
        await rewrite(teaching=False)
    if policy.needs_learning:
        await rewrite(teaching=True)
    return counts


async def exported_from_log(
    documents: DocumentStore, name: str, partitions: int, policy: LogPolicy, subjects: Subjects
) -> tuple[list[dict[str, Any]], bool]:
    """Return what the log holds of a person, oldest first by number, and whether more of it was left out."""
    await _learn(documents, name, partitions, policy, subjects)
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


async def _learn(documents: DocumentStore, name: str, partitions: int, policy: LogPolicy, subjects: Subjects) -> None:
    if policy.needs_learning:
        async for page in pages_of(documents, name, partitions):
            for document in page:
                policy.learn(document.body, subjects)


async def _replace(
    documents: DocumentStore, document: Document, rewritten: Callable[[dict[str, Any]], Rewritten | None]
) -> str:
    """Rewrite an event as it stands by now; return the receipt that it counts for, "" where another walk did it."""
    current: Document | None = document
    for _ in range(ATTEMPTS_LIMIT):
        found = None if current is None else rewritten(current.body)
        if current is None or found is None:
            return ""
        try:
            await documents.replace(EVENTS, current.key, found.body, expected_revision=current.revision)
        except RevisionMismatchError:
            current = await documents.get(EVENTS, document.key)
        else:
            return found.erasure_id
    raise UnavailableError("an event keeps changing while it is erased", partition=document.body["partition"])
