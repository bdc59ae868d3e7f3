"""What the import of orders has: what is misspelt is refused, never without effect."""

from zoneinfo import ZoneInfo

import pytest

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import CSV, ImportPlan
from services.orders.domain.import_plan import MAX_CHARGES, ORDERS, check_plan, order_options

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(
    "plan",
    [
        ImportPlan(CSV, options={"canceled_prefix": "C"}),
        ImportPlan(CSV, columns={"number": "InvoiceNo"}),
        ImportPlan(CSV, options={"time_zone": "Mars/Base"}),
        ImportPlan(CSV, options={"currency": "pounds"}),
        ImportPlan(CSV, options={"anonymous": "maybe"}),
        ImportPlan(CSV, options={"charge_products": ",".join(f"P{n}" for n in range(MAX_CHARGES + 1))}),
    ],
)
def test_what_it_does_not_have_is_refused(plan: ImportPlan) -> None:
    with pytest.raises(ImportConfigError):
        check_plan(ORDERS, plan)


def test_what_it_has_is_taken() -> None:
    options = {"cancelled_prefix": "C", "charge_products": ",".join(f"P{n}" for n in range(MAX_CHARGES))}
    check_plan(ORDERS, ImportPlan(CSV, columns={"card": "CustomerID"}, options={**options, "delimiter": ";"}))


def test_the_shops_zone_and_currency_hold_where_no_option_says_otherwise() -> None:
    options = order_options(ImportPlan(CSV), UTC, "CNY")
    assert (options.zone, options.currency, options.anonymous) == (UTC, "CNY", True)
    said = {"time_zone": "Europe/London", "currency": "GBP", "anonymous": "reject"}
    options = order_options(ImportPlan(CSV, options=said), UTC, "CNY")
    assert (options.zone.key, options.currency, options.anonymous) == ("Europe/London", "GBP", False)


@pytest.mark.parametrize(
    ("product", "charge"), [("POST", True), ("post", True), ("GIFT_0001", True), ("POSTER", False), ("M", True)]
)
def test_charges_are_named_exactly_or_by_prefix(product: str, charge: bool) -> None:
    options = order_options(ImportPlan(CSV, options={"charge_products": "POST, M,gift_*"}), UTC, "GBP")
    assert options.is_charge(product) is charge
