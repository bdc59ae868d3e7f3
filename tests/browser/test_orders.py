"""An order that moves while one looks at it, in both languages, at a desk and on a phone."""

import json
import re
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENT_MS
from tests.browser.test_demo_shop import no_sideways_scroll, open_page, violations

CAKE = {"zh": "生日蛋糕", "en": "birthday cake"}
SECONDS = 14.0
STEP_MS = 60_000
PASSES = 60
WORDS = {
    "zh": {"made": "制作中", "delivered": "已送达", "sorry": "抱歉", "soon": "送达"},
    "en": {"made": "Being made", "delivered": "Delivered", "sorry": "We are sorry", "soon": "with you by"},
}


def _language(page: Page) -> str:
    return str(page.evaluate("() => navigator.language"))


def _hurry(page: Page, **simulation: Any) -> None:
    """Have the simulated workshop hurry with what this page buys."""

    def hurried(route: Route) -> None:
        body = {**json.loads(route.request.post_data or "{}"), "simulation": {"seconds": SECONDS, **simulation}}
        route.continue_(post_data=json.dumps(body))

    page.route("**/shop/checkout", hurried)


def _buy_a_cake(page: Page, **simulation: Any) -> str:
    """Buy it and return the address of its order."""
    _hurry(page, **simulation)
    open_page(page, f"/shop/search?q={CAKE[_language(page)]}")
    page.locator(".grid .product a.title").first.click()
    expect(page.locator(".promise-box .by")).to_be_visible()
    page.locator(".act .main").click()
    expect(page.locator("#cart-link b")).to_have_text("1")
    page.locator("#cart-link").click()
    page.locator(".sum .main").click()
    expect(page).to_have_url(re.compile("/shop/orders/o-"))
    return page.url


def _facts(page: Page) -> int:
    return page.locator(".told .scans li").count()


def _expect_every_fact_once(page: Page) -> None:
    """The page shows as many facts as there are, as soon as the last of them has come."""
    for _ in range(PASSES):
        told, facts = _told(page), _facts(page)
        if facts == told:
            return
        page.wait_for_timeout(PATIENT_MS / PASSES)
    raise AssertionError(f"facts are missing, or doubled: {facts} of {told}")


def test_a_product_says_when_it_would_come_by_quantity_and_destination(page: Page, picture) -> None:  # type: ignore[no-untyped-def]
    words = WORDS[_language(page)]
    open_page(page, f"/shop/search?q={CAKE[_language(page)]}")
    page.locator(".grid .product a.title").first.click()
    promise = page.locator(".promise-box .offer")
    expect(promise).to_contain_text(words["soon"])
    before = promise.text_content()
    page.locator(".promise-box select").select_option("pickup")
    expect(promise).not_to_have_text(before or "")
    collected = promise.text_content()
    for _ in range(30):
        page.locator(".act .amount button").last.click()
    expect(promise).not_to_have_text(collected or "")
    page.wait_for_function("() => !document.querySelector('.ghost')")
    picture(page, "promise")
    no_sideways_scroll(page)
    assert violations(page) == []


def test_an_order_passes_through_the_workshop_to_the_door_while_one_looks(page: Page, picture) -> None:  # type: ignore[no-untyped-def]
    words = WORDS[_language(page)]
    _buy_a_cake(page)
    headline, live = page.locator(".order h1"), page.locator(".live")
    expect(live).to_have_attribute("data-state", "live")
    expect(headline).to_have_text(words["made"], timeout=STEP_MS)
    expect(page.locator(".note.delay")).to_contain_text(words["sorry"], timeout=STEP_MS)
    expect(page.locator(".stages .now")).to_have_count(1)
    expect(page.locator(".stages .done")).not_to_have_count(0, timeout=STEP_MS)
    picture(page, "order-made")
    page.locator("[data-name=changes-summary]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".changes li").first).to_be_visible()
    expect(page.locator("[data-axis=shipping][data-state=shipped]")).to_be_visible(timeout=STEP_MS)
    assert page.evaluate("() => document.activeElement.dataset.name") == "changes-summary", "the focus was lost"
    expect(page.locator(".changes li").first).to_be_visible()
    picture(page, "order-shipped")
    expect(headline).to_have_text(words["delivered"], timeout=STEP_MS)
    expect(page.locator("[data-axis=shipping]")).to_have_attribute("data-state", "delivered")
    expect(page.locator("[role=progressbar]")).to_have_attribute("aria-valuenow", "100")
    expect(page.locator(".note.delay")).to_have_count(1)
    assert page.locator(".parcel .scans li").count() >= 3
    linked = json.loads(page.locator("script[type='application/ld+json']").text_content() or "{}")
    assert (linked["@type"], linked["orderStatus"]) == ("Order", "https://schema.org/OrderDelivered")
    picture(page, "order-delivered")
    no_sideways_scroll(page)
    assert violations(page) == []


def test_the_stream_rests_while_the_tab_is_hidden_and_misses_nothing(page: Page) -> None:
    _buy_a_cake(page, late=False)
    live = page.locator(".live")
    expect(live).to_have_attribute("data-state", "live")
    _hide(page, hidden=True)
    expect(live).to_have_attribute("data-state", "paused")
    page.locator("[data-name=history-summary]").click()
    before = _facts(page)
    page.wait_for_timeout(SECONDS * 1_000 / 2)
    assert _facts(page) == before
    _hide(page, hidden=False)
    expect(live).to_have_attribute("data-state", "live")
    expect(page.locator(".order h1")).to_have_text(WORDS[_language(page)]["delivered"], timeout=STEP_MS)
    _expect_every_fact_once(page)


def test_a_line_that_breaks_is_taken_up_again_where_it_stopped(page: Page) -> None:
    _buy_a_cake(page, late=False)
    live = page.locator(".live")
    expect(live).to_have_attribute("data-state", "live")
    page.context.set_offline(True)
    _hide(page, hidden=True)  # a line that stands is not cut by this browser: the next one is refused
    _hide(page, hidden=False)
    expect(live).to_have_attribute("data-state", "connecting")
    page.wait_for_timeout(2_000)
    page.context.set_offline(False)
    expect(live).to_have_attribute("data-state", "live", timeout=STEP_MS)
    expect(page.locator(".order h1")).to_have_text(WORDS[_language(page)]["delivered"], timeout=STEP_MS)
    page.locator("[data-name=history-summary]").click()
    _expect_every_fact_once(page)


def test_another_shoppers_order_and_a_link_of_nobody_show_nothing(page: Page) -> None:
    address = _buy_a_cake(page, late=False)
    page.evaluate("() => localStorage.clear()")
    open_page(page, address)
    expect(page.locator("[role=alert]")).to_contain_text("ORDER_NOT_YOURS")
    expect(page.locator(".order")).to_have_count(0)
    open_page(page, "/shop")
    open_page(page, f"{address}#access=ot_nobody.0000")
    expect(page.locator("[role=alert]")).to_contain_text("TOKEN_INVALID")


def test_a_known_guest_has_a_list_of_orders_that_came_by_the_same_way(page: Page, picture) -> None:  # type: ignore[no-untyped-def]
    open_page(page, "/shop")
    page.locator("#who summary").click()
    page.locator("#who .sheet button").first.click()
    expect(page.locator(".hero .chip").first).to_contain_text(":")
    page.locator("#orders-link").click()
    expect(page.locator(".orders li").first).to_be_visible()
    picture(page, "orders")
    no_sideways_scroll(page)
    assert violations(page) == []
    page.locator(".orders li a").first.click()
    expect(page.locator(".parcel .scans li").first).to_be_visible()
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    picture(page, "order-of-a-guest")
    page.locator("#language").click()
    expect(page.locator(".live")).to_have_attribute("data-state", "live")


def test_a_visitor_without_orders_is_told_so(page: Page) -> None:
    open_page(page, "/shop/orders")
    expect(page.locator(".empty h2")).to_be_visible()


def _hide(page: Page, *, hidden: bool) -> None:
    """Pretend that the tab was hidden, or shown again."""
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def _told(page: Page) -> int:
    """Return how many facts the platform knows of the order."""
    return int(
        page.evaluate(
            """async () => {
              const id = location.pathname.split("/").pop();
              const guest = { visitor_id: localStorage.getItem("zhike.visitor.new"), order_id: id };
              const json = { "Content-Type": "application/json" };
              const asked = { method: "POST", headers: json, body: JSON.stringify(guest) };
              const { token } = await (await fetch("/shop/order-access", asked)).json();
              const headers = { Authorization: `Bearer ${token}` };
              return (await (await fetch(`/v1/orders/${id}`, { headers })).json()).events.length;
            }"""
        )
    )
