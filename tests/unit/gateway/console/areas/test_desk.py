"""Pages of the service desk: cases with their clock, the whole customer, the calendar of contacts."""

from collections.abc import AsyncIterator

import pytest
from zhike.knowledge.v1 import case_pb2, case_service_pb2

from gateway.console.areas.desk.attention import read_cases
from gateway.console.staffing import StaffRole
from gateway.staff.audit import AuditFilter
from services.chassis.errors import ErrorKind, ZhikeError
from tests.fakes.console import ConsoleOnFakes, fields_of, open_console
from tests.fakes.gateway_desk import CASE_ID, CASE_VERSION, CONTACT_ID

CASE = f"/cases/{CASE_ID}"
SUBMIT = "0123456789abcdef"
CONTACT = f"/contacts/{CONTACT_ID}"


@pytest.fixture(params=["en", "zh"])
async def console(request: pytest.FixtureRequest) -> AsyncIterator[ConsoleOnFakes]:
    opened = await open_console(language=request.param)
    async with opened.client:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        "/cases",
        "/cases?view=mine",
        "/cases?view=unassigned",
        "/cases?view=closed",
        "/cases?customer=card:1000231",
        CASE,
        "/customers",
        "/customers?q=1000231",
        "/customers?class=B",
        "/customers/c-1",
        "/contacts",
        "/contacts?day=overdue",
        "/contacts?day=2026-11-20",
        CONTACT,
    ],
)
async def test_every_page_answers_whole_and_takes_no_markup_from_anybody(console: ConsoleOnFakes, path: str) -> None:
    html = await console.page(path)
    assert "<script>alert" not in html and "49" not in html.partition("alert(1)")[2][:20]


@pytest.mark.parametrize("role", [StaffRole.MERCHANDISER, StaffRole.PR, StaffRole.ANALYST, StaffRole.ADMIN])
async def test_the_pages_are_for_the_desk_alone(console: ConsoleOnFakes, role: StaffRole) -> None:
    console.roles = (role,)
    for path in ("/cases", CASE, "/customers", "/customers/c-1", "/contacts", CONTACT):
        assert (await console.get(path)).status_code == 403


async def test_a_case_is_taken_down_once(console: ConsoleOnFakes) -> None:
    fields = fields_of(await console.page("/cases"), "new")
    sent = {**fields, "customer": "card:1000231", "kind": "complaint", "channel": "phone", "text": "牛奶坏了"}
    answer = await console.post("/cases", "new", sent)
    assert answer.status_code == 303 and answer.headers["location"].endswith(CASE)
    asked = console.services.last("CreateCase")
    assert asked.actor == "staff:lin" and asked.request_id.startswith("staff:lin/") and asked.text == "牛奶坏了"


async def test_cases_of_a_kind_are_a_link_that_can_be_kept(console: ConsoleOnFakes) -> None:
    page = await console.page("/cases?kind=question&cases.after=old&view=mine")
    asked = console.services.last("ListCases")
    assert (asked.kind, asked.owner) == (case_pb2.CASE_KIND_QUESTION, "staff:lin")
    assert '<option value="question" selected>' in page
    assert 'name="view" value="mine"' in page
    # Another view shows the same kind from its beginning: the place belonged to the former one.
    assert 'href="/console/cases?kind=question&amp;view=closed"' in page
    assert 'href="/console/cases?kind=question&amp;view=mine&amp;cases.after=next"' in page
    await console.page("/cases?kind=nonsense")
    assert console.services.last("ListCases").kind == case_pb2.CASE_KIND_UNSPECIFIED


async def test_a_page_without_rows_leads_on_where_more_may_come(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = case_service_pb2.ListCasesResponse(next_page_token="on")
    monkeypatch.setattr(type(console.services), "_ListCases", lambda _self, _request: empty)
    assert "cases.after=on" in await console.page("/cases?kind=suggestion")


async def test_what_is_wrong_stays_in_its_field(console: ConsoleOnFakes) -> None:
    answer = await console.post(
        "/cases", "new", {"customer": "card:1000231", "kind": "complaint", "channel": "phone", "title": "kept words"}
    )
    assert answer.status_code == 422 and "kept words" in answer.text
    assert console.services.count("CreateCase") == 0


@pytest.mark.parametrize(
    ("form", "fields", "method"),
    [
        ("reply", {"text": "sorry"}, "ReplyCase"),
        ("note", {"text": "call back"}, "NoteCase"),
        ("write", {"text": "still off"}, "WriteCase"),
        ("take", {}, "AssignCase"),
        ("assign", {"owner": "wang"}, "AssignCase"),
        ("close", {"cause": "product-quality", "text": "refunded"}, "CloseCase"),
        ("reopen", {"text": "forgot"}, "ReopenCase"),
    ],
)
async def test_every_deed_reaches_the_service_and_the_trail(
    console: ConsoleOnFakes, form: str, fields: dict[str, str], method: str
) -> None:
    own = {"submit": SUBMIT, **({} if form in ("note", "write") else {"version": str(CASE_VERSION)})}
    answer = await console.post(CASE, form, fields, **own)
    assert answer.status_code == 303, answer.text
    deed = console.services.last(method).deed
    assert deed.id == CASE_ID and deed.request_id == f"staff:lin/{SUBMIT}"
    trail = await console.shop.parts.staff.audit.page(AuditFilter(kind="case"), size=5)
    assert [entry.actor for entry in trail.entries] == ["staff:lin"]


async def test_a_complaint_without_cause_says_so_and_a_stale_reply_keeps_its_words(console: ConsoleOnFakes) -> None:
    missing = await console.post(CASE, "close", {"text": "done"}, submit="s-1", version=str(CASE_VERSION))
    assert missing.status_code == 422
    stale = await console.post(CASE, "reply", {"text": "typed for minutes"}, submit="s-2", version="1")
    assert stale.status_code == 412 and "typed for minutes" in stale.text


async def test_a_part_that_is_away_is_said_and_the_rest_is_shown(console: ConsoleOnFakes) -> None:
    console.services.failures["GetPurchaseHistory"] = _Away("gone")
    console.services.failures["ListContacts"] = _Away("gone")
    html = await console.page("/customers/c-1")
    assert html.count('class="gone') == 2 and CASE_ID in html


async def test_joining_parting_and_consent_are_asked_for_once_and_kept_in_the_trail(console: ConsoleOnFakes) -> None:
    merged = await console.post("/customers/c-1", "merge", {"other": "card:2", "reason": "same person"}, submit="s-1")
    parted = await console.post(
        "/customers/c-1", "unmerge", {"identifiers": ["card:2"], "reason": "not the same"}, submit="s-2"
    )
    said = await console.post("/customers/c-1", "consent", {"purpose": "marketing", "granted": "true"}, submit="s-3")
    assert [each.status_code for each in (merged, parted, said)] == [303, 303, 303]
    assert console.services.last("MergeCustomers").ids == ["c-1", "card:2"]
    assert console.services.last("SetConsent").granted is True


async def test_contacts_are_planned_completed_moved_and_taken_off(console: ConsoleOnFakes) -> None:
    fields = {"kind": "telephone", "purpose": "care", "day": "2026-12-01"}
    planned = await console.post("/customers/c-1", "contact", fields, submit="s-1")
    done = await console.post(CONTACT, "complete", {"outcome": "not-reached"}, submit="s-2", version="1")
    moved = await console.post(CONTACT, "move", {"day": "2026-12-02"}, submit="s-3", version="1")
    gone = await console.post(CONTACT, "cancel", {"note": "by mail"}, submit="s-4", version="1")
    whole_class = await console.post("/contacts", "plan", {"abc_class": "A"}, submit="s-5")
    assert {each.status_code for each in (planned, done, moved, gone, whole_class)} == {303}
    assert console.services.last("MoveContact").owner == "-"


async def test_tables_are_files_too(console: ConsoleOnFakes) -> None:
    console.services.failures.clear()
    answer = await console.get("/customers/c-1?csv=facts")
    assert answer.headers["content-type"].startswith("text/csv")


async def test_the_start_page_and_the_search_box_know_the_desk(console: ConsoleOnFakes) -> None:
    console.roles = (StaffRole.DESK,)
    html = await console.page("/")
    assert "/console/cases" in html and "/console/contacts" in html
    assert CASE_ID in await console.page(f"/search?q={CASE_ID}")


async def test_the_number_beside_cases_is_of_those_that_press(console: ConsoleOnFakes) -> None:
    assert await read_cases(console.shop.parts, "main") == ("3/1/1/1/2/40", 2)


class _Away(ZhikeError):
    kind = ErrorKind.UNAVAILABLE
    reason = "UNAVAILABLE"
