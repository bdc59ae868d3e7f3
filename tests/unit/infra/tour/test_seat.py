"""A seat at the console: what a browser would send of a page's forms, signing in as an account of the tour's own."""

from urllib.parse import parse_qs

import httpx
import pytest

from infra.tour.seat import account_of, forms_of, heading_of, take_seat
from infra.tour.visit import StepFailedError, Visit

KEYS = {"publishable": "pk", "shop": "sk_shop", "staff": "sk_staff", "operator": "op"}
ONE_TIME = "abcd-efgh-ijkl"
OWN = "<input type=hidden name=_form value={0}><input type=hidden name=_submit value=s-1>"
FIELDS = f"""<h1>Edit <b>it</b></h1><form method="get"><input name="q" value="no"></form>
<form method="post">{OWN.format("edit")}<input name="title" value="old &amp; new">
<input type="checkbox" name="on" value="yes">
<input type="radio" name="kind" value="a"><input type="radio" name="kind" value="b" checked><input type="file" name="f">
<textarea name="note">
two
lines</textarea><select name="owner"><option value="li">Li<option value="wu" selected>Wu</select>
<datalist><option value="p-1">one</datalist><select name="hours"><option value="4">4<option value="8">8</select></form>
<form method="post">{OWN.format("step")}<input type="hidden" name="step" value="launch"></form>
<form method="post">{OWN.format("step")}<input type="hidden" name="step" value="archive"></form>"""


class FakeConsole:
    """Signs accounts in, keeps what forms sent; "taken" says that the account is there from an earlier tour."""

    def __init__(self, *, taken: bool = False, answer: int = 303) -> None:
        self.taken, self.answer = taken, answer
        self.calls: list[str] = []
        self.sent: list[dict[str, list[str]]] = []

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://tour")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.calls.append(f"{request.method} {path}")
        if path == "/v1/staff" and self.taken:
            return httpx.Response(409, json={"reason": "STAFF_TAKEN"})
        if path.startswith("/v1/staff"):
            return httpx.Response(201, json={"one_time_password": ONE_TIME})
        if request.method == "POST":
            assert request.headers["origin"] == "http://tour"
            self.sent.append(parse_qs(request.content.decode(), keep_blank_values=True))
            return httpx.Response(self.answer, headers={"location": "/console/next?x=1"})
        names = {"/console/sign-in": "sign_in", "/console/password": "password"}
        page = f'<form method="post">{OWN.format(names[path])}</form>' if path in names else FIELDS
        return httpx.Response(200, text=page)


def visit_to(console: FakeConsole) -> Visit:
    return Visit(console.client(), KEYS, eventually_s=0.05, open_client=console.client)


def test_forms_are_read_as_a_browser_would_send_them() -> None:
    edit, launch, archive = forms_of(FIELDS)
    assert edit.fields == {
        "_form": "edit",
        "_submit": "s-1",
        "title": "old & new",
        "kind": "b",
        "note": "two\nlines",
        "owner": "wu",
        "hours": "4",
    }
    assert archive.is_for("step", {"step": "archive"}) and not launch.is_for("step", {"step": "archive"})
    assert heading_of(FIELDS) == "Edit it"


async def test_a_seat_is_taken_once_and_given_back_with_its_account() -> None:
    console = FakeConsole()
    visit = visit_to(console)
    seat = await take_seat(visit, "desk")
    assert (await take_seat(visit, "desk")).client is seat.client
    sign_in, password = console.sent
    assert sign_in["name"] == [account_of("desk")] and sign_in["password"] == [ONE_TIME]
    assert password["password"] == password["repeat_password"] != [ONE_TIME]
    client = seat.client
    await visit.tidy()
    assert console.calls.count("POST /v1/staff") == 1
    assert console.calls[-1] == "POST /v1/staff/tour-desk:disable"
    assert client.is_closed and not visit.seats


async def test_an_account_of_an_earlier_tour_is_given_back() -> None:
    console = FakeConsole(taken=True)
    await take_seat(visit_to(console), "pr")
    assert console.calls[:3] == ["POST /v1/staff", "POST /v1/staff/tour-pr:enable", "POST /v1/staff/tour-pr:reset"]


async def test_a_form_is_sent_with_what_stands_in_it_and_leads_on() -> None:
    console = FakeConsole()
    visit = visit_to(console)
    seat = await take_seat(visit, "desk")
    assert await seat.send("/things/1", "edit", {"title": "new", "rows.0.zh": "一"}) == "/next"
    assert console.sent[-1]["title"] == ["new"] and console.sent[-1]["owner"] == ["wu"]
    assert console.sent[-1]["rows.0.zh"] == ["一"]
    shown = str([each.as_json() for each in visit.shown])
    assert "Edit it" in shown and ONE_TIME not in shown


@pytest.mark.parametrize(("form", "answer"), [("missing", 303), ("edit", 422), ("edit", 403)])
async def test_a_form_that_is_not_there_or_is_refused_fails_the_step(form: str, answer: int) -> None:
    console = FakeConsole()
    seat = await take_seat(visit_to(console), "desk")
    console.answer = answer
    with pytest.raises(StepFailedError):
        await seat.send("/things/1", form)


async def test_a_page_with_another_status_fails_the_step() -> None:
    seat = await take_seat(visit_to(FakeConsole()), "analyst")
    with pytest.raises(StepFailedError, match="answered analyst 200, not 403"):
        await seat.open("/customers", status=403)
