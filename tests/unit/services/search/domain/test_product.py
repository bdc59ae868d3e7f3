"""A product's public form is read strictly, written exactly, and comes back the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.money import Money
from services.search.domain import product as limits
from services.search.domain.errors import ProductFieldError
from services.search.domain.product import (
    Availability,
    Product,
    product_from_json,
    product_to_json,
    same_content,
    stored_product,
)

FULL: dict[str, Any] = {
    "id": "p-1",
    "title": {"zh": "奶酪", "en": "Cheese"},
    "description": {"en": "Soft"},
    "categories": [{"zh": "乳品 > 奶酪", "en": "Dairy>Cheese"}],
    "brands": ["Acme"],
    "price": {"amount": "19.90", "currency": "CNY"},
    "original_price": {"amount": "25", "currency": "CNY"},
    "available_quantity": 3,
    "attributes": {"size": ["250 g"], "colour": "white"},
    "tags": ["own-label", "own-label"],
    "uri": "https://shop.example/p-1",
    "images": ["https://shop.example/p-1.jpg"],
}


def read(**changes: Any) -> Product:
    return product_from_json({**FULL, **changes}, shop="main")


def test_every_field_is_read() -> None:
    product = read()
    assert product.price == Money(1990, "CNY")
    assert product.original_price == Money(2500, "CNY")
    assert product.availability is Availability.IN_STOCK
    assert product.categories == ({"en": "Dairy > Cheese", "zh": "乳品 > 奶酪"},)
    assert product.attributes == {"size": ("250 g",), "colour": ("white",)}
    assert product.tags == ("own-label",)
    assert product.shop == "main"


def test_what_was_written_reads_back_the_same() -> None:
    product = read()
    assert stored_product(product_to_json(product)) == product


def test_a_plain_text_is_taken_for_the_language_of_its_script() -> None:
    assert read(title="可口可乐 Coca-Cola").title == {"zh": "可口可乐 Coca-Cola"}
    assert read(title="Coca-Cola").title == {"en": "Coca-Cola"}
    assert read(title="330").title == {"en": "330"}
    assert read(categories="饮料 > 汽水").categories == ({"zh": "饮料 > 汽水"},)


def test_a_number_may_be_an_id() -> None:
    assert read(id=42).id == "42"


def test_the_row_s_shop_stands_before_the_import_s() -> None:
    assert read(shop="pudong").shop == "pudong"


@pytest.mark.parametrize(
    ("quantity", "availability", "expected"),
    [
        (0, None, Availability.OUT_OF_STOCK),
        (1, None, Availability.IN_STOCK),
        (-1, None, Availability.IN_STOCK),
        (None, None, Availability.IN_STOCK),
        (0, "backorder", Availability.BACKORDER),
    ],
)
def test_availability_follows_the_quantity_unless_given(
    quantity: int | None, availability: str | None, expected: Availability
) -> None:
    assert read(available_quantity=quantity, availability=availability).availability is expected


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"id": None}, "MISSING_FIELD", "id"),
        ({"id": ""}, "MISSING_FIELD", "id"),
        ({"id": "a b"}, "INVALID_ID", "id"),
        ({"id": "a?b"}, "INVALID_ID", "id"),
        ({"id": "a\x00"}, "INVALID_ID", "id"),
        ({"id": ["a"]}, "INVALID_ID", "id"),
        ({"id": "x" * (limits.ID_LIMIT + 1)}, "INVALID_ID", "id"),
        ({"title": None}, "MISSING_FIELD", "title"),
        ({"title": {"zh": " "}}, "MISSING_FIELD", "title"),
        ({"title": {"fr": "fromage"}}, "INVALID_TEXT", "title"),
        ({"title": 3}, "INVALID_TEXT", "title"),
        ({"title": "\ud800"}, "INVALID_TEXT", "title.en"),
        ({"title": "x" * (limits.TITLE_LIMIT + 1)}, "TOO_LONG", "title.en"),
        ({"description": "x" * (limits.DESCRIPTION_LIMIT + 1)}, "TOO_LONG", "description.en"),
        ({"categories": [" > "]}, "INVALID_TEXT", "categories"),
        ({"categories": ["a"] * (limits.CATEGORIES_LIMIT + 1)}, "TOO_MANY", "categories"),
        ({"brands": ["a"] * (limits.BRANDS_LIMIT + 1)}, "TOO_MANY", "brands"),
        ({"brands": ["x" * (limits.WORD_LIMIT + 1)]}, "TOO_LONG", "brands"),
        ({"brands": 3}, "INVALID_LIST", "brands"),
        ({"tags": [str(n) for n in range(limits.TAGS_LIMIT + 1)]}, "TOO_MANY", "tags"),
        ({"images": ["x"] * (limits.IMAGES_LIMIT + 1)}, "TOO_MANY", "images"),
        ({"uri": "x" * (limits.URI_LIMIT + 1)}, "TOO_LONG", "uri"),
        ({"shop": "x" * (limits.SHOP_LIMIT + 1)}, "TOO_LONG", "shop"),
        ({"attributes": {str(n): "x" for n in range(limits.ATTRIBUTES_LIMIT + 1)}}, "TOO_MANY", "attributes"),
        ({"attributes": {"x" * (limits.ATTRIBUTE_NAME_LIMIT + 1): "x"}}, "TOO_LONG", "attributes"),
        ({"attributes": {"a": ["x"] * (limits.ATTRIBUTE_VALUES_LIMIT + 1)}}, "TOO_MANY", "attributes.a"),
        ({"attributes": {"a": "x" * (limits.ATTRIBUTE_VALUE_LIMIT + 1)}}, "TOO_LONG", "attributes.a"),
        ({"attributes": ["a"]}, "INVALID_ATTRIBUTES", "attributes"),
        ({"price": 19.9}, "INVALID_MONEY", "price"),
        ({"price": {"amount": 19.9, "currency": "CNY"}}, "INVALID_MONEY", "price"),
        ({"price": {"amount": "19.999", "currency": "CNY"}}, "INVALID_MONEY", "price"),
        ({"price": {"amount": "1,999", "currency": "CNY"}}, "INVALID_MONEY", "price"),
        ({"price": {"amount": "1", "currency": "yuan"}}, "INVALID_MONEY", "price"),
        ({"price": {"amount": "1.5", "currency": "JPY"}}, "INVALID_MONEY", "price"),
        ({"original_price": {"amount": "-1", "currency": "CNY"}}, "NEGATIVE_PRICE", "original_price"),
        ({"available_quantity": -2}, "INVALID_QUANTITY", "available_quantity"),
        ({"available_quantity": limits.QUANTITY_LIMIT + 1}, "INVALID_QUANTITY", "available_quantity"),
        ({"available_quantity": True}, "INVALID_QUANTITY", "available_quantity"),
        ({"available_quantity": "3"}, "INVALID_QUANTITY", "available_quantity"),
        ({"availability": "maybe"}, "INVALID_AVAILABILITY", "availability"),
        ({"withdrawn": "no"}, "INVALID_FLAG", "withdrawn"),
        ({"colour": "red"}, "UNKNOWN_FIELD", "colour"),
    ],
)
def test_a_field_that_cannot_be_kept_is_named_with_its_reason(changes: dict[str, Any], reason: str, field: str) -> None:
    with pytest.raises(ProductFieldError) as caught:
        read(**changes)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_same_content_ignores_version_and_time_only() -> None:
    one = read()
    assert same_content(one, stored_product({**product_to_json(one), "version": 9}))
    assert not same_content(one, read(tags=["sale"]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(limits.FIELDS)), JSON, max_size=6))
def test_any_row_is_a_product_or_a_named_error(row: dict[str, Any]) -> None:
    try:
        product = product_from_json({"id": "p", "title": "t", **row}, shop="main")
    except ProductFieldError as error:
        assert error.field
        return
    assert stored_product(product_to_json(product)) == product
