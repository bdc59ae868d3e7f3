"""The console on fakes: no socket, the services in one process, somebody of any roles signed in by a header."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from gateway.app import build_app
from gateway.console.answering import Console
from gateway.console.pages import Area
from gateway.console.registry import AREAS
from gateway.staff.members import StaffMember, StaffRole
from gateway.staff.office import Staff
from gateway.staff.sessions import StaffSession
from tests.fakes.clock import START_TIME
from tests.fakes.gateway_services import FakeServices
from tests.fakes.gateway_shop import Shop, open_shop

ROLES_HEADER = "x-test-roles"
NAME_HEADER = "x-test-name"


class FakeSessions:
    """Reads who is signed in from the test's own headers; their accounts stand in the store."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff

    async def member_of(self, headers: Mapping[bytes, bytes]) -> StaffSession | None:
        roles = headers.get(ROLES_HEADER.encode(), b"").decode()
        if not roles:
            return await self._staff.sessions.member_of(headers)
        name = headers.get(NAME_HEADER.encode(), b"Lin").decode()
        wanted = frozenset(StaffRole(each) for each in roles.split(","))
        member = StaffMember(name.lower(), name, wanted, START_TIME)
        if await self._staff.members.get(member.id) is None:
            await self._staff.members.insert(member)
        return StaffSession(member, "a-test", "main", START_TIME)


@dataclass
class ConsoleOnFakes:
    """A console and the gateway around it. ``roles`` are signed in; None for nobody."""

    client: httpx.AsyncClient
    shop: Shop
    console: Console
    language: str = "en"
    roles: Sequence[StaffRole] | None = tuple(StaffRole)
    name: str = "Lin"
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def services(self) -> FakeServices:
        return self.shop.services

    def _headers(self) -> dict[str, str]:
        headers = {"accept-language": self.language, "sec-fetch-site": "same-origin"}
        if self.roles is not None:
            headers |= {ROLES_HEADER: ",".join(self.roles), NAME_HEADER: self.name}
        return headers

    async def get(self, path: str) -> httpx.Response:
        """Open a page below /console."""
        return await self.client.get(f"/console{path}", headers=self._headers())

    async def post(self, path: str, form: str, fields: Mapping[str, Any], **own: str) -> httpx.Response:
        """Send a form; ``own`` are the frame's fields: submit, version."""
        data = {"_form": form, **{f"_{name}": value for name, value in own.items()}, **fields}
        return await self.client.post(f"/console{path}", data=data, headers=self._headers())

    async def page(self, path: str) -> str:
        """Open a page that must be there, in words that all exist."""
        response = await self.get(path)
        assert response.status_code == 200, response.text
        whole(response.text)
        return response.text


def whole(html: str) -> None:
    """Hold that no word is missing and nothing is inline."""
    assert "⟨" not in html, html[html.index("⟨") - 40 : html.index("⟨") + 80]
    assert " style=" not in html
    assert "<script>" not in html
    assert "javascript:" not in html


async def open_console(areas: Sequence[Area] = AREAS, *, language: str = "en", **settings: Any) -> ConsoleOnFakes:
    """Build a console with all areas, or those that a test is about."""
    shop = await open_shop(**settings)
    console = Console(shop.parts, FakeSessions(shop.parts.staff), areas=areas)
    app = build_app(shop.parts, shop.metrics, pages=console.routes())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://gateway.test")
    return ConsoleOnFakes(client, shop, console, language)


class _Fields(HTMLParser):
    """Collects the fields of one form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._wanted, self._inside = f"form-{form}", False
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        if tag == "form":
            self._inside = own.get("id") == self._wanted
        elif tag == "input" and self._inside and own.get("name"):
            self.fields[str(own["name"])] = own.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def fields_of(html: str, form: str) -> dict[str, str]:
    """Return the inputs of a form on a page, with what stands in them."""
    parser = _Fields(form)
    parser.feed(html)
    return parser.fields
