"""Orders live, on real processes: links, streams, reconnects, orders killed meanwhile, a clean stop."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.orders.conftest import Processes, fact, placing, streaming

pytestmark = pytest.mark.timeout(400)  # real processes start, and a busy machine takes its time

RESTART_LIMIT_S = 90.0
STOP_LIMIT_S = 30.0  # well below the grace that an open stream would hold the process for


def link(client: httpx.Client) -> tuple[str, str]:
    """Place an order; return its id and an access token."""
    answer = client.post("/v1/orders", json={
        "number": "7", "time": placing()["time"], "products": placing()["products"], "identifiers": ["card:1000231"],
    })  # fmt: skip
    assert answer.status_code == 201, answer.text
    order_id = answer.json()["id"]
    made = client.post(f"/v1/orders/{order_id}/access-tokens", json={})
    return order_id, made.json()["token"]


def next_event(lines: Iterator[str]) -> tuple[str, str, Any]:
    """Return (name, id, data) of the next event; comments are passed over."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line and "event" in fields:
            return fields["event"], fields.get("id", ""), json.loads(fields["data"])
        name, _, value = line.partition(": ")
        if name in ("event", "id", "data"):
            fields[name] = value
    raise AssertionError("the stream ended")


def told(lines: Iterator[str], type_: str) -> str:
    """Return the number of the next fact of a type; estimates, which come by themselves, are passed over."""
    while True:
        name, place, data = next_event(lines)
        if name == "fact" and data["type"] == type_:
            return place


def stands(lines: Iterator[str], headline: str) -> str:
    """Return the number at which the order stands, when it stands so."""
    while True:
        name, place, data = next_event(lines)
        if name == "order" and data["headline"] == headline:
            return place


def tell(client: httpx.Client, **event: Any) -> None:
    """Tell a fact, through restarts."""
    end = time.monotonic() + RESTART_LIMIT_S
    while not (answer := client.post("/v1/orders/events", json={"events": [event]})).is_success:
        assert time.monotonic() < end, answer.text
    assert answer.json()["rejected"] == 0, answer.text


def test_a_link_follows_its_order_through_reconnects_and_a_kill_of_orders(processes: Processes) -> None:
    with processes.operator() as client:
        order_id, token = link(client)
        url = f"{processes.url}/v1/orders/{order_id}/stream"
        with streaming(f"{url}?access_token={token}", {}) as lines:
            stands(lines, "placed")
            tell(client, **fact("payment-captured", "paid"))
            told(lines, "payment-captured")
            place = stands(lines, "paid")
        tell(client, **fact("production-completed", "made"))  # while nobody watches
        with streaming(url, {"Authorization": f"Bearer {token}", "Last-Event-ID": place}) as lines:
            assert int(told(lines, "production-completed")) > int(place)
            stands(lines, "ready")
            processes.restart_orders()
            tell(client, **fact("order-cancelled", "stop"))
            told(lines, "order-cancelled")
            stands(lines, "cancelled")


def test_a_stopping_gateway_ends_its_streams_and_itself(processes: Processes) -> None:
    with processes.operator() as client:
        order_id, token = link(client)
    with streaming(f"{processes.url}/v1/orders/{order_id}/stream?access_token={token}", {}) as lines:
        next_event(lines)
        begin = time.monotonic()
        assert processes.stop_gateway() == 0
        assert time.monotonic() - begin < STOP_LIMIT_S
        assert next_event(lines)[2] == {"reason": "CLOSING"}
        assert list(lines) == []
    logged = (processes.data / "gateway.log").read_text()
    assert "Traceback" not in logged
    assert token[3:] not in logged


def test_revoking_ends_an_open_stream_and_its_link(processes: Processes) -> None:
    with processes.operator() as client:
        order_id, token = link(client)
        url = f"{processes.url}/v1/orders/{order_id}/stream"
        with streaming(f"{url}?access_token={token}", {}) as lines:
            next_event(lines)
            assert client.delete(f"/v1/orders/{order_id}/access-tokens").status_code == 204
            assert next_event(lines)[0] == "closing"
        refused = httpx.get(url, params={"access_token": token}, trust_env=False)
        assert (refused.status_code, refused.json()["reason"]) == (401, "TOKEN_REVOKED")
