"""The tour says yes where a promise holds, and no where its subject is broken."""

import pytest

from infra.tour.visit import Visit
from infra.tour.walk import STEPS, StepReport, walk
from tests.fakes.tour_gateway import KEYS, TourGateway
from tests.fakes.tour_reputation import SECRET

# What is broken -> the step that must notice it.
BREAKS = {
    "zh-query": "zh-query-finds-products",
    "en-query": "en-query-finds-products",
    "suggestion": "suggestion-completes-a-beginning",
    "typo": "typo-is-repaired",
    "recommendation": "click-and-purchase-change-the-list",
    "identity": "card-login-and-phone-are-one-customer",
    "unmerge": "unmerge-is-exact-and-lasts",
    "hash": "unmerge-is-exact-and-lasts",
    "next-login": "unmerge-is-exact-and-lasts",
    "promise": "promise-is-made-before-the-purchase",
    "stream": "order-passes-through-production-to-the-door-live",
    "progress": "order-passes-through-production-to-the-door-live",
    "delay": "order-passes-through-production-to-the-door-live",
    "cause": "order-passes-through-production-to-the-door-live",
    "brand": "burst-raises-one-alert",
    "burst": "burst-raises-one-alert",
    "two-alerts": "burst-raises-one-alert",
    "told-twice": "burst-raises-one-alert",
    "evidence": "burst-raises-one-alert",
    "acknowledge": "acknowledging-stops-the-escalation",
    "resolve": "resolving-closes-the-alert",
    "webhook": "signed-webhooks-were-received-and-verify",
    "webhook-twice": "signed-webhooks-were-received-and-verify",
    "signature": "signed-webhooks-were-received-and-verify",
    "unknown-product": "unknown-product-is-a-404",
    "malformed": "malformed-batch-is-a-400",
    "wrong-key": "wrong-key-is-a-401",
    "cart": "another-shoppers-cart-is-a-403",
    "order-access": "another-shoppers-order-is-a-403",
    "expiry": "expired-link-to-an-order-is-a-401",
}


async def _walk(broken: str = "") -> dict[str, StepReport]:
    gateway = TourGateway(broken)
    async with gateway.client() as client:
        reports = await walk(Visit(client, KEYS, eventually_s=0.05, receiver=gateway.ear))
    assert not gateway.brands and not gateway.targets, "the visit left something behind"
    return {each.name: each for each in reports}


async def test_every_step_holds_on_a_shop_that_keeps_its_promises() -> None:
    reports = await _walk()
    assert len(reports) == len(STEPS)
    assert [name for name, each in reports.items() if not each.ok] == []


@pytest.mark.parametrize("broken", BREAKS)
async def test_a_broken_subject_fails_its_step(broken: str) -> None:
    report = (await _walk(broken))[BREAKS[broken]]
    assert not report.ok
    assert report.seen != "as promised"


async def test_a_burst_whose_level_rises_while_it_is_counted_is_still_one_alert() -> None:
    assert (await _walk("rising"))["burst-raises-one-alert"].ok


def test_every_step_has_a_way_to_break_it() -> None:
    assert {step.__name__.replace("_", "-") for step in STEPS} == set(BREAKS.values())


async def test_every_step_leaves_evidence_and_a_purpose() -> None:
    for report in (await _walk()).values():
        assert report.purpose
        exchanges = report.as_json()["evidence"]["exchanges"]
        assert exchanges
        assert all({"request", "status", "excerpt"} <= set(each) for each in exchanges)


async def test_a_deployment_that_may_call_nobody_fails_the_steps_of_the_alert_and_no_other() -> None:
    async with TourGateway().client() as client:
        reports = {each.name: each for each in await walk(Visit(client, KEYS, eventually_s=0.05))}
    failed = {name for name, each in reports.items() if not each.ok}
    assert failed == {
        "burst-raises-one-alert",
        "acknowledging-stops-the-escalation",
        "resolving-closes-the-alert",
        "signed-webhooks-were-received-and-verify",
    }
    assert "zhike up --demo" in reports["burst-raises-one-alert"].seen


async def test_no_evidence_holds_a_token_or_a_secret() -> None:
    shown = str([report.as_json() for report in (await _walk()).values()])
    assert "/v1/shopper-tokens" in shown
    assert not [secret for secret in ("ot_own", "st_other", "ot_ended", SECRET) if secret in shown]


async def test_a_gateway_that_is_away_fails_every_step_instead_of_the_walk() -> None:
    import httpx

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(away), base_url="http://tour") as client:
        reports = await walk(Visit(client, KEYS, eventually_s=0.05))
    assert not any(each.ok for each in reports)
