"""How a file is to be read: what is misspelt is refused, never without effect."""

import pytest

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import (
    CSV,
    MAX_COLUMNS,
    NDJSON,
    ImportPlan,
    check_fields,
    check_header,
    check_options,
    column_places,
    unknown_names,
)
from services.kits.rows.csv_rows import DIALECT_OPTIONS

FIELDS = ("order_number", "card")
OPTIONS = DIALECT_OPTIONS | {"currency"}


@pytest.mark.parametrize(
    "plan",
    [
        ImportPlan(CSV, options={"curency": "CNY"}),
        ImportPlan(CSV, options={"delimiter": "||"}),
        ImportPlan(CSV, options={"encoding": "utf-16"}),
        ImportPlan(NDJSON, options={"encoding": "gb18030"}),
        ImportPlan(NDJSON, options={"delimiter": ";"}),
    ],
)
def test_an_option_that_there_is_not_or_not_for_the_format_is_refused(plan: ImportPlan) -> None:
    with pytest.raises(ImportConfigError):
        check_options("orders", plan, OPTIONS)


def test_a_column_that_is_mapped_to_no_field_is_refused() -> None:
    with pytest.raises(ImportConfigError, match="orders have no field number; they have: order_number, card"):
        check_fields("orders", ImportPlan(CSV, columns={"number": "InvoiceNo"}), FIELDS)


def test_what_there_is_is_taken() -> None:
    check_options("orders", ImportPlan(CSV, options={"currency": "CNY", "delimiter": ";"}), OPTIONS)
    check_fields("orders", ImportPlan(CSV, columns={"card": "CustomerID"}), FIELDS)


def test_columns_are_found_by_their_own_or_the_files_name() -> None:
    plan = ImportPlan(CSV, columns={"order_number": "InvoiceNo"})
    places = column_places(plan, ["InvoiceNo", "card", "Country"], FIELDS)
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
    assert unknown_names(plan, names, FIELDS) == unknown
