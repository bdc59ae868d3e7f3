"""The index and the memory say what the products say, after replays, rebuilds and restarts too."""

from pathlib import Path

import pytest

from services.search.domain.popularity import HALF_LIFE_S, Wanted, shares_of
from services.search.domain.suggestions import Phrase
from services.search.jobs.indexing import CatalogFollower, Popularity, ProductIndexer
from services.search.store.product_index import ProductIndex
from services.search.usecases.catalog import import_products
from tests.unit.services.search.shop import SEGMENTER, SHELF, Shop, open_shop, product, row

LATEST_S = 1_764_500_000.0


async def everything(shop: Shop) -> dict[str, int]:
    return {found.product.id: found.product.version for found in (await shop.search("", limit=100)).results}


async def test_a_replay_from_the_start_changes_nothing(shop: Shop) -> None:
    await shop.stock(row("cola", "可口可乐", price="1.00"))
    before = await everything(shop)
    events = await shop.log.read(0, after=0)
    for _ in range(2):
        await shop.indexer.apply(events)
        await shop.follower.apply(events)
    assert await everything(shop) == before
    assert before["cola"] == 2


async def test_a_rebuild_equals_the_live_index(shop: Shop) -> None:
    await shop.stock(row("milk", "牛奶", withdrawn=True), row("cola", "可口可乐", price="1.00"))
    before = await everything(shop)
    await shop.indexer.rebuild()
    assert await everything(shop) == before
    assert set(before) == {"cola", "pepsi", "cheese", "shampoo"}


async def test_a_change_during_a_rebuild_is_in_the_new_index(shop: Shop, tmp_path: Path) -> None:
    class Meddling(ProductIndex):
        """Somebody edits while the branch is being filled."""

        async def promote(self, branch: str) -> None:
            await shop.stock(row("cola", "可口可乐", price="1.00"))
            await super().promote(branch)

    shop.indexer = ProductIndexer(
        shop.store, Meddling(shop.engine, SEGMENTER), shop.popularity, shop.clock, log=shop.log
    )
    await shop.indexer.rebuild()
    assert (await everything(shop))["cola"] == 2


async def test_what_another_replica_indexes_during_a_rebuild_is_in_the_new_index(shop: Shop) -> None:
    class Meddling(ProductIndex):
        """Somebody edits while the branch is being filled, and another replica follows the log."""

        async def promote(self, branch: str) -> None:
            await shop.stock(row("cola", "可口可乐", price="1.00"), row("pepsi", "百事可乐", withdrawn=True))
            await super().promote(branch)

    meddling = Meddling(shop.engine, SEGMENTER)
    await ProductIndexer(shop.store, meddling, shop.popularity, shop.clock, log=shop.log).rebuild()
    found = await everything(shop)
    assert found["cola"] == 2
    assert "pepsi" not in found


async def test_an_index_that_is_gone_is_filled_at_start(tmp_path: Path) -> None:
    async with open_shop(tmp_path / "one") as shop:
        await shop.stock(*SHELF)
        async with open_shop(tmp_path / "two") as other:
            other.store = shop.store
            indexer = ProductIndexer(shop.store, other.index, Popularity(), shop.clock, log=shop.log)
            await indexer.rebuild()
            assert set(await everything(other)) == {each["id"] for each in SHELF}
            await indexer.ensure()


def wanted(**purchases: float) -> Wanted:
    return Wanted({product: shares_of(count, LATEST_S) for product, count in purchases.items()}, LATEST_S)


async def test_what_is_wanted_rises_and_a_later_edit_keeps_that(shop: Shop) -> None:
    await shop.stock(row("a", en="plain tea"), row("b", en="plain tea"))
    assert await shop.ids("plain tea", "en") == ["a", "b"]
    shop.clock.advance(60)
    assert await shop.indexer.refresh_popularity(wanted(b=20.0, gone=1.0)) == 2
    assert await shop.ids("plain tea", "en") == ["b", "a"]
    assert (await shop.ids("", order_by="popularity"))[0] == "b"
    await shop.stock(row("b", en="plain tea", tags=["sale"]))
    assert await shop.ids("plain tea", "en") == ["b", "a"]


async def test_popularity_that_hardly_moved_is_not_written_again(shop: Shop) -> None:
    shop.clock.advance(60)
    assert await shop.indexer.refresh_popularity(wanted(cola=20.0)) == 1
    shop.clock.advance(60)
    assert await shop.indexer.refresh_popularity(wanted(cola=21.0)) == 0
    assert await shop.indexer.refresh_popularity(wanted(cola=30.0)) == 1


async def test_popularity_that_comes_in_the_second_of_an_edit_is_written_by_the_next_pass(shop: Shop) -> None:
    await shop.stock(row("a", en="plain tea"), row("b", en="plain tea"))
    sought = wanted(b=20.0)
    assert await shop.indexer.refresh_popularity(sought) == 1
    assert (await shop.ids("", order_by="popularity"))[0] != "b", "an entry's version counts seconds"
    shop.clock.advance(1)
    assert await shop.indexer.refresh_popularity(sought) == 1
    assert (await shop.ids("", order_by="popularity"))[0] == "b"
    shop.clock.advance(1)
    assert await shop.indexer.refresh_popularity(sought) == 0


def test_popularity_is_reckoned_from_the_latest_act_and_not_from_today() -> None:
    popularity = Popularity()
    popularity.take(Wanted({"a": shares_of(4.0, LATEST_S), "b": shares_of(4.0, LATEST_S - HALF_LIFE_S)}, LATEST_S))
    assert popularity.values() == pytest.approx({"a": 4.0, "b": 2.0})
    assert (popularity.of("b"), popularity.of("c")) == (pytest.approx(2.0), 0.0)


async def test_the_memory_forgets_what_is_withdrawn_or_renamed(shop: Shop) -> None:
    assert shop.memory.vocabulary.frequency("mozzarella")
    await shop.stock(row("cheese", en="Gouda cheese"))
    assert not shop.memory.vocabulary.frequency("mozzarella")
    assert [phrase.text for phrase in shop.memory.completion.complete("gou", "en")] == ["Gouda cheese"]
    await shop.stock(row("cheese", en="Gouda cheese", withdrawn=True))
    assert not shop.memory.vocabulary.frequency("gouda")
    assert shop.memory.completion.complete("gou", "en") == []
    assert len(shop.memory) == 4


async def test_a_price_alone_moves_the_bounds_and_asks_for_nothing_else(shop: Shop) -> None:
    class Untouched(Popularity):
        def values(self) -> dict[str, float]:
            raise AssertionError("no completion is due")

    async def queries() -> list[Phrase]:
        raise AssertionError("no completion is due")

    asked = CatalogFollower(shop.store, shop.memory, Untouched(), queries)
    await import_products(shop.store, [product(f"p{n}", "茶", price=f"{n}.00") for n in range(1, 40)], shop.clock, _no)
    await shop.settle()
    bounds, completion = shop.memory.price_bounds, shop.memory.completion
    await asked.rebuild_if_changed()
    dearer = [product(f"p{n}", "茶", price=f"{100 * n}.00") for n in range(1, 40)]
    await import_products(shop.store, dearer, shop.clock, _no)
    await shop.publisher.relay_all()
    await asked.apply(await shop.log.read(0, after=shop.read, limit=1_000))
    await asked.rebuild_if_changed()
    assert min(shop.memory.price_bounds) > max(bounds)
    assert shop.memory.completion is completion
    shop.memory.put(product("p1", "红茶", price="1.00"))
    with pytest.raises(AssertionError, match="no completion is due"):
        await asked.rebuild_if_changed()


def _no() -> None:
    """Nobody is told."""
