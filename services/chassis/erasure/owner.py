"""Erases persons from one service, step by step; every step may be run again, by whomever, and then finds it done.

First the names are refused and the logs rewritten, in every service. Only then are the copies: projections are rebuilt
out of the rewritten logs, by the very code that a rebuild by hand runs, so that the two cannot differ; every other
document that names a person is scrubbed; snapshots, uploads and error files of before are removed.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from services.chassis.artifacts.manifest import Manifests
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.canonical import canonical_json
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.erasure.log_walk import erase_from_log, exported_from_log
from services.chassis.erasure.policies import DocumentPolicy, ErasureParts, LogPolicy, scrub
from services.chassis.erasure.subjects import Subject, Subjects
from services.chassis.erasure.suppression import ERASURE_KEYS, SUPPRESSED, Suppression
from services.chassis.errors import UnavailableError
from services.chassis.eventlog.dead_letters import DEAD_LETTERS
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import NewEvent
from services.chassis.eventlog.record import EVENTS, LOGS, micros_from_time, time_from_micros
from services.chassis.eventlog.tombstones import SUBJECT_ERASED
from services.chassis.idempotency import IDEMPOTENT_CREATES
from services.chassis.operation_run import OperationState
from services.chassis.operations import OPERATIONS, Operations

STEPS_DONE: Final = Collection("erasure_steps")
SCAN_PAGE: Final = 200
ATTEMPTS_LIMIT: Final = 20
REBUILD_WAIT_S: Final = 600.0
OWNER: Final = "erasure"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class RebuildFailedError(UnavailableError):
    """A projection could not be rebuilt after an erasure; the step is tried again."""

    reason = "ERASURE_REBUILD_FAILED"


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a step did. ``proof``: keyed hash of it, for the receipt."""

    counts: Mapping[str, Mapping[str, int]]  # by receipt, then by kind
    touched_logs: tuple[str, ...]
    done_time: datetime
    proof: str


@dataclass(frozen=True, slots=True)
class Owned:
    """The ports of a service that hold people. ``collections``: every one that was declared. ``rebuild_kind``: names
    the operation that rebuilds a projection.
    """

    service: str
    documents: DocumentStore
    collections: Callable[[], Sequence[Collection]]
    logs: Mapping[str, DocumentsLog]
    artifacts: ArtifactStore
    manifests: Manifests
    operations: Operations
    rebuild_kind: Callable[[str], str]
    clock: Clock
    settle_s: float = 0.0  # until every other replica refuses a name that this one refuses


class ErasureOwner:
    """Does the steps of a round in one service."""

    def __init__(self, owned: Owned, suppression: Suppression, parts: ErasureParts) -> None:
        self._owned, self._suppression, self._parts = owned, suppression, parts

    async def open(self) -> None:
        """Declare the collection."""
        await self._owned.documents.declare(STEPS_DONE)

    def subjects(self, subjects: Sequence[Subject]) -> Subjects:
        """Return the persons as texts to look for."""
        return Subjects(subjects, self._suppression.digest, self._parts.also_named)

    async def outcome(self, round_id: str, step: str) -> StepOutcome | None:
        """Return what a step did, None before it is done."""
        document = await self._owned.documents.get(STEPS_DONE, f"{round_id}/{step}")
        if document is None:
            return None
        body = document.body
        done_time = time_from_micros(body["done_time_us"])
        return StepOutcome(body["counts"], tuple(body["touched_logs"]), done_time, body["proof"])

    async def erase_logs(self, round_id: str, subjects: Subjects) -> None:
        """Refuse them from now on, rewrite what the logs say of them, and say so in each log."""
        owned = self._owned
        await self._suppression.add(subjects)
        await asyncio.sleep(owned.settle_s)
        counts = _Counts(subjects)
        touched = []
        for name, log in owned.logs.items():
            # Twice: what was on its way past the door when the names were added is in the log by the second time.
            for _ in range(2):
                policy = self._policy(name)
                rewritten = await erase_from_log(
                    owned.documents, name, log.partitions, policy, subjects, self._suppression.digest
                )
                counts.add("events", rewritten)
                if rewritten and name not in touched:
                    touched.append(name)
            for subject in subjects.all:
                await log.append([_subject_erased(subject, subjects, owned.clock.now())])
        await owned.documents.truncate_wal()
        await self._note(round_id, "logs", counts, touched)

    async def erase_copies(self, round_id: str, subjects: Subjects, touched_logs: Sequence[str]) -> None:
        """Rewrite everything that was made of the logs, and everything else that names them."""
        counts = _Counts(subjects)
        touched = [name for name, logs in self._parts.projections.items() if set(logs) & set(touched_logs)]
        # Side by side: most of a rebuild's time is the wait for those who still read the generation before.
        await asyncio.gather(*(self._rebuild(round_id, projection) for projection in touched))
        for _ in touched:
            counts.add_to_all("projections")
        for hook in self._parts.hooks:
            await hook()
        if touched:
            for state in self._parts.states:
                if await self._owned.manifests.forget_history(state):
                    counts.add_to_all("snapshots")
        counts.add("documents", await self._erase_documents(subjects))
        counts.add("files", await self._erase_files(subjects))
        await self._owned.documents.truncate_wal()
        await self._note(round_id, "copies", counts, ())

    async def export(self, subject: Subject) -> tuple[dict[str, bytes], bool]:
        """Return what is held of a person as files of JSON, and whether more is held than their bounds let through."""
        subjects, owned = self.subjects([subject]), self._owned
        files: dict[str, bytes] = {}
        truncated = False
        for name, log in owned.logs.items():
            events, more = await exported_from_log(owned.documents, name, log.partitions, self._policy(name), subjects)
            truncated = truncated or more
            if events:
                files[f"{name}.json"] = orjson.dumps(events, option=orjson.OPT_INDENT_2)
        for name, exporter in self._parts.export.items():
            said = await exporter(subject)
            if said:
                files[f"{name}.json"] = orjson.dumps(said, option=orjson.OPT_INDENT_2)
        return files, truncated

    def _policy(self, log_name: str) -> LogPolicy:
        return self._parts.logs.get(log_name, LogPolicy)()

    async def _rebuild(self, round_id: str, projection: str) -> None:
        operations = self._owned.operations
        kind = self._owned.rebuild_kind(projection)
        operation = await operations.start(kind, {}, request_id=f"{round_id}/{projection}", owner=OWNER)
        ended = await operations.wait(operation.id, timeout_s=REBUILD_WAIT_S)
        if ended.state is not OperationState.SUCCEEDED:
            if ended.done:
                with suppress(RevisionMismatchError):
                    await operations.delete(ended.id)  # so that the next try starts another
            raise RebuildFailedError(f"{projection} could not be rebuilt", projection=projection)

    async def _erase_documents(self, subjects: Subjects) -> Counter[str]:
        skipped = {each.name for each in (EVENTS, LOGS, SUPPRESSED, ERASURE_KEYS, STEPS_DONE, *self._parts.rebuilt)}
        counts: Counter[str] = Counter()
        for collection in self._owned.collections():
            if collection.name.partition(".g")[0] in skipped:
                continue
            after: str | None = None
            while True:
                page = await self._owned.documents.scan(collection, after=after, limit=SCAN_PAGE)
                for document in page.documents:
                    if await self._erase_document(collection, document, subjects):
                        counts[subjects.erasures.get(document.key) or subjects.named(document.body)] += 1
                after = page.next_after
                if after is None:
                    break
        return counts

    async def _erase_document(self, collection: Collection, document: Document, subjects: Subjects) -> bool:
        policy = self._parts.documents.get(collection.name) or _DOCUMENTS.get(collection.name, scrub)
        current: Document | None = document
        for _ in range(ATTEMPTS_LIMIT):
            body = None if current is None else policy(current, subjects)
            if current is None or body is None:
                return False
            try:
                if isinstance(body, str) or current.key in subjects:
                    await self._owned.documents.delete(collection, current.key, expected_revision=current.revision)
                elif body == current.body:
                    return False
                else:
                    await self._owned.documents.replace(
                        collection, current.key, body, expected_revision=current.revision
                    )
            except RevisionMismatchError:
                current = await self._owned.documents.get(collection, document.key)
            else:
                return True
        raise UnavailableError(f"{collection.name}: a document keeps changing", collection=collection.name)

    async def _erase_files(self, subjects: Subjects) -> Counter[str]:
        """Remove uploads, error files and results of ended operations that name them."""
        owned = self._owned
        counts: Counter[str] = Counter()
        needles = {(name.partition(":")[2] or name).encode(): each for name, each in subjects.erasures.items()}
        after: str | None = None
        while True:
            page = await owned.documents.scan(OPERATIONS, after=after, limit=SCAN_PAGE)
            for document in page.documents:
                if document.body["done"]:
                    for digest in _files_of(document.body):
                        counts.update(await self._erase_file(digest, needles))
            after = page.next_after
            if after is None:
                return counts

    async def _erase_file(self, digest: str, needles: Mapping[bytes, str]) -> list[str]:
        """Remove a file that names one of them; return the receipt that it counts for."""
        if not await self._owned.artifacts.exists(digest):
            return []
        content = await self._owned.artifacts.read(digest)
        # In a thread: a thousand names in a file of megabytes would hold up whoever is served meanwhile.
        found = await asyncio.to_thread(_first_in, content, needles)
        return [found] if found and await self._owned.artifacts.delete(digest) else []

    async def _note(self, round_id: str, step: str, counts: "_Counts", touched_logs: Sequence[str]) -> None:
        now = self._owned.clock.now()
        body: dict[str, Any] = {
            "counts": counts.by_receipt,
            "touched_logs": list(touched_logs),
            "done_time_us": micros_from_time(now),
        }
        body["proof"] = self._suppression.digest(canonical_json([round_id, step, body]).decode())
        with suppress(KeyTakenError):  # another one did the same
            await self._owned.documents.insert(STEPS_DONE, f"{round_id}/{step}", body)


def _first_in(content: bytes, needles: Mapping[bytes, str]) -> str:
    """Return the receipt of the first name that a file holds, "" for none."""
    return next((erasure_id for needle, erasure_id in needles.items() if needle in content), "")


class _Counts:
    """What was done, by receipt and kind."""

    def __init__(self, subjects: Subjects) -> None:
        self.by_receipt: dict[str, dict[str, int]] = {each.erasure_id: {} for each in subjects.all}

    def add(self, kind: str, counts: Mapping[str, int]) -> None:
        for erasure_id, count in counts.items():
            of_receipt = self.by_receipt.setdefault(erasure_id, {})
            of_receipt[kind] = of_receipt.get(kind, 0) + count

    def add_to_all(self, kind: str) -> None:
        self.add(kind, dict.fromkeys(self.by_receipt, 1))


def _without_message(document: Document, _subjects: Subjects) -> Body | None:
    """Take what a failure said out of a dead letter: it quotes what it failed on, and is of no other use."""
    return None if not document.body.get("message") else {**document.body, "message": ""}


def _forgotten_answer(document: Document, subjects: Subjects) -> Body | None:
    """Take the kept answer out of an idempotency record that names one of them; the record stays as a tombstone."""
    if document.body["answer"] is None or not subjects.names_any(document.body["answer"]):
        return None
    return {**document.body, "answer": None, "deleted": True}


_DOCUMENTS: Final[Mapping[str, DocumentPolicy]] = {
    DEAD_LETTERS.name: _without_message,
    IDEMPOTENT_CREATES.name: _forgotten_answer,
}


def _files_of(body: Mapping[str, Any]) -> list[str]:
    progress = body["progress"]
    named = [progress["error_file"], progress.get("result_file", ""), *body["arguments"].values()]
    return [each for each in named if isinstance(each, str) and _DIGEST.fullmatch(each)]


def _subject_erased(subject: Subject, subjects: Subjects, now: datetime) -> NewEvent:
    first = subject.identifiers[0] if subject.identifiers else subject.erasure_id
    return NewEvent(
        client_event_id=subject.erasure_id,
        owner=OWNER,
        type=SUBJECT_ERASED,
        occurred_time=now,
        shop="",
        channel="",
        subject=subjects.hidden(first),
        payload={"erasure": subject.erasure_id},
    )
