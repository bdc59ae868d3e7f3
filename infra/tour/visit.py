"""One walk's state: the HTTP client, its keys, and the evidence that each request leaves."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
import orjson

from infra.tour.receiver import Received

EVENTUALLY_S = 30.0  # a busy machine takes its time; how soon it is, benchmarks measure
EVENTUALLY_PAUSE_S = 0.2
EXCERPT_CHARACTERS = 400


class StepFailedError(Exception):
    """What the step is about did not hold; the message says what was seen instead."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back, as evidence."""

    request: str
    status: int
    excerpt: str

    def as_json(self) -> dict[str, Any]:
        """Return the public form."""
        return {"request": self.request, "status": self.status, "excerpt": self.excerpt}


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a stream. ``id``: to come again with, "" without one."""

    event: str
    id: str
    body: Any


class Ear(Protocol):
    """Where webhooks come in: infra.tour.receiver.Receiver, or a test's own."""

    calls: list[Received]

    @property
    def url(self) -> str:
        """Return where calls go."""


@dataclass
class Visit:
    """What the steps share. ``keys``: "publishable", "shop", "staff" and "operator" to their credentials.

    ``receiver``: where the deployment may send webhooks, None where it may not; ``noted``: what a step found for those
    after it; ``tidying``: requests (method, path) that take back what the visit made, the latest first.
    ``open_client``: makes a further client of the same deployment, with cookies of its own; ``seats``: those that sit
    at the console, by role.
    """

    client: httpx.AsyncClient
    keys: Mapping[str, str]
    visitor_id: str = field(default_factory=lambda: f"v-{secrets.token_urlsafe(24)}")
    number: str = field(default_factory=lambda: secrets.token_hex(5))
    shown: list[Exchange] = field(default_factory=list)
    eventually_s: float = EVENTUALLY_S
    receiver: Ear | None = None
    noted: dict[str, str] = field(default_factory=dict)
    tidying: list[tuple[str, str, str]] = field(default_factory=list)
    open_client: Callable[[], httpx.AsyncClient] | None = None
    seats: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    start_time: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def get(self, path: str, *, key: str = "publishable", visitor: str | None = None, **query: str) -> Any:
        """GET, keep the evidence, return the parsed body."""
        return await self._send("GET", path, key=key, visitor=visitor, params=query)

    async def post(self, path: str, body: Any, *, key: str = "publishable") -> Any:
        """POST JSON, keep the evidence, return the parsed body."""
        return await self._send("POST", path, key=key, visitor=None, json=body)

    async def put(self, path: str, body: Any, *, key: str = "publishable") -> Any:
        """PUT JSON, keep the evidence, return the parsed body."""
        return await self._send("PUT", path, key=key, visitor=None, json=body)

    async def follow(
        self, path: str, until: Callable[[Told], bool], *, key: str, after: str = "", limit_s: float
    ) -> None:
        """Read a stream until an event is the last that is wanted, and keep what facts it told as evidence.

        Raises StepFailedError when it cannot be opened, or ends or goes on for ``limit_s`` without that event.
        """
        headers = {**self._headers(key, None), **({"Last-Event-ID": after} if after else {})}
        names: list[str] = []
        status = 0
        try:
            async with asyncio.timeout(limit_s), self.client.stream("GET", path, headers=headers) as answer:
                status = answer.status_code
                async for told in _told(answer):
                    if "type" in told.body:
                        names.append(told.body["type"])
                    if until(told):
                        return
        except TimeoutError:
            pass
        finally:
            self.show(f"GET {path}" + (f" (Last-Event-ID {after})" if after else ""), status, ", ".join(names))
        raise StepFailedError(f"the stream answered {status}, told {', '.join(names[-3:]) or 'nothing'} and no more")

    def show(self, request: str, status: int, excerpt: str) -> None:
        """Keep evidence of what came in by itself."""
        self.shown.append(Exchange(request, status, excerpt[:EXCERPT_CHARACTERS]))

    def hide(self, secret: str) -> None:
        """Strike a secret from the last evidence."""
        last = self.shown[-1]
        self.shown[-1] = Exchange(last.request, last.status, last.excerpt.replace(secret, "…"))

    async def tidy(self) -> None:
        """Take back what the visit made; what is gone already, or out of reach, is no matter."""
        while self.tidying:
            method, path, key = self.tidying.pop()
            with suppress(httpx.HTTPError):
                await self.client.request(method, path, headers=self._headers(key, None))
        while self.seats:
            await self.seats.popitem()[1].aclose()

    async def fetch(self, path: str, *, key: str) -> bytes:
        """GET a file, keep that it came as evidence, return it."""
        answer = await self.client.get(path, headers=self._headers(key, None))
        told = f"{answer.headers.get('content-type', '')}, {len(answer.content)} bytes"
        self.show(f"GET {path}", answer.status_code, told)
        return answer.content

    @property
    def last_status(self) -> int:
        """The status of the last exchange."""
        return self.shown[-1].status

    async def eventually(self, look: Callable[[], Awaitable[bool]], otherwise: str, *, patience: float = 1.0) -> None:
        """Look again until it holds; raises StepFailedError after ``eventually_s`` times ``patience``.

        Copies follow within seconds; what rewrites logs may take a minute.
        """
        limit_s = self.eventually_s * patience
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    mark = len(self.shown)
                    if await look():
                        return
                    del self.shown[mark:]
                    await asyncio.sleep(EVENTUALLY_PAUSE_S)
        except TimeoutError:
            raise StepFailedError(f"{otherwise} within {limit_s:.0f} s") from None

    async def _send(self, method: str, path: str, *, key: str, visitor: str | None, **arguments: Any) -> Any:
        answer = await self.client.request(method, path, headers=self._headers(key, visitor), **arguments)
        self.shown.append(
            Exchange(
                request=f"{method} {httpx.URL(answer.request.url).raw_path.decode('ascii')}",
                status=answer.status_code,
                excerpt=answer.text[:EXCERPT_CHARACTERS],
            )
        )
        try:
            return answer.json()
        except ValueError:
            raise StepFailedError(f"{method} {path} answered {answer.status_code} without JSON") from None

    def _headers(self, key: str, visitor: str | None) -> dict[str, str]:
        if key == "publishable":
            return {"X-Api-Key": self.keys[key], "X-Visitor-Id": visitor or self.visitor_id}
        return {"Authorization": f"Bearer {self.keys.get(key, key)}"}


def check(holds: object, otherwise: str) -> None:
    """Raise StepFailedError with ``otherwise`` unless it holds."""
    if not holds:
        raise StepFailedError(otherwise)


async def _told(answer: httpx.Response) -> AsyncIterator[Told]:
    """Read server-sent events, each with JSON as data; comments are left out."""
    event, id_, data = "message", "", ""
    async for line in answer.aiter_lines():
        field_, _, value = line.partition(": ")
        if field_ == "event":
            event = value
        elif field_ == "id":
            id_ = value
        elif field_ == "data":
            data = value
        elif not line and data:
            yield Told(event, id_, orjson.loads(data))
            event, id_, data = "message", "", ""
