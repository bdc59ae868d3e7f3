"""While persons are erased from a restored backup nobody is answered; once the last receipt is done everybody is."""

from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.middleware.restored import RestoredMiddleware
from gateway.restored_erasures import RestoredErasures, RestoredErasuresOpenError
from services.chassis.backup.marks import AWAITED
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.errors import NotFoundError, UnavailableError


class Knowledge:
    """Tells how receipts stand."""

    def __init__(self, **states: str) -> None:
        self.states, self.away = states, False

    async def call(self, _method: object, request: pb.GetErasureRequest, **_: object) -> pb.Erasure:
        if self.away:
            raise UnavailableError("away")
        if request.id not in self.states:
            raise NotFoundError("no such receipt")
        return pb.Erasure(id=request.id, state=self.states[request.id])


async def restored(
    knowledge: Knowledge, *ids: str, scrub: Callable[[], Awaitable[bool]] | None = None
) -> tuple[RestoredErasures, MemoryDocuments]:
    async def nothing() -> bool:
        return True

    documents = MemoryDocuments()
    await documents.declare(AWAITED)
    for each in ids:
        await documents.insert(AWAITED, each, {})
    made = RestoredErasures(documents, knowledge, scrub=scrub or nothing)  # type: ignore[arg-type]
    await made.open()
    return made, documents


async def test_all_receipts_are_waited_for_and_then_forgotten() -> None:
    scrubbed: list[int] = []

    async def scrub() -> bool:
        scrubbed.append(len(waited))
        return len(scrubbed) > 1

    knowledge = Knowledge(a="done", b="copies")
    waited, documents = await restored(knowledge, "a", "b", scrub=scrub)
    await waited.look()
    with pytest.raises(RestoredErasuresOpenError):
        waited.check()
    knowledge.states["b"] = "done"
    await waited.look()
    with pytest.raises(RestoredErasuresOpenError):
        waited.check()
    await waited.look()
    waited.check()
    assert scrubbed == [2, 2], "the gateway's own documents are scrubbed before anybody is let in"
    assert await documents.count(AWAITED) == 0
    await waited.run()


async def test_a_service_that_is_away_keeps_all_waiting_and_a_receipt_that_is_nowhere_does_not() -> None:
    knowledge = Knowledge()
    waited, _ = await restored(knowledge, "a")
    knowledge.away = True
    with pytest.raises(UnavailableError):
        await waited.look()
    assert len(waited) == 1
    knowledge.away = False
    await waited.look()
    assert len(waited) == 0


async def test_nobody_is_answered_meanwhile_but_probes_status_and_receipts() -> None:
    answered: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        answered.append(scope["path"])

    knowledge = Knowledge(a="logs")
    waited, _ = await restored(knowledge, "a")
    gate = RestoredMiddleware(app, waited)

    async def ask(*paths: str) -> None:
        for path in paths:
            await gate({"type": "http", "path": path}, None, None)  # type: ignore[arg-type]

    await ask("/healthz", "/readyz", "/v1/system", "/v1/erasures/a")
    for path in ("/console", "/v1/customers/card:1", "/v1/erasures", "/v1/system/knowledge/dead-letters"):
        with pytest.raises(RestoredErasuresOpenError, match="restored") as held:
            await ask(path)
        assert held.value.metadata["retry_after_s"]
    assert len(answered) == 4
    knowledge.states["a"] = "done"
    await waited.look()
    await ask("/console")
    assert answered[-1] == "/console"
