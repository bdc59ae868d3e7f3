"""Plays a simulated fulfilment against a running deployment, through the doors that a shop and carriers use.

Each step is told when its time has come. What a step tells may have been told before (carriers repeat themselves); a
door that is away for a while is tried again, for the facts' ids make a repetition harmless.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import orjson

from infra.demo.carrier_calls import JSON, CarrierCall, signed_call
from infra.demo.fulfilment import Step

DOORS: Final = {"events": "/v1/orders/events", "shipments": "/v1/shipments"}
TRIES: Final = 20
PAUSE_S: Final = 0.5  # between tries
LONGEST_SLEEP_S: Final = 60.0


class Post(Protocol):
    """Sends a body. ``as_shop``: with the shop's credentials; carriers have none, their signature speaks."""

    async def __call__(self, path: str, body: bytes, headers: Mapping[str, str], *, as_shop: bool) -> int:
        """Return the answer's status; 0 where nobody answered."""


class PlayStoppedError(Exception):
    """A door refused a step, or was away too long."""

    def __init__(self, path: str, status: int) -> None:
        super().__init__(f"{path} answered {status}")
        self.path, self.status = path, status


@dataclass(frozen=True, slots=True)
class Player:
    """Plays steps. ``secrets``: by sender, as carrier_secrets.py gives them."""

    post: Post
    secrets: Mapping[str, str]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]

    async def play(self, steps: Sequence[Step]) -> int:
        """Tell every step in its time and return how many were told. Raises PlayStoppedError."""
        for place, step in enumerate(steps):
            while (left_s := (step.tell_time - self.now()).total_seconds()) > 0:
                await self.sleep(min(left_s, LONGEST_SLEEP_S))
            await self._tell(step, place)
        return len(steps)

    async def _tell(self, step: Step, place: int) -> None:
        status = 0
        for _ in range(TRIES):
            path, body, headers, as_shop = self._said(step, place)
            status = await self.post(path, body, headers, as_shop=as_shop)
            if 200 <= status < 300:
                return
            if status not in (0, 429, 502, 503, 504):
                raise PlayStoppedError(path, status)
            await self.sleep(PAUSE_S)
        raise PlayStoppedError(path, status)

    def _said(self, step: Step, place: int) -> tuple[str, bytes, Mapping[str, str], bool]:
        """Return path, body, headers and whether the shop says it; signed anew each time, for signatures grow old."""
        if isinstance(step.body, CarrierCall):
            call = step.body
            message_id = f"msg_{place}_{int(step.tell_time.timestamp() * 1_000)}"
            signed = signed_call(call, self.secrets[call.connection], message_id=message_id, now=self.now())
            return f"/v1/carriers/{call.connection}/webhook", signed.body, signed.headers, False
        said: dict[str, Any] = {"events": [step.body]} if step.door == "events" else step.body
        return DOORS[step.door], orjson.dumps(said), {"content-type": JSON}, True
