"""Turns a row of a customers file into a statement about one person; and tells whether a statement is news."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from services.chassis.errors import InvalidArgumentError
from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import ALL_OTHERS, ImportPlan, ignored_columns
from services.kits.text.identifiers import CARD, EMAIL, LOGIN, PHONE, VISITOR
from services.knowledge.domain.facts import DENIED, GRANTED, MARKETING, PERSONALIZATION
from services.knowledge.domain.identity import IMPORT_ROW
from services.knowledge.domain.import_plan import CUSTOMER_FIELDS
from services.knowledge.domain.statements import ClaimsStatement, Record, check_statement

DEFAULT_SOURCE: Final = "import"
NAMES_REMEMBERED: Final = 1_024  # of columns; rows of objects may each have others
_YES: Final = frozenset({"true", "1", "yes", "y", "granted", "是"})
_NO: Final = frozenset({"false", "0", "no", "n", "denied", "否"})
_CONSENTS: Final = {"consent_personalization": PERSONALIZATION, "consent_marketing": MARKETING}
_NO_FIELD: Final = re.compile(r"[^a-z0-9_.]+")


def claim_field(column: str) -> str:
    """Return the fact's name that a column becomes ("Age Band": age_band), "" where none can be made."""
    name = _NO_FIELD.sub("_", column.strip().lower()).strip("_.")[:64]
    return name if name and name[0].isalpha() and name not in CUSTOMER_FIELDS else ""


class UnnamedColumnError(ValueError):
    """A column whose name makes no fact."""


class CustomerNames:
    """What the columns of a customers file are: our fields, facts, or to be ignored."""

    def __init__(self, plan: ImportPlan) -> None:
        self._ours = {column: name for name, column in plan.columns.items()}
        self._ignored = ignored_columns(plan)
        self.field_of = lru_cache(maxsize=NAMES_REMEMBERED)(self._field_of)

    def of_header(self, header: Sequence[str]) -> list[str]:
        """Return each column's field or fact, "" for one to be ignored.

        Raises ImportConfigError for a column whose name makes no fact, and for two that make the same.
        """
        fields: list[str] = []
        for column in header:
            try:
                field = self.field_of(column) if column else ""
            except UnnamedColumnError as error:
                hint = "map it (--column name=...) or name it in the option ignore_columns"
                raise ImportConfigError(
                    f"column {column[:64]!r} makes no name of a fact: {hint}", field="columns"
                ) from error
            if field and field in fields:
                raise ImportConfigError(f"two columns are {field}", field="columns")
            fields.append(field)
        return fields

    def _field_of(self, column: str) -> str:
        if column in self._ours:
            name = self._ours[column]
        elif column in self._ignored:
            return ""
        else:
            name = column
        field = name if name in CUSTOMER_FIELDS else claim_field(name)
        if not field and ALL_OTHERS not in self._ignored:
            raise UnnamedColumnError(column)
        return field


def statement_of_row(row: Mapping[str, str], default_source: str) -> ClaimsStatement:
    """Return what a row says. ``row``: our field or fact name -> text. Raises InvalidArgumentError."""
    identifiers = [
        (f"{kind}:{row[kind]}", _flag(row, f"{kind}_verified") if kind in (PHONE, EMAIL) else True)
        for kind in (CARD, LOGIN, PHONE, EMAIL, VISITOR)
        if row.get(kind)
    ]
    if not identifiers:
        raise InvalidArgumentError("a row names at least one identifier", field=CARD)
    accounts = [f"{kind}:{row[kind]}" for kind in ("household", "organization") if row.get(kind)]
    return check_statement(
        identifiers,
        claims={name: value for name, value in row.items() if name not in CUSTOMER_FIELDS and value},
        consents={
            purpose: GRANTED if _flag(row, column) else DENIED
            for column, purpose in _CONSENTS.items()
            if row.get(column)
        },
        account=accounts[0] if accounts else "",
        source=row.get("source") or default_source or DEFAULT_SOURCE,
        evidence=IMPORT_ROW,
    )


def is_news(known: Record, said: Record) -> bool:
    """Tell whether a statement says of an identifier what its source has not said of it before, times aside."""
    if not said.node.links.keys() <= known.node.links.keys():
        return True
    if not said.node.unverified.keys() <= known.node.unverified.keys() | known.node.links.keys():
        return True
    for name, statements in said.said.claims.items():
        latest = {each.source: each.value for each in reversed(known.said.claims.get(name, ()))}
        if any(latest.get(each.source) != each.value for each in statements):
            return True
    for purpose, consent in said.said.consents.items():
        standing = known.said.consents.get(purpose)
        if standing is None or (standing.granted, standing.source) != (consent.granted, consent.source):
            return True
    account = said.said.account
    return account is not None and (known.said.account is None or known.said.account.external_id != account.external_id)


def _flag(row: Mapping[str, str], column: str) -> bool:
    """Return a yes or no; empty is no. Raises InvalidArgumentError for anything else."""
    text = row.get(column, "").strip().lower()
    if text in _YES:
        return True
    if text in _NO or not text:
        return False
    raise InvalidArgumentError(f"{column} is true or false", field=column)
