"""The text forms of a search are read strictly."""

import pytest

from services.search.domain import query as limits
from services.search.domain.errors import FacetError, FilterError, LanguageError, QueryTooLongError
from services.search.domain.query import (
    FacetField,
    Keywords,
    OrderBy,
    PriceRange,
    checked_query,
    filter_value,
    normalised_query,
    parsed_facets,
    parsed_filters,
    parsed_language,
    parsed_order,
)


def test_filters_are_read() -> None:
    assert parsed_filters(["brand:Acme\\, Inc,Best", "price:100..500", "attribute.size:2 L", "in_stock:true"]) == (
        Keywords("brand", ("Acme, Inc", "Best")),
        PriceRange(100, 500),
        Keywords("attribute", ("2 L",), "size"),
        Keywords("in_stock", ("true",)),
    )


@pytest.mark.parametrize("value", ["Acme, Inc", "a\\b", "a\\,b", "饮料 > 汽水", "a:b"])
def test_a_value_that_was_written_reads_back(value: str) -> None:
    assert parsed_filters([f"brand:{filter_value(value)}"]) == (Keywords("brand", (value,)),)


@pytest.mark.parametrize("text", ["", "brand", "brand:", "brand:,", ":x", "nothing:x", "attribute.:x", "price:1", "price:-1..2", "price:*..*", "price:１..２", "brand:" + "x" * limits.FILTER_LIMIT, "brand:" + ",".join("x" for _ in range(limits.FILTER_VALUES_LIMIT + 1))])  # fmt: skip # noqa: E501
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parsed_filters([text])


def test_one_filter_or_facet_past_the_limit_is_refused() -> None:
    assert len(parsed_filters(["brand:x"] * limits.FILTERS_LIMIT)) == limits.FILTERS_LIMIT
    with pytest.raises(FilterError):
        parsed_filters(["brand:x"] * (limits.FILTERS_LIMIT + 1))
    with pytest.raises(FacetError):
        parsed_facets(["brand"] * (limits.FACETS_LIMIT + 1))


def test_orders_facets_and_languages() -> None:
    assert parsed_order("") is OrderBy.RELEVANCE
    assert parsed_order("-price") is OrderBy.PRICE_DESCENDING
    assert parsed_facets(["brand", "brand", "price"]) == (FacetField.BRAND, FacetField.PRICE)
    assert parsed_language("zh-CN", default="en") == "zh"
    assert parsed_language("", default="en") == "en"
    with pytest.raises(LanguageError):
        parsed_language("fr", default="en")


def test_a_query_is_bounded_and_counted_in_one_form() -> None:
    assert checked_query("x" * limits.QUERY_LIMIT)
    with pytest.raises(QueryTooLongError):
        checked_query("x" * (limits.QUERY_LIMIT + 1))
    assert checked_query("a\ud800") == "a?"
    assert normalised_query("  ＣＯＣＡ \t cola ") == "coca cola"
