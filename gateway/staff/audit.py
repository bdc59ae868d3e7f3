"""The trail of what staff did: who, what, on which thing, before, after, when. It only grows.

``record`` is the one way in, for every page that changes something. The values are short facts, not copies of records:
of a customer name the fields that changed, not what they hold, so that erasing a person leaves nothing to erase here.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import orjson

from services.chassis.clock import Clock
from services.chassis.documents.port import Collection, Document, DocumentStore, Index, Range
from services.chassis.errors import InvalidArgumentError
from services.chassis.logs import bound_call
from services.chassis.paging import decode_page_token, encode_page_token

BY_TIME: Final = "by-time"
BY_ACTOR: Final = "by-actor"
BY_THING: Final = "by-thing"
BY_KIND: Final = "by-kind"
AUDIT: Final = Collection(
    "gateway-audit",
    (
        Index(BY_TIME, ("time_us",)),
        Index(BY_ACTOR, ("actor", "time_us")),
        Index(BY_THING, ("thing", "time_us")),
        Index(BY_KIND, ("kind", "time_us")),
    ),
)
FACTS_LIMIT_BYTES: Final = 8_192  # of what was before, and of what is after
THING_LIMIT: Final = 200
PAGE_LIMIT: Final = 200
OPERATOR: Final = "operator"
_MICROS: Final = 1_000_000
_CUT: Final = {"cut": True}

Facts = Mapping[str, object]
_RECORDED: ContextVar[list[str] | None] = ContextVar("zhike_audit_recorded", default=None)


class Actor(Protocol):
    """Who acts: a StaffSession is one."""

    @property
    def actor(self) -> str:
        """The name in the trail: "staff:li.na", "operator"."""


@dataclass(frozen=True, slots=True)
class NamedActor:
    """Somebody who acts without a session: the operator's command."""

    actor: str


BY_OPERATOR: Final = NamedActor(OPERATOR)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done. ``before`` None: it was made; ``after`` None: it is gone."""

    id: str
    time: datetime
    actor: str
    action: str
    kind: str
    thing_id: str
    before: Facts | None
    after: Facts | None
    request_id: str

    @property
    def thing(self) -> str:
        """What it was done to."""
        return f"{self.kind}:{self.thing_id}"


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the latest first."""

    entries: tuple[AuditEntry, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries. At most one of ``thing`` and ``kind``; ``start`` is in, ``end`` is not."""

    actor: str = ""
    thing: str = ""
    kind: str = ""
    start: datetime | None = None
    end: datetime | None = None


class AuditTrail:
    """The stored trail."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents, self._clock = documents, clock
        self._last_us = 0

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(AUDIT)

    async def record(
        self,
        actor: Actor,
        action: str,
        kind: str,
        thing_id: str,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
    ) -> AuditEntry:
        """Keep what was done, after it was done.

        ``action`` is kind.verb ("control.pause"), ``kind`` the noun ("control"), ``thing_id`` its id. Of facts past
        their bound only that they were cut is kept.
        """
        # What this process does one after the other stays in that order, however coarse or wayward the clock.
        time_us = self._last_us = max(_micros(self._clock.now()), self._last_us + 1)
        call = bound_call()
        body = {
            "time_us": time_us,
            "actor": actor.actor[:THING_LIMIT],
            "action": action[:THING_LIMIT],
            "kind": kind[:THING_LIMIT],
            "thing": f"{kind}:{thing_id}"[:THING_LIMIT],
            "before": _bounded(before),
            "after": _bounded(after),
            "request_id": call.request_id if call is not None else "",
        }
        recorded = _RECORDED.get()
        if recorded is not None:
            recorded.append(action)
        return _entry(await self._documents.insert(AUDIT, f"{time_us:020d}-{secrets.token_hex(6)}", body))

    async def page(self, wanted: AuditFilter, *, size: int, token: str = "") -> AuditPage:
        """Return entries, the latest first. Raises InvalidArgumentError, InvalidPageTokenError."""
        if not 1 <= size <= PAGE_LIMIT:
            raise InvalidArgumentError(f"a page has 1 to {PAGE_LIMIT} entries", field="page_size")
        query = _query(wanted)
        after = decode_page_token(token, query=query)
        index, equals = _chosen_index(wanted)
        range_ = Range(
            at_least=_micros(wanted.start) if wanted.start else 0, below=_micros(wanted.end) if wanted.end else None
        )
        found = await self._documents.find(
            AUDIT, index, equals, range_=range_, after=after, limit=size, descending=True
        )
        # A person's doings on one thing: the thing's are few, so they are read and the others' left out.
        entries = tuple(
            _entry(each) for each in found.documents if not wanted.actor or each.body["actor"] == wanted.actor
        )
        following = "" if found.next_after is None else encode_page_token(found.next_after, query=query)
        return AuditPage(entries, following)


@contextmanager
def watched_records() -> Iterator[list[str]]:
    """Collect the actions that this task records meanwhile: who must not forget one sees whether there was any."""
    recorded: list[str] = []
    token = _RECORDED.set(recorded)
    try:
        yield recorded
    finally:
        _RECORDED.reset(token)


def _chosen_index(wanted: AuditFilter) -> tuple[str, Mapping[str, str]]:
    if wanted.thing and wanted.kind:
        raise InvalidArgumentError("filter by a thing or by a kind of things, not by both", field="kind")
    if wanted.thing:
        return BY_THING, {"thing": wanted.thing}
    if wanted.actor and not wanted.kind:
        return BY_ACTOR, {"actor": wanted.actor}
    return (BY_KIND, {"kind": wanted.kind}) if wanted.kind else (BY_TIME, {})


def _query(wanted: AuditFilter) -> dict[str, Any]:
    return {
        "actor": wanted.actor,
        "thing": wanted.thing,
        "kind": wanted.kind,
        "start": wanted.start.isoformat() if wanted.start else "",
        "end": wanted.end.isoformat() if wanted.end else "",
    }


def _bounded(facts: Facts | None) -> dict[str, Any] | None:
    """Return facts as JSON has them: times, enums and ids become text, what is too large is left out."""
    if facts is None:
        return None
    written = orjson.dumps(facts, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)
    if len(written) > FACTS_LIMIT_BYTES:
        return dict(_CUT)
    read: dict[str, Any] = orjson.loads(written)
    return read


def _entry(document: Document) -> AuditEntry:
    body = document.body
    return AuditEntry(
        id=document.key,
        time=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=body["time_us"]),
        actor=body["actor"],
        action=body["action"],
        kind=body["kind"],
        thing_id=body["thing"].partition(":")[2],
        before=body["before"],
        after=body["after"],
        request_id=body["request_id"],
    )


def _micros(time: datetime) -> int:
    return int(time.timestamp()) * _MICROS + time.microsecond
