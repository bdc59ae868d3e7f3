"""The text form of identifiers ("card:1000231"): reading, normalising, strength, and each one's own customer id.

Two channels name one person only if both write the identifier alike: everything passes ``parse_identifier`` on write.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Final

from services.kits.text.identifiers import normalise_card, normalise_email, normalise_phone
from services.knowledge.domain.errors import IdentifierInvalidError

CARD: Final = "card"
LOGIN: Final = "login"
PHONE: Final = "phone"
EMAIL: Final = "email"
VISITOR: Final = "visitor"
STRENGTH: Final = {CARD: 0, LOGIN: 1, PHONE: 2, EMAIL: 3, VISITOR: 4}

MAX_LOGIN_CHARACTERS: Final = 128
MAX_IDENTIFIER_CHARACTERS: Final = 300
CUSTOMER_ID_HEX: Final = 20
_CACHED_IDENTIFIERS: Final = 65_536

# Browsers make "v-" and random text; orders of nobody get one derived from their number.
_VISITOR_SHAPE: Final = re.compile(r"v-[A-Za-z0-9_-]{22,64}", re.ASCII)
_PLAIN_LOGIN: Final = re.compile(r"[A-Za-z0-9._@+-]{1,128}", re.ASCII)
_CUSTOMER_ID: Final = re.compile(rf"c-[0-9a-f]{{{CUSTOMER_ID_HEX}}}", re.ASCII)
_ACCOUNT: Final = re.compile(r"(household|organization):([^\s:][^\x00-\x1f\x7f]{0,99})")
_ANONYMOUS_PREFIX: Final = "visitor:v-anonymous-"


def kind_of(identifier: str) -> str:
    """Return what kind of name a text form is: "card" of "card:1000231"."""
    return identifier.partition(":")[0]


@lru_cache(maxsize=_CACHED_IDENTIFIERS)
def parse_identifier(text: str) -> str:
    """Return the normalised text form. Raises IdentifierInvalidError; its message never repeats the value."""
    if len(text) > MAX_IDENTIFIER_CHARACTERS:
        raise IdentifierInvalidError(
            f"an identifier has at most {MAX_IDENTIFIER_CHARACTERS} characters", field="identifiers"
        )
    kind, separator, value = text.partition(":")
    normalise = _NORMALISERS.get(kind)
    if not separator or normalise is None:
        raise IdentifierInvalidError(
            f"an identifier is written kind:value, kind one of {', '.join(STRENGTH)}", field="identifiers"
        )
    try:
        return f"{kind}:{normalise(value)}"
    except ValueError as error:
        raise IdentifierInvalidError(f"{kind}: {error}", field="identifiers") from error


def by_strength(identifiers: Iterable[str]) -> tuple[str, ...]:
    """Return each identifier once, the strongest first: card, login, phone, email, visitor, then by text."""
    unique = set(identifiers)
    if len(unique) == 1:
        return tuple(unique)
    return tuple(sorted(unique, key=lambda identifier: (STRENGTH[kind_of(identifier)], identifier)))


@lru_cache(maxsize=_CACHED_IDENTIFIERS)
def own_customer_id(identifier: str) -> str:
    """Return the customer id that the identifier has alone; a customer's id is the smallest of its members'."""
    return "c-" + sha256(f"identifier:{identifier}".encode()).hexdigest()[:CUSTOMER_ID_HEX]


def is_customer_id(text: str) -> bool:
    """Tell whether the text has the shape of a customer id."""
    return _CUSTOMER_ID.fullmatch(text) is not None


def parse_account(text: str) -> tuple[str, str]:
    """Return kind and normalised external id of "household:208". Raises IdentifierInvalidError."""
    match = _ACCOUNT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        raise IdentifierInvalidError(
            "an account is written household:… or organization:…, at most 100 characters", field="account"
        )
    return match.group(1), match.group(0)


def account_id(external_id: str) -> str:
    """Return the id of an account that came as ``external_id`` ("household:208")."""
    return "a-" + sha256(f"account:{external_id}".encode()).hexdigest()[:CUSTOMER_ID_HEX]


def anonymous_identifier(shop: str, number: str) -> str:
    """Return the identifier of an order without customer: a visitor of its own, so that nobody is made of many."""
    digest = sha256(f"anonymous:{len(shop)}:{shop}:{number}".encode()).hexdigest()[:24]
    return f"{_ANONYMOUS_PREFIX}{digest}"


def is_anonymous(identifier: str) -> bool:
    """Tell whether the identifier stands for an order without customer."""
    return identifier.startswith(_ANONYMOUS_PREFIX)


def _normalise_login(value: str) -> str:
    if _PLAIN_LOGIN.fullmatch(value):
        return value
    login = "".join(char for char in unicodedata.normalize("NFC", value) if unicodedata.category(char) != "Cf").strip()
    if not 1 <= len(login) <= MAX_LOGIN_CHARACTERS:
        raise ValueError(f"a login has 1 to {MAX_LOGIN_CHARACTERS} characters")
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in login):
        raise ValueError("a login holds no control characters")
    return login


def _normalise_visitor(value: str) -> str:
    if not _VISITOR_SHAPE.fullmatch(value):
        raise ValueError("a visitor id is v- and 22 to 64 characters of A-Z a-z 0-9 _ -")
    return value


_NORMALISERS: Final[dict[str, Callable[[str], str]]] = {
    CARD: normalise_card,
    LOGIN: _normalise_login,
    PHONE: normalise_phone,
    EMAIL: normalise_email,
    VISITOR: _normalise_visitor,
}
