"""How an import is asked for: what is misspelt is refused, never without effect."""

from zoneinfo import ZoneInfo

import pytest

from services.knowledge.domain.errors import ImportConfigError
from services.knowledge.domain.import_plan import (
    CSV,
    CUSTOMERS,
    EVENTS,
    MAX_COLUMNS,
    NDJSON,
    ORDER_FIELDS,
    ORDERS,
    ImportPlan,
    check_header,
    check_plan,
    column_places,
    order_options,
    unknown_names,
)

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("kind", "plan"),
    [
        (ORDERS, ImportPlan(CSV, options={"canceled_prefix": "C"})),
        (ORDERS, ImportPlan(CSV, columns={"number": "InvoiceNo"})),
        (ORDERS, ImportPlan(CSV, options={"time_zone": "Mars/Base"})),
        (ORDERS, ImportPlan(CSV, options={"currency": "pounds"})),
        (ORDERS, ImportPlan(CSV, options={"anonymous": "maybe"})),
        (ORDERS, ImportPlan(CSV, options={"delimiter": "||"})),
        (ORDERS, ImportPlan(CSV, options={"charge_products": ",".join(f"P{n}" for n in range(201))})),
        (ORDERS, ImportPlan(CSV, options={"encoding": "utf-16"})),
        (ORDERS, ImportPlan(NDJSON, options={"encoding": "gb18030"})),
        (CUSTOMERS, ImportPlan(NDJSON, options={"delimiter": ";"})),
        (CUSTOMERS, ImportPlan(CSV, options={"currency": "CNY"})),
        (EVENTS, ImportPlan(CSV)),
        (EVENTS, ImportPlan(NDJSON, options={"source": "x"})),
        (EVENTS, ImportPlan(NDJSON, columns={"id": "x"})),
    ],
)
def test_what_an_importer_does_not_have_is_refused(kind: str, plan: ImportPlan) -> None:
    with pytest.raises(ImportConfigError):
        check_plan(kind, plan)


def test_what_it_has_is_taken() -> None:
    check_plan(
        ORDERS, ImportPlan(CSV, columns={"card": "CustomerID"}, options={"cancelled_prefix": "C", "delimiter": ";"})
    )
    check_plan(CUSTOMERS, ImportPlan(NDJSON, columns={"card": "no", "anything": "x"}, options={"source": "crm"}))
    check_plan(EVENTS, ImportPlan(NDJSON))


def test_the_shops_zone_and_currency_hold_where_no_option_says_otherwise() -> None:
    options = order_options(ImportPlan(CSV), UTC, "CNY")
    assert (options.zone, options.currency, options.anonymous) == (UTC, "CNY", True)
    options = order_options(
        ImportPlan(CSV, options={"time_zone": "Europe/London", "currency": "GBP", "anonymous": "reject"}), UTC, "CNY"
    )
    assert (options.zone.key, options.currency, options.anonymous) == ("Europe/London", "GBP", False)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("product", "charge"), [("POST", True), ("post", True), ("GIFT_0001", True), ("POSTER", False), ("M", True)]
)
def test_charges_are_named_exactly_or_by_prefix(product: str, charge: bool) -> None:
    options = order_options(ImportPlan(CSV, options={"charge_products": "POST, M,gift_*"}), UTC, "GBP")
    assert options.is_charge(product) is charge


def test_columns_are_found_by_their_own_or_the_files_name() -> None:
    plan = ImportPlan(CSV, columns={"order_number": "InvoiceNo"})
    places = column_places(plan, ["InvoiceNo", "card", "Country"], ORDER_FIELDS)
    assert places == {"order_number": 0, "card": 1}


@pytest.mark.parametrize("header", [[""], ["a", "b", "a"], ["x"], ["b", *(f"c{n}" for n in range(MAX_COLUMNS))]])
def test_a_header_that_misleads_is_refused(header: list[str]) -> None:
    with pytest.raises(ImportConfigError):
        check_header(ImportPlan(CSV, columns={"card": "b"}), header)


def test_a_header_of_as_many_columns_as_the_bound_is_taken() -> None:
    check_header(ImportPlan(CSV), [f"c{n}" for n in range(MAX_COLUMNS)])


def test_a_mapped_column_that_the_file_lacks_is_named_beside_those_that_it_has() -> None:
    with pytest.raises(ImportConfigError, match="no column 'CustomerID' for card; it has: InvoiceNo, 会员号"):
        check_header(ImportPlan(CSV, columns={"card": "CustomerID"}), ["InvoiceNo", "", "会员号"])


@pytest.mark.parametrize(
    ("ignore_columns", "unknown"),
    [("", ["card", "Country", "国家"]), ("Country, card", ["国家"]), ("国家", ["card", "Country"]), ("*", [])],
)
def test_names_that_nobody_explains_are_unknown_also_ours_when_it_is_mapped_elsewhere(
    ignore_columns: str, unknown: list[str]
) -> None:
    plan = ImportPlan(CSV, columns={"card": "CustomerID"}, options={"ignore_columns": ignore_columns})
    names = ["order_number", "CustomerID", "card", "", "Country", "国家"]
    assert unknown_names(plan, names, ORDER_FIELDS) == unknown
