"""Who works at the console, as far as the frame needs to know."""

from collections.abc import Mapping
from typing import Final, Protocol

from gateway.staff.members import EVERY_STAFF_ROLE, StaffRole
from gateway.staff.sessions import StaffSession

__all__ = ("EVERYBODY", "Member", "Sessions", "StaffRole")

EVERYBODY: Final = EVERY_STAFF_ROLE
Member = StaffSession


class Sessions(Protocol):
    """Tells who sent a request; gateway.staff.sessions.SessionStore does."""

    async def member_of(self, headers: Mapping[bytes, bytes]) -> Member | None:
        """Return who is signed in, None for nobody."""
