"""Sign-in, accounts and the trail as people use them: real sessions, forms as a browser sends them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.console.pages import Area, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.staff.accounts import NewAccount
from gateway.staff.audit import AuditFilter, NamedActor
from gateway.staff.cookies import LOOPBACK_NAME, SECURE_NAME
from tests.fakes.console import ConsoleOnFakes, fields_of, open_console, whole
from tests.fakes.gateway_shop import STAFF_PASSWORD

OPERATOR = NamedActor("operator")
NEW_PASSWORD = "a brand new password of mine"


class Browser:
    """A browser at the console: keeps cookies, sends forms, follows nothing."""

    def __init__(self, console: ConsoleOnFakes, base: str = "https://console.test") -> None:
        transport = httpx.ASGITransport(console.client._transport.app)  # type: ignore[attr-defined]
        self.client = httpx.AsyncClient(transport=transport, base_url=base, headers={"Accept-Language": "en"})
        self.base = base

    async def get(self, path: str) -> httpx.Response:
        response = await self.client.get(f"/console{path}")
        if response.headers.get("content-type", "").startswith("text/html"):
            whole(response.text)
        return response

    async def send(self, path: str, form: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        sent = {"Origin": self.base, "Sec-Fetch-Site": "same-origin", **headers}
        return await self.client.post(f"/console{path}", data={"_form": form, **fields}, headers=sent)

    async def sign_in(self, name: str, password: str = STAFF_PASSWORD, path: str = "/sign-in") -> httpx.Response:
        page = await self.get(path)
        return await self.send(path, "sign_in", {**fields_of(page.text, "sign_in"), "name": name, "password": password})

    @property
    def cookie(self) -> str:
        return self.client.cookies.get(SECURE_NAME, "") or self.client.cookies.get(LOOPBACK_NAME, "")


@pytest.fixture
async def console() -> AsyncIterator[ConsoleOnFakes]:
    opened = await open_console()
    for role in StaffRole:
        wanted = NewAccount(role.value, role.value.title(), (role.value,))
        await opened.shop.parts.staff.accounts.create(OPERATOR, wanted, password=STAFF_PASSWORD)
    async with opened.client, opened.shop.client:
        yield opened


@pytest.fixture
async def browser(console: ConsoleOnFakes) -> AsyncIterator[Browser]:
    opened = Browser(console)
    async with opened.client:
        yield opened


async def test_a_page_leads_to_the_sign_in_and_back(browser: Browser) -> None:
    asked = await browser.get("/account?x=1")
    assert asked.headers["location"] == "/console/sign-in?next=%2Fconsole%2Faccount%3Fx%3D1"
    entered = await browser.sign_in("desk", path="/sign-in?next=%2Fconsole%2Faccount%3Fx%3D1")
    assert (entered.status_code, entered.headers["location"]) == (303, "/console/account?x=1")
    assert (await browser.get("/account")).status_code == 200
    cookie = next(each for each in entered.headers.get_list("set-cookie") if each.startswith(SECURE_NAME))
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= {each.strip() for each in cookie.split(";")}
    assert "Domain" not in cookie


async def test_on_this_machine_the_cookie_goes_without_https(console: ConsoleOnFakes) -> None:
    browser = Browser(console, "http://localhost:8080")
    async with browser.client:
        entered = await browser.sign_in("desk")
        assert entered.headers["set-cookie"].startswith(f"{LOOPBACK_NAME}=")
        assert (await browser.get("/")).status_code == 200


async def test_plain_http_from_another_machine_is_refused(console: ConsoleOnFakes) -> None:
    browser = Browser(console, "http://shop-server:8080")
    async with browser.client:
        refused = await browser.sign_in("desk")
        assert refused.status_code == 403 and not browser.cookie
        assert "HTTPS" in refused.text


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/consoleevil.example",
        "/console.evil.example",
        "javascript:alert(1)",
        "/console\\@evil.example",
        "/console/\\evil.example",
        "/console/\r\nSet-Cookie: a=b",
        "/shop",
        "\x00",
        "",
    ],
)
async def test_the_way_back_stays_in_the_console(browser: Browser, wanted: str) -> None:
    path = f"/sign-in?{httpx.QueryParams(next=wanted)}"
    entered = await browser.sign_in("desk", path=path)
    assert entered.headers["location"] == "/console"
    again = await browser.get(path)
    assert again.headers["location"] == "/console", "who is signed in already goes on the same way"


async def test_a_refused_sign_in_keeps_the_name_and_never_the_password(browser: Browser) -> None:
    refused = await browser.sign_in("desk", "wrong horse")
    assert refused.status_code == 422 and not browser.cookie
    assert "The name or the password is wrong." in refused.text and 'value="desk"' in refused.text
    assert "wrong horse" not in refused.text
    for _ in range(4):
        await browser.sign_in("desk", "wrong horse")
    throttled = await browser.sign_in("desk")
    assert throttled.status_code == 429 and "Too many failed sign-ins" in throttled.text


async def test_a_session_that_was_planted_before_is_not_the_one_after(browser: Browser) -> None:
    planted = "p" * 43
    browser.client.cookies.set(SECURE_NAME, planted, domain="console.test", path="/")
    entered = await browser.sign_in("desk")
    fresh = entered.cookies[SECURE_NAME]
    assert fresh != planted
    stale = httpx.AsyncClient(transport=browser.client._transport, base_url=browser.base)
    assert (await stale.get("/console/account", headers={"Cookie": f"{SECURE_NAME}={planted}"})).status_code == 303


async def test_a_used_submit_id_gives_nobody_the_session_that_it_opened(
    browser: Browser, console: ConsoleOnFakes
) -> None:
    fields = {**fields_of((await browser.get("/sign-in")).text, "sign_in"), "name": "desk"}
    entered = await browser.send("/sign-in", "sign_in", {**fields, "password": STAFF_PASSWORD})
    assert entered.status_code == 303 and browser.cookie
    stranger = Browser(console)
    async with stranger.client:
        for password in ("wrong horse", ""):
            refused = await stranger.send("/sign-in", "sign_in", {**fields, "password": password})
            assert refused.status_code == 422
            assert "set-cookie" not in refused.headers and not stranger.cookie
        again = await stranger.send("/sign-in", "sign_in", {**fields, "password": STAFF_PASSWORD})
        assert again.status_code == 303 and stranger.cookie != browser.cookie, "who knows the password has a session"


@pytest.mark.parametrize(("host", "secure"), [("http://console.example.com", True), ("http://localhost:8080", False)])
async def test_every_cookie_is_for_https_alone_but_on_this_machine(
    console: ConsoleOnFakes, host: str, secure: bool
) -> None:
    """Behind a proxy that ends TLS the gateway itself is asked over plain HTTP."""
    browser = Browser(console, host)
    proxied = {"Origin": host.replace("http:", "https:") if secure else host}
    async with browser.client:
        fields = {"name": "desk", "password": STAFF_PASSWORD}
        answers = [
            await browser.get("/sign-in?language=zh"),
            await browser.send("/preferences", "choose", {"language": "en", "theme": "dark"}, **proxied),
            await browser.send("/sign-in", "sign_in", fields, **proxied),
            await browser.send("/sign-out", "sign_out", {}, **proxied),
        ]
    cookies = [each for answer in answers for each in answer.headers.get_list("set-cookie")]
    assert len(cookies) == 6, "two languages, a theme, a session, its end, and what is said of it"
    assert [("; secure" in each.lower()) for each in cookies] == [secure] * 6


async def test_signing_in_twice_ends_the_first_session(browser: Browser, console: ConsoleOnFakes) -> None:
    first = (await browser.sign_in("desk")).cookies[SECURE_NAME]
    page = await browser.send("/sign-in", "sign_in", {"name": "admin", "password": STAFF_PASSWORD})
    assert page.status_code == 303
    assert await console.shop.parts.staff.sessions.find(first) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://console.test:8443"},
        {"Sec-Fetch-Site": "", "Origin": "https://console.test:8443"},
        {"Sec-Fetch-Site": "", "Origin": ""},
        {"Sec-Fetch-Site": "", "Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/account", "/staff", "/staff/desk", "/preferences"])
async def test_no_form_is_taken_from_elsewhere(
    browser: Browser, console: ConsoleOnFakes, path: str, headers: dict[str, str]
) -> None:
    await browser.sign_in("admin")
    before = await console.shop.parts.staff.audit.page(AuditFilter(), size=50)
    refused = await browser.send(path, "end_all", {}, **headers)
    assert (refused.status_code, refused.json()["reason"]) == (403, "CROSS_SITE_REQUEST")
    assert await console.shop.parts.staff.audit.page(AuditFilter(), size=50) == before


async def test_signing_out_needs_a_form_and_ends_the_session(browser: Browser, console: ConsoleOnFakes) -> None:
    await browser.sign_in("desk")
    kept = browser.cookie
    assert (await browser.get("/sign-out")).headers["location"] == "/console"
    assert (await browser.get("/account")).status_code == 200
    out = await browser.send("/sign-out", "sign_out", {})
    assert out.headers["location"] == "/console/sign-in" and not browser.cookie
    assert await console.shop.parts.staff.sessions.find(kept) is None


async def test_a_one_time_password_leads_to_its_change_and_nowhere_else(
    browser: Browser, console: ConsoleOnFakes
) -> None:
    _, text = await console.shop.parts.staff.accounts.create(OPERATOR, NewAccount("wei", "Wei", ("admin",)))
    await browser.sign_in("wei", text)
    for path in ("/", "/staff", "/audit", "/account"):
        assert (await browser.get(path)).headers["location"] == "/console/password"
    refused = await browser.send("/staff", "new", {"id": "mole", "name": "Mole", "roles": "admin"})
    assert refused.headers["location"] == "/console/password"
    assert await console.shop.parts.staff.members.get("mole") is None
    page = await browser.get("/password")
    fields = {**fields_of(page.text, "password"), "old_password": text, "password": NEW_PASSWORD}
    unlike = await browser.send("/password", "password", {**fields, "repeat_password": NEW_PASSWORD + "x"})
    assert unlike.status_code == 422 and NEW_PASSWORD not in unlike.text
    before = browser.cookie
    sent = {**fields, "repeat_password": NEW_PASSWORD}
    clicks = await asyncio.gather(
        browser.send("/password", "password", sent), browser.send("/password", "password", sent)
    )
    assert [each.status_code for each in clicks] == [303, 303], "a second click meets the password of before"
    assert browser.cookie != before
    assert (await browser.get("/staff")).status_code == 200


async def test_an_expired_session_keeps_what_was_typed_and_sends_it_after_the_sign_in(
    browser: Browser, console: ConsoleOnFakes
) -> None:
    await browser.sign_in("admin")
    page = await browser.get("/staff")
    typed = {**fields_of(page.text, "new"), "id": "lost.words", "name": "知客 <b>", "roles": "desk"}
    console.shop.clock.advance(8 * 3_600)
    expired = await browser.send("/staff", "new", typed)
    assert expired.status_code == 401
    whole(expired.text)
    assert "知客 &lt;b&gt;" in expired.text and "lost.words" in expired.text
    assert await console.shop.parts.staff.members.get("lost.words") is None
    await browser.sign_in("admin")
    assert (await browser.send("/staff", "new", typed)).status_code == 303
    assert await console.shop.parts.staff.members.get("lost.words") is not None


async def test_an_account_is_made_once_by_two_clicks_and_its_password_is_shown_once(
    browser: Browser, console: ConsoleOnFakes
) -> None:
    await browser.sign_in("admin")
    page = await browser.get("/staff")
    fields = {**fields_of(page.text, "new"), "id": "li.na", "name": "Li Na", "roles": ["desk", "pr"]}
    first, second = [await browser.send("/staff", "new", fields) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"] == "/console/staff/li.na"
    shown = await browser.get("/staff/li.na")
    assert "One-time password of Li Na" in shown.text
    assert "One-time password of Li Na" not in (await browser.get("/staff/li.na")).text
    trail = await console.shop.parts.staff.audit.page(AuditFilter(thing="staff:li.na"), size=50)
    assert [(each.actor, each.action) for each in trail.entries] == [("staff:admin", "staff.create")]


@pytest.mark.parametrize("extra", ["password_hash", "must_change", "generation", "disable_time", "role", "version"])
@pytest.mark.parametrize(
    ("path", "form", "fields"),
    [
        ("/staff", "new", {"id": "mole", "name": "Mole", "roles": "desk"}),
        ("/staff/desk", "edit", {"name": "Desk", "roles": "desk"}),
        ("/account", "language", {"language": "zh"}),
    ],
)
async def test_a_field_that_a_form_does_not_have_is_refused(
    browser: Browser, console: ConsoleOnFakes, path: str, form: str, fields: dict[str, str], extra: str
) -> None:
    await browser.sign_in("admin")
    before = await console.shop.parts.staff.members.list()
    refused = await browser.send(path, form, {**fields, extra: "admin"})
    assert refused.status_code == 422
    assert await console.shop.parts.staff.members.list() == before


async def test_nobody_makes_themselves_an_admin(browser: Browser, console: ConsoleOnFakes) -> None:
    await browser.sign_in("desk")
    for path, form, fields in (
        ("/staff/desk", "edit", {"name": "Desk", "roles": "admin"}),
        ("/staff", "new", {"id": "mole", "name": "Mole", "roles": "admin"}),
        ("/staff/admin", "reset", {}),
    ):
        assert (await browser.send(path, form, fields)).status_code == 403
    assert (await browser.send("/account", "language", {"language": "zh", "roles": "admin"})).status_code == 422
    member = await console.shop.parts.staff.members.read("desk")
    assert member.roles == {StaffRole.DESK}


async def test_somebody_elses_session_cannot_be_ended_from_the_account_page(
    browser: Browser, console: ConsoleOnFakes
) -> None:
    staff = console.shop.parts.staff
    other = await staff.sessions.find(
        (await console.shop.signed_in(StaffRole.PR, name="pr"))["Cookie"].partition("=")[2]
    )
    assert other is not None
    await browser.sign_in("desk")
    refused = await browser.send("/account", "end", {"handle": other.handle})
    assert refused.status_code == 404
    assert len(await staff.sessions.of(other.member)) == 1


async def test_two_admins_edits_do_not_overwrite_each_other(browser: Browser, console: ConsoleOnFakes) -> None:
    await browser.sign_in("admin")
    fields = fields_of((await browser.get("/staff/desk")).text, "edit")
    assert fields["_version"] == "1"
    mine = {"name": "Mine", "roles": "desk", "_version": "1"}
    assert (await browser.send("/staff/desk", "edit", {**mine, "name": "Theirs"})).status_code == 303
    stale = await browser.send("/staff/desk", "edit", mine)
    assert stale.status_code == 412 and "Mine" in stale.text and "Theirs" in stale.text


async def test_an_admin_disables_and_gives_back_but_never_themselves(browser: Browser, console: ConsoleOnFakes) -> None:
    other = Browser(console)
    await other.sign_in("desk")
    await browser.sign_in("admin")
    assert (await browser.send("/staff/desk", "disable", {})).status_code == 303
    assert (await other.get("/account")).status_code == 303
    assert (await other.sign_in("desk")).status_code == 422
    assert "Disabled" in (await browser.get("/staff/desk")).text
    assert (await browser.send("/staff/desk", "enable", {})).status_code == 303
    assert (await other.sign_in("desk")).status_code == 303
    assert (await browser.send("/staff/admin", "disable", {})).status_code == 422
    assert (await browser.send("/staff/nobody", "reset", {})).status_code == 404
    await other.client.aclose()


async def test_the_trail_is_filtered_and_written_as_csv(browser: Browser) -> None:
    await browser.sign_in("admin")
    await browser.send("/staff/desk", "edit", {"name": "=cmd()", "roles": ["desk", "pr"]})
    page = await browser.get("/audit?thing=staff:desk&who=staff:admin")
    assert "edited an account" in page.text and "roles: desk → pr, desk" in page.text
    assert "made an account" not in page.text
    assert "signed in" in (await browser.get("/audit?thing=staff&who=staff:admin")).text
    written = await browser.get("/audit?thing=staff:desk&csv=trail")
    assert written.headers["content-type"].startswith("text/csv")
    assert "staff:admin" in written.text and "name: Desk → =cmd()" in written.text
    assert (await browser.get("/audit?from=2026-01-05&to=2026-01-05")).text.count("made an account") == 5
    assert "made an account" not in (await browser.get("/audit?to=2026-01-04")).text
    assert (await browser.get("/audit?from=never")).status_code == 400
    await browser.client.aclose()


async def test_one_session_of_several_is_ended_and_all_at_once(browser: Browser, console: ConsoleOnFakes) -> None:
    other = Browser(console)
    await other.sign_in("desk")
    await browser.sign_in("desk")
    page = await browser.get("/account")
    assert page.text.count("This browser") == 1
    staff = console.shop.parts.staff
    own = await staff.sessions.find(browser.cookie)
    assert own is not None
    handles = {each.handle for each in await staff.sessions.of(own.member)} - {own.handle}
    handle = handles.pop()
    assert (await browser.send("/account", "end", {"handle": handle})).status_code == 303
    assert (await other.get("/account")).status_code == 303
    await other.sign_in("desk")
    assert (await browser.send("/account", "end_all", {})).headers["location"] == "/console/sign-in"
    assert (await other.get("/account")).status_code == 303
    await other.client.aclose()


async def test_the_language_of_an_account_comes_with_the_sign_in(browser: Browser) -> None:
    await browser.sign_in("desk")
    await browser.send("/account", "language", {"language": "zh"})
    browser.client.cookies.clear()
    await browser.sign_in("desk")
    assert "我的账号" in (await browser.get("/account")).text


async def test_a_form_whose_handler_leaves_no_line_leaves_one_all_the_same() -> None:
    class Note(FormModel):
        text: str

    async def show(visit: Visit) -> View:
        return {"table": None}

    async def keep(_visit: Visit, _form: Note) -> Redirect:
        return Redirect("/console")

    async def tell(visit: Visit, _form: Note) -> Redirect:
        await visit.record("note.tell", "note", "n-1")
        return Redirect("/console")

    page = Page(
        path="/notes/{id}",
        roles=frozenset(StaffRole),
        title="start.title",
        template="example.html",
        show=show,
        forms=(Form("keep", Note, keep), Form("tell", Note, tell)),
    )
    console = await open_console((Area(name="start", pages=(page,)),))
    async with console.client, console.shop.client:
        for form in ("keep", "tell"):
            assert (await console.post("/notes/n-1", form, {"text": "13912345678"})).status_code == 303
        trail = (await console.shop.parts.staff.audit.page(AuditFilter(actor="staff:lin"), size=10)).entries
    assert [(each.action, each.thing, each.after) for each in trail] == [
        ("note.tell", "note:n-1", None),
        ("form.keep", "page:/notes/n-1", {"fields": ["text"]}),
    ]
