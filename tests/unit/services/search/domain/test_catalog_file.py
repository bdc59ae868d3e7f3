"""Rows of a file become rows of the public form; no column is dropped without being named."""

import pytest

from services.search.domain import catalog_file
from services.search.domain.catalog_file import check_options, csv_layout, ndjson_row
from services.search.domain.errors import ImportConfigError, ProductFieldError

HEADER = [
    "id", "title.zh", "title.en", "categories.zh", "categories.en", "brands", "price", "currency", "original_price",
    "available_quantity", "tags", "images", "attributes.size", "withdrawn",
]  # fmt: skip


def test_a_csv_row_becomes_the_public_form() -> None:
    layout = csv_layout(HEADER, {}, {})
    row = layout.row(
        ["p1", "奶酪", "Cheese", "乳品 > 奶酪|冷藏", "Dairy > Cheese|Chilled", "Acme | Best", "19.90", "CNY", "25.00",
         "3", "sale|new", "http://a|http://b", "250 g|500 g", "no"]
    )  # fmt: skip
    assert row == {
        "id": "p1",
        "title": {"zh": "奶酪", "en": "Cheese"},
        "categories": [{"zh": "乳品 > 奶酪", "en": "Dairy > Cheese"}, {"zh": "冷藏", "en": "Chilled"}],
        "brands": ["Acme", "Best"],
        "price": {"amount": "19.90", "currency": "CNY"},
        "original_price": {"amount": "25.00", "currency": "CNY"},
        "available_quantity": 3,
        "tags": ["sale", "new"],
        "images": ["http://a", "http://b"],
        "attributes": {"size": ["250 g", "500 g"]},
        "withdrawn": False,
    }


def test_empty_cells_are_absent() -> None:
    assert csv_layout(["id", "title", "price"], {}, {}).row(["p1", "Cheese", " "]) == {"id": "p1", "title": "Cheese"}


def test_a_file_with_its_own_names_comes_with_a_mapping() -> None:
    columns = {"id": "SKU", "title": "Beschreibung", "price": "Preis"}
    options = {"currency": "EUR", "ignore_columns": "Lager, Notiz"}
    layout = csv_layout(["SKU", "Lager", "Beschreibung", "Preis", "Notiz"], columns, options)
    assert layout.row(["7", "B", "Käse", "1.50", "-"]) == {
        "id": "7",
        "title": "Käse",
        "price": {"amount": "1.50", "currency": "EUR"},
    }


@pytest.mark.parametrize(
    ("header", "columns", "options"),
    [
        (["id", "title", "colour"], {}, {}),
        (["id", "id"], {}, {}),
        ([""], {}, {}),
        (["title"], {}, {}),
        (["sku", "name"], {"id": "sku"}, {}),
        (["sku", "name"], {"id": "sku", "nothing": "name"}, {}),
        (["sku"], {"id": "sku", "title": "name"}, {}),
        (["id", "title"], {"id": "title"}, {}),
        (["id"], {}, {"nothing": "x"}),
        (["id"], {}, {"list_separator": ""}),
        (["id", *(f"attributes.{n}" for n in range(catalog_file.COLUMNS_LIMIT))], {}, {}),
    ],
)
def test_a_header_that_leaves_a_question_open_is_refused(
    header: list[str], columns: dict[str, str], options: dict[str, str]
) -> None:
    with pytest.raises(ImportConfigError):
        csv_layout(header, columns, options)


def test_all_other_columns_may_be_ignored_by_name() -> None:
    layout = csv_layout(["id", "title", "colour"], {}, {"ignore_columns": "*"})
    assert layout.row(["p1", "Cheese", "red"]) == {"id": "p1", "title": "Cheese"}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [(["p1"], "WRONG_CELL_COUNT"), (["p1", "x", "y"], "WRONG_CELL_COUNT"), (["p1", "x"], "INVALID_QUANTITY")],
)
def test_a_row_that_does_not_fit_says_why(cells: list[str], reason: str) -> None:
    with pytest.raises(ProductFieldError) as caught:
        csv_layout(["id", "available_quantity"], {}, {}).row(cells)
    assert caught.value.reason == reason


def test_an_ndjson_row_is_renamed_and_its_bare_price_gets_the_currency() -> None:
    row = ndjson_row(
        {"sku": "p1", "name": "Cheese", "price": "1.50"}, {"id": "sku", "title": "name"}, {"currency": "EUR"}
    )
    assert row == {"id": "p1", "title": "Cheese", "price": {"amount": "1.50", "currency": "EUR"}}


def test_an_option_that_products_do_not_have_is_refused() -> None:
    with pytest.raises(ImportConfigError):
        check_options({"cancelled_prefix": "C"})
