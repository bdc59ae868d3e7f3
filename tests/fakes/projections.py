"""A small projection that shows every lost, doubled or reordered event: count, sum and the order of each subject."""

from collections.abc import Iterable, Sequence
from typing import Any

from services.chassis.documents.port import Collection, DocumentStore, Index
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import DELETE, Deletion, KeyedProjection

SUBJECTS = Collection("subjects", (Index("count", ("count",)),))


def subjects_of(event: Event) -> Sequence[str]:
    return [] if event.type == "ignored" else [event.subject]


def tally(key: str, body: dict[str, Any] | None, event: Event) -> dict[str, Any] | Deletion | None:
    if event.type == "erased":
        return DELETE
    if event.type == "poison":
        raise ValueError(f"poison for {key}")
    if event.type == "void":
        return None
    body = body or {"count": 0, "sum": 0, "order": []}
    quantity = event.payload["quantity"]
    return {"count": body["count"] + 1, "sum": body["sum"] + quantity, "order": [*body["order"], quantity]}


def tally_projection(
    documents: DocumentStore, *, name: str = "tally", collection: Collection = SUBJECTS
) -> KeyedProjection:
    return KeyedProjection(documents, collection, name=name, keys=subjects_of, fold=tally)


def expected_tally(events: Iterable[Event]) -> dict[str, dict[str, Any]]:
    """What the projection must hold after these events, each once and in order."""
    expected: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.type == "ignored":
            continue
        outcome = tally(event.subject, expected.get(event.subject), event)
        if isinstance(outcome, Deletion):
            expected.pop(event.subject, None)
        elif outcome is not None:
            expected[event.subject] = outcome
    return expected


async def all_documents(documents: DocumentStore, collection: Collection = SUBJECTS) -> dict[str, dict[str, Any]]:
    """Every stored body by key, watermarks and tombstones included."""
    page = await documents.scan(collection, limit=1_000)
    assert page.next_after is None
    return {document.key: document.body for document in page.documents}
