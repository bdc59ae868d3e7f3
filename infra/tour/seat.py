"""Somebody of staff at the console: signs in as people do, opens pages and sends their forms, over HTTP alone."""

import csv
import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx

from infra.tour.visit import EXCERPT_CHARACTERS, Exchange, Visit, check

ROOT: Final = "/console"
PASSWORD_BYTES: Final = 24

SentFile = tuple[str, tuple[str, bytes, str]]  # a field, and the file's name, content and type


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form of a page. ``fields``: what a browser would send of it as it stands; ``fixed``: its hidden ones alone."""

    fields: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)

    def is_for(self, name: str, given: Mapping[str, str]) -> bool:
        """Say whether it is the one of this name, and of several the one whose hidden fields are those given."""
        return self.fixed.get("_form") == name and all(
            self.fixed.get(key, value) == value for key, value in given.items()
        )


@dataclass
class Seat:
    """One role's browser. Every page and form leaves its evidence in the visit."""

    visit: Visit
    role: str
    client: httpx.AsyncClient

    @property
    def actor(self) -> str:
        """Return who it is in the audit trail."""
        return f"staff:{account_of(self.role)}"

    async def open(self, path: str = "", *, status: int = HTTPStatus.OK) -> str:
        """Open a page and return its HTML."""
        answer = await self.client.get(f"{ROOT}{path}")
        self._show(answer)
        check(answer.status_code == status, f"{path or '/'} answered {self.role} {answer.status_code}, not {status}")
        return answer.text

    async def rows(self, path: str, table: str) -> list[dict[str, str]]:
        """Return a table of a page, read from the CSV file that the page offers of it."""
        answer = await self.client.get(f"{ROOT}{path}{'&' if '?' in path else '?'}csv={table}")
        text = answer.content.decode("utf-8-sig")
        self._show(answer, text)
        check(answer.status_code == HTTPStatus.OK, f"{path} answered {self.role} {answer.status_code}")
        check(answer.headers["content-type"].startswith("text/csv"), f"{path} has no table {table}")
        return list(csv.DictReader(io.StringIO(text)))

    async def send(
        self, path: str, form: str, fields: Mapping[str, str] | None = None, *, file: SentFile | None = None
    ) -> str:
        """Open a page, fill in one of its forms, send it, and return the path within the console that it leads to."""
        typed = fields or {}
        page = await self.open(path)
        found = next((each for each in forms_of(page) if each.is_for(form, typed)), None)
        check(found is not None, f"{path or '/'} shows {self.role} no form {form}")
        assert found is not None
        answer = await self.post(path, {**found.fields, **typed}, file=file)
        check(answer.status_code == HTTPStatus.SEE_OTHER, f"{form} was answered {answer.status_code}: {said(answer)}")
        return urlsplit(answer.headers["location"]).path.removeprefix(ROOT)

    async def post(self, path: str, fields: Mapping[str, str], *, file: SentFile | None = None) -> httpx.Response:
        """Send fields as a page of this origin does, whatever comes back."""
        base = self.client.base_url
        headers = {"Origin": f"{base.scheme}://{base.netloc.decode('ascii')}"}
        files = [file] if file is not None else None
        answer = await self.client.post(f"{ROOT}{path}", data=dict(fields), files=files, headers=headers)
        self._show(answer)
        return answer

    def _show(self, answer: httpx.Response, text: str = "") -> None:
        """Keep what was asked and which page came: what stands on it may be about a person, or a password."""
        told = text or heading_of(answer.text) or answer.headers.get("location", "")
        request = f"{answer.request.method} {answer.request.url.raw_path.decode('ascii')} ({self.role})"
        self.visit.shown.append(Exchange(request, answer.status_code, told[:EXCERPT_CHARACTERS]))


async def take_seat(visit: Visit, role: str) -> Seat:
    """Return the seat of a role; at the first time an account is made or given back, and signed in by its forms.

    The accounts are the tour's own, one for each role; ``tidy`` disables them, and their passwords are known to nobody.
    """
    if role in visit.seats:
        return Seat(visit, role, visit.seats[role])
    check(visit.open_client is not None, "nobody may sign in")
    assert visit.open_client is not None
    one_time = await _one_time_password(visit, role)
    visit.seats[role] = visit.open_client()
    seat = Seat(visit, role, visit.seats[role])
    await seat.send("/sign-in", "sign_in", {"name": account_of(role), "password": one_time})
    own = secrets.token_urlsafe(PASSWORD_BYTES)
    await seat.send("/password", "password", {"old_password": one_time, "password": own, "repeat_password": own})
    await seat.open()
    return seat


def account_of(role: str) -> str:
    """Return the sign-in name of the tour's account of a role."""
    return f"tour-{role}"


async def _one_time_password(visit: Visit, role: str) -> str:
    account = account_of(role)
    wanted = {"id": account, "name": f"Tour: {role}", "roles": [role], "language": "en"}
    made = await visit.post("/v1/staff", wanted, key="operator")
    if visit.last_status == HTTPStatus.CONFLICT:  # an earlier tour made it, and disabled it
        await visit.post(f"/v1/staff/{account}:enable", {}, key="operator")
        made = await visit.post(f"/v1/staff/{account}:reset", {}, key="operator")
    check("one_time_password" in made, f"the account was answered {visit.last_status}")
    visit.tidying.append(("POST", f"/v1/staff/{account}:disable", "operator"))
    visit.hide(made["one_time_password"])
    return str(made["one_time_password"])


def forms_of(html: str) -> list[SentForm]:
    """Return the forms of a page that are sent by POST."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def heading_of(html: str) -> str:
    """Return the heading of a page, "" of what is no page."""
    reader = _Reader()
    reader.feed(html)
    return " ".join(reader.heading.split())


def said(answer: httpx.Response) -> str:
    """Return what a page says is wrong."""
    reader = _Reader()
    reader.feed(answer.text)
    return " ".join(reader.alert.split()) or heading_of(answer.text)


class _Reader(HTMLParser):
    """Collects forms as a browser would send them, the heading, and what is alarming."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[SentForm] = []
        self.heading = self.alert = ""
        self._form: SentForm | None = None
        self._area = self._select = ""
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        if tag == "h1" or (tag == "p" and own.get("role") == "alert"):
            self._within.append(tag)
        if tag == "form":
            self._form = SentForm()
            if own.get("method") == "post":
                self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag == "input":
            self._take_input(self._form, own)
        elif tag == "textarea":
            self._area = own.get("name", "")
            self._form.fields[self._area] = ""
        elif tag == "select":
            self._select = own.get("name", "")
        elif tag == "option" and self._select and (self._select not in self._form.fields or "selected" in own):
            self._form.fields[self._select] = own.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = ""
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._within:
            if self._within[-1] == "h1":
                self.heading += data
            else:
                self.alert += data
        if self._area and self._form is not None:
            self._form.fields[self._area] += data.removeprefix("\n") if not self._form.fields[self._area] else data

    @staticmethod
    def _take_input(form: SentForm, own: Mapping[str, str]) -> None:
        name, kind = own.get("name", ""), own.get("type", "text")
        if not name or kind == "file" or (kind in ("checkbox", "radio") and "checked" not in own):
            return
        form.fields[name] = own.get("value", "")
        if kind == "hidden":
            form.fixed[name] = own.get("value", "")
