"""Whom a mention speaks of: brands with their exclusions, products by titles that mean one thing."""

from typing import Any

import pytest

from services.reputation.domain.brands import (
    DISTINCTIVE_HAN,
    MAX_MATCHES,
    MAX_NAMES,
    PRODUCTS_OF_TITLE,
    Brand,
    BrandKind,
    Lexicon,
    Matches,
    check_brand,
    is_distinctive,
)
from services.reputation.domain.errors import BrandInvalidError
from services.reputation.domain.names import MAX_NAME_CHARACTERS

SHOP = Brand("zhike", BrandKind.OWN, ("知客", "Zhike Market"), ("知客寮",))
RIVAL = Brand("apple-mart", BrandKind.RIVAL, ("苹果", "Apple Mart"), ("苹果汁", "苹果派"))


@pytest.fixture
def lexicon() -> Lexicon:
    known = Lexicon()
    known.put_brand(SHOP)
    known.put_brand(RIVAL)
    known.put_product("p-1", ["Chocolate birthday cake", "巧克力生日蛋糕"])
    known.put_product("p-2", ["Milk", "牛奶"])
    return known


@pytest.mark.parametrize(
    ("text", "brands", "products"),
    [
        ("知客超市的服务真差", ["zhike"], []),
        ("在知客寮住了一晚", [], []),
        ("知客寮旁边的知客", ["zhike"], []),
        ("苹果汁不错", [], []),
        ("苹果汁不错，苹果店员差", ["apple-mart"], []),
        ("Zhike Market beats Apple Mart", ["zhike", "apple-mart"], []),
        ("巧克力生日蛋糕塌了", [], ["p-1"]),  # nobody else sells a thing of this name
        ("the Chocolate Birthday Cake collapsed", [], ["p-1"]),
        ("牛奶涨价了", [], []),  # anybody's milk
        ("知客的牛奶涨价了", ["zhike"], ["p-2"]),
        ("苹果的牛奶涨价了", ["apple-mart"], []),  # the rival's milk
        ("知客 zhike market 知客", ["zhike"], []),
    ],
)
def test_brands_and_products_are_named(lexicon: Lexicon, text: str, brands: list[str], products: list[str]) -> None:
    assert lexicon.match(text) == Matches(tuple(brands), tuple(products))


def test_in_the_shops_own_reviews_any_title_is_its_product(lexicon: Lexicon) -> None:
    assert lexicon.match("牛奶过期了", is_own=True).products == ("p-2",)


def test_a_title_that_many_share_names_none(lexicon: Lexicon) -> None:
    for number in range(PRODUCTS_OF_TITLE):
        lexicon.put_product(f"same-{number}", ["Fresh orange juice"])
    assert len(lexicon.match("fresh orange juice").products) == PRODUCTS_OF_TITLE
    lexicon.put_product("one-more", ["Fresh orange juice"])
    assert lexicon.match("fresh orange juice").products == ()


def test_a_product_that_is_renamed_or_withdrawn_is_no_longer_found_by_its_title(lexicon: Lexicon) -> None:
    lexicon.put_product("p-1", ["Chocolate wedding cake"])
    assert lexicon.match("chocolate birthday cake").products == ()
    assert lexicon.match("chocolate wedding cake").products == ("p-1",)
    lexicon.put_product("p-1", [])
    assert lexicon.match("chocolate wedding cake").products == ()


def test_a_brand_that_is_dropped_takes_its_exclusions_along(lexicon: Lexicon) -> None:
    lexicon.put_brand(Brand("juice", BrandKind.RIVAL, ("苹果汁吧",), ("苹果汁吧台", "苹果派")))
    lexicon.drop_brand("apple-mart")
    lexicon.drop_brand("apple-mart")
    assert lexicon.match("苹果汁").brands == ()
    lexicon.put_brand(Brand("fruit", BrandKind.RIVAL, ("苹果",)))
    assert lexicon.match("苹果汁").brands == ("fruit",)
    assert lexicon.match("苹果派").brands == ()  # another brand excludes it still
    assert lexicon.brand_ids() == {"zhike", "juice", "fruit"}


def test_a_mention_names_a_bounded_number(lexicon: Lexicon) -> None:
    for number in range(MAX_MATCHES + 1):
        lexicon.put_brand(Brand(f"b{number}", BrandKind.RIVAL, (f"brand{number}",)))
    text = " ".join(f"brand{number}" for number in range(MAX_MATCHES + 1))
    assert lexicon.match(text).brands == tuple(f"b{number}" for number in range(MAX_MATCHES))


@pytest.mark.parametrize(
    ("title", "expected"),
    [("汉" * DISTINCTIVE_HAN, True), ("汉" * (DISTINCTIVE_HAN - 1), False), ("orange juice", True), ("red tea", False)],
)
def test_a_title_says_enough_or_not(title: str, expected: bool) -> None:
    assert is_distinctive(title) is expected


def test_a_brand_is_kept_with_each_name_once() -> None:
    checked = check_brand(Brand("zhike", BrandKind.OWN, (" 知客 ", "ZHIKE", "zhike"), ()))
    assert checked.names == ("知客", "ZHIKE")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "Zhike"}, "id"),
        ({"id": "z" * 65}, "id"),
        ({"names": ()}, "names"),
        ({"names": ("知",)}, "names[0]"),
        ({"names": ("知客", "z" * (MAX_NAME_CHARACTERS + 1))}, "names[1]"),
        ({"names": ("知\u202e客",)}, "names[0]"),
        ({"names": tuple(f"name{n}" for n in range(MAX_NAMES + 1))}, "names"),
        ({"exclusions": ("知客寮", "别的")}, "exclusions[1]"),
    ],
)
def test_a_brand_that_cannot_be_kept_is_refused_by_field(fields: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"id": "zhike", "kind": BrandKind.OWN, "names": ("知客",), **fields}
    with pytest.raises(BrandInvalidError) as refused:
        check_brand(Brand(**given))
    assert refused.value.metadata["field"] == field
