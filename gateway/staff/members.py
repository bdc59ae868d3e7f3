"""A member of staff: who it is, which roles, in which state. Decisions only; nothing is read or written here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from services.chassis.errors import InvalidArgumentError

STAFF_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}", re.ASCII)
NAME_LIMIT: Final = 80


class StaffRole(StrEnum):
    """What a person works as; a page says for which roles it is. An admin sees no customer unless also a desk."""

    MERCHANDISER = "merchandiser"
    PR = "pr"
    DESK = "desk"
    ANALYST = "analyst"
    ADMIN = "admin"


EVERY_STAFF_ROLE: Final = frozenset(StaffRole)


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One account. ``id`` is the sign-in name and never changes; ``version`` is the public one, an edit moves it.

    ``generation`` belongs to every session: raising it ends them all, in one write.
    """

    id: str
    name: str
    roles: frozenset[StaffRole]
    create_time: datetime
    language: str = ""  # "" follows the browser
    must_change: bool = False  # the password is a one-time password
    one_time_until: datetime | None = None
    disable_time: datetime | None = None
    sign_in_time: datetime | None = None
    generation: int = 1
    version: int = 1
    password_hash: str = ""

    @property
    def disabled(self) -> bool:
        """Whether the person may no longer sign in."""
        return self.disable_time is not None

    @property
    def actor(self) -> str:
        """How the audit trail and the services name the person."""
        return f"staff:{self.id}"

    @property
    def is_live_admin(self) -> bool:
        """Whether the person can see to accounts."""
        return StaffRole.ADMIN in self.roles and not self.disabled

    def facts(self) -> dict[str, object]:
        """Return what the audit trail keeps of the account."""
        return {
            "name": self.name,
            "roles": [role.value for role in in_order(self.roles)],
            "language": self.language,
            "disabled": self.disabled,
            "must_change": self.must_change,
        }


def checked_id(text: str) -> str:
    """Return a sign-in name. Raises InvalidArgumentError."""
    if not STAFF_ID.fullmatch(text):
        raise InvalidArgumentError(
            "a sign-in name has 1 to 40 lower-case letters, digits, points, - and _, and begins with a letter or digit",
            field="id",
        )
    return text


def checked_name(text: str) -> str:
    """Return the name that colleagues see. Raises InvalidArgumentError."""
    name = " ".join(text.split())
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidArgumentError(f"a name has 1 to {NAME_LIMIT} visible characters", field="name")
    return name


def in_order(roles: Iterable[StaffRole]) -> list[StaffRole]:
    """Return roles in the order in which people list them."""
    return [role for role in StaffRole if role in set(roles)]


def checked_roles(texts: Iterable[str]) -> frozenset[StaffRole]:
    """Return roles. Raises InvalidArgumentError."""
    wanted = set(texts)
    unknown = wanted - set(StaffRole)
    if unknown or not wanted:
        raise InvalidArgumentError(f"roles are one or more of {', '.join(StaffRole)}", field="roles")
    return frozenset(StaffRole(each) for each in wanted)


def checked_language(text: str) -> str:
    """Return zh, en or "" for the browser's. Raises InvalidArgumentError."""
    if text not in {"", "zh", "en"}:
        raise InvalidArgumentError("the language is zh, en or empty", field="language")
    return text


def member_form(member: StaffMember) -> dict[str, Any]:
    """Return an account as the API shows it: nothing of its password."""
    return {
        "id": member.id,
        "name": member.name,
        "roles": [role.value for role in in_order(member.roles)],
        "language": member.language,
        "state": "disabled" if member.disabled else "one-time-password" if member.must_change else "active",
        "create_time": member.create_time,
        "sign_in_time": member.sign_in_time,
        "disable_time": member.disable_time,
        "version": member.version,
    }
