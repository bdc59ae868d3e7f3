"""Reads identifiers in text form ("card:1000231") as they come, into the one form that services compare."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from services.chassis.errors import InvalidArgumentError
from services.kits.text.identifiers import normalise_card, normalise_email, normalise_phone

LOGIN_LIMIT: Final = 128
REMEMBERED_LIMIT: Final = 10_000  # identifiers with their normal forms; about 3 MB
VISITOR_ID: Final = re.compile(r"v-[A-Za-z0-9_-]{22,64}", re.ASCII)


@lru_cache(maxsize=REMEMBERED_LIMIT)
def normalise_identifier(text: str) -> str:
    """Return the normal text form; raises InvalidArgumentError, which never repeats the value.

    Shoppers come again within minutes and parsing a phone number costs 100 µs, so the latest normal forms are kept.
    """
    kind, _, value = text.partition(":")
    normalise = _NORMALISERS.get(kind)
    if normalise is None:
        kinds = ", ".join(_NORMALISERS)
        raise InvalidArgumentError(f'an identifier is "type:value" with a type of {kinds}', field="identifier")
    try:
        return f"{kind}:{normalise(value)}"
    except ValueError as error:
        raise InvalidArgumentError(f"{kind} identifier: {error}", field="identifier") from None


def _normalise_visitor(value: str) -> str:
    if not VISITOR_ID.fullmatch(value):
        raise ValueError('a visitor id is "v-" and 22 to 64 letters, digits, "-" or "_"')
    return value


def _normalise_login(value: str) -> str:
    login = unicodedata.normalize("NFKC", value).strip()
    if not 0 < len(login) <= LOGIN_LIMIT:
        raise ValueError(f"a login has 1 to {LOGIN_LIMIT} characters")
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in login):
        raise ValueError("a login holds no control characters")
    return login


_NORMALISERS: Final[Mapping[str, Callable[[str], str]]] = {
    "card": normalise_card,
    "login": _normalise_login,
    "phone": normalise_phone,
    "email": normalise_email,
    "visitor": _normalise_visitor,
}
