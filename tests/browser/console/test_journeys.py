"""Each role's day at the console, by clicking and typing, in both languages on the real processes.

Texts are found by their keys in the words, as somebody reads them. A fault of a page, a violation of the policy or a
request to another host fails the journey (``Watch``).
"""

import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from gateway.console.words import Words
from gateway.staff.demo_file import DEMO_STAFF_FILE, read_demo_accounts
from tests.browser.conftest import PATIENT_MS, SIZES, Watch
from tests.journeys.platform import Platform

LOCALES = {"zh": "zh-CN", "en": "en-GB"}
TABS_LIMIT = 200
SAID = {"zh": "送来时是温的。", "en": "It came warm."}


class Worker:
    """Somebody of a role who is signed in."""

    def __init__(self, page: Page, language: str) -> None:
        self.page, self.language, self.t = page, language, Words(language)

    def go(self, title: str) -> None:
        """Follow the navigation to a page."""
        self.page.locator("nav.side").get_by_role("link", name=self.t(title)).first.click()
        self.reads(self.t(title))

    def reads(self, heading: str | re.Pattern[str]) -> None:
        """Wait until a page of this heading is there and its script has run."""
        expect(self.page.locator("h1")).to_have_text(heading)
        self.page.wait_for_function("() => document.documentElement.dataset.ready")

    def told(self, key: str, **values: object) -> None:
        """Wait until the page says so at its top."""
        expect(self.page.locator("#notices")).to_contain_text(self.t(key, **values))
        self.page.wait_for_function("() => document.documentElement.dataset.ready")

    def main(self) -> Locator:
        return self.page.locator("main")

    def press(self, key: str) -> None:
        """Press the button of a text."""
        self.main().get_by_role("button", name=self.t(key), exact=True).first.click()

    def follow(self, key: str) -> None:
        """Follow the link of a text."""
        self.main().get_by_role("link", name=self.t(key)).first.click()

    def confirm(self, key: str) -> None:
        """Press the button of a text, and again where the page asks back."""
        self.press(key)
        asked = self.page.locator("[popover]:popover-open")
        asked.get_by_role("button", name=self.t(key), exact=True).click()

    def open(self, drawer: str) -> Locator:
        """Open a drawer and return its form."""
        self.page.locator(f"details#{drawer} > summary").click()
        form = self.page.locator(f"#form-{drawer}")
        expect(form).to_be_visible()
        return form

    def form(self, name: str) -> Locator:
        return self.page.locator(f"#form-{name}")

    def send(self, name: str) -> None:
        """Press a form's own button."""
        self.form(name).locator(".acts button").first.click()


Entering = Callable[[str], Worker]


@pytest.fixture
def context(browser: Browser, shop: Platform, language: str) -> Iterator[BrowserContext]:
    """Return a fresh browser of a language, and hold what it saw."""
    size: Any = SIZES["desk"]
    fresh = browser.new_context(viewport=size, locale=LOCALES[language], base_url=shop.url, accept_downloads=True)
    fresh.set_default_timeout(PATIENT_MS)
    watch = Watch(fresh, shop.url)
    yield fresh
    fresh.close()
    assert watch.faults == []


@pytest.fixture
def enter(context: BrowserContext, shop: Platform, language: str) -> Entering:
    """Return a function that signs the demo's account of a role in through the form."""
    passwords = read_demo_accounts(shop.data / DEMO_STAFF_FILE)

    def sign_in(role: str) -> Worker:
        worker = Worker(context.new_page(), language)
        worker.page.goto("/console")
        expect(worker.page).to_have_url(re.compile("/console/sign-in"))
        worker.form("sign_in").get_by_label(worker.t("sign_in.name")).fill(f"demo-{role}")
        worker.form("sign_in").get_by_label(worker.t("sign_in.password")).fill(passwords[f"demo-{role}"])
        worker.press("sign_in.submit")
        expect(worker.page).to_have_url(re.compile(r"/console/?$"))
        expect(worker.page.locator("nav.side")).to_be_visible()
        return worker

    return sign_in


def test_a_merchandiser_hides_a_product_after_a_preview(enter: Entering, language: str) -> None:
    worker = enter("merchandiser")
    page, t = worker.page, worker.t
    worker.go("insight.queries")
    page.locator("#table-queries tbody a").first.click()
    expect(page.locator("#table-results tbody tr").first).to_be_visible()
    query = page.locator("h1").inner_text()
    product = page.locator("#table-results tbody td.wide small").first.inner_text()
    _shop_shows(worker, query, product, shown=True)

    worker.go("controls.page")
    tab = page.locator("nav.tabs").get_by_role("link", name=t("control_service.search"), exact=True)
    tab.click()
    expect(tab).to_have_attribute("aria-current", "page")
    worker.follow("controls.new")
    worker.reads(t("controls.new"))
    form = worker.form("write")
    form.get_by_label(t("controls.title")).fill(f"{language} {secrets.token_hex(4)}")
    form.get_by_label(t("control_action.exclude")).check()
    form.locator("[name=target_product_ids]").fill(product)
    form.locator("[name=queries]").fill(query)
    worker.send("write")
    worker.told("controls.saved")
    expect(worker.main().get_by_text(t("control_state.draft"), exact=True).first).to_be_visible()
    here = page.url
    worker.follow("controls.preview")
    before, after = worker.main().locator("table").nth(0), worker.main().locator("table").nth(1)
    expect(before.get_by_text(product)).to_be_visible()
    expect(before.get_by_text(t("control_preview.gone"))).to_have_count(1)
    expect(after.get_by_text(product)).to_have_count(0)
    _shop_shows(worker, query, product, shown=True)

    page.goto(here)
    worker.press("control_do.launch")
    worker.told("control_did.launch")
    _shop_shows(worker, query, product, shown=False)
    page.goto(here)
    worker.press("control_do.pause")
    worker.told("control_did.pause")
    _shop_shows(worker, query, product, shown=True)


def _shop_shows(worker: Worker, query: str, product: str, *, shown: bool) -> None:
    """Look into the shop as a shopper would, in another tab: it offers the product, or others but not this."""
    tab = worker.page.context.new_page()
    tab.goto(f"/shop/search?q={quote(query)}")
    expect(tab.locator(".grid .product").first).to_be_visible()
    links = tab.locator(f".grid a[href*='/shop/product/{product}']")
    if shown:
        expect(links.first).to_be_visible()
    else:
        expect(links).to_have_count(0)
    tab.close()


@pytest.fixture
def alert_goes_on(shop: Platform) -> None:
    """Hold that the demo's alert goes on: an earlier journey that failed may have left it at its end."""
    with shop.operator() as client:
        for alert in client.get("/v1/alerts").raise_for_status().json()["alerts"]:
            if alert["state"] in ("resolved", "closed") and not alert["shop"].startswith("tour-"):
                client.post(f"/v1/alerts/{alert['id']}:reopen", json={"comment": "again"}).raise_for_status()


def test_pr_handles_an_alert_without_touching_the_mouse(
    context: BrowserContext, shop: Platform, language: str, alert_goes_on: None
) -> None:
    worker = Worker(context.new_page(), language)
    page, keys, t = worker.page, worker.page.keyboard, worker.t
    password = read_demo_accounts(shop.data / DEMO_STAFF_FILE)["demo-pr"]
    page.goto("/console")
    worker.reads(t("sign_in.title"))
    _tab_to(page, "[name=name]")
    keys.type("demo-pr")
    _tab_to(page, "[name=password]")
    keys.type(password)
    keys.press("Enter")
    expect(page.locator("nav.side")).to_be_visible()
    page.wait_for_function("() => document.documentElement.dataset.ready")

    keys.press("g")
    _tab_to(page, "nav.side a[href='/console/mentions']")
    keys.press("Enter")
    worker.reads(t("pr.mentions.title"))
    expect(page.locator("#table-mentions tbody tr").first).to_be_visible()
    keys.press("g")
    _tab_to(page, "nav.side a[href='/console/alerts']")
    keys.press("Enter")
    worker.reads(t("pr.alerts.title"))
    _tab_to(page, "#table-alerts tbody a")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("/console/alerts/[^/]+$"))
    page.wait_for_function("() => document.documentElement.dataset.ready")

    said = f"{SAID[language]} {secrets.token_hex(4)}"
    _step(worker, "take", said, "pr.alert.taken")
    expect(page.locator("#pr-history").get_by_text(said)).to_be_visible()
    if page.locator("details#mitigate").count():
        _step(worker, "mitigate", "", "pr.done.mitigate")
    _step(worker, "resolve", f"{said} 2", "pr.done.resolve")
    expect(page.locator("#pr-history").get_by_text(f"{said} 2")).to_be_visible()
    _step(worker, "reopen", f"{said} 3", "pr.done.reopen")


def _step(worker: Worker, name: str, comment: str, told: str) -> None:
    """Open a drawer, write a comment and send it, by keys alone."""
    page = worker.page
    _tab_to(page, f"#{name} > summary")
    page.keyboard.press("Enter")
    expect(worker.form(name)).to_be_visible()
    _tab_to(page, f"#{name}-comment")
    page.keyboard.type(comment)
    _tab_to(page, f"#form-{name} .acts button")
    page.keyboard.press("Enter")
    owner = _name_of(worker)
    worker.told(told, **({"owner": owner} if name == "take" else {}))


def _name_of(worker: Worker) -> str:
    """Return who is signed in."""
    return str(worker.page.locator("details.who summary").get_attribute("aria-label"))


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until something that fits has the focus."""
    for _ in range(TABS_LIMIT):
        if page.evaluate("(wanted) => !!document.activeElement?.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"no Tab leads to {selector}")


@pytest.fixture
def caller(shop: Platform) -> dict[str, str]:
    """Return a customer whom nobody else's test knows."""
    number = secrets.token_hex(5)
    login, name = f"login:journey-{number}", f"Journey {number}"
    claims = {
        "identifiers": [{"identifier": login, "verified": True}],
        "claims": [{"field": "name", "value": name}],
        "source": "journey",
    }
    with shop.operator() as client:
        client.post("/v1/customers:claims", json=claims).raise_for_status()
        consent = f"/v1/customers/{login}/consents/personalization"
        client.put(consent, json={"granted": True, "source": "desk"}).raise_for_status()
    return {"login": login, "name": name}


def test_the_desk_serves_a_caller(enter: Entering, language: str, caller: dict[str, str]) -> None:
    worker = enter("desk")
    page, t = worker.page, worker.t
    worker.go("customers.page")
    page.locator("main [name=q]").fill(caller["login"])
    page.locator("main [name=q]").press("Enter")
    page.locator("#table-found tbody a").first.click()
    worker.reads(caller["name"])
    customer = page.url
    worker.follow("cases.new")
    form = worker.form("new")
    expect(form.locator("[name=customer]")).to_have_value(caller["login"])
    form.get_by_label(t("cases.kind.complaint")).check()
    form.get_by_label(t("cases.text")).fill(SAID[language])
    worker.send("new")
    worker.told("cases.created")
    worker.press("cases.take")
    worker.told("cases.did.assign")
    worker.form("reply").locator("textarea").fill(SAID[language])
    worker.send("reply")
    worker.told("cases.did.reply")
    worker.open("close").locator("[name=cause]").select_option("product-quality")
    worker.send("close")
    worker.told("cases.did.close")

    page.goto(customer)
    worker.reads(caller["name"])
    expect(page.locator("#table-case_table tbody tr")).to_have_count(1)
    worker.open("contact").locator("[name=purpose]").select_option("service")
    worker.send("contact")
    worker.told("contacts.planned")
    page.locator("#table-contact_table tbody a").first.click()
    expect(page).to_have_url(re.compile("/console/contacts/"))
    worker.form("complete").get_by_label(t("contacts.outcome.reached"), exact=True).check()
    worker.send("complete")
    expect(page.locator("#notices .notice")).to_be_visible()
    expect(worker.form("complete")).to_have_count(0)

    page.goto(customer)
    worker.reads(caller["name"])
    worker.confirm("customers.deny")
    worker.told("customers.consent_kept")
    expect(worker.main().get_by_text(t("customers.consent.denied"), exact=True)).to_have_count(1)


def test_an_analyst_reads_figures_and_changes_nothing(enter: Entering) -> None:
    worker = enter("analyst")
    page, t = worker.page, worker.t
    worker.go("insight.queries")
    expect(page.locator("#table-queries tbody tr").first).to_be_visible()
    page.locator("nav.tabs").get_by_role("link", name=t("insight.view.weak")).click()
    expect(page).to_have_url(re.compile("view=weak"))
    page.locator("nav.tabs").get_by_role("link", name=t("insight.view.top")).click()
    expect(page).to_have_url(re.compile("view=top"))
    with page.expect_download() as download:
        page.locator("#table-queries").get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    page.locator("#table-queries tbody a").first.click()
    expect(page.locator("#table-results")).to_be_visible()
    expect(page.locator("main svg").first).to_be_visible()
    worker.go("controls.page")
    expect(worker.main().get_by_role("link", name=t("controls.new"))).to_have_count(0)
    worker.go("pr.alerts.title")
    page.locator("#table-alerts tbody a").first.click()
    expect(page.locator("#pr-terms")).to_be_visible()
    expect(page.locator("details#take")).to_have_count(0)
    assert page.goto("/console/customers").status == 403  # type: ignore[union-attr]
    expect(page.locator("nav.side")).to_be_visible()


def test_an_admin_keeps_accounts_and_keys_and_reads_the_trail(enter: Entering, language: str) -> None:
    worker = enter("admin")
    page, t, number = worker.page, worker.t, secrets.token_hex(4)
    worker.go("operations.system.title")
    for service in ("knowledge", "search", "recommendation", "orders", "reputation"):
        expect(worker.main().get_by_text(service).first).to_be_visible()

    worker.go("people.title")
    form = worker.open("new")
    form.locator("[name=id]").fill(f"j-{number}")
    form.locator("[name=name]").fill(f"Journey {number}")
    form.get_by_label(t("role.analyst")).check()
    worker.send("new")
    worker.reads(f"Journey {number}")
    expect(page.locator("#notices")).to_contain_text(re.compile(r"\w{4,}-\w{4,}"))
    worker.confirm("people.disable")
    worker.told("people.taken_away", name=f"Journey {number}")

    worker.go("operations.keys.title")
    form = worker.open("new")
    form.locator("[name=name]").fill(f"j-{number}")
    form.locator("[name=kind][value=staff]").check()
    worker.send("new")
    secret = re.compile(rf"sk_j-{number}_[\w-]+")
    expect(page.locator("#notices")).to_contain_text(secret)
    key = secret.search(page.locator("#notices").inner_text())
    assert key is not None
    bearer = {"Authorization": f"Bearer {key[0]}"}
    assert page.request.get("/v1/alerts", headers=bearer).status == 200
    row = page.locator("#table-keys tbody tr").filter(has_text=f"j-{number}.1")
    row.get_by_role("button", name=t("operations.keys.revoke"), exact=True).first.click()
    asked = page.locator("[popover]:popover-open")
    asked.get_by_role("button", name=t("operations.keys.revoke"), exact=True).click()
    worker.told("operations.keys.revoked", name=f"j-{number}.1")
    assert page.request.get("/v1/alerts", headers=bearer).status == 401

    worker.go("audit.title")
    page.locator("[name=thing]").fill(f"staff:j-{number}")
    trail = page.locator("#table-trail tbody tr")
    expect(trail).to_have_count(2)
    expect(trail.first).to_contain_text(t("audit.action.staff.disable"))
