"""Values that people type when they do not want to say: they name nobody and join nobody.

A seeded table and a few shapes. A shop adds its own through the setting ``blocked_identifiers``.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

_PHONES: Final = frozenset(
    {
        "+8613800138000",  # printed in every Chinese sample form
        "+8613912345678",
        "+8613812345678",
        "+8613512345678",
        "+8613123456789",
        "+8615012345678",
        "+8618812345678",
        "+8613011112222",
        "+8613333333333",
        "+8613111111111",
        "+8613011111111",
        "+8615555555555",
        "+8618888888888",
        "+8619999999999",
    }
)
_ZEROED_PHONE: Final = re.compile(r"\+861[3-9]\d0{8}", re.ASCII)

_EMAILS: Final = frozenset(
    {"a@a.com", "aa@aa.com", "abc@abc.com", "123@123.com", "1@1.com", "123456@qq.com", "x@x.com"}
)
_EMAIL_NAMES: Final = frozenset(
    {
        "anonymous",
        "na",
        "no-email",
        "no-reply",
        "nobody",
        "noemail",
        "nomail",
        "none",
        "noreply",
        "null",
        "test",
        "undefined",
        "unknown",
    }
)
_LOGINS: Final = frozenset(
    {"anonymous", "guest", "none", "null", "test", "undefined", "unknown", "访客", "匿名", "游客"}
)
_CARDS: Final = frozenset({"12345678", "123456789", "1234567890", "TEST", "NONE", "NULL", "UNKNOWN"})
_REPEATED: Final = re.compile(r"(.)\1{4,}", re.ASCII)


@lru_cache(maxsize=65_536)
def is_placeholder(identifier: str) -> bool:
    """Tell whether a normalised text form is a known placeholder."""
    kind, _, value = identifier.partition(":")
    check = _CHECKS.get(kind)
    return check is not None and check(value)


def _is_placeholder_phone(value: str) -> bool:
    return value in _PHONES or _ZEROED_PHONE.fullmatch(value) is not None


def _is_placeholder_email(value: str) -> bool:
    return value in _EMAILS or value.partition("@")[0] in _EMAIL_NAMES


def _is_placeholder_login(value: str) -> bool:
    return value.lower() in _LOGINS


def _is_placeholder_card(value: str) -> bool:
    return value in _CARDS or _REPEATED.fullmatch(value) is not None


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "phone": _is_placeholder_phone,
    "email": _is_placeholder_email,
    "login": _is_placeholder_login,
    "card": _is_placeholder_card,
}
