"""Names of erased persons leave the trail of staff and the demo shop's book, and nothing else does."""

from typing import Any

import pytest
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.demo_shop.order_book import BOOK
from gateway.erased_names import ErasedNames
from gateway.staff.audit import AUDIT
from services.chassis.documents.measured import STORE_METRICS, MeasuredDocuments
from services.chassis.documents.memory import MemoryDocuments
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


@pytest.fixture
async def documents() -> MeasuredDocuments:
    metrics = Metrics((CHASSIS_METRICS, STORE_METRICS))
    made = MeasuredDocuments(MemoryDocuments(), metrics, Standings(metrics))
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
    asked = len(knowledge.asked)
    assert await names.look() == 0
    assert len(knowledge.asked) == asked, "looked through once for as many as there are"
