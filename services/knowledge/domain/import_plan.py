"""What imports of customers and events understand: their fields and options."""

from collections.abc import Mapping
from typing import Final

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import NDJSON, ImportPlan, check_options
from services.kits.rows.csv_rows import DIALECT_OPTIONS

CUSTOMERS: Final = "customers"
EVENTS: Final = "events"

CUSTOMER_FIELDS: Final = (
    "card",
    "login",
    "phone",
    "email",
    "visitor",
    "phone_verified",
    "email_verified",
    "household",
    "organization",
    "consent_personalization",
    "consent_marketing",
    "source",
)

OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    CUSTOMERS: frozenset({"ignore_columns", "source"}) | DIALECT_OPTIONS,
    EVENTS: frozenset(),
}


def check_plan(kind: str, plan: ImportPlan) -> None:
    """Raise ImportConfigError for what this importer does not have, so that a misspelt option is not without effect."""
    check_options(kind, plan, OPTIONS[kind])
    if kind == EVENTS and plan.format != NDJSON:
        raise ImportConfigError("events are imported as NDJSON", field="format")
    if kind == EVENTS and plan.columns:
        raise ImportConfigError("events come in the public form; they have no columns to map", field="columns")
