"""What stays of an order whose customer was erased."""

from random import Random
from typing import Any

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.erasure.log_walk import erase_from_log
from services.chassis.erasure.subjects import Subject, Subjects
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import NewEvent
from services.chassis.eventlog.record import EVENTS
from services.orders.store.erasing import OrderEventsPolicy
from tests.fakes.clock import ManualClock
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.events import OCCURRED_TIME

ANNA = Subject("r-1", ("card:1", "phone:+8613917654321"))
ORDER = {"id": "o-1", "shop": "main", "number": "7"}


def body(kind: str, **payload: Any) -> dict[str, Any]:
    said = {"source": "shop", "source_event_id": kind, "occurred_zone": "UTC", "order": ORDER, **payload}
    return {"type": kind, "subject": "order:main/7", "payload": said, "trace": "00-t", "fingerprint": "f"}


def digest(text: str) -> str:
    return f"hash of {len(text)}"


PLACED = body(
    "order-placed",
    identifiers=["card:1"],
    products=[{"id": "p-1", "quantity": 2}],
    raw={"note": "ring twice"},
    attribution_token="t-1",
)
SCAN = body("shipment-delivered", place="12 Canary Road", detail="with Mrs Anna", shipment={"carrier": "sf"})


def test_quantities_stay_and_the_person_goes_from_every_event_of_the_order() -> None:
    policy, subjects = OrderEventsPolicy(), Subjects([ANNA], digest)
    for each in (SCAN, PLACED):
        policy.learn(each, subjects)
    placed, scan = (policy.rewritten(each, subjects, digest) for each in (PLACED, SCAN))
    assert placed is not None and scan is not None
    assert placed.erasure_id == scan.erasure_id == "r-1"
    assert placed.body["payload"]["products"] == [{"id": "p-1", "quantity": 2}]
    assert placed.body["payload"]["identifiers"] == []
    assert (placed.body["trace"], placed.body["fingerprint"]) == ("", "")
    assert not {"raw", "attribution_token"} & placed.body["payload"].keys()
    assert scan.body["payload"]["shipment"] == {"carrier": "sf"}
    assert not {"place", "detail"} & scan.body["payload"].keys()
    assert placed.body["subject"] == "order:main/7"


def test_another_persons_order_is_left_alone_and_a_second_walk_changes_nothing() -> None:
    subjects = Subjects([ANNA], digest)
    other = {**PLACED, "payload": {**PLACED["payload"], "identifiers": ["card:2"]}}
    policy = OrderEventsPolicy()
    policy.learn(other, subjects)
    assert policy.rewritten(other, subjects, digest) is None
    first = OrderEventsPolicy()
    first.learn(PLACED, subjects)
    done = first.rewritten(PLACED, subjects, digest)
    assert done is not None
    again = OrderEventsPolicy()
    again.learn(done.body, subjects)
    assert again.rewritten(done.body, subjects, digest) is None


@pytest.mark.parametrize("point", [CrashPoint.BEFORE, CrashPoint.AFTER])
async def test_a_walk_that_dies_half_way_still_knows_whose_the_order_is_when_it_is_taken_up(point: CrashPoint) -> None:
    counting = CrashingDocuments(await _order_log())
    await _erase(counting)
    assert counting.writes == 3
    for crash_at in range(1, counting.writes + 1):
        inner = await _order_log()
        with pytest.raises(StoreUnavailableError):
            await _erase(CrashingDocuments(inner, crash_at=crash_at, point=point))
        await _erase(inner)
        said = str([document.body for document in (await inner.scan(EVENTS)).documents])
        assert not [word for word in ("card:1", "ring twice", "Canary", "Mrs Anna") if word in said], (
            f"write {crash_at}"
        )


LOG = ("order-events", 1, ManualClock(), Random(1))


async def _order_log() -> MemoryDocuments:
    documents = MemoryDocuments()
    log = DocumentsLog(documents, *LOG)
    await log.open()
    for number, each in enumerate((SCAN, PLACED, {**SCAN, "type": "shipment-returned"})):
        event = NewEvent(
            f"e{number}", "key", each["type"], OCCURRED_TIME, "main", "web", each["subject"], each["payload"]
        )
        await log.append([event])
    await log.close()
    return documents


async def _erase(documents: Any) -> None:
    async def before_first() -> None:
        pass

    policy, subjects = OrderEventsPolicy(), Subjects([ANNA], digest)
    await erase_from_log(documents, LOG[0], 1, policy, subjects, digest=digest, before_first=before_first)
