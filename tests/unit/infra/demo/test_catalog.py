"""The catalogue: which items, their words, prices, discounts, stock and tags."""

import numpy as np
import pytest

from infra.demo.catalog import SOLD_OUT_SHARE, build_catalog
from infra.demo.products import CatalogItem
from infra.demo.source import ShopYear


def _by_id(items: list[CatalogItem]) -> dict[str, CatalogItem]:
    return {item.id: item for item in items}


def test_it_holds_goods_only_the_most_widely_bought_first(tiny_items: list[CatalogItem]) -> None:
    assert [item.id for item in tiny_items] == ["p10", "p20", "p30", "p40", "p50", "p70"]
    assert [item.households for item in tiny_items] == [2, 2, 1, 1, 1, 1]


def test_a_size_cuts_it_to_the_most_widely_bought(tiny_year: ShopYear) -> None:
    assert [item.id for item in build_catalog(tiny_year, rng=np.random.default_rng(1), size=2)] == ["p10", "p20"]


def test_a_maker_is_named_where_a_type_has_several(tiny_items: list[CatalogItem]) -> None:
    items = _by_id(tiny_items)
    assert items["p10"].title.en == "Zhike Select carbonated soft drink, 2 L"
    assert items["p10"].title.zh == "知客优选 碳酸饮料 2升"
    assert items["p20"].maker is not None
    assert items["p20"].title.en == f"{items['p20'].maker.en} carbonated soft drink, 2 L"


def test_goods_without_a_maker_and_of_a_lone_maker_name_none(tiny_items: list[CatalogItem]) -> None:
    items = _by_id(tiny_items)
    assert (items["p30"].maker, items["p30"].title.en) == (None, "Bananas, loose")
    assert items["p40"].title.en == "Novelty cake"


def test_a_type_that_is_a_brand_keeps_its_name(tiny_items: list[CatalogItem]) -> None:
    brand = _by_id(tiny_items)["p70"].maker
    assert brand is not None
    assert brand.brand == "CoverGirl 封面女郎"


def test_a_type_that_the_glossary_lacks_is_cleaned_and_marked(tiny_items: list[CatalogItem]) -> None:
    item = _by_id(tiny_items)["p50"]
    assert not item.translated
    assert item.title.en == "Frozen breaded stick porton, 12 oz"
    assert item.title.zh == "space food frozen breaded stick porton 340克"


def test_the_price_is_the_median_of_recent_unit_prices(tiny_items: list[CatalogItem]) -> None:
    items = _by_id(tiny_items)
    assert items["p20"].price_cents == 150  # three recent lines at 1.50, not June's 3 for 4.00
    assert items["p30"].price_cents == 59  # nothing recent: the whole year counts


def test_an_original_price_shows_a_usual_discount_only(tiny_items: list[CatalogItem]) -> None:
    items = _by_id(tiny_items)
    assert (items["p10"].price_cents, items["p10"].original_cents) == (100, 129)
    assert items["p20"].original_cents is None


def test_made_to_order_goods_are_never_sold_out(tiny_year: ShopYear) -> None:
    for seed in range(200):
        cake = _by_id(build_catalog(tiny_year, rng=np.random.default_rng(seed)))["p40"]
        assert cake.made_to_order
        assert cake.stock > 0


def test_a_few_of_many_are_sold_out_and_the_same_seed_gives_the_same(tiny_year: ShopYear) -> None:
    stocks = [item.stock for seed in range(300) for item in build_catalog(tiny_year, rng=np.random.default_rng(seed))]
    assert 0 < sum(stock == 0 for stock in stocks) / len(stocks) < 3 * SOLD_OUT_SHARE
    assert build_catalog(tiny_year, rng=np.random.default_rng(3)) == build_catalog(
        tiny_year, rng=np.random.default_rng(3)
    )


@pytest.mark.data
def test_the_demo_catalogue_is_whole(real_year: ShopYear, real_items: list[CatalogItem]) -> None:
    assert len(real_items) == 5_927
    assert real_year.lines.height == 1_439_435
    assert real_year.lines["basket"].n_unique() == 140_849
    assert len(real_year.households) == 2_469
    assert real_year.demographics.height == 801
    assert real_year.lines.height + sum(real_year.dropped.values()) == 1_469_307


@pytest.mark.data
def test_the_glossary_covers_nine_lines_of_ten_and_the_titles_differ(
    real_year: ShopYear, real_items: list[CatalogItem]
) -> None:
    translated = sum(item.lines for item in real_items if item.translated)
    assert translated / 1_469_307 >= 0.90
    for titles in ({item.title.en for item in real_items}, {item.title.zh for item in real_items}):
        assert len(titles) == len(real_items)
    assert max(len(item.title.en) for item in real_items) <= 90
    numbered = sum(", no. " in item.title.en for item in real_items)
    assert numbered / len(real_items) < 0.02


@pytest.mark.data
def test_every_item_of_the_demo_catalogue_has_a_price_and_many_buyers(real_items: list[CatalogItem]) -> None:
    assert min(item.price_cents for item in real_items) > 0
    assert max(item.price_cents for item in real_items) < 10_000
    assert min(item.households for item in real_items) >= 19
    assert sum(item.households >= 20 for item in real_items) == 5_902
    sold_out = sum(item.stock == 0 for item in real_items)
    assert 30 < sold_out < 200
    assert sum(item.made_to_order for item in real_items) == 26
