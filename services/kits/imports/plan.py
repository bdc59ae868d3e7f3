"""How an imported file is to be read: its format, which column is which field, and the options of each importer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.kits.money import is_currency
from services.kits.rows.csv_rows import DIALECT_OPTIONS, csv_dialect
from services.knowledge.domain.errors import ImportConfigError

CSV: Final = "csv"
NDJSON: Final = "ndjson"
ORDERS: Final = "orders"
CUSTOMERS: Final = "customers"
EVENTS: Final = "events"

MAX_COLUMNS: Final = 200
COLUMNS_SHOWN: Final = 20  # of a file, in an error
ALL_OTHERS: Final = "*"  # in ignore_columns
MAX_CHARGES: Final = 200

ORDER_FIELDS: Final = (
    "order_number",
    "line",
    "occurred_time",
    "shop",
    "channel",
    "card",
    "login",
    "phone",
    "email",
    "visitor",
    "product_id",
    "quantity",
    "unit_price",
    "currency",
    "line_total",
    "discount",
    "coupon_discount",
    "store",
)
REQUIRED_ORDER_FIELDS: Final = ("order_number", "occurred_time", "product_id", "quantity")
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
    ORDERS: frozenset(
        {
            "anonymous",
            "cancelled_prefix",
            "charge_products",
            "currency",
            "ignore_columns",
            "time_format",
            "time_zone",
        }
    )
    | DIALECT_OPTIONS,
    CUSTOMERS: frozenset({"ignore_columns", "source"}) | DIALECT_OPTIONS,
    EVENTS: frozenset(),
}


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """An import as it was asked for. ``columns``: our field -> the file's column."""

    format: str
    shop: str = ""
    channel: str = ""
    dry_run: bool = False
    owner: str = ""
    synthetic: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """The options of an orders import, read."""

    zone: tzinfo
    currency: str
    time_format: str = ""
    cancelled_prefix: str = ""
    charges: frozenset[str] = frozenset()
    charge_prefixes: tuple[str, ...] = ()
    anonymous: bool = True

    def is_charge(self, product_id: str) -> bool:
        """Tell whether a line of this product is a charge (postage, a manual entry), not goods."""
        name = product_id.upper()
        return name in self.charges or (bool(self.charge_prefixes) and name.startswith(self.charge_prefixes))


def check_plan(kind: str, plan: ImportPlan) -> None:
    """Raise ImportConfigError for what this importer does not have, so that a misspelt option is not without effect."""
    unknown = sorted(plan.options.keys() - OPTIONS[kind])
    if unknown:
        known = ", ".join(sorted(OPTIONS[kind])) or "none"
        raise ImportConfigError(f"{kind} have no option {unknown[0]}; they have: {known}", field="options")
    if kind == EVENTS and plan.format != NDJSON:
        raise ImportConfigError("events are imported as NDJSON", field="format")
    if kind == EVENTS and plan.columns:
        raise ImportConfigError("events come in the public form; they have no columns to map", field="columns")
    if kind == ORDERS:
        strange = sorted(plan.columns.keys() - set(ORDER_FIELDS))
        if strange:
            raise ImportConfigError(
                f"orders have no field {strange[0]}; they have: {', '.join(ORDER_FIELDS)}", field="columns"
            )
        order_options(plan, ZoneInfo("UTC"), "XXX")
    if plan.format == NDJSON and (strange := sorted(plan.options.keys() & DIALECT_OPTIONS)):
        raise ImportConfigError(f"the option {strange[0]} is for CSV", field="options")
    try:
        csv_dialect(plan.options)
    except ValueError as error:
        raise ImportConfigError(str(error), field="options") from error


def order_options(plan: ImportPlan, zone: tzinfo, currency: str) -> OrderOptions:
    """Read the options; ``zone`` and ``currency`` are the shop's. Raises ImportConfigError."""
    options = plan.options
    if "time_zone" in options:
        try:
            zone = ZoneInfo(options["time_zone"])
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ImportConfigError("time_zone is a name such as Europe/London", field="options") from error
    chosen = options.get("currency", currency)
    if not is_currency(chosen):
        raise ImportConfigError("currency is an ISO 4217 code", field="options")
    anonymous = options.get("anonymous", "accept")
    if anonymous not in ("accept", "reject"):
        raise ImportConfigError("anonymous is accept or reject", field="options")
    charges = [each.strip().upper() for each in options.get("charge_products", "").split(",") if each.strip()]
    if len(charges) > MAX_CHARGES:
        raise ImportConfigError(f"at most {MAX_CHARGES} charge_products", field="options")
    return OrderOptions(
        zone=zone,
        currency=chosen,
        time_format=options.get("time_format", ""),
        cancelled_prefix=options.get("cancelled_prefix", ""),
        charges=frozenset(each for each in charges if not each.endswith("*")),
        charge_prefixes=tuple(each[:-1] for each in charges if each.endswith("*") and len(each) > 1),
        anonymous=anonymous == "accept",
    )


def check_header(plan: ImportPlan, header: Sequence[str]) -> None:
    """Raise ImportConfigError: no name or too many, a name twice, a mapped column that the file lacks."""
    names = [name for name in header if name]
    if not names or len(header) > MAX_COLUMNS:
        raise ImportConfigError(f"the file begins with a header of 1 to {MAX_COLUMNS} columns", field="columns")
    if len(set(names)) < len(names):
        raise ImportConfigError("the header names a column twice", field="columns")
    for field_name, column in sorted(plan.columns.items()):
        if column not in names:
            there = ", ".join(name[:64] for name in names[:COLUMNS_SHOWN])
            raise ImportConfigError(
                f"the file has no column {column[:64]!r} for {field_name}; it has: {there}", field="columns"
            )


def column_places(plan: ImportPlan, header: Sequence[str], fields: Sequence[str]) -> dict[str, int]:
    """Return where each of our fields stands in the file's header, of those that it has."""
    places = {name: place for place, name in enumerate(header) if name}
    columns = {each: plan.columns.get(each, each) for each in fields}
    return {each: places[column] for each, column in columns.items() if column in places}


def ignored_columns(plan: ImportPlan) -> frozenset[str]:
    """Return what the option ignore_columns names; ALL_OTHERS in it stands for whatever is not ours."""
    return frozenset(name.strip() for name in plan.options.get("ignore_columns", "").split(","))


def unknown_names(plan: ImportPlan, names: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Return which of a file's names are none of our fields, by themselves or mapped, nor to be ignored."""
    ignored = ignored_columns(plan)
    if ALL_OTHERS in ignored:
        return []
    known = ignored | {plan.columns.get(each, each) for each in fields}
    return [name for name in names if name and name not in known]
