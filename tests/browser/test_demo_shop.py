"""The demo shop as a shopper sees it, in both languages, at a desk and on a phone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

QUERY = {"zh": "奶酪", "en": "cheese"}
BEGINNING = {"zh": "巧克", "en": "choc"}
BAD_IMPACT = {"serious", "critical"}


def open_page(page: Page, path: str) -> None:
    """Open an address and wait until the shop's script has drawn it."""
    page.goto(path)
    page.wait_for_function("() => document.documentElement.dataset.shown")


def _shelves_filled(page: Page) -> None:
    page.wait_for_function("() => !document.querySelector('.ghost')")


def no_sideways_scroll(page: Page) -> None:
    """Hold that the page is as wide as the window."""
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def violations(page: Page) -> list[str]:
    """Return the grave barriers that axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found if each["impact"] in BAD_IMPACT]


def test_a_new_visitor_finds_looks_and_buys(page: Page, picture) -> None:  # type: ignore[no-untyped-def]
    language = page.evaluate("() => navigator.language")
    open_page(page, "/shop")
    expect(page.locator("section.shelf .product").first).to_be_visible()
    _shelves_filled(page)
    picture(page, "start")
    box = page.locator("#q")
    box.fill(QUERY[language])
    box.press("Enter")
    expect(page.locator(".grid .product").first).to_be_visible()
    expect(page.locator(".grid mark").first).to_be_visible()
    picture(page, "results")
    page.locator(".grid .product:not(:has(.badge.out)) a.title").first.click()
    page.locator(".act .main").click()
    expect(page.locator("#cart-link b")).to_have_text("1")
    _shelves_filled(page)
    picture(page, "product")
    page.locator("#cart-link").click()
    expect(page.locator(".lines li")).to_have_count(1)
    picture(page, "cart")
    no_sideways_scroll(page)
    page.locator(".sum .main").click()
    expect(page).to_have_url(re.compile("/shop/orders/o-"))
    expect(page.locator("#cart-link b")).to_be_hidden()
    page.locator(".brand").click()
    expect(page.locator("section.shelf .why").first).to_be_visible()
    _shelves_filled(page)
    picture(page, "after-a-purchase")


def test_a_wrong_letter_is_repaired_and_the_shop_says_so(page: Page, picture) -> None:  # type: ignore[no-untyped-def]
    open_page(page, "/shop/search?q=chesse")
    expect(page.locator(".note")).to_contain_text("cheese")
    expect(page.locator(".grid .product").first).to_be_visible()
    picture(page, "repaired")


def test_suggestions_come_while_typing_and_work_by_keyboard(page: Page, picture) -> None:  # type: ignore[no-untyped-def]
    language = page.evaluate("() => navigator.language")
    open_page(page, "/shop")
    page.keyboard.press("/")
    page.keyboard.insert_text(BEGINNING[language])  # at once: a pause would ask for a beginning of it first
    expect(page.locator("#suggestions li").first).to_be_visible()
    _shelves_filled(page)
    picture(page, "suggestions")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#suggestions li[aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/shop/(search|product)"))


def test_one_can_be_another_guest(page: Page, picture) -> None:  # type: ignore[no-untyped-def]
    open_page(page, "/shop")
    page.locator("#who summary").click()
    guests = page.locator("#who .sheet button")
    assert guests.count() >= 3
    picture(page, "guests")
    guests.first.click()
    expect(page.locator(".hero .chip").first).to_contain_text(":")
    expect(page.locator("section.shelf .product").first).to_be_visible()
    _shelves_filled(page)
    assert page.locator("section.shelf .why").count() > 0
    picture(page, "known-guest")


def test_the_language_and_the_theme_change_at_a_click(page: Page) -> None:
    open_page(page, "/shop")
    before = page.locator(".brand b").text_content()
    page.locator("#language").click()
    expect(page.locator(".brand b")).not_to_have_text(before or "")
    page.locator("#theme").click()
    assert page.evaluate("() => document.documentElement.dataset.theme") in {"light", "dark"}


@pytest.mark.parametrize("path", ["/shop", "/shop/search?q=milk", "/shop/cart"])
def test_no_page_has_a_serious_barrier(page: Page, path: str) -> None:
    open_page(page, path)
    _shelves_filled(page)
    assert violations(page) == []


def test_the_api_pages_work_without_a_network(page: Page) -> None:
    page.goto("/docs")
    expect(page.locator(".opblock").first).to_be_visible()


def test_an_unknown_address_and_an_unknown_product_say_so(page: Page) -> None:
    open_page(page, "/shop/nowhere")
    expect(page.locator(".empty")).to_contain_text("404")
    open_page(page, "/shop/product/no-such-product")
    expect(page.locator("[role=alert]")).to_be_visible()
