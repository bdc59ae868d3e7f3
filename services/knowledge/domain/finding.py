"""What words at the desk may name: a customer id, identifiers of any kind, an order's number, a whole name."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from services.kits.purchases import MAX_ORDER_NUMBER_CHARACTERS
from services.kits.text.identifiers import (
    CARD,
    EMAIL,
    LOGIN,
    PHONE,
    STRENGTH,
    VISITOR,
    IdentifierInvalidError,
    parse_identifier,
)
from services.knowledge.domain.identifiers import is_customer_id

NAME: Final = "name"  # the fact that a name is
MAX_QUERY_CHARACTERS: Final = 200
MAX_NAME_CHARACTERS: Final = 100
_IN_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Meanings:
    """What a text may mean. ``customer_id`` and ``order_number`` and ``name``: "" where it cannot."""

    customer_id: str = ""
    identifiers: tuple[str, ...] = ()
    order_number: str = ""
    name: str = ""


def meanings_of(query: str) -> Meanings:
    """Return everything that a text may name; nothing for an empty or endless one."""
    text = unicodedata.normalize("NFKC", query).strip()
    if not text or len(query) > MAX_QUERY_CHARACTERS:
        return Meanings()
    if is_customer_id(text):
        return Meanings(customer_id=text)
    kinds = (PHONE, EMAIL, CARD, LOGIN, VISITOR)
    spellings = [text] if text.partition(":")[0] in STRENGTH else [f"{kind}:{text}" for kind in kinds]
    found = tuple(dict.fromkeys(each for spelling in spellings if (each := _parsed(spelling))))
    return Meanings(
        identifiers=found,
        order_number=text if len(text) <= MAX_ORDER_NUMBER_CHARACTERS else "",
        name=text if name_key(text) and len(text) <= MAX_NAME_CHARACTERS else "",
    )


def name_key(name: str) -> str:
    """Return a name as it is compared: widths folded, no case, no space ("Li  Ming", "ＬＩ ＭＩＮＧ" are one)."""
    return _IN_SPACES.sub("", unicodedata.normalize("NFKC", name).casefold())


def _parsed(text: str) -> str:
    try:
        return parse_identifier(text)
    except IdentifierInvalidError:
        return ""
