"""Names of erased persons leave the trail of staff and the demo shop's book, and nothing else does."""

from typing import Any

import pytest
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.demo_shop.order_book import BOOK
from gateway.erased_names import ErasedNames
from gateway.staff.audit import AUDIT
from services.chassis.documents.measured import STORE_METRICS, MeasuredDocuments
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import Body, Collection, Document, RevisionMismatchError
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from services.chassis.standing import Standings

ERASED = {"c-" + "a" * 20: "erased:1", "visitor:v-anna000000000000000000": "erased:2"}


class Knowledge:
    """Answers which names were erased."""

    def __init__(self) -> None:
        self.total = 0
        self.asked: list[list[str]] = []

    async def call(self, _method: Any, request: Any, *, timeout_ms: int, waits: bool = True) -> Any:
        if request.names:
            self.asked.append(list(request.names))
        known = {name: ERASED[name] for name in request.names if name in ERASED} if self.total else {}
        return pb.FindErasedResponse(erased=known, total=self.total)


class ChangedMeanwhile(MemoryDocuments):
    """Somebody else writes "a-1" between reading and replacing it, twice."""

    refusals = 2

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        if key == "a-1" and self.refusals:
            self.refusals -= 1
            raise RevisionMismatchError(collection.name, key=key, expected=expected_revision, actual=None)
        return await super().replace(collection, key, body, expected_revision=expected_revision)


@pytest.fixture
async def documents() -> MeasuredDocuments:
    return await _filled(MemoryDocuments())


async def _filled(store: MemoryDocuments) -> MeasuredDocuments:
    metrics = Metrics((CHASSIS_METRICS, STORE_METRICS))
    made = MeasuredDocuments(store, metrics, Standings(metrics))
    await made.declare(AUDIT, BOOK)
    entry = {"time_us": 1, "actor": "staff:li", "kind": "customer", "action": "customer.read"}
    await made.insert(AUDIT, "a-1", {**entry, "thing": "customer:c-" + "a" * 20, "after": {"note": "c-" + "a" * 20}})
    await made.insert(AUDIT, "a-2", {**entry, "thing": "customer:c-" + "b" * 20, "after": {}})
    await made.insert(BOOK, "o-1", {"guest": "visitor:v-anna000000000000000000", "placed_us": 1})
    return made


async def test_erased_names_go_and_others_stay(documents: MeasuredDocuments) -> None:
    knowledge = Knowledge()
    names = ErasedNames(documents, knowledge)  # type: ignore[arg-type]
    assert await names.look() == 0
    assert knowledge.asked == [], "nothing was erased, so nothing is looked through"
    knowledge.total = 2
    assert await names.look() == 2
    first, second = [await documents.get(AUDIT, key) for key in ("a-1", "a-2")]
    book = await documents.get(BOOK, "o-1")
    assert first is not None and second is not None and book is not None
    assert (first.body["thing"], first.body["after"]) == ("customer:erased:1", {"note": "erased:1"})
    assert second.body["thing"] == "customer:c-" + "b" * 20
    assert book.body["guest"] == "erased:2"
    assert await names.look() == 0
    asked = len(knowledge.asked)
    assert await names.look() == 0
    assert len(knowledge.asked) == asked, "a look that found nothing more was the last"


async def test_a_name_that_is_written_behind_the_first_look_is_met_by_the_second(documents: MeasuredDocuments) -> None:
    knowledge = Knowledge()
    names = ErasedNames(documents, knowledge)  # type: ignore[arg-type]
    knowledge.total = 1
    await documents.delete(AUDIT, "a-1")
    await documents.delete(BOOK, "o-1")
    assert await names.look() == 0
    await documents.insert(AUDIT, "a-0", {"time_us": 1, "actor": "staff:li", "thing": "customer:c-" + "a" * 20})
    assert await names.look() == 1
    late = await documents.get(AUDIT, "a-0")
    assert late is not None and late.body["thing"] == "customer:erased:1"


async def test_a_document_that_somebody_changed_meanwhile_is_met_at_the_next_look() -> None:
    documents, knowledge = await _filled(ChangedMeanwhile()), Knowledge()
    names = ErasedNames(documents, knowledge)  # type: ignore[arg-type]
    knowledge.total = 2
    assert [await names.look() for _ in range(4)] == [1, 0, 1, 0]
    entry = await documents.get(AUDIT, "a-1")
    assert entry is not None and entry.body["thing"] == "customer:erased:1"
