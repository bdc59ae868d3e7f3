"""Sessions: an opaque random id in a cookie, its hash in the gateway's documents.

A session ends by itself when it rests too long and, whatever is done in it, after a working day. It also ends with the
account: it carries the account's generation, so one write (a new password, a disabled account, sign-out everywhere)
ends all of them, in every process at once, for nothing is cached.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from gateway.authentication import Identity
from gateway.principals import Principal, Role
from gateway.staff.cookies import session_id_of
from gateway.staff.errors import PasswordChangeRequiredError, StaffRoleMissingError
from gateway.staff.member_store import MemberStore
from gateway.staff.members import StaffMember, StaffRole
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    Range,
    RevisionMismatchError,
)

BY_MEMBER: Final = "by-member"
BY_END: Final = "by-end"
SESSIONS: Final = Collection(
    "gateway-staff-sessions", (Index(BY_MEMBER, ("member", "start_us")), Index(BY_END, ("end_us",)))
)
ID_BYTES: Final = 32
HANDLE_LENGTH: Final = 16
SESSIONS_LIMIT: Final = 20  # of one person; a further sign-in ends the oldest
SWEPT_LIMIT: Final = 100  # ended sessions that one sign-in removes
AGENT_LIMIT: Final = 160
SEEN_EVERY_S: Final = 60  # a session's last use is written this often, not with every page
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session may rest and how long it may last."""

    idle_s: int
    life_s: int


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as its owner sees it. ``handle`` names it in a form without being able to act for it."""

    handle: str
    start_time: datetime
    seen_time: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A signed-in person, for as long as one request takes."""

    member: StaffMember
    handle: str
    shop: str
    start_time: datetime

    @property
    def id(self) -> str:
        """The account."""
        return self.member.id

    @property
    def name(self) -> str:
        """What colleagues call the person."""
        return self.member.name

    @property
    def roles(self) -> frozenset[StaffRole]:
        """What the person may do: nothing but change the password while it is a one-time password."""
        return frozenset() if self.member.must_change else self.member.roles

    @property
    def principal(self) -> Principal:
        """Who asks, as the services and their logs are told: staff of the default shop, by name."""
        return Principal(Role.STAFF, name=self.member.actor, owner=self.member.actor, shop=self.shop)

    @property
    def identity(self) -> Identity:
        """The principal as an endpoint's Call takes it."""
        return Identity(self.principal, self.member.actor)

    @property
    def actor(self) -> str:
        """How the audit trail names the person."""
        return self.member.actor

    @property
    def must_change(self) -> bool:
        """Whether the password is a one-time password that opens nothing but the page that changes it."""
        return self.member.must_change

    def has(self, *roles: StaffRole) -> bool:
        """Whether the person has one of these roles."""
        return not self.roles.isdisjoint(roles)

    def require(self, roles: Iterable[StaffRole]) -> None:
        """Raise PasswordChangeRequiredError, or StaffRoleMissingError unless the person has one of these roles."""
        wanted = sorted(roles)
        if self.must_change:
            raise PasswordChangeRequiredError("change the one-time password first")
        if not self.has(*wanted):
            raise StaffRoleMissingError(f"this is for {' or '.join(wanted)}", roles=",".join(wanted))


class SessionStore:
    """The stored sessions."""

    def __init__(
        self, documents: DocumentStore, members: MemberStore, clock: Clock, limits: SessionLimits, *, shop: str
    ) -> None:
        self._documents, self._members, self._clock = documents, members, clock
        self._limits, self._shop = limits, shop

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(SESSIONS)

    async def start(self, member: StaffMember, *, address: str, agent: str) -> str:
        """Begin a session and return its id, which only the cookie holds."""
        await self._sweep()
        await self._make_room(member.id)
        now_us = _micros(self._clock.now())
        session_id = secrets.token_urlsafe(ID_BYTES)
        body = {
            "member": member.id,
            "generation": member.generation,
            "start_us": now_us,
            "seen_us": now_us,
            "end_us": now_us + self._limits.life_s * _MICROS,
            "address": address[:64],
            "agent": agent[:AGENT_LIMIT],
        }
        await self._documents.insert(SESSIONS, _digest(session_id), body)
        return session_id

    async def find(self, session_id: str) -> StaffSession | None:
        """Return who this session belongs to; None for one that is unknown or has ended."""
        document = await self._documents.get(SESSIONS, _digest(session_id)) if session_id else None
        if document is None or not self._is_live(document):
            return None
        member = await self._members.get(document.body["member"])
        if member is None or member.disabled or member.generation != document.body["generation"]:
            return None
        await self._note_use(document)
        return StaffSession(member, document.key[:HANDLE_LENGTH], self._shop, _time(document.body["start_us"]))

    async def member_of(self, headers: Mapping[bytes, bytes]) -> StaffSession | None:
        """Return who sent a request, by its cookie; None for nobody."""
        return await self.find(session_id_of(headers.get(b"cookie", b"")))

    async def end(self, session_id: str) -> None:
        """Forget a session; one that is unknown is no matter."""
        if session_id:
            await self._documents.delete(SESSIONS, _digest(session_id))

    async def of(self, member: StaffMember) -> list[StoredSession]:
        """Return a person's live sessions, the latest first."""
        return [_stored(each) for each in await self._documents_of(member.id) if self._is_live_of(each, member)]

    async def end_one(self, member: StaffMember, handle: str) -> bool:
        """End one of a person's own sessions by its handle; False for one that is not there (or not theirs)."""
        for document in await self._documents_of(member.id):
            if document.key[:HANDLE_LENGTH] == handle:
                return await self._documents.delete(SESSIONS, document.key)
        return False

    async def remove_all(self, staff_id: str) -> None:
        """Remove what an account's new generation has ended already."""
        for document in await self._documents_of(staff_id):
            await self._documents.delete(SESSIONS, document.key)

    async def _documents_of(self, staff_id: str) -> tuple[Document, ...]:
        page = await self._documents.find(
            SESSIONS, BY_MEMBER, {"member": staff_id}, limit=SESSIONS_LIMIT * 2, descending=True
        )
        return page.documents

    async def _make_room(self, staff_id: str) -> None:
        for document in (await self._documents_of(staff_id))[SESSIONS_LIMIT - 1 :]:
            await self._documents.delete(SESSIONS, document.key)

    async def _sweep(self) -> None:
        """Remove sessions past their end: whoever signs in clears away some of what others left."""
        past = Range(at_least=0, below=_micros(self._clock.now()) + 1)
        page = await self._documents.find(SESSIONS, BY_END, {}, range_=past, limit=SWEPT_LIMIT)
        for document in page.documents:
            await self._documents.delete(SESSIONS, document.key)

    async def _note_use(self, document: Document) -> None:
        now_us = _micros(self._clock.now())
        if now_us - document.body["seen_us"] < min(SEEN_EVERY_S, self._limits.idle_s // 4) * _MICROS:
            return
        try:
            await self._documents.replace(
                SESSIONS, document.key, {**document.body, "seen_us": now_us}, expected_revision=document.revision
            )
        except RevisionMismatchError:
            return  # another request of the same tab wrote it, or the session has just been ended

    def _is_live_of(self, document: Document, member: StaffMember) -> bool:
        return self._is_live(document) and document.body["generation"] == member.generation

    def _is_live(self, document: Document) -> bool:
        now_us, body = _micros(self._clock.now()), document.body
        rested_us: int = now_us - body["seen_us"]
        return now_us < body["end_us"] and rested_us < self._limits.idle_s * _MICROS


def _stored(document: Document) -> StoredSession:
    body = document.body
    return StoredSession(
        document.key[:HANDLE_LENGTH], _time(body["start_us"]), _time(body["seen_us"]), body["address"], body["agent"]
    )


def _digest(session_id: str) -> str:
    """256 random bits need no salt and no stretching: they cannot be guessed."""
    return sha256(session_id.encode()).hexdigest()


def _micros(time: datetime) -> int:
    return int(time.timestamp()) * _MICROS + time.microsecond


def _time(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
