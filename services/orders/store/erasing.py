"""What stays of an order when its customer is erased: the order, without the person.

Accounts and taxes need every order for ten years: its number, goods, quantities, money and times stay as they are. The
identifiers go from it, and so does everything that somebody wrote in their own words. docs/privacy.md says why.
"""

from typing import Any, Final

from services.chassis.documents.port import Body
from services.chassis.erasure.policies import Digest, LogPolicy, Rewritten
from services.chassis.erasure.subjects import Subjects
from services.chassis.eventlog.tombstones import rewritten
from services.kits.purchases import ORDER_PLACED
from services.orders.domain.payloads import OWN_SOURCE

# What may hold words of or about the person, or lead back to what they did.
_GOES: Final = frozenset({"raw", "attributes", "attribution_token", "text", "detail", "place", "reason"})


class OrderEventsPolicy(LogPolicy):
    """One step over ``order-events``: first which orders are the persons', then what is told of these, the placings
    last: they lose the identifiers by which a later try knows the orders.
    """

    needs_learning = True

    def __init__(self) -> None:
        self._orders: dict[str, str] = {}

    def learn(self, body: Body, subjects: Subjects) -> None:
        """Note whose order a placing is."""
        if self.teaches(body):
            for name in body["payload"].get("identifiers") or ():
                if name in subjects:
                    self._orders[body["payload"]["order"]["id"]] = subjects.erasures[name]

    def teaches(self, body: Body) -> bool:
        """Only a placing says whose the order is."""
        return bool(body["type"] == ORDER_PLACED)

    def rewritten(self, body: Body, subjects: Subjects, digest: Digest) -> Rewritten | None:
        """Return the event without the person."""
        erasure_id = self.about(body, subjects)
        if not erasure_id:
            return super().rewritten(body, subjects, digest)
        payload = _without_person(body["payload"], subjects)
        if payload == body["payload"]:
            return None
        return Rewritten(rewritten(body, payload=payload), erasure_id)

    def about(self, body: Body, subjects: Subjects) -> str:  # noqa: ARG002 - learned from the placing
        """Return whose order the event is about."""
        order = body["payload"].get("order") or {}
        return self._orders.get(order.get("id", ""), "")


def _without_person(payload: Body, subjects: Subjects) -> dict[str, Any]:
    kept = dict(payload)
    if payload.get("source") != OWN_SOURCE:  # our own words are chosen from a list
        kept = {name: value for name, value in payload.items() if name not in _GOES}
    if "identifiers" in kept:
        kept["identifiers"] = []
    scrubbed: dict[str, Any] = subjects.scrubbed(kept)
    return scrubbed
