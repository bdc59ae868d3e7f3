"""The frame on fakes: barriers, widths, keys, script-free use, forms, live parts and tooltips."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

BAD_IMPACT = {"serious", "critical"}
PATHS = ("/", "/gallery", "/search?q=7", "/keys", "/nowhere")
RENEWAL_LIMIT_S = 20.0
Opening = Callable[..., Page]


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:140]}" for each in found if each["impact"] in BAD_IMPACT]


def no_sideways_scroll(page: Page) -> None:
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
@pytest.mark.parametrize("path", PATHS)
def test_no_barrier_and_no_overflow(open_page: Opening, path: str, size: str, scheme: str) -> None:
    page = open_page(path, "zh" if size == "phone" else "en", size, scheme=scheme)
    no_sideways_scroll(page)
    assert violations(page) == []


def test_open_dialogs_and_menus_have_no_barrier(open_page: Opening) -> None:
    page = open_page("/gallery")
    page.get_by_text("Save", exact=True).first.click()
    expect(page.locator("#edit-title")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#edit-title")).to_be_hidden()
    page.locator("td button.bad").first.click()
    expect(page.locator("[popover]:popover-open").get_by_text("Cancel").first).to_be_visible()
    assert violations(page) == []


def test_the_first_tab_leads_to_the_content(open_page: Opening) -> None:
    page = open_page("/gallery")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_everything_that_can_be_clicked_can_be_reached_by_tab(open_page: Opening) -> None:
    page = open_page("/gallery")
    wanted = page.evaluate(
        """() => { const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, "
             + "textarea, summary")].filter((each) => each.checkVisibility());
             all.forEach((each, at) => each.dataset.walk = at); return all.length; }"""
    )
    reached = set()
    for _ in range(wanted + 40):
        page.keyboard.press("Tab")
        at = page.evaluate("() => document.activeElement?.dataset.walk ?? ''")
        unseen = page.evaluate(
            """() => { const at = document.activeElement;
                 return at === document.body || getComputedStyle(at).outlineStyle !== "none" ? "" : at.outerHTML; }"""
        )
        assert not unseen, f"no ring shows that this has the focus: {unseen[:200]}"
        if at:
            reached.add(int(at))
    assert reached == set(range(wanted))


def test_keys_lead_to_the_box_the_navigation_and_the_list_of_keys(open_page: Opening) -> None:
    page = open_page("/gallery")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("#main").focus()
    page.keyboard.press("g")
    expect(page.locator(".side a").first).to_be_focused()
    page.keyboard.press("?")
    expect(page).to_have_url(re.compile("/console/keys$"))


def test_the_box_finds_while_one_types_and_enter_opens(open_page: Opening) -> None:
    page = open_page("/")
    page.locator("#q").fill("1000231")  # at once: a machine that pauses would ask for a beginning first
    expect(page.locator("#found [role=option]").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found [aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/console/search"))


def test_arrow_keys_walk_through_a_chart(open_page: Opening) -> None:
    page = open_page("/gallery")
    page.locator("[data-chart]").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tip")).to_contain_text("1/10")
    page.keyboard.press("End")
    expect(page.locator("#tip")).to_contain_text("13/11")
    page.keyboard.press("Escape")
    expect(page.locator("#tip")).to_be_hidden()
    page.locator(".chart .slot").nth(3).hover()
    expect(page.locator("#tip")).to_contain_text("4/10")


def test_a_wrong_form_says_so_beside_the_field_and_a_right_one_on_the_next_page(open_page: Opening) -> None:
    page = open_page("/gallery")
    page.get_by_text("Save", exact=True).first.click()
    page.locator("#edit-title").fill("x")
    page.locator("#form-edit button").click()
    expect(page.locator("#edit-title-error")).to_have_text("At least 2 characters.")
    expect(page.locator("#edit-title")).to_have_value("x")
    page.locator("#edit-title").fill("milk <b>")
    page.locator("#form-edit button").click()
    expect(page.locator(".notice.good")).to_contain_text("milk <b>")


def test_language_and_theme_are_kept(open_page: Opening) -> None:
    page = open_page("/gallery")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.locator("button[name=theme]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/console")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_the_page_works_without_script(open_page: Opening) -> None:
    page = open_page("/gallery", script=False)
    page.locator("details.drawer > summary").click()
    page.locator("#edit-title").fill("without script")
    page.locator("#form-edit button").click()
    expect(page.locator(".notice.good")).to_contain_text("without script")
    page.locator("td button.bad").first.click()
    page.locator("[popover]:popover-open form button").first.click()
    expect(page.locator(".notice.good")).to_contain_text("r0")
    page.locator(".filters input").fill("milk")
    page.locator(".filters button").click()
    expect(page).to_have_url(re.compile("find=milk"))
    page.locator("#q").fill("7")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/console/search"))


def test_a_phone_has_its_bar_and_the_whole_navigation_behind_it(open_page: Opening) -> None:
    page = open_page("/gallery", size="phone")
    expect(page.locator(".side")).to_be_hidden()
    page.locator(".foot button").click()
    expect(page.locator(".side")).to_be_visible()
    assert violations(page) == []
    page.locator(".side a").nth(1).click()
    expect(page).to_have_url(re.compile("/console/?$"))


def test_a_part_renews_itself_when_its_topic_moves(open_page: Opening, served: Any) -> None:
    page = open_page("/")
    expect(page.locator("[data-live-state]")).to_be_visible()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if request.resource_type == "fetch" else None)
    end = time.monotonic() + RENEWAL_LIMIT_S
    while not fetched:
        assert time.monotonic() < end, "the page is not fetched again"
        served.console.services.alert_log.append()  # again and again: the stream may not follow yet
        page.wait_for_timeout(200)
    assert fetched[0] == page.url


def test_a_filter_keeps_the_address_and_what_is_typed(open_page: Opening) -> None:
    page = open_page("/gallery")
    page.locator(".filters input").press_sequentially("milk", delay=20)
    expect(page).to_have_url(re.compile("find=milk"))
    expect(page.locator(".filters input")).to_have_value("milk")
    expect(page.locator(".filters input")).to_be_focused()
    page.locator("#main").get_by_role("link", name="Orders", exact=False).first.click()
    expect(page).to_have_url(re.compile("rows.sort="))
