"""Erases persons from one service, step by step; every step may be run again, by whomever, and then finds it done.

First the names are refused and the logs rewritten, in every service. Only then are the copies: projections are rebuilt
out of the rewritten logs, by the very code that a rebuild by hand runs, so that the two cannot differ; every other
document that names a person is scrubbed; snapshots, uploads and error files of before are removed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

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
from services.chassis.erasure.files import erase_files
from services.chassis.erasure.log_walk import erase_from_log, exported_from_log
from services.chassis.erasure.policies import DocumentPolicy, ErasureParts, LogPolicy, scrub
from services.chassis.erasure.subjects import EVERY_LOG, Subject, Subjects
from services.chassis.erasure.suppression import ERASURE_KEYS, SUPPRESSED, Suppression
from services.chassis.errors import UnavailableError
from services.chassis.eventlog.dead_letters import DEAD_LETTERS
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import APPEND_LIMIT, NewEvent
from services.chassis.eventlog.record import EVENTS, LOGS, micros_from_time, time_from_micros
from services.chassis.eventlog.tombstones import SUBJECT_ERASED
from services.chassis.idempotency import IDEMPOTENT_CREATES
from services.chassis.operation_run import OperationState
from services.chassis.operations import Operations

STEPS_DONE: Final = Collection("erasure_steps")
SCAN_PAGE: Final = 200
ATTEMPTS_LIMIT: Final = 20
REBUILD_WAIT_S: Final = 600.0
OWNER: Final = "erasure"


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

    async def outcome(self, round_id: str, step: str, subjects: Subjects) -> StepOutcome | None:
        """Return what a step did for exactly these persons, None before it is done."""
        document = await self._owned.documents.get(STEPS_DONE, step_name(round_id, step, subjects))
        if document is None or document.body["done_time_us"] is None:
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
        name = step_name(round_id, "logs", subjects)
        for log_name, log in owned.logs.items():
            rewritten = await erase_from_log(
                owned.documents,
                log_name,
                log.partitions,
                self._policy(log_name),
                subjects,
                digest=self._suppression.digest,
                before_first=partial(self._touch, name, log_name),
            )
            counts.add("events", rewritten)
            said = [_subject_erased(subject, subjects, owned.clock.now()) for subject in subjects.all]
            for start in range(0, len(said), APPEND_LIMIT):
                await log.append(said[start : start + APPEND_LIMIT])
        await self._note(name, counts)

    async def erase_copies(self, round_id: str, subjects: Subjects, touched_logs: Sequence[str]) -> None:
        """Rewrite everything that was made of the logs, and everything else that names them."""
        owned, counts = self._owned, _Counts(subjects)
        every, known = EVERY_LOG in touched_logs, set(touched_logs)
        touched = [name for name, logs in self._parts.projections.items() if every or set(logs) & known]
        # Side by side: most of a rebuild's time is the wait for those who still read the generation before.
        request_ids = [f"{round_id}/{subjects.token}/{projection}" for projection in touched]
        await asyncio.gather(*map(self._rebuild, touched, request_ids))
        for _ in touched:
            counts.add_to_all("projections")
        for hook in self._parts.hooks:
            await hook()
        if touched:
            for state in self._parts.states:
                if await owned.manifests.forget_history(state):
                    counts.add_to_all("snapshots")
        counts.add("documents", await self._erase_documents(subjects))
        counts.add("files", await erase_files(owned.documents, owned.artifacts, owned.operations, subjects))
        await owned.documents.leave_no_trace()
        await self._note(step_name(round_id, "copies", subjects), counts)

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

    async def _rebuild(self, projection: str, request_id: str) -> None:
        operations = self._owned.operations
        kind = self._owned.rebuild_kind(projection)
        operation = await operations.start(kind, {}, request_id=request_id, owner=OWNER)
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

    async def _touch(self, name: str, log_name: str) -> None:
        """Note that a log is about to be rewritten: should this try die, the next finds little or nothing left to
        rewrite there, and the copies are of what the log said before all the same.
        """

        def touched(body: Body) -> Body | None:
            known = body["touched_logs"]
            is_known = body["done_time_us"] is not None or log_name in known
            return None if is_known else {**body, "touched_logs": sorted({*known, log_name})}

        await self._change_step(name, touched)

    async def _note(self, name: str, counts: "_Counts") -> None:
        done_time_us = micros_from_time(self._owned.clock.now())

        def done(body: Body) -> Body | None:
            if body["done_time_us"] is not None:  # another one did the same
                return None
            said = {**body, "counts": counts.by_receipt, "done_time_us": done_time_us}
            return {**said, "proof": self._suppression.digest(canonical_json([name, said]).decode())}

        await self._change_step(name, done)

    async def _change_step(self, name: str, change: Callable[[Body], Body | None]) -> None:
        documents = self._owned.documents
        for _ in range(ATTEMPTS_LIMIT):
            known = await documents.get(STEPS_DONE, name)
            body = change(_BEGUN if known is None else known.body)
            if body is None:
                return
            with suppress(KeyTakenError, RevisionMismatchError):
                if known is None:
                    await documents.insert(STEPS_DONE, name, body)
                else:
                    await documents.replace(STEPS_DONE, name, body, expected_revision=known.revision)
                return
        raise UnavailableError("a step of an erasure keeps changing", step=name)


_BEGUN: Final[Body] = {"counts": {}, "touched_logs": [], "done_time_us": None, "proof": ""}


def step_name(round_id: str, step: str, subjects: Subjects) -> str:
    """Return under which name a step is noted: done for some of a round says nothing about the others."""
    return f"{round_id}/{step}/{subjects.token}"


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
