"""Webhooks of orders through the gateway: real processes, a real receiver, the reference library to verify."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from standardwebhooks import Webhook

from benchmarks.webhook_receiver import WebhookReceiver
from gateway.schemas.webhooks import (
    NewWebhookTarget,
    WebhookAttempt,
    WebhookDelivery,
    WebhookTarget,
    WebhookTargets,
)
from services.orders.jobs.telling import WEBHOOK_TYPES
from tests.contract.orders.conftest import Processes, fact, placing

TARGETS = "/v1/webhooks/orders/targets"
ARRIVAL_LIMIT_S = 60.0


@pytest.fixture
async def receiver(processes: Processes) -> AsyncIterator[WebhookReceiver]:
    """Start a receiver, and orders again with leave to call it."""
    started = WebhookReceiver()
    await started.start()
    processes.environment["ZHIKE_WEBHOOK_ALLOWED_HOSTS"] = f"127.0.0.1:{started.port}"
    processes.restart_orders()
    yield started
    await started.stop()


class Operator:
    """Calls the gateway from beside the event loop."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    async def call(self, method: str, path: str, *, status: int = 200, **arguments: Any) -> Any:
        answer: httpx.Response = await asyncio.to_thread(self._client.request, method, path, **arguments)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def tell(self, *facts: dict[str, Any]) -> None:
        verdicts = (await self.call("POST", "/v1/orders/events", json={"events": facts}))["verdicts"]
        assert {each["status"] for each in verdicts} == {"stored"}, verdicts


@pytest.fixture
def operator(processes: Processes) -> Iterator[Operator]:
    with processes.operator() as client:
        yield Operator(client)


async def arrived(receiver: WebhookReceiver, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(ARRIVAL_LIMIT_S):
        while not holds():  # noqa: ASYNC110 - the calls come from another process
            await asyncio.sleep(0.02)


def types_of(receiver: WebhookReceiver) -> list[str]:
    return [orjson.loads(call.body)["type"] for call in receiver.calls]


async def test_facts_of_orders_reach_a_receiver_that_can_verify_them(
    processes: Processes, receiver: WebhookReceiver, operator: Operator
) -> None:
    new = {"url": receiver.url, "event_types": ["order.placed", "shipment.delivered"], "owner": "ERP"}
    made = await operator.call("POST", TARGETS, status=201, json=new, headers={"Idempotency-Key": "erp"})
    assert set(made) == set(NewWebhookTarget.model_fields)
    again = await operator.call("POST", TARGETS, status=201, json=new, headers={"Idempotency-Key": "erp"})
    assert again == made
    target = f"{TARGETS}/{made['id']}"

    parcel = {"carrier": "sf-express", "tracking_number": "SF1"}
    await operator.tell(
        placing(),
        fact("shipment-created", "pack", minutes=20, shipment=parcel, items=[{"line": 1, "quantity": 2}]),
        fact("shipment-delivered", "done", minutes=10, shipment=parcel),
    )
    await arrived(receiver, lambda: len(receiver.calls) >= 2)
    processes.restart_orders()  # kill -9
    await operator.tell(placing("8"))
    await arrived(receiver, lambda: len({call.id for call in receiver.calls}) >= 3)
    for call in receiver.calls:
        assert Webhook(made["secret"]).verify(call.body, call.headers)["data"]["order"]["shop"] == "main"
        assert b"card:1000231" not in call.body
    assert set(types_of(receiver)) == {"order.placed", "shipment.delivered"}

    rotated = await operator.call("POST", f"{target}:rotate-secret", json={})
    assert rotated["secret"] != made["secret"]
    assert [each["end_time"] is None for each in rotated["secrets"]] == [True, False]
    await operator.call("POST", f"{target}:test", status=202, json={})
    await arrived(receiver, lambda: "webhook.test" in types_of(receiver))
    test = receiver.calls[-1]
    for secret in (made["secret"], rotated["secret"]):
        assert Webhook(secret).verify(test.body, test.headers)


async def test_deliveries_are_seen_replayed_and_stopped(receiver: WebhookReceiver, operator: Operator) -> None:
    made = await operator.call("POST", TARGETS, status=201, json={"url": receiver.url})
    target = f"{TARGETS}/{made['id']}"
    begun = await operator.call("POST", f"{target}:test", status=202, json={})
    assert set(begun) == set(WebhookDelivery.model_fields)
    await arrived(receiver, lambda: len(receiver.calls) == 1)

    async def delivered() -> list[dict[str, Any]]:
        page = await operator.call("GET", f"{target}/deliveries", params={"state": "delivered", "body": "true"})
        found: list[dict[str, Any]] = page["deliveries"]
        return found

    async with asyncio.timeout(ARRIVAL_LIMIT_S):
        while not (seen := await delivered()):  # noqa: ASYNC110 - another process saves it
            await asyncio.sleep(0.05)
    assert (seen[0]["id"], seen[0]["tries"], seen[0]["body"]["type"]) == (receiver.calls[0].id, 1, "webhook.test")
    assert set(seen[0]["attempts"][0]) == set(WebhookAttempt.model_fields)
    assert (seen[0]["attempts"][0]["outcome"], seen[0]["attempts"][0]["status"]) == ("delivered", 204)
    replayed = await operator.call("POST", f"{target}/deliveries:replay", json={"ids": [begun["id"]]})
    assert replayed == {"replayed": 1, "more": False}
    await arrived(receiver, lambda: len(receiver.calls) == 2)
    assert receiver.calls[0].id == receiver.calls[1].id

    disabled = await operator.call("PATCH", target, json={"state": "disabled"})
    assert set(disabled) == set(WebhookTarget.model_fields)
    assert disabled["disable_cause"] == "operator"
    refused = await operator.call("POST", f"{target}:test", status=412, json={})
    assert refused["reason"] == "WEBHOOK_TARGET_DISABLED"
    await operator.call("DELETE", target, status=204)
    gone = await operator.call("GET", target, status=404)
    assert gone["reason"] == "WEBHOOK_TARGET_NOT_FOUND"
    listed = await operator.call("GET", TARGETS)
    assert set(listed) == set(WebhookTargets.model_fields)
    assert (listed["targets"], listed["event_types"]) == ([], sorted(WEBHOOK_TYPES.values()))


async def test_what_an_operator_may_not_name_is_refused_by_its_reason(
    receiver: WebhookReceiver, operator: Operator
) -> None:
    for url, reason in (
        ("https://127.0.0.1/", "ADDRESS_REFUSED"),
        ("https://169.254.169.254/latest", "ADDRESS_REFUSED"),
        ("https://localhost/", "ADDRESS_REFUSED"),
        ("http://example.com/", "URL_SCHEME_REFUSED"),
        ("https://a:b@example.com/", "URL_USERINFO_REFUSED"),
        ("example.com", "URL_MALFORMED"),
        ("https://no-such-host.invalid/", "HOST_UNKNOWN"),
    ):
        problem = await operator.call("POST", TARGETS, status=400, json={"url": url})
        assert (problem["reason"], problem["domain"]) == (reason, "orders.zhike")
    unknown = {"url": receiver.url, "event_types": ["order.lost"]}
    problem = await operator.call("POST", TARGETS, status=400, json=unknown)
    assert problem["reason"] == "WEBHOOK_EVENT_TYPE_UNKNOWN"
    made = await operator.call("POST", TARGETS, status=201, json={"url": receiver.url})
    rotate = f"{TARGETS}/{made['id']}:rotate-secret"
    await operator.call("POST", rotate, json={})
    problem = await operator.call("POST", rotate, status=409, json={})
    assert problem["reason"] == "WEBHOOK_SECRET_LIMIT"
