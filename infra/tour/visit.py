"""One walk's state: the HTTP client, its keys, and the evidence that each request leaves."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

EVENTUALLY_S = 10.0
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


@dataclass
class Visit:
    """What the steps share. ``keys``: "publishable", "shop", "staff" and "operator" to their credentials."""

    client: httpx.AsyncClient
    keys: Mapping[str, str]
    visitor_id: str = field(default_factory=lambda: f"v-{secrets.token_urlsafe(24)}")
    number: str = field(default_factory=lambda: secrets.token_hex(5))
    shown: list[Exchange] = field(default_factory=list)
    eventually_s: float = EVENTUALLY_S

    async def get(self, path: str, *, key: str = "publishable", visitor: str | None = None, **query: str) -> Any:
        """GET, keep the evidence, return the parsed body."""
        return await self._send("GET", path, key=key, visitor=visitor, params=query)

    async def post(self, path: str, body: Any, *, key: str = "publishable") -> Any:
        """POST JSON, keep the evidence, return the parsed body."""
        return await self._send("POST", path, key=key, visitor=None, json=body)

    @property
    def last_status(self) -> int:
        """The status of the last exchange."""
        return self.shown[-1].status

    async def eventually(self, look: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Look again until it holds; raises StepFailedError after ``eventually_s``. Copies follow within seconds."""
        try:
            async with asyncio.timeout(self.eventually_s):
                while True:
                    mark = len(self.shown)
                    if await look():
                        return
                    del self.shown[mark:]
                    await asyncio.sleep(EVENTUALLY_PAUSE_S)
        except TimeoutError:
            raise StepFailedError(f"{otherwise} within {self.eventually_s:.0f} s") from None

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
