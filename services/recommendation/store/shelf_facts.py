"""The shelf as Controls see it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from services.kits.controls.catalogue import ProductFacts, category_names
from services.recommendation.domain.catalog import LEVEL_SEPARATOR, Product
from services.recommendation.store.shelf import AISLE_LANGUAGE, Shelf
from services.recommendation.store.world import World

PATHS_LIMIT: Final = 4_096  # categories, in both languages, whose names are kept
_EPOCH: Final = 1 << 40  # changes that no shelf sees


class ShelfFacts:
    """A catalogue for Controls: whichever shelf the world has now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._shelf: Shelf = world.shelf
        self._epoch = 0
        self._facts: dict[str, tuple[Product, ProductFacts]] = {}  # with the product that they are the facts of

    @property
    def position(self) -> int:
        """Changes of this shelf; another shelf is beyond all of those of the one before."""
        if self._world.shelf is not self._shelf:
            self._shelf = self._world.shelf
            self._epoch += _EPOCH
            self._facts = {}
        return self._epoch + self._shelf.position

    def follow(self, after: int) -> Sequence[str] | None:
        return self._shelf.follow(after - self._epoch) if after >= self._epoch else None

    def facts(self, product_id: str) -> ProductFacts | None:
        product = self._world.shelf.get(product_id)
        if product is None or product.withdrawn:
            return None
        known = self._facts.get(product_id)
        if known is None or known[0] is not product:
            known = self._facts[product_id] = product, _facts(product)
        return known[1]

    def ids(self) -> Iterable[str]:
        return self._world.shelf.ids()


def _facts(product: Product) -> ProductFacts:
    levels = tuple(product.category_levels.values())
    return ProductFacts(
        categories=_names(levels),
        brands=_one(product.brand),
        tags=frozenset(product.tags),
        leaf=LEVEL_SEPARATOR.join(product.category(AISLE_LANGUAGE)),
        sellable=product.sellable,
    )


@lru_cache(PATHS_LIMIT)
def _names(levels: tuple[tuple[str, ...], ...]) -> frozenset[str]:
    return category_names(levels, LEVEL_SEPARATOR)


@lru_cache(PATHS_LIMIT)
def _one(name: str) -> frozenset[str]:
    return frozenset({name}) if name else frozenset()
