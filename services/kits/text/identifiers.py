"""Owns the one written form of a customer's identifiers, by value (a phone number) and as text ("card:1000231").

Two channels name the same person only if both write the identifier alike, so every identifier passes here once, on
write (parsing costs 100-200 µs). Error messages never repeat the value: they end up in logs and answers.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from services.chassis.errors import InvalidArgumentError

CARD: Final = "card"
LOGIN: Final = "login"
PHONE: Final = "phone"
EMAIL: Final = "email"
VISITOR: Final = "visitor"
STRENGTH: Final = {CARD: 0, LOGIN: 1, PHONE: 2, EMAIL: 3, VISITOR: 4}

DEFAULT_REGION: Final = "CN"
MAX_PHONE_CHARACTERS: Final = 40
MAX_EMAIL_CHARACTERS: Final = 254
MIN_CARD_CHARACTERS: Final = 3
MAX_CARD_CHARACTERS: Final = 64
MAX_LOGIN_CHARACTERS: Final = 128
MAX_IDENTIFIER_CHARACTERS: Final = 300
_CACHED_IDENTIFIERS: Final = 65_536

_PHONE_SHAPE: Final = re.compile(r"\+?[0-9().\-/ ]+")
_CARD_SHAPE: Final = re.compile(r"[0-9A-Z]+")
_CARD_SEPARATORS: Final = re.compile(r"[\s\-_./]+")
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—―−－", "-"))
# Browsers make "v-" and random text; orders of nobody get one derived from their number.
_VISITOR_SHAPE: Final = re.compile(r"v-[A-Za-z0-9_-]{22,64}", re.ASCII)
_PLAIN_LOGIN: Final = re.compile(r"[A-Za-z0-9._@+-]{1,128}", re.ASCII)
_ANONYMOUS_PREFIX: Final = "visitor:v-anonymous-"


class IdentifierInvalidError(InvalidArgumentError):
    """A text that names nobody: unknown kind, or a value that its kind does not allow."""

    reason = "IDENTIFIER_INVALID"


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


def anonymous_identifier(shop: str, number: str) -> str:
    """Return the identifier of an order without customer: a visitor of its own, so that nobody is made of many."""
    digest = sha256(f"anonymous:{len(shop)}:{shop}:{number}".encode()).hexdigest()[:24]
    return f"{_ANONYMOUS_PREFIX}{digest}"


def is_anonymous(identifier: str) -> bool:
    """Tell whether the identifier stands for an order without customer."""
    return identifier.startswith(_ANONYMOUS_PREFIX)


def normalise_phone(text: str) -> str:
    """Return the E.164 form (`+8613800138000`); a number without country code is Chinese.

    Raises ValueError for anything that is not one valid number. A number with an extension is refused too: E.164
    drops the extension, and everyone behind one switchboard would become one person.
    """
    folded = _fold(text, limit=MAX_PHONE_CHARACTERS, noun="phone number").translate(_DASHES)
    if not _PHONE_SHAPE.fullmatch(folded):
        raise ValueError("phone number may hold digits, spaces and + - . / ( ) only")
    try:
        number = phonenumbers.parse(folded, DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise ValueError("phone number cannot be read") from error
    if not phonenumbers.is_valid_number(number):
        raise ValueError("phone number does not exist in its country's numbering plan")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_email(text: str) -> str:
    """Return the address in lower case with a Unicode domain; nothing is looked up on the network.

    NFKC comes first because the validator does not fold a full-width local part. The local part is lowered as well:
    no mail provider in use tells two people apart by case. Raises ValueError.
    """
    folded = _fold(text, limit=MAX_EMAIL_CHARACTERS, noun="e-mail address").replace("。", ".")
    try:
        checked = validate_email(folded, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError("e-mail address is not valid") from error
    return checked.normalized.lower()


def normalise_card(text: str) -> str:
    """Return a loyalty card number as upper-case letters and digits without separators; leading zeros stay.

    Raises ValueError when it is shorter than 3 or longer than 64 characters or holds anything else.
    """
    folded = _CARD_SEPARATORS.sub("", _fold(text, limit=MAX_CARD_CHARACTERS, noun="card number").translate(_DASHES))
    card = folded.upper()
    if not _CARD_SHAPE.fullmatch(card):
        raise ValueError("card number may hold letters and digits only")
    if len(card) < MIN_CARD_CHARACTERS:
        raise ValueError(f"card number is shorter than {MIN_CARD_CHARACTERS} characters")
    return card


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


def _fold(text: str, *, limit: int, noun: str) -> str:
    """Fold width and compatibility forms; drop invisible format characters, which copying from a web page adds."""
    if len(text) > limit:
        raise ValueError(f"{noun} is longer than {limit} characters")
    visible = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    stripped = visible.strip()
    if not stripped:
        raise ValueError(f"{noun} is empty")
    return stripped


_NORMALISERS: Final[dict[str, Callable[[str], str]]] = {
    CARD: normalise_card,
    LOGIN: _normalise_login,
    PHONE: normalise_phone,
    EMAIL: normalise_email,
    VISITOR: _normalise_visitor,
}
