"""Who works at the console, as far as its pages need to know: the roles, a member, and how a request is told apart."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol


class StaffRole(StrEnum):
    """What somebody does here; one may have several."""

    MERCHANDISER = "merchandiser"
    PR = "pr"
    DESK = "desk"
    ANALYST = "analyst"
    ADMIN = "admin"


EVERYBODY: Final = frozenset(StaffRole)


class Member(Protocol):
    """Somebody who is signed in."""

    @property
    def id(self) -> str:
        """The account, as the audit trail names it."""

    @property
    def name(self) -> str:
        """What colleagues call them."""

    @property
    def roles(self) -> frozenset[StaffRole]:
        """What they may do."""

    @property
    def shop(self) -> str:
        """The shop that they work for; "" for the deployment's own."""


class Sessions(Protocol):
    """Tells who sent a request."""

    async def member_of(self, headers: Mapping[bytes, bytes]) -> Member | None:
        """Return who is signed in, None for nobody."""
