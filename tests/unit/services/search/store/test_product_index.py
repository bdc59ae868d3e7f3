"""What the index keeps of a product, and its version."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.chassis.searchindex.checks import entry_problem
from services.chassis.searchindex.port import KEYWORD_VALUES_LIMIT
from services.search.domain.relevance import POPULARITY_SCALE
from services.search.store.product_index import SCHEMA, IndexedProduct, entry_from_product, product_in
from tests.unit.services.search.shop import SEGMENTER, product

NOW = datetime(2026, 1, 5, tzinfo=UTC)
CHEESE = product(
    "p1", "马苏里拉奶酪", "Mozzarella cheese", brands=["Acme"], price="19.90", available_quantity=0,
    categories=[{"zh": "乳品 > 奶酪", "en": "Dairy > Cheese"}, {"en": "Pizza"}], attributes={"size": ["1 kg", "2 kg"]},
)  # fmt: skip


def test_every_way_to_name_a_category_filters() -> None:
    values = entry_from_product(IndexedProduct(CHEESE, NOW), SEGMENTER, NOW).values
    assert set(values["category"]) == {"乳品", "乳品 > 奶酪", "奶酪", "Dairy", "Dairy > Cheese", "Cheese", "Pizza"}
    assert values["category_zh"] == ("乳品", "乳品 > 奶酪")
    assert values["category_en"] == ("Dairy", "Dairy > Cheese", "Pizza")
    assert values["attribute"] == ("size\x1f1 kg", "size\x1f2 kg")


def test_numbers_and_the_product_itself_are_kept() -> None:
    entry = entry_from_product(IndexedProduct(CHEESE, NOW, popularity=1.5), SEGMENTER, NOW)
    assert entry.values["price"] == 1990
    assert entry.values["popularity"] == 1.5 * POPULARITY_SCALE
    assert (entry.values["sellable"], entry.values["in_stock"]) == (0, "false")
    assert product_in(entry.payload) == CHEESE


def test_a_later_edit_outranks_any_later_popularity() -> None:
    def version(product_version: int, seconds: int) -> int:
        edited = IndexedProduct(type(CHEESE)(id="p", title={"en": "x"}, version=product_version), NOW)
        return entry_from_product(edited, SEGMENTER, NOW + timedelta(seconds=seconds)).version

    assert version(1, 0) < version(1, 1) < version(2, 0)
    assert version(1, 20 * 365 * 86_400) < version(2, -86_400)


def test_a_product_without_a_price_has_none() -> None:
    assert "price" not in entry_from_product(IndexedProduct(product("p", "赠品"), NOW), SEGMENTER, NOW).values


def test_a_value_too_long_to_filter_by_does_not_keep_the_product_out_of_the_index() -> None:
    paths = tuple({"zh": f"{number}" + "类" * 400 + " > 小"} for number in range(20))
    many = tuple(f"v{number}" for number in range(20))
    attributes = {"𠮷" * 64: ("𠮷" * 256, "short"), **{f"a{number}": many for number in range(60)}}
    edited = replace(CHEESE, categories=paths, attributes=attributes)
    entry = entry_from_product(IndexedProduct(edited, NOW), SEGMENTER, NOW)
    assert entry_problem(entry, SCHEMA) == ""
    assert len(entry.values["attribute"]) == KEYWORD_VALUES_LIMIT
    assert entry.values["attribute"][0].endswith("short")
    assert "小" in entry.values["category"]
