"""What the import of orders understands: its fields, its options, and what they say."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import ImportPlan, check_fields, check_options
from services.kits.money import is_currency
from services.kits.rows.csv_rows import DIALECT_OPTIONS

ORDERS: Final = "orders"
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
OPTIONS: Final = (
    frozenset(
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
    | DIALECT_OPTIONS
)


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """The options of an orders import, read."""

    zone: ZoneInfo
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
    check_options(kind, plan, OPTIONS)
    check_fields(kind, plan, ORDER_FIELDS)
    order_options(plan, ZoneInfo("UTC"), "XXX")


def order_options(plan: ImportPlan, zone: ZoneInfo, currency: str) -> OrderOptions:
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
