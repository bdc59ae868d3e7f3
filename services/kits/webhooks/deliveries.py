"""A delivery: one event on its way to one target, from its first try to its end. Pure.

Its life: waiting → sending → delivered, or waiting again, or dead after the last try. A claim (``sending``) carries the
time at which it lapses: whoever finds it lapsed takes the delivery up again, so a process that dies in mid-delivery
loses nothing, and what it may have sent is sent again under the same id.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from services.kits.webhooks.messages import Message, delivery_id
from services.kits.webhooks.schedule import wait_before_try

CLAIM: Final = timedelta(seconds=60)  # well above the longest call
ATTEMPTS_KEPT: Final = 20  # in a delivery's log, the latest
RESPONSE_LIMIT: Final = 1_024  # characters of an answer that are kept
INTERRUPTIONS_LIMIT: Final = 100  # a delivery that ends its process each time must end itself
_NO_WAIT: Final = timedelta(0)


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"  # its target was deleted


ENDED: Final = (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED)


class Outcome(StrEnum):
    """How a try went."""

    DELIVERED = "delivered"  # 2xx
    REFUSED = "refused"  # any other status
    GONE = "gone"  # 410
    THROTTLED = "throttled"  # 429, or 503 with Retry-After
    BROKEN = "broken"  # 5xx
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"  # no name, no connection, no answer
    BLOCKED = "blocked"  # the guard refused its address
    INTERRUPTED = "interrupted"  # the process that sent it died; whether it arrived is not known


# What tells of the target as a whole, and not of one message that it does not like.
OF_THE_TARGET: Final = frozenset(
    {Outcome.THROTTLED, Outcome.BROKEN, Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.BLOCKED}
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. ``status`` 0: there was no answer. ``response``: how the answer began. ``round`` grows with replays."""

    start_time: datetime
    duration_ms: int
    outcome: Outcome
    status: int = 0
    response: str = ""
    round: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """``time``: due (waiting), lapse of the claim (sending) or end. ``due_time``: when it was due, also while claimed.

    ``order``: the place among those that are due at the same time. ``tries`` counts all, ``failures`` those of the
    present round that failed. ``replay_id``: the request that began the round.
    """

    id: str
    target_id: str
    event_key: str
    event_type: str
    body: str
    state: DeliveryState
    time: datetime
    due_time: datetime
    create_time: datetime
    order: int = 0
    tries: int = 0
    failures: int = 0
    interruptions: int = 0
    round: int = 1
    replay_id: str = ""
    claimed_by: str = ""
    attempts: tuple[Attempt, ...] = ()
    revision: int = 0

    def claimed(self, claimer: str, now: datetime) -> "Delivery":
        """Return it in the hands of ``claimer``, who has until the claim lapses."""
        return replace(self, state=DeliveryState.SENDING, time=now + CLAIM, claimed_by=claimer, tries=self.tries + 1)

    def after(
        self, attempt: Attempt, now: datetime, chance: Random, *, retry_after: timedelta = _NO_WAIT
    ) -> "Delivery":
        """Return it after a try."""
        tried = replace(self, attempts=self._with(attempt), claimed_by="")
        if attempt.outcome is Outcome.DELIVERED:
            return tried._ended(DeliveryState.DELIVERED, now)
        failures = self.failures + 1
        wait = wait_before_try(failures, chance, retry_after=retry_after)
        tried = replace(tried, failures=failures)
        if wait is None or attempt.outcome is Outcome.GONE:
            return tried._ended(DeliveryState.DEAD, now)
        return tried._due(now + wait)

    def interrupted(self, now: datetime) -> "Delivery":
        """Return it after its claim lapsed: due again where it stood in the order, at once."""
        attempt = Attempt(self.time - CLAIM, 0, Outcome.INTERRUPTED, round=self.round)
        freed = replace(self, attempts=self._with(attempt), claimed_by="", interruptions=self.interruptions + 1)
        if freed.interruptions >= INTERRUPTIONS_LIMIT:
            return freed._ended(DeliveryState.DEAD, now)
        return freed._due(self.due_time)

    def replayed(self, replay_id: str, now: datetime) -> "Delivery":
        """Return it at the beginning of a new round, under the same id."""
        fresh = replace(self, failures=0, interruptions=0, round=self.round + 1, replay_id=replay_id)
        return fresh._due(now)

    def brought_forward(self, now: datetime) -> "Delivery":
        """Return it due now: its target answers again."""
        return self._due(now)

    def dead(self, now: datetime) -> "Delivery":
        """Return it given up without a further try."""
        return self._ended(DeliveryState.DEAD, now)

    def cancelled(self, now: datetime) -> "Delivery":
        """Return it given up with its target."""
        return self._ended(DeliveryState.CANCELLED, now)

    def _with(self, attempt: Attempt) -> tuple[Attempt, ...]:
        return (*self.attempts, attempt)[-ATTEMPTS_KEPT:]

    def _due(self, time: datetime) -> "Delivery":
        return replace(self, state=DeliveryState.WAITING, time=time, due_time=time, claimed_by="")

    def _ended(self, state: DeliveryState, now: datetime) -> "Delivery":
        return replace(self, state=state, time=now, claimed_by="")


def new_delivery(message: Message, target_id: str, now: datetime, order: int) -> Delivery:
    """Return the delivery of a message to a target, due at once."""
    return Delivery(
        id=delivery_id(target_id, message.event_key),
        target_id=target_id,
        event_key=message.event_key,
        event_type=message.event_type,
        body=message.body,
        state=DeliveryState.WAITING,
        time=now,
        due_time=now,
        create_time=now,
        order=order,
    )
