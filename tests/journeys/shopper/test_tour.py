"""The golden journey on the real processes: the tour, every step of it."""

import asyncio
import json

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from infra.tour import reputation
from infra.tour.receiver import Receiver
from infra.tour.visit import Visit
from infra.tour.walk import STEPS, StepReport, take_step
from tests.journeys.callers import Shop
from tests.journeys.platform import Platform

ALERT_STEPS = (
    reputation.burst_raises_one_alert_within_5_s,
    reputation.acknowledging_stops_the_escalation,
    reputation.resolving_closes_the_alert,
    reputation.signed_webhooks_were_received_and_verify,
)


def test_every_step_of_the_tour_holds(demo_shop: Platform) -> None:
    result = demo_shop.zhike("tour", "--json")
    report = json.loads(result.stdout.splitlines()[-1])
    assert [each["name"] for each in report["steps"] if not each["ok"]] == [], result.stdout
    assert len(report["steps"]) == len(STEPS)
    assert result.returncode == 0


def test_the_tour_for_people_names_each_step_and_leaves_no_key_behind(demo_shop: Platform) -> None:
    result = demo_shop.zhike("tour")
    assert result.returncode == 0, result.stdout
    assert "zh-query-finds-products" in result.stdout
    keys = demo_shop.zhike("keys", "list").stdout.splitlines()
    assert not [line for line in keys if "tour-" in line and line.split()[-1] == ""]


def test_the_webhooks_of_an_alert_verify_with_the_standards_own_library(demo_shop: Platform, shop: Shop) -> None:
    run = demo_shop.run_file()
    assert run is not None
    receiver = Receiver(run.receiver)
    keys = {**shop.keys, "operator": (demo_shop.data / "operator.token").read_text().strip()}

    async def walked() -> tuple[Visit, list[StepReport]]:
        async with receiver, httpx.AsyncClient(base_url=demo_shop.url, timeout=30, trust_env=False) as client:
            visit = Visit(client, keys, receiver=receiver)
            try:
                return visit, [await take_step(visit, step) for step in ALERT_STEPS]
            finally:
                await visit.tidy()

    visit, reports = asyncio.run(walked())
    assert [(each.name, each.seen) for each in reports if not each.ok] == []
    webhook = Webhook(visit.noted["secret"])
    bodies = [webhook.verify(call.body, dict(call.headers)) for call in receiver.calls]
    assert {body["alerts"][0]["id"] for body in bodies} == {visit.noted["alert"]}
    for call in receiver.calls:
        with pytest.raises(WebhookVerificationError):
            webhook.verify(call.body.replace(b"firing", b"burning").replace(b"resolved", b"firing"), dict(call.headers))
