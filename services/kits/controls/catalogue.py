"""What Controls ask of a service's catalogue."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What targets are matched against. ``categories``: every level and path, every language; ``leaf``: the deepest."""

    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    leaf: str = ""
    sellable: bool = True


class Catalogue(Protocol):
    """Products as they are now. ``position`` moves with every change."""

    @property
    def position(self) -> int:
        """How many changes there were."""

    def follow(self, after: int) -> Sequence[str] | None:
        """Return the ids that changed after a position, None when that is not known any more."""

    def facts(self, product_id: str) -> ProductFacts | None:
        """Return a product's facts, None for one that is not there."""

    def ids(self) -> Iterable[str]:
        """Return every product id."""


def category_names(paths: Iterable[Sequence[str]], separator: str) -> frozenset[str]:
    """Return all that a Control may call the categories of a product: each level, and each path down to it."""
    names: set[str] = set()
    for levels in paths:
        for depth, level in enumerate(levels, 1):
            names.add(level)
            names.add(separator.join(levels[:depth]))
    return frozenset(names)
