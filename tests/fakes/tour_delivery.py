"""The part of the tour's gateway that has orders: one that goes to the door, its stream, its links."""

import json
from typing import Any

import httpx

TYPES = (
    "order-placed",
    "payment-captured",
    "promise-made",
    "production-queued",
    "stage-entered",
    "promise-made",
    "delay-notified",
    "production-completed",
    "shipment-created",
    "shipment-delivered",
)
IN_PROGRESS, MADE = 5, 8  # facts after which it is so
ORDER = "/v1/orders/o-1"


class TourOrders:
    """Answers what the tour asks of orders. ``broken`` names the one promise that is not kept."""

    broken: str

    def __init__(self) -> None:
        self.in_cart = False
        self.links = 0

    def answer_orders(self, method: str, path: str, request: httpx.Request) -> httpx.Response | None:
        """Return an answer, None for what is not about orders."""
        if path.endswith("/promise"):
            times = [f"2026-12-0{day}T00:00:00Z" for day in (1, 2, 3, 4)]
            return httpx.Response(200, json=_offer(times[::-1] if self.broken == "promise" else times))
        if path == "/v1/cart" and "identifier" not in request.url.params:
            return httpx.Response(200, json={"lines": [{}] if self.in_cart else []})
        if path == "/shop/checkout":
            return httpx.Response(201, json={"order_id": "o-1", "token": "ot_own"})
        if path == "/v1/shopper-tokens":
            return httpx.Response(201, json={"token": "st_other"})
        if path == "/v1/orders":
            return httpx.Response(201, json={"id": "o-1"})
        if path == f"{ORDER}/access-tokens":
            return httpx.Response(201, json={"token": "ot_ended"})
        if path == f"{ORDER}/stream":
            return httpx.Response(200, text=self._stream(int(request.headers.get("Last-Event-ID", "0"))))
        if path == ORDER:
            return self._order_for(request.headers["Authorization"].removeprefix("Bearer "))
        return None

    def _order_for(self, token: str) -> httpx.Response:
        if token == "st_other" and self.broken != "order-access":
            return _refused(403, "ORDER_NOT_YOURS")
        if token == "ot_ended" and self.broken != "expiry":
            return _refused(401, "TOKEN_EXPIRED")
        facts = [_fact(number) for number in range(1, len(TYPES) + 1)]
        return httpx.Response(200, json={**self._standing(len(TYPES)), "events": facts})

    def _stream(self, after: int) -> str:
        parts = ["retry: 2000\n\n", ": \n\n"]
        for number in range(after + 1, len(TYPES) + 1):
            if self.broken == "stream" and TYPES[number - 1] == "shipment-created":
                continue
            parts.append(f"event: fact\nid: {number}\ndata: {json.dumps(_fact(number))}\n\n")
            parts.append(f"event: order\nid: {number}\ndata: {json.dumps(self._standing(number))}\n\n")
        return "".join(parts)

    def _standing(self, facts: int) -> dict[str, Any]:
        share = 1.0 if facts >= MADE else 0.5 if facts == IN_PROGRESS else 0.6
        if self.broken == "progress" and facts == MADE - 1:
            share = 0.1
        notice = {"tell_time": "2026-12-01T00:00:00Z", "broken_time": "2026-12-05T00:00:00Z"}
        notices = [notice] * (2 if self.broken == "delay" else 1)
        causes = [{"cause_type": "payment-captured"}, {"cause_type": "" if self.broken == "cause" else "stage-entered"}]
        return {
            "production": "in-progress" if IN_PROGRESS <= facts < MADE else "completed" if facts >= MADE else "queued",
            "shipping": "delivered" if facts == len(TYPES) else "not-shipped",
            "lines": [{"progress": {"share": share} if facts >= IN_PROGRESS else None}],
            "promise": {"notices": notices, "versions": causes},
            "linked_data": {"orderStatus": "https://schema.org/OrderDelivered"},
        }


def _offer(times: list[str]) -> dict[str, Any]:
    names = ("earliest_time", "likely_time", "latest_time", "promise_time")
    estimate = {**dict(zip(names, times, strict=True)), "confidence": "low", "reasons": [{"reason": "usual"}]}
    return {"made_to_order": True, "estimate": estimate}


def _fact(number: int) -> dict[str, Any]:
    return {"seq": number, "type": TYPES[number - 1]}


def _refused(status: int, reason: str) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "reason": reason})
