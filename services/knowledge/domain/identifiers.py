"""What an identifier is a customer of: each one's own customer id, and the account that it is said to belong to."""

import re
import unicodedata
from functools import lru_cache
from hashlib import sha256
from typing import Final

from services.kits.text.identifiers import IdentifierInvalidError

CUSTOMER_ID_HEX: Final = 20
_CACHED_IDENTIFIERS: Final = 65_536

_CUSTOMER_ID: Final = re.compile(rf"c-[0-9a-f]{{{CUSTOMER_ID_HEX}}}", re.ASCII)
_ACCOUNT: Final = re.compile(r"(household|organization):([^\s:][^\x00-\x1f\x7f]{0,99})")


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
