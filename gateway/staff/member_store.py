"""The accounts in the gateway's documents; every change is a compare and set."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from gateway.staff.errors import StaffChangedError, StaffLimitError, StaffTakenError
from gateway.staff.members import STAFF_ID, StaffMember, StaffRole, in_order
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import NotFoundError

STAFF: Final = Collection("gateway-staff")
MEMBERS_LIMIT: Final = 1_000  # of a deployment; all of them fit on one page
ATTEMPTS_LIMIT: Final = 5


class MemberStore:
    """The stored accounts."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(STAFF)

    async def get(self, staff_id: str) -> StaffMember | None:
        """Return an account or None."""
        if not STAFF_ID.fullmatch(staff_id):
            return None
        document = await self._documents.get(STAFF, staff_id)
        return None if document is None else _member(document)

    async def read(self, staff_id: str) -> StaffMember:
        """Return an account. Raises NotFoundError."""
        member = await self.get(staff_id)
        if member is None:
            raise NotFoundError("there is no such account", resource="staff", id=staff_id[:40])
        return member

    async def list(self) -> list[StaffMember]:
        """Return all accounts, by id."""
        page = await self._documents.scan(STAFF, limit=MEMBERS_LIMIT)
        return [_member(document) for document in page.documents]

    async def insert(self, member: StaffMember) -> None:
        """Store a new account. Raises StaffTakenError, StaffLimitError."""
        if await self._documents.count(STAFF) >= MEMBERS_LIMIT:
            raise StaffLimitError(f"a deployment has at most {MEMBERS_LIMIT} accounts", limit=MEMBERS_LIMIT)
        try:
            await self._documents.insert(STAFF, member.id, _body(member))
        except KeyTakenError:
            raise StaffTakenError(f"the sign-in name {member.id} is taken", id=member.id) from None

    async def change(
        self, staff_id: str, decide: Callable[[StaffMember], StaffMember], *, expected_version: int = 0
    ) -> tuple[StaffMember, StaffMember]:
        """Save what ``decide`` makes of the account; return it before and after.

        ``expected_version`` 0 takes any. Raises NotFoundError, StaffChangedError, what ``decide`` raises.
        """
        for _ in range(ATTEMPTS_LIMIT):
            document = await self._documents.get(STAFF, staff_id) if STAFF_ID.fullmatch(staff_id) else None
            if document is None:
                raise NotFoundError("there is no such account", resource="staff", id=staff_id[:40])
            before = _member(document)
            if expected_version and before.version != expected_version:
                raise StaffChangedError("the account changed since it was read", id=staff_id, version=before.version)
            after = decide(before)
            if after == before:
                return before, before
            try:
                await self._documents.replace(STAFF, staff_id, _body(after), expected_revision=document.revision)
            except RevisionMismatchError:
                continue
            return before, after
        raise StaffChangedError("the account is being changed by somebody else; try again", id=staff_id)


def edited(member: StaffMember, **changes: Any) -> StaffMember:
    """Return the account after an edit: its public version moves if anything differs."""
    after = replace(member, **changes)
    return member if after == member else replace(after, version=member.version + 1)


def _member(document: Document) -> StaffMember:
    body = document.body
    return StaffMember(
        id=document.key,
        name=body["name"],
        roles=frozenset(StaffRole(each) for each in body["roles"]),
        create_time=datetime.fromisoformat(body["create_time"]),
        language=body["language"],
        must_change=body["must_change"],
        one_time_until=_optional_time(body["one_time_until"]),
        disable_time=_optional_time(body["disable_time"]),
        sign_in_time=_optional_time(body["sign_in_time"]),
        generation=body["generation"],
        version=body["version"],
        password_hash=body["password_hash"],
    )


def _body(member: StaffMember) -> dict[str, Any]:
    return {
        "name": member.name,
        "roles": [role.value for role in in_order(member.roles)],
        "create_time": member.create_time.isoformat(),
        "language": member.language,
        "must_change": member.must_change,
        "one_time_until": _text(member.one_time_until),
        "disable_time": _text(member.disable_time),
        "sign_in_time": _text(member.sign_in_time),
        "generation": member.generation,
        "version": member.version,
        "password_hash": member.password_hash,
    }


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
