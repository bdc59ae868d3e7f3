"""Health, documentation, snippet."""

import re

import pytest

from gateway.clients import SERVICES
from tests.fakes.gateway_shop import Shop, problem_of


async def test_the_gateway_is_healthy_while_services_are_away_and_ready_only_with_them(shop: Shop) -> None:
    assert (await shop.client.get("/healthz")).json() == {"status": "ok"}
    ready = (await shop.client.get("/readyz")).json()
    assert ready == {
        "status": "ready",
        "services": dict.fromkeys(SERVICES, "serving"),
        "degraded": {},
    }
    shop.services.down.update(("search", "knowledge"))
    response = await shop.client.get("/readyz")
    assert problem_of(response, 503, "PARTS_MISSING")["metadata"]["missing"] == "knowledge,search"
    assert response.headers["retry-after"] == "1"
    assert (await shop.client.get("/healthz")).status_code == 200


async def test_what_a_process_must_do_without_is_named_and_takes_no_readiness(shop: Shop) -> None:
    shop.services.degraded["document-writes"] = "OutOfDiskSpace"
    shop.standings.failed("documents", "slow: 1.2 s to answer")
    degraded = (await shop.client.get("/readyz")).json()["degraded"]
    full = {"document-writes": "OutOfDiskSpace"}
    own = {"documents": "slow: 1.2 s to answer"}
    assert degraded == {**dict.fromkeys(SERVICES, full), "gateway": own}
    shown = (await shop.get("/v1/system", "operator")).json()
    assert shown["gateway"]["degraded"] == own


async def test_a_gateway_that_drains_says_that_it_is_missing(shop: Shop) -> None:
    await shop.parts.readiness.drain()
    response = await shop.client.get("/readyz")
    assert problem_of(response, 503, "PARTS_MISSING")["metadata"]["missing"] == "gateway"


async def test_the_documentation_page_needs_nothing_from_elsewhere(shop: Shop) -> None:
    page = await shop.client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "img-src 'self' data:" in policy and "unsafe" not in policy
    assert not re.search(r"""(src|href)="(?!/)""", page.text), "every address is of this host"
    assert "<script>" not in page.text and "style=" not in page.text
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert (await shop.client.get(path)).status_code == 200, path
    start = (await shop.client.get("/docs/init.js")).text
    assert "validatorUrl: null" in start and "http" not in start.replace("https://", "")


@pytest.mark.parametrize("path", ["/zhike.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"])
async def test_files_are_cached_by_their_content(shop: Shop, path: str) -> None:
    first = await shop.client.get(path)
    assert first.headers["cache-control"].startswith("public, max-age=")
    again = await shop.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_pages_of_other_origins_may_load_the_snippet(shop: Shop) -> None:
    snippet = await shop.client.get("/zhike.js", headers={"Origin": "https://shop.example"})
    assert snippet.headers["cross-origin-resource-policy"] == "cross-origin"
    assert snippet.headers["content-type"].startswith("text/javascript")
    assert len(snippet.text.splitlines()) <= 70, "a few lines"


async def test_a_person_who_typed_only_the_host_comes_to_a_page(shop: Shop, open_with) -> None:
    assert (await shop.client.get("/")).headers["location"] == "/docs"
    demo: Shop = await open_with(demo=True)
    assert (await demo.client.get("/")).headers["location"] == "/shop"
