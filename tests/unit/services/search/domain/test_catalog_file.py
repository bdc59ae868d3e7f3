"""Rows of a file become rows of the public form; no column is dropped without being named."""

import pytest

from services.search.domain import catalog_file
from services.search.domain.catalog_file import check_columns, check_options, csv_layout, ndjson_row
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


def test_columns_with_our_names_need_no_mapping() -> None:
    layout = csv_layout(["SKU", "title", "attributes.颜色"], {"id": "SKU"}, {})
    assert layout.row(["7", "灯", "红|蓝"]) == {"id": "7", "title": "灯", "attributes": {"颜色": ["红", "蓝"]}}


def test_all_other_columns_may_be_ignored_by_name() -> None:
    layout = csv_layout(["id", "title", "colour"], {}, {"ignore_columns": "*"})
    assert layout.row(["p1", "Cheese", "red"]) == {"id": "p1", "title": "Cheese"}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["p1"], "ROW_SHAPE"),
        (["p1", "x", "y", "z"], "ROW_SHAPE"),
        (["p1", "x", ""], "INVALID_QUANTITY"),
        (["p1", "１２", ""], "INVALID_QUANTITY"),
        (["p1", "1_000", ""], "INVALID_QUANTITY"),
        (["p1", "12.5", ""], "INVALID_QUANTITY"),
        (["p1", "9" * 16, ""], "INVALID_QUANTITY"),
        (["p1", "", "perhaps"], "INVALID_FLAG"),
    ],
)
def test_a_row_that_does_not_fit_says_why(cells: list[str], reason: str) -> None:
    with pytest.raises(ProductFieldError) as caught:
        csv_layout(["id", "available_quantity", "withdrawn"], {}, {}).row(cells)
    assert caught.value.reason == reason


@pytest.mark.parametrize(("cell", "withdrawn"), [("TRUE", True), ("是", True), ("no", False), ("0", False)])
def test_a_flag_is_said_in_the_words_of_either_language(cell: str, withdrawn: bool) -> None:
    assert csv_layout(["id", "withdrawn"], {}, {}).row(["p1", cell]) == {"id": "p1", "withdrawn": withdrawn}


def test_a_whole_number_may_come_as_a_spreadsheet_writes_it() -> None:
    assert csv_layout(["id", "available_quantity"], {}, {}).row(["p1", "12.0"])["available_quantity"] == 12


def test_an_ndjson_row_is_renamed_and_its_bare_price_gets_the_currency() -> None:
    row = ndjson_row(
        {"sku": "p1", "name": "Cheese", "price": "1.50"}, {"id": "sku", "title": "name"}, {"currency": "EUR"}
    )
    assert row == {"id": "p1", "title": "Cheese", "price": {"amount": "1.50", "currency": "EUR"}}


def test_an_option_that_products_do_not_have_is_refused() -> None:
    with pytest.raises(ImportConfigError):
        check_options("ndjson", {"cancelled_prefix": "C"})


def test_an_option_of_the_other_format_is_refused() -> None:
    with pytest.raises(ImportConfigError):
        check_options("ndjson", {"delimiter": ";"})
    check_options("csv", {"delimiter": ";"})


def test_a_mapping_of_a_field_that_products_do_not_have_says_which_there_are() -> None:
    with pytest.raises(ImportConfigError, match="'colour'; they have: availability, available_quantity"):
        check_columns({"colour": "Farbe"})
    check_columns({"attributes.colour": "Farbe", "title.zh": "名称"})


def test_a_mapping_of_a_column_that_the_file_lacks_says_which_it_has() -> None:
    with pytest.raises(ImportConfigError, match="no column 'Name' for title; it has: SKU, 名称"):
        csv_layout(["SKU", "名称"], {"id": "SKU", "title": "Name"}, {})


def test_other_members_of_an_ndjson_row_may_be_ignored_by_name() -> None:
    row = {"id": "p1", "title": "x", "colour": "red", "tags": ["a"]}
    assert ndjson_row(row, {}, {"ignore_columns": "colour,tags"}) == {"id": "p1", "title": "x"}
    assert ndjson_row(row, {}, {"ignore_columns": "*"}) == {"id": "p1", "title": "x", "tags": ["a"]}
    assert ndjson_row(row, {"brands": "tags"}, {"ignore_columns": "*"})["brands"] == ["a"]
