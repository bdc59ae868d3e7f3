"""What stays of an order whose customer was erased."""

from typing import Any

from services.chassis.erasure.subjects import Subject, Subjects
from services.orders.store.erasing import OrderEventsPolicy

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
