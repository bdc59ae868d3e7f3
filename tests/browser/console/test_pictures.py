"""Every page of the console on the real processes, in both languages, at a desk and on a phone, and some in the dark.

Pages with an id in their address are found as people find them: by the first link of that shape on the pages before.
ZHIKE_SCREENSHOTS names a folder for the pictures.
"""

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as BrowserPage

from gateway.console.pages import ROOT, Page
from gateway.console.registry import AREAS
from tests.browser.conftest import Watch
from tests.journeys.platform import Platform

BAD_IMPACT = {"serious", "critical"}
NOT_PAGES = {"/preferences", "/sign-out", "/password", "/live"}  # they only lead on
# What a reader could not apply is a defect, and the demo has none; tests/unit/gateway/console shows this page on fakes.
NOT_IN_THE_DEMO = {"/dead-letters/{service}/{projection}/{id}"}
LINKED_FROM = {"/orders/{id}": "/customers/{id}", "/privacy/{id}": "/customers/{id}"}  # pages of other areas
PAGES = [page for area in AREAS for page in area.pages if page.path not in NOT_PAGES | NOT_IN_THE_DEMO]
ORDER = ("merchandiser", "pr", "desk", "analyst", "admin")
IN_THE_DARK = {"/", "/alerts/{id}", "/customers/{id}"}
FOUND: dict[str, str] = {}
Opening = Callable[..., tuple[BrowserPage, Watch]]


def role_of(page: Page) -> str:
    """Return the first role that may open a page."""
    return next((role for role in ORDER if role in page.roles), "admin")


def name_of(page: Page) -> str:
    return re.sub(r"[^a-z0-9]+", "-", page.path).strip("-") or "start"


def shape_of(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(ROOT) + re.sub(r"\\{\w+\\}", "[^/?#]+", re.escape(path)) + r"(?:[?#].*)?")


def fixed_paths_before(path: str) -> list[str]:
    """Return where links to a page stand: the pages above it, then all in the navigation of its area."""
    above, parts = [each for each in (LINKED_FROM.get(path),) if each], path.split("/")
    for end in range(len(parts) - 1, 1, -1):
        above.append("/".join(parts[:end]))
    area = next(area for area in AREAS if any(page.path == path for page in area.pages))
    return [*above, *(page.path for page in area.pages if "{" not in page.path and page.path not in above)]


def address_of(page: Page, browser_page: BrowserPage) -> str:
    """Return an address of a page on the demo; "" where the demo has none."""
    if "{" not in page.path:
        return ROOT + page.path.rstrip("/")
    if page.path in FOUND:
        return FOUND[page.path]
    if page.example:
        return ROOT + page.path.format_map(page.example)
    shape = shape_of(page.path)
    known = {each.path: each for each in PAGES}
    for path in fixed_paths_before(page.path):
        declared = known.get(path)
        if declared is None:
            continue
        address = address_of(declared, browser_page)
        if not address:
            continue
        browser_page.goto(address)
        links = browser_page.evaluate(
            "() => [...document.querySelectorAll('main a[href]')].map((a) => a.getAttribute('href'))"
        )
        other = [each for each in known if "{" not in each]
        hit = next(
            (each for each in links if shape.fullmatch(each) and each[len(ROOT) :].split("?")[0] not in other), ""
        )
        if hit:
            FOUND[page.path] = hit
            return hit
    return ""


@pytest.fixture(scope="module", autouse=True)
def furnished(shop: Platform) -> None:
    """Give the demo what it lacks: a target of webhooks, a source of mentions, and somebody who was erased."""
    with shop.operator() as client:
        target = {"url": "https://93.184.216.34/hooks", "event_types": ["order.placed"], "owner": "ERP"}
        client.post("/v1/webhooks/orders/targets", json=target).raise_for_status()
        feed = {
            "id": "pictures",
            "kind": "feed",
            "title": "Food news",
            "url": "https://93.184.216.34/feed.xml",
            "disabled": True,
        }
        client.post("/v1/sources", json=feed).raise_for_status()
        somebody = {"identifiers": [{"identifier": "login:leaving", "verified": True}], "source": "desk"}
        claims = {**somebody, "claims": [{"field": "name", "value": "Leaving"}]}
        client.post("/v1/customers:claims", json=claims).raise_for_status()
        client.post("/v1/customers/login:leaving:erase", json={"confirm": "erase"}).raise_for_status()


@pytest.mark.parametrize("size", ["desk", "phone"])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_whole_and_without_barriers(signed_in: Opening, page: Page, language: str, size: str) -> None:
    browser_page, watch = signed_in(role_of(page), language, size)
    address = address_of(page, browser_page)
    assert address, "the demo links to no such page"
    if not page.roles:
        browser_page.context.clear_cookies()
    schemes = ("light", "dark") if page.path in IN_THE_DARK else ("light",)
    for scheme in schemes:
        browser_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        answer = browser_page.goto(address)
        assert answer is not None
        assert answer.ok, f"{address} is {answer.status}"
        browser_page.wait_for_function("() => document.documentElement.dataset.ready")
        browser_page.wait_for_timeout(250)
        keep(browser_page, f"console-{name_of(page)}-{language}-{size}{'-dark' if scheme == 'dark' else ''}")
        assert "⟨" not in browser_page.content()
        wide = browser_page.evaluate(_WIDE)
        assert not wide, wide
        assert violations(browser_page) == []
    assert watch.faults == []


_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > innerWidth + 1
        && !each.closest(".scroll, .tabs")).slice(0, 5).map((each) => each.outerHTML.slice(0, 160))"""


def violations(page: Any) -> list[str]:
    """Return the grave barriers that axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found if each["impact"] in BAD_IMPACT]


def keep(page: BrowserPage, name: str) -> None:
    """Keep a picture where ZHIKE_SCREENSHOTS says, else nowhere."""
    folder = os.environ.get("ZHIKE_SCREENSHOTS", "")
    if folder:
        os.makedirs(folder, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png")
