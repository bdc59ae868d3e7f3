"""One try: a signed POST with bounds on every wait, and what its answer means."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from services.chassis.clock import Clock
from services.chassis.errors import ZhikeError
from services.kits.outbound.guard import HostUnknownError
from services.kits.webhooks.deliveries import RESPONSE_LIMIT, Attempt, Delivery, Outcome
from services.kits.webhooks.schedule import retry_after_of
from services.kits.webhooks.signing import signed_headers
from services.kits.webhooks.targets import Target

CONNECT_TIMEOUT_S: Final = 5.0
CALL_TIMEOUT_S: Final = 20.0  # until an answer begins; the specification recommends 15 to 30 s
BODY_TIMEOUT_S: Final = 5.0  # until it ends, or is left at that
READ_LIMIT_BYTES: Final = 16 * 1024  # of an answer; a longer one costs its connection
_HEADERS: Final = {
    "content-type": "application/json",
    "user-agent": "Zhike-Webhooks/1",
    "accept": "*/*",
    "accept-encoding": "identity",  # the answer is only logged; nothing is unpacked for it
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a try. ``retry_after``: the least wait that the receiver asked for."""

    attempt: Attempt
    retry_after: timedelta = timedelta(0)


class Sender:
    """Makes calls over ``transport``, which guards where they go. Redirects are not followed, cookies not kept."""

    def __init__(self, transport: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._clock = clock
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(CALL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def send(self, target: Target, delivery: Delivery) -> Answer:
        """Call once and say how it went; nothing but cancellation is raised."""
        now, began_s = self._clock.now(), self._clock.monotonic()
        body = delivery.body.encode()
        headers = _HEADERS | signed_headers(delivery.id, body, target.signing(now), now)
        outcome, status, text, retry_after = await self._call(target.url, headers, body, now)
        duration_ms = round((self._clock.monotonic() - began_s) * 1_000)
        return Answer(Attempt(now, duration_ms, outcome, status, text, delivery.round), retry_after)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.aclose()

    async def _call(
        self, url: str, headers: dict[str, str], body: bytes, now: datetime
    ) -> tuple[Outcome, int, str, timedelta]:
        nothing = timedelta(0)
        request = self._client.build_request("POST", url, headers=headers, content=body)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                response = await self._client.send(request, stream=True)
        except (TimeoutError, httpx.TimeoutException) as error:
            return Outcome.TIMEOUT, 0, _words(error), nothing
        except (httpx.TransportError, OSError, HostUnknownError) as error:
            return Outcome.UNREACHABLE, 0, _words(error), nothing
        except ZhikeError as error:  # the guard's refusals
            return Outcome.BLOCKED, 0, _words(error), nothing
        text = await _beginning_of(response)
        retry_after = retry_after_of(response.headers.get("retry-after", ""), now)
        status = response.status_code
        return outcome_of(status, asked_to_wait=retry_after > nothing), status, text, retry_after


def outcome_of(status: int, *, asked_to_wait: bool) -> Outcome:
    """Return what a status means ("Delivery success and failure")."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status == HTTPStatus.GONE:
        return Outcome.GONE
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and asked_to_wait):
        return Outcome.THROTTLED
    return Outcome.BROKEN if status >= 500 else Outcome.REFUSED


async def _beginning_of(response: httpx.Response) -> str:
    """Return how the body begins. The status has said all that counts, so a body that breaks off is no failure."""
    content = bytearray()
    with contextlib.suppress(httpx.TransportError, OSError, TimeoutError):
        async with asyncio.timeout(BODY_TIMEOUT_S), contextlib.aclosing(response):
            async for part in response.aiter_raw():
                content += part
                if len(content) > READ_LIMIT_BYTES:
                    break
    return bytes(content[: RESPONSE_LIMIT * 4]).decode(errors="replace")[:RESPONSE_LIMIT]


def _words(error: Exception) -> str:
    """Return what went wrong without addresses: an operator reads it, and may hand it to the target's owner."""
    reason = error.reason if isinstance(error, ZhikeError) else type(error).__name__
    return reason[:RESPONSE_LIMIT]
