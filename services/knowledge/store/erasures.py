"""Erasures: each an intent that a job resumes (docs/consistency.md rule 1), and a receipt once it is done.

The identifiers stand in the document only until the last step is done; what stays names nobody.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.knowledge.domain.erasure import ErasureState, ServiceDone, StepDone

BY_STATE: Final = "state"
BY_TIME: Final = "time"
ERASURES: Final = Collection(
    "erasures", (Index(BY_STATE, ("state", "request_us")), Index(BY_TIME, ("all", "request_us")))
)
ROUND_LIMIT: Final = 500  # erasures that go together
ATTEMPTS_LIMIT: Final = 20
_ALL: Final = 1


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person's erasure. ``identifiers`` and ``customer_ids`` are empty once it is done."""

    id: str
    state: ErasureState
    requested_by: str
    request_us: int
    identifiers: tuple[str, ...] = ()
    customer_ids: tuple[str, ...] = ()
    round_id: str = ""
    touched_logs: tuple[str, ...] = ()
    services: Mapping[str, ServiceDone] = field(default_factory=dict)
    done_us: int | None = None
    proof: str = ""
    revision: int = 0


class ErasureStore:
    """The erasures of a deployment."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(ERASURES)

    async def insert(self, erasure: Erasure) -> Erasure:
        """Store a new one; one of the same id that is there already is returned as it stands."""
        await self._inserted(erasure)
        stored = await self.get(erasure.id)
        assert stored is not None
        return stored

    async def get(self, erasure_id: str) -> Erasure | None:
        """Return it or None."""
        document = await self._documents.get(ERASURES, erasure_id)
        return None if document is None else erasure_of(document)

    async def save(self, erasure: Erasure) -> Erasure | None:
        """Replace what has this revision; None when another was faster."""
        with suppress(RevisionMismatchError):
            document = await self._documents.replace(
                ERASURES, erasure.id, _body(erasure), expected_revision=erasure.revision
            )
            return replace(erasure, revision=document.revision)
        return None

    async def put(self, erasure: Erasure) -> None:
        """Store it in the place of whatever has its id: before anybody serves from the store."""
        if not await self._inserted(erasure):
            stored = await self.get(erasure.id)
            assert stored is not None
            await self.save(replace(erasure, revision=stored.revision))

    async def everything(self) -> list[Erasure]:
        """Return all of them."""
        found: list[Erasure] = []
        after: str | None = None
        while True:
            page = await self._documents.scan(ERASURES, after=after, limit=ROUND_LIMIT)
            found.extend(map(erasure_of, page.documents))
            after = page.next_after
            if after is None:
                return found

    async def of_state(self, state: ErasureState) -> list[Erasure]:
        """Return those of a state, oldest first, at most ROUND_LIMIT."""
        page = await self._documents.find(ERASURES, BY_STATE, {"state": state.value}, limit=ROUND_LIMIT)
        return [erasure_of(document) for document in page.documents]

    async def _inserted(self, erasure: Erasure) -> bool:
        with suppress(KeyTakenError):
            await self._documents.insert(ERASURES, erasure.id, _body(erasure))
            return True
        return False

    async def every_of_state(self, state: ErasureState) -> list[Erasure]:
        """Return all of a state, oldest first: for what was begun, where a part would not do."""
        found: list[Erasure] = []
        after: str | None = None
        while True:
            equals = {"state": state.value}
            page = await self._documents.find(ERASURES, BY_STATE, equals, after=after, limit=ROUND_LIMIT)
            found.extend(map(erasure_of, page.documents))
            after = page.next_after
            if after is None:
                return found

    async def leave_no_trace(self) -> None:
        """Return when the store keeps nothing any more of what was replaced."""
        await self._documents.leave_no_trace()

    async def latest(self, *, after: str | None, limit: int) -> tuple[list[Erasure], str | None]:
        """Return a page, latest first, and where the next begins."""
        page = await self._documents.find(ERASURES, BY_TIME, {"all": _ALL}, after=after, limit=limit, descending=True)
        return [erasure_of(document) for document in page.documents], page.next_after


def _body(erasure: Erasure) -> dict[str, Any]:
    return {
        "all": _ALL,
        "state": erasure.state.value,
        "requested_by": erasure.requested_by,
        "request_us": erasure.request_us,
        "identifiers": list(erasure.identifiers),
        "customer_ids": list(erasure.customer_ids),
        "round": erasure.round_id,
        "touched_logs": list(erasure.touched_logs),
        "services": {
            name: {step: _step_body(done) for step, done in each.steps.items()}
            for name, each in erasure.services.items()
        },
        "done_us": erasure.done_us,
        "proof": erasure.proof,
    }


def _step_body(done: StepDone) -> list[Any]:
    return [done.time_us, dict(done.counts), done.proof]


def erasure_of(document: Document) -> Erasure:
    """Return an erasure as it is stored."""
    body = document.body
    return Erasure(
        id=document.key,
        state=ErasureState(body["state"]),
        requested_by=body["requested_by"],
        request_us=body["request_us"],
        identifiers=_texts(body["identifiers"]),
        customer_ids=_texts(body["customer_ids"]),
        round_id=body["round"],
        touched_logs=_texts(body["touched_logs"]),
        services={
            name: ServiceDone({step: StepDone(*each) for step, each in steps.items()})
            for name, steps in body["services"].items()
        },
        done_us=body["done_us"],
        proof=body["proof"],
        revision=document.revision,
    )


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(values)
