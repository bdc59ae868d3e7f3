"""The golden journey on the real processes: the tour, every step of it, as a shopper and as every role of staff."""

import asyncio
import json
from collections import Counter
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from infra.tour import merchandising, reputation
from infra.tour.receiver import Receiver
from infra.tour.visit import Visit
from infra.tour.walk import EVERY_STEP, StepReport, take_step
from tests.journeys.callers import Shop
from tests.journeys.platform import Platform

ALERT_STEPS = (
    reputation.burst_raises_one_alert,
    reputation.acknowledging_stops_the_escalation,
    reputation.resolving_closes_the_alert,
    reputation.signed_webhooks_were_received_and_verify,
)


@pytest.mark.timeout(1_500)  # two whole walks
def test_every_step_of_the_tour_holds_twice_and_the_second_leaves_no_more_than_the_first(demo_shop: Platform) -> None:
    shown = demo_shop.zhike("tour", "--all")
    assert shown.returncode == 0, shown.stdout
    assert [each.__name__ for each in EVERY_STEP if each.__name__.replace("_", "-") not in shown.stdout] == []
    left = _left_by_the_tour(demo_shop)
    assert set(left["accounts"].values()) == {"disabled"}
    assert left["controls"] == {"paused": 1} and left["scenes"] == {"draft": 1}
    assert left["live keys"] == []
    result = demo_shop.zhike("tour", "--all", "--json")
    report = json.loads(result.stdout.splitlines()[-1])
    assert [(each["name"], each["evidence"]["seen"]) for each in report["steps"] if not each["ok"]] == []
    assert len(report["steps"]) == len(EVERY_STEP)
    assert result.returncode == 0
    assert _left_by_the_tour(demo_shop) == left


def _left_by_the_tour(platform: Platform) -> dict[str, Any]:
    """Return what is there of the tour's own: accounts and their states, Controls and scenes by state, live keys."""
    with platform.operator() as client:

        def get(path: str, **query: str) -> Any:
            return client.get(path, params=query).raise_for_status().json()

        staff = [each for each in get("/v1/staff")["staff"] if each["id"].startswith("tour-")]
        controls = get("/v1/controls/search", text=merchandising.TITLE)["controls"]
        scenes = [each for each in get("/v1/scenes", page_size="100")["scenes"] if each["name"] == merchandising.SCENE]
        keys = [each for each in get("/v1/keys")["keys"] if each["name"].startswith("tour-")]
    return {
        "accounts": {each["id"]: each["state"] for each in staff},
        "controls": Counter(each["state"] for each in controls),
        "scenes": Counter(each["state"] for each in scenes),
        "live keys": [each["name"] for each in keys if each["revoke_time"] is None],
    }


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
