"""Who works at the console, as far as its pages need to know: the roles, a member, and how a request is told apart."""

from collections.abc import Mapping
from typing import Final, Protocol

from gateway.staff.members import EVERY_STAFF_ROLE
from gateway.staff.members import StaffRole as StaffRole

EVERYBODY: Final = EVERY_STAFF_ROLE


class Member(Protocol):
    """Somebody who is signed in."""

    @property
    def id(self) -> str:
        """The account."""

    @property
    def name(self) -> str:
        """What colleagues call them."""

    @property
    def roles(self) -> frozenset[StaffRole]:
        """What they may do."""

    @property
    def must_change(self) -> bool:
        """Whether a one-time password opens nothing but the page that changes it."""

    @property
    def actor(self) -> str:
        """How the audit trail names them."""

    @property
    def shop(self) -> str:
        """The shop that they work for; "" for the deployment's own."""


class Sessions(Protocol):
    """Tells who sent a request."""

    async def member_of(self, headers: Mapping[bytes, bytes]) -> Member | None:
        """Return who is signed in, None for nobody."""
