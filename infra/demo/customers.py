"""Makes the shop's customers: one per household with its loyalty card, and simulated identities for some.

Real: the households, and for 801 of them age band, income band, marital status, household size and children.
Simulated, and said so in the column ``source``: names, app logins, phones, e-mail addresses, consents. Phone numbers
are of the 555-01xx range that belongs to nobody, e-mail addresses end in example.com.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Any, Final

import numpy as np

from infra.demo.products import PROGRESS_EVERY, Progress
from infra.demo.source import ShopYear
from infra.demo.wording import glossary_file

CUSTOMER_COLUMNS: Final = (
    "card",
    "login",
    "phone",
    "email",
    "phone_verified",
    "email_verified",
    "household",
    "name",
    "age_band",
    "income_band",
    "marital_status",
    "household_size",
    "kids",
    "consent_personalization",
    "consent_marketing",
    "source",
)
SOURCE: Final = "complete-journey; simulated: name login phone email consents"
LOGIN_SHARE: Final = 0.45
PHONE_SHARE: Final = 0.55
EMAIL_SHARE: Final = 0.50
VERIFIED_SHARE: Final = 0.85
PERSONALIZATION_SHARE: Final = 0.93
MARKETING_SHARE: Final = 0.60
CHINESE_NAME_SHARE: Final = 0.3

_AREA_CODES: Final = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228,
    229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302,
)  # fmt: skip
_LINES_PER_AREA: Final = 100


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """A household as a customer; empty texts where nothing is known. ``login``, ``phone`` and ``email`` are unique."""

    household: int
    card: str
    name: str
    login: str
    phone: str
    email: str
    phone_verified: bool
    email_verified: bool
    personalization: bool
    marketing: bool
    age_band: str = ""
    income_band: str = ""
    marital_status: str = ""
    household_size: str = ""
    kids: str = ""


def build_customers(year: ShopYear, *, rng: np.random.Generator) -> list[DemoCustomer]:
    """Return every household of the year as a customer, ascending; choose a part afterwards so that it stays the same.

    Raises ValueError when there are more households than phone numbers that belong to nobody.
    """
    count = len(year.households)
    if count > len(_AREA_CODES) * _LINES_PER_AREA:
        raise ValueError("more households than phone numbers that belong to nobody")
    chance = rng.random((count, 7))
    phones = rng.permutation(len(_AREA_CODES) * _LINES_PER_AREA)[:count]
    known = {row["household"]: row for row in year.demographics.iter_rows(named=True)}
    return [
        _customer(household, chance[place], int(phones[place]), rng, known.get(household, {}))
        for place, household in enumerate(year.households)
    ]


def customer_csv(customers: Sequence[DemoCustomer], progress: Progress | None = None) -> Iterator[bytes]:
    """Yield the customers' CSV: the header, then a chunk for every PROGRESS_EVERY rows."""
    yield _csv_rows([CUSTOMER_COLUMNS])
    for start in range(0, len(customers), PROGRESS_EVERY):
        chunk = customers[start : start + PROGRESS_EVERY]
        yield _csv_rows(_row(customer) for customer in chunk)
        if progress is not None:
            progress(start + len(chunk), len(customers))


def _customer(
    household: int, chance: np.ndarray, phone: int, rng: np.random.Generator, known: dict[str, Any]
) -> DemoCustomer:
    name, handle = _name(rng, chinese=bool(chance[6] < CHINESE_NAME_SHARE))
    has_phone, has_email = bool(chance[1] < PHONE_SHARE), bool(chance[2] < EMAIL_SHARE)
    return DemoCustomer(
        household=household,
        card=f"CJ{household:06d}",
        name=name,
        login=f"{handle}{household}" if chance[0] < LOGIN_SHARE else "",
        phone=_phone(phone) if has_phone else "",
        email=f"{handle}.{household}@example.com" if has_email else "",
        phone_verified=has_phone and bool(chance[3] < VERIFIED_SHARE),
        email_verified=has_email and bool(chance[3] < VERIFIED_SHARE),
        personalization=bool(chance[4] < PERSONALIZATION_SHARE),
        marketing=bool(chance[5] < MARKETING_SHARE),
        age_band=known.get("age") or "",
        income_band=known.get("income") or "",
        marital_status=known.get("marital_status") or "",
        household_size=known.get("household_size") or "",
        kids=known.get("kids_count") or "",
    )


def _name(rng: np.random.Generator, *, chinese: bool) -> tuple[str, str]:
    """Return a name and the same in plain Latin letters for logins and addresses."""
    names = _names()
    kind = "chinese_" if chinese else ""
    families, givens = names[f"{kind}family"], names[f"{kind}given"]
    family, given = families[int(rng.integers(len(families)))], givens[int(rng.integers(len(givens)))]
    if chinese:
        return f"{family[0]}{given[0]}", f"{family[1]}{given[1]}".lower()
    return f"{given} {family}", f"{given}{family}".lower()


@lru_cache(maxsize=1)
def _names() -> dict[str, Any]:
    return glossary_file("names")


def _phone(place: int) -> str:
    area, line = divmod(place, _LINES_PER_AREA)
    return f"+1{_AREA_CODES[area]}55501{line:02d}"


def _row(customer: DemoCustomer) -> tuple[str, ...]:
    return (
        customer.card,
        customer.login,
        customer.phone,
        customer.email,
        _flag(customer.phone_verified) if customer.phone else "",
        _flag(customer.email_verified) if customer.email else "",
        f"H{customer.household:06d}",
        customer.name,
        customer.age_band,
        customer.income_band,
        customer.marital_status,
        customer.household_size,
        customer.kids,
        _flag(customer.personalization),
        _flag(customer.marketing),
        SOURCE,
    )


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _csv_rows(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
