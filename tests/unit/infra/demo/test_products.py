"""The product's line in the import file."""

import orjson

from infra.demo.products import CatalogItem, product_json, product_lines


def test_a_line_has_the_shape_that_the_importer_reads(tiny_items: list[CatalogItem]) -> None:
    product = next(orjson.loads(line) for line in product_lines(tiny_items))
    assert product["id"] == "p10"
    assert product["title"] == {"en": "Zhike Select carbonated soft drink, 2 L", "zh": "知客优选 碳酸饮料 2升"}
    assert product["categories"] == [{"en": "Grocery > Soft drinks", "zh": "食品杂货 > 碳酸饮料"}]
    assert product["brands"] == ["Zhike Select 知客优选"]
    assert product["price"] == {"amount": "1.00", "currency": "USD"}
    assert product["original_price"] == {"amount": "1.29", "currency": "USD"}
    assert product["tags"] == ["own-label"]
    assert product["attributes"]["size"] == ["2 L"]
    assert product["attributes"]["size_zh"] == ["2升"]
    assert product["attributes"]["picture_icon"] == ["🥤"]
    assert isinstance(product["available_quantity"], int)


def test_what_is_simulated_is_said_with_each_product(tiny_items: list[CatalogItem]) -> None:
    products = {item.id: product_json(item) for item in tiny_items}
    assert products["p10"]["attributes"]["simulated"] == ["stock"]
    assert products["p20"]["attributes"]["simulated"] == ["stock", "maker-name"]
    assert products["p70"]["attributes"]["simulated"] == ["stock"]  # CoverGirl is a name of the data's own


def test_tags_say_own_label_made_to_order_and_untranslated(tiny_items: list[CatalogItem]) -> None:
    tags = {item.id: product_json(item)["tags"] for item in tiny_items}
    assert tags["p40"] == ["own-label", "made-to-order"]
    assert tags["p50"] == ["untranslated"]
    assert tags["p30"] == []


def test_what_is_made_to_order_names_its_family_and_says_that_production_is_simulated(
    tiny_items: list[CatalogItem],
) -> None:
    attributes = {item.id: product_json(item)["attributes"] for item in tiny_items}
    assert attributes["p40"]["production_family"] == ["cakes"]
    assert "production" in attributes["p40"]["simulated"]
    assert "production_family" not in attributes["p10"]


def test_no_discount_means_no_original_price(tiny_items: list[CatalogItem]) -> None:
    assert "original_price" not in {item.id: product_json(item) for item in tiny_items}["p20"]


def test_progress_ends_with_all_done(tiny_items: list[CatalogItem]) -> None:
    told: list[tuple[int, int]] = []
    lines = list(product_lines(tiny_items, lambda done, total: told.append((done, total))))
    assert len(lines) == len(tiny_items)
    assert told == [(6, 6)]
