"""Completions are built again for what moved, and not for nothing."""

import asyncio
import threading

import pytest

from services.kits.money import Money
from services.kits.text.segment import Segmenter
from services.search.domain.product import product_from_json
from services.search.domain.suggestions import Phrase, SuggestionKind
from services.search.store.catalog_facts import CatalogFacts
from services.search.store.catalog_memory import CHANGES_KEPT, CatalogMemory
from services.search.usecases.suggesting import complete_query

SEGMENTER = Segmenter()


async def filled() -> CatalogMemory:
    memory = CatalogMemory(SEGMENTER)
    for product_id in ("a", "b"):
        memory.put(product_from_json({"id": product_id, "title": {"en": f"Milk {product_id}"}}, shop="main"))
    await memory.rebuild([], {})
    return memory


def titles(memory: CatalogMemory) -> list[str]:
    return [phrase.text for phrase in memory.completion.complete("milk", "en")]


async def test_who_follows_hears_what_changed_and_who_is_far_behind_that_it_is_not_known() -> None:
    memory = await filled()
    facts = CatalogFacts(memory)
    assert (facts.position, facts.follow(2), facts.follow(1)) == (2, (), ("b",))
    for number in range(CHANGES_KEPT - 1):
        memory.put(product_from_json({"id": "c", "title": {"en": f"Tea {number}"}}, shop="main"))
    assert set(facts.follow(1) or ()) == {"b", "c"}
    assert facts.follow(0) is None
    assert facts.follow(facts.position + 1) is None


async def test_where_nothing_moved_nothing_is_built() -> None:
    memory = await filled()
    before = memory.completion
    await memory.rebuild([], {})
    assert memory.completion is before


async def test_a_query_a_product_and_a_weight_are_each_taken_in() -> None:
    memory = await filled()
    assert titles(memory) == ["Milk a", "Milk b"]
    await memory.rebuild([], {"b": 100.0})
    assert titles(memory) == ["Milk b", "Milk a"]
    await memory.rebuild([Phrase("milk tea", SuggestionKind.QUERY, 1.0)], {"b": 100.0})
    assert titles(memory) == ["milk tea", "Milk b", "Milk a"]
    memory.put(product_from_json({"id": "c", "title": {"en": "Milk c"}}, shop="main"))
    await memory.rebuild([Phrase("milk tea", SuggestionKind.QUERY, 1.0)], {"b": 100.0})
    assert titles(memory) == ["milk tea", "Milk b", "Milk a", "Milk c"]


async def test_what_could_not_be_built_is_built_by_the_next_pass() -> None:
    memory = await filled()

    class Breaking(dict[str, float]):
        breaks = True

        def get(self, key: str, default: float = 0.0) -> float:
            if self.breaks:
                raise MemoryError
            return super().get(key, default)

    popularity = Breaking(b=100.0)
    with pytest.raises(MemoryError):
        await memory.rebuild([], popularity)
    popularity.breaks = False
    await memory.rebuild([], popularity)
    assert titles(memory) == ["Milk b", "Milk a"]


async def test_a_price_is_shown_at_once_and_builds_no_completion_anew() -> None:
    memory = await filled()
    before = memory.completion
    milk = {"id": "a", "title": {"en": "Milk a"}, "price": {"amount": "7.50", "currency": "CNY"}}
    memory.put(product_from_json(milk, shop="main"))
    (shown, other) = complete_query(memory.completion, memory.price_of, "milk", "en", 0)
    assert shown.price == Money(750, "CNY")
    assert other.price is None
    await memory.rebuild([], {})
    assert memory.completion is before
    assert memory.currency == "CNY"


async def test_what_was_built_of_a_newer_catalogue_is_never_replaced_by_an_older_one() -> None:
    memory = await filled()
    begun, go_on = threading.Event(), threading.Event()

    class Slow(dict[str, float]):
        def get(self, key: str, default: float = 0.0) -> float:
            begun.set()
            assert go_on.wait(10)
            return super().get(key, default)

    slow = asyncio.create_task(memory.rebuild([], Slow(a=1.0)))
    assert await asyncio.to_thread(begun.wait, 10)
    memory.put(product_from_json({"id": "c", "title": {"en": "Milk c"}}, shop="main"))
    quick = asyncio.create_task(memory.rebuild([], {"a": 1.0}))
    await asyncio.sleep(0.05)
    go_on.set()
    await asyncio.gather(slow, quick)
    assert titles(memory) == ["Milk a", "Milk b", "Milk c"]


async def test_bounds_follow_prices_and_forget_those_of_a_withdrawn_product() -> None:
    memory = CatalogMemory(SEGMENTER)
    for number in range(20):
        price = {"amount": f"{10 + 10 * number}.00", "currency": "CNY"}
        memory.put(product_from_json({"id": f"p{number}", "title": {"en": "Tea"}, "price": price}, shop="main"))
    await memory.rebuild([], {})
    bounds = memory.price_bounds
    assert bounds
    for number in range(11, 20):
        memory.put(product_from_json({"id": f"p{number}", "title": {"en": "Tea"}, "withdrawn": True}, shop="main"))
    await memory.rebuild([], {})
    assert max(memory.price_bounds) < max(bounds)


async def test_categories_and_brands_are_suggested_as_long_as_a_product_has_them() -> None:
    memory = CatalogMemory(SEGMENTER)
    dairy = {"categories": [{"en": "Dairy > Cheese"}], "brands": ["Dairyland"]}
    for product_id in ("a", "b"):
        row = {"id": product_id, "title": {"en": f"Gouda {product_id}"}, **dairy}
        memory.put(product_from_json(row, shop="main"))
    await memory.rebuild([], {})

    def suggested() -> list[str]:
        return [phrase.text for phrase in memory.completion.complete("dairy", "en")]

    assert suggested() == ["Dairy", "Dairyland"]
    memory.put(product_from_json({"id": "a", "title": {"en": "Gouda a"}, "withdrawn": True}, shop="main"))
    await memory.rebuild([], {})
    assert suggested() == ["Dairy", "Dairyland"]
    memory.put(product_from_json({"id": "b", "title": {"en": "Gouda b"}, "brands": ["Dairyland"]}, shop="main"))
    await memory.rebuild([], {})
    assert suggested() == ["Dairyland"]
