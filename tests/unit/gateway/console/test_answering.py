"""The frame: refusals in its own dress, forms that lose nothing, doubles that act once, tables as files."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from pydantic import Field

from gateway.console.areas import start
from gateway.console.cells import Column, Link, Table
from gateway.console.pages import Area, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import EVERYBODY, StaffRole
from gateway.console.visit import Visit
from services.chassis.errors import ErrorKind, NotFoundError, UnavailableError, ZhikeError
from tests.fakes.console import ConsoleOnFakes, fields_of, open_console, whole
from tests.fakes.console_gallery import open_templates


class StaleError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class Note(FormModel):
    title: Annotated[str, Field(min_length=2, max_length=20)]
    count: Annotated[int, Field(ge=1)] = 1
    tags: tuple[str, ...] = ()
    password: str = ""


class Notes:
    """A small area of its own: one page with a form and a table."""

    def __init__(self) -> None:
        self.saved: list[tuple[str, str, str]] = []
        self.stored = {"title": "old", "count": 1}
        self.version = 3
        self.rows = [f"row {number}" for number in range(450)]
        self.away = False

    async def show(self, visit: Visit) -> View:
        if visit.query.get("q") == "none":
            raise NotFoundError("there is no such note")
        if visit.query.get("q") == "broken":
            raise RuntimeError("a defect")
        if self.away:
            raise UnavailableError("knowledge cannot be reached")
        visit.form("edit", self.stored, self.version)
        start_at = int(visit.cursor("notes") or 0)
        size = visit.page_size("notes")
        end = start_at + size
        columns = (
            Column("table.yes", lambda row: Link(row, "/console/notes")),
            Column("table.filter", lambda row: f"=HYPERLINK({row})", sort="x"),
        )
        rows = self.rows[start_at:end]
        more = str(end) if end < len(self.rows) else ""
        return {"table": Table("notes", columns, rows, more, visit.sorting("notes", {"x": 1}))}

    async def save(self, visit: Visit, note: Note) -> Redirect:
        await asyncio.sleep(0)
        if visit.version != str(self.version):
            raise StaleError("somebody else changed it", version=str(self.version))
        self.saved.append((note.title, visit.submit_id, ",".join(note.tags)))
        return Redirect("/console/notes", Flash("start.morning", {"name": note.title}))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def opened(notes: Notes) -> AsyncIterator[ConsoleOnFakes]:
    open_templates()
    page = Page(
        path="/notes",
        roles=EVERYBODY,
        title="start.title",
        template="example.html",
        show=notes.show,
        nav="home",
        forms=(Form("edit", Note, notes.save), Form("drop", Note, notes.save, frozenset({StaffRole.ADMIN}))),
    )
    console = await open_console((start.AREA, Area(name="start", pages=(page,))))
    async with console.client, console.shop.client:
        yield console


async def test_an_unknown_page_and_one_that_is_gone_are_pages(opened: ConsoleOnFakes) -> None:
    for path in ("/nowhere", "/notes?q=none"):
        response = await opened.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"].startswith("text/html")
        assert response.headers["x-request-id"] in response.text
        whole(response.text)


async def test_a_defect_is_a_page_with_a_number_and_no_detail(opened: ConsoleOnFakes) -> None:
    response = await opened.get("/notes?q=broken")
    assert response.status_code == 500
    assert "a defect" not in response.text
    assert response.headers["x-request-id"] in response.text


async def test_a_service_that_is_away_is_said_kindly(opened: ConsoleOnFakes, notes: Notes) -> None:
    notes.away = True
    response = await opened.get("/notes")
    assert response.status_code == 503
    assert "not answering" in response.text


async def test_a_form_saves_once_and_says_so_on_the_next_page(opened: ConsoleOnFakes, notes: Notes) -> None:
    fields = fields_of(await opened.page("/notes"), "edit")
    response = await opened.post("/notes", "edit", {**fields, "title": "<b>新</b>", "tags": ["a", "b"]})
    assert response.status_code == 303
    assert response.headers["location"] == "/console/notes"
    assert notes.saved == [("<b>新</b>", fields["_submit"], "a,b")]
    shown = await opened.get("/notes")
    assert "Good morning, &lt;b&gt;新&lt;/b&gt;" in shown.text
    assert "Good morning" not in (await opened.get("/notes")).text


async def test_two_clicks_act_once_and_both_are_answered(opened: ConsoleOnFakes, notes: Notes) -> None:
    fields = {**fields_of(await opened.page("/notes"), "edit"), "title": "new"}
    first, second = await asyncio.gather(opened.post("/notes", "edit", fields), opened.post("/notes", "edit", fields))
    third = await opened.post("/notes", "edit", fields)
    assert [each.status_code for each in (first, second, third)] == [303, 303, 303]
    assert len(notes.saved) == 1


async def test_a_submit_id_that_comes_again_with_something_else_or_from_somebody_else_acts(
    opened: ConsoleOnFakes, notes: Notes
) -> None:
    fields = {**fields_of(await opened.page("/notes"), "edit"), "title": "mine"}
    await opened.post("/notes", "edit", fields)
    await opened.post("/notes", "edit", {**fields, "title": "corrected"})
    opened.name = "Wei"
    await opened.post("/notes", "edit", fields)
    assert [title for title, _, _ in notes.saved] == ["mine", "corrected", "mine"]


async def test_wrong_fields_are_named_and_nothing_typed_is_lost(opened: ConsoleOnFakes, notes: Notes) -> None:
    fields = fields_of(await opened.page("/notes"), "edit")
    response = await opened.post("/notes", "edit", {**fields, "title": "x", "count": "none", "password": "secret"})
    assert response.status_code == 422
    whole(response.text)
    assert "At least 2 characters." in response.text
    assert "A whole number." in response.text
    again = fields_of(response.text, "edit")
    assert (again["title"], again["count"]) == ("x", "none")
    assert "secret" not in response.text
    assert again["_submit"] not in ("", fields["_submit"])
    assert not notes.saved


async def test_a_lost_update_is_412_with_both_versions_at_hand(opened: ConsoleOnFakes, notes: Notes) -> None:
    fields = fields_of(await opened.page("/notes"), "edit")
    notes.version, notes.stored = 4, {"title": "theirs", "count": 1}
    response = await opened.post("/notes", "edit", {**fields, "title": "mine"})
    assert response.status_code == 412
    whole(response.text)
    assert "Stored now: theirs" in response.text
    again = fields_of(response.text, "edit")
    assert (again["title"], again["_version"]) == ("mine", "4")
    assert (await opened.post("/notes", "edit", again)).status_code == 303
    assert notes.saved[-1][0] == "mine"


async def test_a_field_that_the_form_lacks_is_refused(opened: ConsoleOnFakes, notes: Notes) -> None:
    fields = fields_of(await opened.page("/notes"), "edit")
    response = await opened.post("/notes", "edit", {**fields, "title": "fine", "owner": "me"})
    assert response.status_code == 422
    assert not notes.saved


async def test_an_unknown_form_and_one_of_other_roles_are_refused(opened: ConsoleOnFakes) -> None:
    assert (await opened.post("/notes", "none", {"title": "fine"})).status_code == 404
    opened.roles = [StaffRole.PR]
    assert (await opened.post("/notes", "drop", {"title": "fine"})).status_code == 403


async def test_a_session_that_ended_in_mid_form_loses_nothing(opened: ConsoleOnFakes, notes: Notes) -> None:
    fields = fields_of(await opened.page("/notes"), "edit")
    roles, opened.roles = opened.roles, None
    response = await opened.post("/notes", "edit", {**fields, "title": 'typed "long"', "password": "secret"})
    assert response.status_code == 401
    assert "secret" not in response.text
    assert 'value="typed &#34;long&#34;"' in response.text
    opened.roles = roles
    assert (await opened.post("/notes", "edit", {**fields, "title": 'typed "long"'})).status_code == 303
    assert notes.saved[0][0] == 'typed "long"'


async def test_a_table_is_written_whole_as_csv_and_no_formula_gets_through(opened: ConsoleOnFakes) -> None:
    response = await opened.get("/notes?csv=notes&notes.after=100")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith('attachment; filename="notes-')
    lines = response.content.decode("utf-8-sig").split("\r\n")
    assert len(lines) == 1 + 450 + 1
    assert lines[1] == "row 0,'=HYPERLINK(row 0)"
    assert (await opened.get("/notes?csv=none")).status_code == 404


async def test_a_table_that_is_too_long_says_what_is_missing(opened: ConsoleOnFakes, notes: Notes) -> None:
    notes.rows = [f"row {number}" for number in range(10_001)]
    lines = (await opened.get("/notes?csv=notes")).content.decode().split("\r\n")
    assert len(lines) == 1 + 10_000 + 1 + 1
    assert lines[-2].startswith('"Only the first 10000 rows') or lines[-2].startswith("Only the first 10000 rows")
    notes.rows = notes.rows[:10_000]
    assert "Only the first" not in (await opened.get("/notes?csv=notes")).text


async def test_a_choice_of_language_and_theme_stays_and_never_leads_away(opened: ConsoleOnFakes) -> None:
    response = await opened.post("/preferences", "choose", {"language": "zh", "back": "https://elsewhere.example/"})
    assert (response.status_code, response.headers["location"]) == (303, "/console")
    assert 'lang="zh-CN"' in (await opened.get("/notes")).text
    for back in ("//evil.example", "/console.evil", "/consoles", "/console\\@evil"):
        response = await opened.post("/preferences", "choose", {"theme": "dark", "back": back})
        assert response.headers["location"] == "/console"
    assert 'data-theme="dark"' in (await opened.get("/notes")).text


async def test_static_files_are_kept_for_ever_under_their_digest(opened: ConsoleOnFakes) -> None:
    html = await opened.page("/notes")
    address = next(each for each in html.split('"') if each.startswith("/console/static/console.css?v="))
    response = await opened.client.get(address)
    assert response.status_code == 200
    assert "immutable" in response.headers["cache-control"]
    assert "default-src 'self'" in response.headers["content-security-policy"]
