"""The tour says yes where a promise holds, and no where its subject is broken."""

import pytest

from infra.tour.visit import Visit
from infra.tour.walk import STEPS, StepReport, walk
from tests.fakes.tour_gateway import KEYS, TourGateway

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
    "unknown-product": "unknown-product-is-a-404",
    "malformed": "malformed-batch-is-a-400",
    "wrong-key": "wrong-key-is-a-401",
    "cart": "another-shoppers-cart-is-a-403",
}


async def _walk(broken: str = "") -> dict[str, StepReport]:
    async with TourGateway(broken).client() as client:
        reports = await walk(Visit(client, KEYS, eventually_s=0.05))
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


def test_every_step_has_a_way_to_break_it() -> None:
    assert {step.__name__.replace("_", "-") for step in STEPS} == set(BREAKS.values())


async def test_every_step_leaves_evidence_and_a_purpose() -> None:
    for report in (await _walk()).values():
        assert report.purpose
        exchanges = report.as_json()["evidence"]["exchanges"]
        assert exchanges
        assert all({"request", "status", "excerpt"} <= set(each) for each in exchanges)


async def test_a_gateway_that_is_away_fails_every_step_instead_of_the_walk() -> None:
    import httpx

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(away), base_url="http://tour") as client:
        reports = await walk(Visit(client, KEYS, eventually_s=0.05))
    assert not any(each.ok for each in reports)
