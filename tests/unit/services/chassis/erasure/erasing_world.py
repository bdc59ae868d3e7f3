"""One service that keeps people, without a socket: a log, a projection of it, other documents, files."""

from collections.abc import Sequence
from random import Random
from typing import Any

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import Manifests
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import Collection, DocumentStore
from services.chassis.erasure.owner import ErasureOwner, Owned, StepOutcome
from services.chassis.erasure.policies import ErasureParts
from services.chassis.erasure.subjects import Subject
from services.chassis.erasure.suppression import Suppression
from services.chassis.eventlog.dead_letters import DEAD_LETTERS
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Event, NewEvent
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.idempotency import IDEMPOTENT_CREATES
from services.chassis.metrics import Metrics
from services.chassis.operation_run import Operation, OperationState, Progress
from services.chassis.operations import OPERATIONS
from tests.fakes.clock import ManualClock
from tests.fakes.events import OCCURRED_TIME
from tests.fakes.memory_artifacts import MemoryArtifacts

PEOPLE = Collection("people")
NOTES = Collection("notes")
ANNA = Subject("r-1", ("card:1", "phone:+8613912345678"), ("c-" + "a" * 20,))
BEN = Subject("r-2", ("card:2",))
CANARIES = ("card:1", "+8613912345678", "anna's words", "c-" + "a" * 20)


class DoneOperations:
    """Operations that end at once."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []

    async def start(self, kind: str, _arguments: Any, *, request_id: str, owner: str) -> Operation:
        self.started.append((kind, request_id))
        return self._operation(kind)

    async def wait(self, operation_id: str, *, timeout_s: float) -> Operation:
        return self._operation(operation_id)

    def _operation(self, name: str) -> Operation:
        return Operation(name, name, OperationState.SUCCEEDED, {}, Progress(), OCCURRED_TIME)


class World:
    """The service."""

    def __init__(
        self, documents: DocumentStore, parts: ErasureParts | None = None, artifacts: LocalArtifacts | None = None
    ) -> None:
        self.documents, self.clock, self.metrics = documents, ManualClock(), Metrics()
        self.artifacts, self.operations = artifacts or MemoryArtifacts(), DoneOperations()
        self.log = DocumentsLog(documents, "acts", 2, self.clock, Random(1))
        self.suppression = Suppression(documents, self.clock, self.metrics)
        owned = Owned(
            "service",
            documents,
            lambda: (NOTES, DEAD_LETTERS, IDEMPOTENT_CREATES, PEOPLE),
            {"acts": self.log},
            self.artifacts,  # type: ignore[arg-type]
            Manifests(documents, self.artifacts, self.clock),  # type: ignore[arg-type]
            self.operations,  # type: ignore[arg-type]
            lambda name: f"rebuild-{name}",
            self.clock,
        )
        self.owner = ErasureOwner(owned, self.suppression, parts or ErasureParts(rebuilt=(PEOPLE,)))

    async def open(self) -> None:
        await self.documents.declare(PEOPLE, NOTES, DEAD_LETTERS, IDEMPOTENT_CREATES, OPERATIONS)
        await self.suppression.open()
        await self.owner.open()
        await self.log.open()

    async def fill(self) -> None:
        await self.log.append([act(1, "card:1"), act(2, "card:2"), act(3, "phone:+8613912345678")])
        await self.log.append([act(4, "card:2", also="card:1")])
        await self.documents.insert(
            NOTES, "n-1", {"of": "card:1", "list": ["card:1", "card:2"], "free": "say card:1 hi"}
        )
        await self.documents.insert(NOTES, "card:1", {"anna": True})

    async def erase(self, *subjects: Subject, round_id: str = "round") -> None:
        texts = self.owner.subjects(subjects)
        if await self.owner.outcome(round_id, "logs", texts) is None:
            await self.owner.erase_logs(round_id, texts)
        done = await self.owner.outcome(round_id, "logs", texts)
        assert done is not None
        if await self.owner.outcome(round_id, "copies", texts) is None:
            await self.owner.erase_copies(round_id, texts, done.touched_logs)

    async def outcome(self, step: str, *subjects: Subject, round_id: str = "round") -> StepOutcome | None:
        return await self.owner.outcome(round_id, step, self.owner.subjects(subjects))

    async def rebuilt(self) -> dict[str, dict[str, Any]]:
        """What the projection says when it is built from the log's start."""
        fresh = MemoryDocuments()
        await fresh.declare(PEOPLE)
        projection = people_projection(fresh)
        for event in await self.events():
            told = self.suppression.seen(event)
            if told is not None:
                await projection.apply([told])
        page = await fresh.scan(PEOPLE, limit=100)
        return {document.key: document.body for document in page.documents}

    async def events(self) -> Sequence[Event]:
        found: list[Event] = []
        for partition in range(self.log.partitions):
            found += await self.log.read(partition, after=0)
        return found

    async def everything(self) -> str:
        """All that is stored, as text."""
        from services.chassis.erasure.owner import STEPS_DONE
        from services.chassis.eventlog.record import EVENTS

        texts = []
        for collection in (EVENTS, PEOPLE, NOTES, DEAD_LETTERS, IDEMPOTENT_CREATES, STEPS_DONE):
            page = await self.documents.scan(collection, limit=1_000)
            texts += [f"{document.key} {document.body}" for document in page.documents]
        return "\n".join(texts)


def act(number: int, subject: str, also: str = "") -> NewEvent:
    """An act of somebody; the words are Anna's own where she acts."""
    names = [subject, also] if also else [subject]
    words = "ben's words" if subject == "card:2" else "anna's words"
    payload = {"identifiers": names, "words": words}
    return NewEvent(f"e{number}", "key", "act", OCCURRED_TIME, "shop", "web", subject, payload, trace="00-trace")


def people_projection(documents: DocumentStore) -> KeyedProjection:
    """Counts acts by identifier."""

    def fold(_key: str, body: dict[str, Any] | None, event: Event) -> dict[str, Any]:
        known = body or {"acts": 0, "with": []}
        others = [name for name in event.payload["identifiers"] if name != event.subject]
        return {"acts": known["acts"] + 1, "with": sorted({*known["with"], *others})}

    return KeyedProjection(documents, PEOPLE, name="people", keys=lambda event: [event.subject], fold=fold)
