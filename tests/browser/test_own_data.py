"""A shopper and their own data at /shop/my-data: seen, consented to, taken along, erased, in both languages."""

import re
import secrets
from collections.abc import Iterator

import orjson
import pytest
from playwright.sync_api import Page, expect

from gateway.demo_shop.personas import PERSONAS_FILE
from tests.browser.test_demo_shop import no_sideways_scroll, open_page, violations
from tests.journeys.platform import Platform

ERASED_MS = 120_000  # logs are rewritten
EXPORTED_MS = 60_000
WORD = {"zh": "删除", "en": "erase"}
DONE = {"zh": "已完成", "en": "Done"}
KEPT = {"zh": "已保存并生效", "en": "Kept, and in effect"}


@pytest.fixture
def size(language: str) -> str:
    """Each language at one size: an erasure rewrites logs, which takes its time."""
    return {"zh": "phone", "en": "desk"}[language]


@pytest.fixture
def guest(shop: Platform) -> Iterator[str]:
    """Let the demo shop have one more guest, whom nobody misses once erased; return the name."""
    number = secrets.token_hex(5)
    login, name = f"login:guest-{number}", f"Guest {number}"
    claims = {
        "identifiers": [{"identifier": login, "verified": True}],
        "claims": [{"field": "name", "value": name}],
        "source": "journey",
    }
    with shop.operator() as client:
        client.post("/v1/customers:claims", json=claims).raise_for_status()
    file = shop.data / PERSONAS_FILE
    before = file.read_bytes()
    one = {"id": f"guest-{number}", "sign": "🧪", "name": {"zh": name, "en": name}, "text": {"zh": "", "en": ""}}
    file.write_bytes(orjson.dumps([{**one, "identifiers": [login]}, *orjson.loads(before)]))
    yield name
    file.write_bytes(before)


def test_a_shopper_sees_takes_along_and_erases_their_own_data(page: Page, guest: str, language: str) -> None:
    open_page(page, "/shop")
    page.locator("#who summary").click()
    page.locator("#who .sheet button").filter(has_text=guest).click()
    expect(page.locator(".hero .chip").first).to_contain_text(guest.split()[1])
    page.locator("#who summary").click()
    page.locator("#who .sheet a[href='/shop/my-data']").click()
    expect(page.locator(".my-facts").first).to_contain_text(guest)
    no_sideways_scroll(page)
    assert violations(page) == []

    personal = page.locator("[name=personalization]")
    personal.check()
    expect(page.get_by_text(KEPT[language])).to_be_visible()
    expect(personal).to_be_checked()
    with page.expect_response(lambda told: "/consents/" in told.url and told.request.method == "PUT") as told:
        personal.uncheck()
    assert told.value.ok, told.value.status
    expect(personal).not_to_be_checked()

    page.locator("section.my button").first.click()
    kept = page.locator("section.my [role=status] button")
    expect(kept).to_be_visible(timeout=EXPORTED_MS)
    with page.expect_download() as download:
        kept.click()
    assert download.value.suggested_filename == "my-data.zip"

    page.locator("[name=confirm]").fill("no")
    page.locator("[name=confirm]").press("Enter")
    expect(page.locator("[name=confirm]")).to_be_visible()
    page.locator("[name=confirm]").fill(WORD[language])
    page.locator("[name=confirm]").press("Enter")
    expect(page).to_have_url(re.compile("receipt="))
    expect(page.locator("section.my b")).to_have_text(DONE[language], timeout=ERASED_MS)
    expect(page.locator("section.my progress")).to_have_attribute("value", "100")
    assert guest not in page.locator("main").inner_text()
