"""Owns who is mailed of an alert, and the life of one mail to one person: waiting, sending, sent, or dead. Pure.

Each person gets a mail of his own, so that one wrong address holds nobody else's back. A claim carries the time at
which it lapses: a process that dies in mid-sending loses nothing, and what it may have sent goes out again under the
same Message-ID, by which mail programs know it for the same.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

from services.reputation.domain.alerts import CauseKind
from services.reputation.domain.escalation import STEPS_LIMIT
from services.reputation.domain.notices import Notice

RECIPIENTS_LIMIT: Final = 50  # of one list
ADDRESS_LIMIT: Final = 254  # characters (RFC 5321, 4.5.3.1.3)
CLAIM: Final = timedelta(minutes=3)  # well above the longest talk with a server
# Waits after failures: quick at first, for a server that restarts, then every quarter of an hour for three days.
WAITS: Final = tuple(timedelta(seconds=each) for each in (5, 15, 60, 120, 300, 600, 900))
GIVE_UP_AFTER: Final = timedelta(days=3)
ERROR_LIMIT: Final = 300  # characters of what a server said

# An address as we are given it: enough to refuse what would break a header; whether it exists, its server says.
_ADDRESS: Final = re.compile(
    r"[!#-'*+\-./0-9=?A-Z^_`a-z{|}~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII
)
_STEP: Final = re.compile(r"([1-9]):(.+)", re.ASCII)
_ID_BYTES: Final = 16


class MailState(StrEnum):
    """Where a mail stands."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class MailBook:
    """Who is mailed: ``to`` of every page and of the end, ``by_step`` beside them once the escalation is that far."""

    to: tuple[str, ...] = ()
    by_step: tuple[tuple[int, str], ...] = ()

    def recipients(self, notice: Notice) -> tuple[str, ...]:
        """Return who is mailed of a notice, each once; nobody of an acknowledgement."""
        cause = notice.entry.cause
        if cause is None or not (cause.kind.wakes or cause.kind is CauseKind.RESOLVED):
            return ()
        further = [address for step, address in self.by_step if step <= notice.step]
        return tuple(dict.fromkeys((*self.to, *further))) if self.to or further else ()


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """One notice to one person. ``event``: the alert and entry as the log tells them; ``time``: due, lapse or end."""

    id: str
    recipient: str
    event: dict[str, Any]
    create_time: datetime
    time: datetime
    state: MailState = MailState.WAITING
    failures: int = 0
    error: str = ""
    revision: int = 0

    def claimed(self, now: datetime) -> "QueuedMail":
        """Return it in the hands of who sends it, until the claim lapses."""
        return replace(self, state=MailState.SENDING, time=now + CLAIM)

    def sent(self, now: datetime) -> "QueuedMail":
        """Return it taken by the server."""
        return replace(self, state=MailState.SENT, time=now, error="")

    def failed(self, now: datetime, error: str, *, for_good: bool) -> "QueuedMail":
        """Return it after a failure: due again, or given up."""
        failures = self.failures + 1
        again = now + WAITS[min(failures, len(WAITS)) - 1]
        dead = for_good or again - self.create_time > GIVE_UP_AFTER
        return replace(
            self,
            state=MailState.DEAD if dead else MailState.WAITING,
            time=now if dead else again,
            failures=failures,
            error=error[:ERROR_LIMIT],
        )


def mail_id(event_key: str, recipient: str) -> str:
    """Return the id of a notice's mail to a person, and with it the mail's Message-ID."""
    return blake2b(f"{len(event_key)}:{event_key}{recipient}".encode(), digest_size=_ID_BYTES).hexdigest()


def checked_address(text: str) -> str:
    """Return a mail address. Raises ValueError."""
    text = text.strip()
    if len(text) > ADDRESS_LIMIT or not _ADDRESS.fullmatch(text) or ".." in text:
        raise ValueError(f"{text[:64]!r} is no mail address")
    return text


def mail_book(to: Iterable[str], escalation_to: Iterable[str]) -> MailBook:
    """Return the book. ``escalation_to``: ``step:address``. Raises ValueError."""
    first = tuple(checked_address(each) for each in to)
    steps = tuple(_step(each) for each in escalation_to)
    if max(len(first), len(steps)) > RECIPIENTS_LIMIT:
        raise ValueError(f"more than {RECIPIENTS_LIMIT} recipients")
    return MailBook(first, steps)


def _step(text: str) -> tuple[int, str]:
    match = _STEP.fullmatch(text.strip())
    if match is None or int(match[1]) > STEPS_LIMIT:
        raise ValueError(f"{text[:64]!r} is not written step:address, steps 1 to {STEPS_LIMIT}")
    return int(match[1]), checked_address(match[2])
