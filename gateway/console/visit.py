"""One request to one page: who asks, in which language, and all that a page's handler works with."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

from google.protobuf.message import Message
from starlette.datastructures import QueryParams
from starlette.requests import Request

from gateway.clients import Remote
from gateway.console.formats import Formats
from gateway.console.forms import FormState
from gateway.console.pages import ROOT, Area, Page
from gateway.console.staffing import Member, StaffRole
from gateway.console.words import Words
from gateway.endpoints import Parts
from gateway.etag import ANY_VERSION, VersionMismatchError
from gateway.fallbacks import is_absent
from gateway.middleware.record import record_of
from gateway.staff.audit import Facts
from gateway.staff.cookies import is_loopback
from services.chassis.errors import InvalidArgumentError, ZhikeError
from services.chassis.logs import new_request_id

PAGE_SIZE: Final = 50
TOKEN_LIMIT: Final = 2_000
AFTER: Final = ".after"  # ends the query parameter that holds a table's place
QUERY_LIMIT: Final = 500
DAY_LIMIT: Final = len("2026-11-30")
FIRST_YEAR, LAST_YEAR = 1970, 9_000  # of a day, both left out
_VERSION: Final = re.compile(r"[0-9]{1,18}", re.ASCII)

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
ReadT = TypeVar("ReadT")


class NewId(Protocol):
    """Makes ids."""

    def __call__(self) -> str:
        """Return one that was not there before."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """What a handler gets. ``missing`` names services that did not answer: the page shows what it has, and says so."""

    request: Request
    page: Page
    member: Member | None
    parts: Parts
    words: Words
    formats: Formats
    path: Mapping[str, str]
    areas: Sequence[Area] = ()  # all of the console
    new_id: NewId = new_request_id
    forms: dict[str, FormState] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    exporting: str = ""  # the table that is written as CSV, "" for none
    cursor_override: str | None = None
    submit_id: str = ""  # of the form that is handled: pass it on as the request id
    version: str = ""  # of the form that is handled: what the edit builds on
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)  # further headers of the answer
    _reading: dict[str, asyncio.Future[Any]] = field(default_factory=dict)

    @property
    def staff(self) -> Member:
        """Who is signed in, on a page that asks for it."""
        assert self.member is not None, "a page for everybody has no member"
        return self.member

    @property
    def shop(self) -> str:
        """The shop that the page is about."""
        return (self.member.shop if self.member is not None else "") or self.parts.settings.default_shop

    @property
    def language(self) -> str:
        """Return zh or en."""
        return self.words.language

    @property
    def query(self) -> QueryParams:
        """The query of the address."""
        return self.request.query_params

    @property
    def request_id(self) -> str:
        """What the log names this request by."""
        return record_of(self.request.scope).request_id

    @property
    def secure(self) -> bool:
        """Whether cookies are for HTTPS alone. The browser's scheme is not known behind a proxy; its host is."""
        return not is_loopback(self.request.headers.get("host", ""))

    @property
    def expected_version(self) -> int:
        """What the form builds on, as a number; 0 where it names none. Raises VersionMismatchError for no number."""
        if not self.version:
            return ANY_VERSION
        if not _VERSION.fullmatch(self.version):
            raise VersionMismatchError("the form names no version of ours")
        return int(self.version)

    @property
    def t(self) -> Words:
        """The words, as templates call them."""
        return self.words

    def may(self, *roles: StaffRole) -> bool:
        """Say whether the member has one of the roles."""
        return self.member is not None and bool(self.member.roles & frozenset(roles))

    def text(self, name: str, limit: int = QUERY_LIMIT) -> str:
        """Return a query parameter without blanks around it. Raises InvalidArgumentError past its limit."""
        value = self.query.get(name, "").strip()
        if len(value) > limit:
            raise InvalidArgumentError(f"{name} has at most {limit} characters", field=name)
        return value

    def day(self, name: str, days_on: int = 0) -> datetime | None:
        """Return the beginning of a day of the shop from the query, ``days_on`` 1: its end; None where none is named.

        Raises InvalidArgumentError.
        """
        text = self.text(name, DAY_LIMIT)
        if not text:
            return None
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise InvalidArgumentError(f"{name} is a day: 2026-11-30", field=name) from error
        if not FIRST_YEAR < day.year < LAST_YEAR:
            raise InvalidArgumentError(f"{name} is a day of these years", field=name)
        zone = self.formats.local(self.parts.clock.now()).tzinfo
        return datetime.combine(day + timedelta(days=days_on), time(), zone)

    def choice(self, name: str, options: Mapping[str, Any], default: str = "") -> str:
        """Return a query parameter that is one of the options, else the default."""
        value = self.query.get(name, default)
        return value if value in options else default

    def cursor(self, table: str) -> str:
        """Return the page token with which a table goes on."""
        if self.exporting == table and self.cursor_override is not None:
            return self.cursor_override
        return self.text(f"{table}{AFTER}", TOKEN_LIMIT)

    def page_size(self, table: str, usual: int = PAGE_SIZE) -> int:
        """Return how many rows to ask for."""
        return 200 if self.exporting == table else usual

    def sorting(self, table: str, options: Mapping[str, Any], default: str = "") -> str:
        """Return by what a table is sorted: one of the options, "-" before it for descending."""
        value = self.query.get(f"{table}.sort", default)
        return value if value.removeprefix("-") in options else default

    async def record(
        self, action: str, kind: str, thing_id: str, *, before: Facts | None = None, after: Facts | None = None
    ) -> None:
        """Leave a line in the audit trail, after the thing was done: "control.pause", "control", its id."""
        await self.parts.staff.audit.record(self.staff, action, kind, thing_id, before=before, after=after)

    async def ask(self, remote: Remote[RequestT, ResponseT], request: RequestT) -> ResponseT:
        """Ask a service. Raises its error: the page is nothing without this."""
        return await remote(self.parts.caller, request)

    async def part(self, name: str, remote: Remote[RequestT, ResponseT], request: RequestT) -> ResponseT | None:
        """Ask a service for a part of the page; None and a note on the page while it is away. Raises other errors."""
        try:
            return await remote.briefly(self.parts.caller, request)
        except ZhikeError as error:
            if not is_absent(error):
                raise
            self.missing.add(name)
            return None

    async def once(self, name: str, read: Callable[[], Awaitable[ReadT]]) -> ReadT:
        """Read what several parts of the page show, or all pages of its file, one time for all of them."""
        running = self._reading.get(name)
        if running is None:
            running = self._reading[name] = asyncio.ensure_future(read())
        shared: ReadT = await asyncio.shield(running)
        return shared

    def form(self, name: str, values: Mapping[str, Any] | None = None, version: str | int = "") -> FormState:
        """Declare a form of the page with what is stored; what was typed before an error stays in its fields."""
        stored = dict(values or {})
        state = self.forms.get(name)
        if state is None:
            state = FormState(name, stored, stored=stored, submit_id=self.new_id(), version=str(version))
            self.forms[name] = state
        else:
            state.stored = stored
            state.version = str(version) or state.version
            state.submit_id = state.submit_id or self.new_id()
        return state

    def link(self, path: str, **values: str) -> str:
        """Return the address of a page by its declared path; "" where the reader may not open it or there is none."""
        page = next((page for area in self.areas for page in area.pages if page.path == path), None)
        if page is None or (page.roles and not self.may(*page.roles)):
            return ""
        return ROOT + path.format_map({name: quote(value, safe="") for name, value in values.items()})

    def address(self, changes: Mapping[str, str | None]) -> str:
        """Return the page's own address with query parameters changed; None or "" takes one out.

        What changes another parameter than a table's place begins every table anew: its place belongs to what it
        showed.
        """
        anew = bool(changes) and not any(name.endswith(AFTER) for name in changes)
        query = [
            (name, value)
            for name, value in self.query.multi_items()
            if name not in changes and not (anew and name.endswith(AFTER))
        ]
        kept = QueryParams(query + [(name, value) for name, value in changes.items() if value])
        return f"{self.request.url.path}?{kept}" if kept else self.request.url.path
