"""Who asks: the seven roles, what each may act as, and which shopper a request is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.errors import (
    IdentifierNotAllowedError,
    VisitorIdMalformedError,
    VisitorIdMissingError,
)
from gateway.identifiers import VISITOR_ID, normalise_identifier

IDENTIFIERS_LIMIT: Final = 8


class Role(StrEnum):
    """What kind of principal asks. A secret key's role is its scope."""

    PUBLISHABLE = "publishable"
    SHOPPER = "shopper"
    SHOP = "shop"
    STAFF = "staff"
    LOAD = "load"
    OPERATOR = "operator"
    ORDER = "order"  # who holds an order's access token


SHOPPERS: Final = frozenset({Role.PUBLISHABLE, Role.SHOPPER})
SECRET_SCOPES: Final = (Role.SHOP, Role.STAFF, Role.LOAD)
# Who may do what; a route names one of these. ANYONE still needs a key: only health and documentation are public.
PUBLIC: Final[frozenset[Role]] = frozenset()
ANYONE: Final = frozenset(Role) - {Role.ORDER}
STOREFRONT: Final = frozenset({Role.PUBLISHABLE, Role.SHOPPER, Role.SHOP, Role.LOAD, Role.OPERATOR})
BACKEND: Final = frozenset({Role.SHOP, Role.LOAD, Role.OPERATOR})
DESK: Final = frozenset({Role.STAFF, Role.OPERATOR})
BACKEND_OR_DESK: Final = BACKEND | DESK
OPERATOR_ONLY: Final = frozenset({Role.OPERATOR})
ORDER_READERS: Final = BACKEND_OR_DESK | {Role.SHOPPER, Role.ORDER}


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. ``identifiers``: whom a shopper token speaks for; a publishable key's visitor comes later.

    ``owner`` outlives the key: it is part of the identity of what the key writes, so rotation doubles nothing.
    """

    role: Role
    name: str
    owner: str
    shop: str = ""
    channel: str = ""
    identifiers: tuple[str, ...] = ()
    synthetic: bool = False
    order_id: str = ""  # of an access token: the one order that it shows


NOBODY: Final = Principal(Role.PUBLISHABLE, name="", owner="")


def visitor_identifier(visitor_id: str) -> str:
    """Return the identifier of a visitor id. Raises VisitorIdMalformedError."""
    if not VISITOR_ID.fullmatch(visitor_id):
        raise VisitorIdMalformedError(
            'X-Visitor-Id must be "v-" and 22 to 64 letters, digits, "-" or "_"', field="X-Visitor-Id"
        )
    return f"visitor:{visitor_id}"


def acting_identifiers(principal: Principal, visitor_id: str, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return whom the request is about, the caller's right to ask for them checked.

    ``visitor_id`` is X-Visitor-Id, "" without one; ``wanted`` are identifiers that the request names itself.
    Raises VisitorIdMissingError, VisitorIdMalformedError, IdentifierNotAllowedError, InvalidArgumentError.
    """
    own = _own_identifiers(principal, visitor_id)
    if not wanted:
        return own
    asked = tuple(dict.fromkeys(normalise_identifier(each) for each in wanted))
    if principal.role in SHOPPERS:
        for position, each in enumerate(asked):
            if each not in own:
                # The identifier itself is personal data and stays out of the answer.
                raise IdentifierNotAllowedError(
                    "this key or token may ask for its own shopper only", field="identifier", position=position
                )
        return asked
    return tuple(dict.fromkeys((*asked, *own)))[:IDENTIFIERS_LIMIT]


def _own_identifiers(principal: Principal, visitor_id: str) -> tuple[str, ...]:
    if principal.role is Role.PUBLISHABLE:
        if not visitor_id:
            raise VisitorIdMissingError(
                "a publishable key acts for one visitor: send X-Visitor-Id", field="X-Visitor-Id"
            )
        return (visitor_identifier(visitor_id),)
    if principal.role is Role.SHOPPER:
        return principal.identifiers  # a token says itself whom it speaks for; X-Visitor-Id beside it changes nothing
    return (visitor_identifier(visitor_id),) if visitor_id else ()
