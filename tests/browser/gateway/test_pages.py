"""/docs and the event snippet in a real browser, on a gateway with fakes: nothing from outside, no violation."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page

from gateway.openapi import FILE
from gateway.principals import Role
from tests.fakes.gateway_shop import Shop, open_shop

STORE_PAGE = "<!doctype html><title>shop</title><script src='{url}/zhike.js' data-key='{key}' defer></script>"


@dataclass
class Served:
    """A gateway that listens. ``events`` are those that arrived, batch by batch."""

    url: str
    shop: Shop

    @property
    def batches(self) -> list[list[dict[str, object]]]:
        return [
            orjson.loads(asked.json)["events"] for name, asked in self.shop.services.asked if name == "WriteUserEvents"
        ]


@pytest.fixture
def served() -> Iterator[Served]:
    listening = socket.create_server(("127.0.0.1", 0))
    ready, found = threading.Event(), {}

    async def serve() -> None:
        shop = found["shop"] = await open_shop()
        config = uvicorn.Config(shop.app, lifespan="off", log_config=None, access_log=False, ws="none")
        server = found["server"] = uvicorn.Server(config)
        asyncio.get_running_loop().call_later(0.2, ready.set)
        await server.serve([listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", found["shop"])
    found["server"].should_exit = True
    thread.join(10)


@pytest.fixture
def faultless(browser: Browser, served: Served) -> Iterator[Page]:
    """A page that fails its test on any error, violation or request to another host."""
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
    own = (served.url, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else faults.append(request.url))
    yield page
    context.close()
    assert faults == []


def _is_fault(message: ConsoleMessage) -> bool:
    """A request that a test lets fail is the browser's word, not the page's."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def test_the_documentation_shows_every_operation_under_its_strict_policy(faultless: Page, served: Served) -> None:
    faultless.goto(f"{served.url}/docs")
    faultless.wait_for_selector(".opblock-summary")
    documented = sum(len(methods) for methods in orjson.loads(FILE.read_bytes())["paths"].values())
    assert faultless.locator(".opblock-summary").count() == documented
    faultless.locator("#operations-storefront-search .opblock-summary").click()
    faultless.wait_for_selector("#operations-storefront-search .parameters")


@pytest.fixture
def store(faultless: Page, served: Served) -> Page:
    """A page of a shop at another origin that loads the snippet."""
    html = STORE_PAGE.format(url=served.url, key=served.shop.keys[Role.PUBLISHABLE])
    origin = f"{served.url}/store"
    faultless.route(f"{origin}*", lambda route: route.fulfill(body=html, content_type="text/html"))
    faultless.goto(origin)
    faultless.wait_for_function("() => window.zhike")
    return faultless


def test_the_snippet_sends_what_it_is_told_in_one_batch_as_one_visitor(store: Page, served: Served) -> None:
    visitor = store.evaluate("() => zhike.visitorId")
    store.evaluate(
        """() => { zhike.tell("home-page-view"); zhike.tell("detail-page-view", {products: [{id: "奶酪-1"}]});
                   return zhike.flush(); }"""
    )
    (batch,) = served.batches
    assert [event["type"] for event in batch] == ["home-page-view", "detail-page-view"]
    assert {event["visitor_id"] for event in batch} == {visitor}
    assert len({event["id"] for event in batch}) == 2
    store.reload()
    store.wait_for_function("() => window.zhike")
    assert store.evaluate("() => zhike.visitorId") == visitor


def test_the_snippet_tries_once_more_with_the_same_ids(store: Page, served: Served) -> None:
    tried: list[str] = []

    def lose_the_first(route) -> None:  # type: ignore[no-untyped-def]
        tried.append(route.request.post_data)
        if len(tried) == 1:
            route.abort()
        else:
            route.continue_()

    store.route("**/v1/events", lose_the_first)
    answers = store.evaluate("() => { zhike.tell('home-page-view'); return zhike.flush(); }")
    assert answers[0]["stored"] == 1
    assert tried[0] == tried[1]


def test_the_snippet_sends_what_is_left_when_the_page_is_left(store: Page, served: Served) -> None:
    store.evaluate("() => { zhike.tell('home-page-view'); }")
    with store.expect_request("**/v1/events"):
        store.evaluate("() => { dispatchEvent(new PageTransitionEvent('pagehide')); }")


def test_a_signed_in_shopper_speaks_by_token_without_a_visitor_id(store: Page, served: Served) -> None:
    token = served.shop.keys[Role.SHOPPER]
    answer = store.evaluate(
        "(token) => { zhike.identify({ token }); zhike.tell('home-page-view'); return zhike.flush(); }", token
    )
    assert answer[0]["stored"] == 1
    assert "visitor_id" not in served.batches[0][0]
