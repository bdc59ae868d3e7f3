"""Owns what a search request asks for, read from its text forms: filters, order, facets, languages."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.kits.text.fold import fold
from services.search.domain.errors import FacetError, FilterError, LanguageError, OrderByError, QueryTooLongError

QUERY_LIMIT: Final = 256  # characters
FILTERS_LIMIT: Final = 20
FILTER_LIMIT: Final = 2_048  # characters
FILTER_VALUES_LIMIT: Final = 50
FACETS_LIMIT: Final = 8
PAGE_DEFAULT: Final = 24
PAGE_LIMIT: Final = 100
ATTRIBUTE_PREFIX: Final = "attribute."

_RANGE: Final = re.compile(r"(\d{1,15}|\*?)\.\.(\d{1,15}|\*?)", re.ASCII)
_SPLIT: Final = re.compile(r"(?<!\\),")
_KEYWORDS: Final = frozenset({"category", "brand", "tag", "availability", "shop"})
_SPACES: Final = re.compile(r"\s+")


class FacetField(StrEnum):
    """What can be counted."""

    CATEGORY = "category"
    BRAND = "brand"
    PRICE = "price"
    TAG = "tag"


class OrderBy(StrEnum):
    """In what order hits come."""

    RELEVANCE = "relevance"
    PRICE_ASCENDING = "price"
    PRICE_DESCENDING = "-price"
    NEWEST = "newest"
    POPULARITY = "popularity"


class MatchedTerms(StrEnum):
    """How many of a query's words a hit had to have."""

    ALL = "all"
    ANY = "any"
    NONE = "none"  # there were none to match: a browse, or a query of punctuation


@dataclass(frozen=True, slots=True)
class Keywords:
    """Products that have one of the values in ``field``, or none; an attribute's name stands in ``attribute``.

    ``always``: the shop's word, not the shopper's choice; facets count nothing of what it leaves out.
    """

    field: str
    values: tuple[str, ...]
    attribute: str = ""
    negated: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Products that cost ``at_least <= price < below`` minor units; either side may be open."""

    at_least: int | None
    below: int | None


Condition = Keywords | PriceRange


def parsed_filters(filters: list[str]) -> tuple[Condition, ...]:
    """Read ``field:value[,value]`` parts; a comma inside a value is written ``\\,``. Raises FilterError."""
    if len(filters) > FILTERS_LIMIT:
        raise FilterError(f"more than {FILTERS_LIMIT} filters", field="filter")
    return tuple(_condition(text) for text in filters)


def filter_value(value: str) -> str:
    """Write a value so that it can stand in a filter."""
    return value.replace("\\", "\\\\").replace(",", "\\,")


def parsed_order(order_by: str) -> OrderBy:
    """Read an order, empty for relevance. Raises OrderByError."""
    try:
        return OrderBy(order_by or OrderBy.RELEVANCE)
    except ValueError:
        raise OrderByError(f"order_by is one of {', '.join(OrderBy)}", field="order_by") from None


def parsed_facets(facets: list[str]) -> tuple[FacetField, ...]:
    """Read facet names, each counted once. Raises FacetError."""
    if len(facets) > FACETS_LIMIT:
        raise FacetError(f"more than {FACETS_LIMIT} facets", field="facets")
    try:
        return tuple(FacetField(name) for name in dict.fromkeys(facets))
    except ValueError:
        raise FacetError(f"a facet is one of {', '.join(FacetField)}", field="facets") from None


def parsed_language(language: str, *, default: str) -> str:
    """Read the language of the answer ("zh-CN" is "zh"). Raises LanguageError."""
    primary = language.replace("_", "-").split("-")[0].lower() if language else default
    if primary not in {"zh", "en"}:
        raise LanguageError("language is zh or en", field="language")
    return primary


def checked_query(query: str, *, limit: int = QUERY_LIMIT) -> str:
    """Return the query without half characters; raises QueryTooLongError."""
    if len(query) > limit:
        raise QueryTooLongError(f"a query has at most {limit} characters", field="query")
    return query.encode("utf-8", "replace").decode()


def normalised_query(query: str) -> str:
    """Return the form under which equal queries are counted together."""
    return _SPACES.sub(" ", fold(query)).strip()


def _condition(text: str) -> Condition:
    name, colon, rest = text.partition(":")
    if not colon or not rest or len(text) > FILTER_LIMIT:
        message = f"a filter is written field:value[,value], at most {FILTER_LIMIT} characters"
        raise FilterError(message, field="filter")
    if name == "price":
        return _price_range(rest)
    values = tuple(re.sub(r"\\(.)", r"\1", value).strip() for value in _SPLIT.split(rest))
    if not all(values) or len(values) > FILTER_VALUES_LIMIT:
        raise FilterError(f"a filter has 1 to {FILTER_VALUES_LIMIT} values, none empty", field="filter")
    if name == "in_stock":
        if values not in {("true",), ("false",)}:
            raise FilterError("in_stock is true or false", field="filter")
        return Keywords("in_stock", values)
    if name.startswith(ATTRIBUTE_PREFIX) and len(name) > len(ATTRIBUTE_PREFIX):
        return Keywords("attribute", values, name.removeprefix(ATTRIBUTE_PREFIX))
    if name not in _KEYWORDS:
        allowed = ", ".join(sorted(_KEYWORDS | {"price", "in_stock", "attribute.<name>"}))
        raise FilterError(f"a filter's field is one of {allowed}", field="filter")
    return Keywords(name, values)


def _price_range(text: str) -> PriceRange:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise FilterError("price is written 100..500 in minor units, either side may be left out", field="filter")
    low, high = (int(side) if side not in {"", "*"} else None for side in match.groups())
    if low is None and high is None:
        raise FilterError("a price range names at least one side", field="filter")
    return PriceRange(low, high)
