"""Owns what a replica keeps of the catalogue in memory: the shop's words, its price bounds, its completions.

Loaded from the products at start, kept up by the product log. Reads never wait: heavy parts are built aside.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from services.kits.controls.catalogue import ProductFacts, category_names
from services.kits.money import Money
from services.kits.text.segment import Segmenter
from services.kits.text.spelling import Vocabulary
from services.search.domain.price_bounds import price_bounds
from services.search.domain.product import CATEGORY_SEPARATOR, Availability, Product, Texts
from services.search.domain.suggestions import Completion, Phrase, SuggestionKind

CHANGES_KEPT: Final = 10_000  # ids of what changed last; who is further behind looks at everything anew
_LANGUAGES: Final = ("zh", "en")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Known:
    title: Texts
    categories: tuple[Texts, ...]
    brands: tuple[str, ...]
    price: Money | None
    tags: tuple[str, ...] = ()
    sellable: bool = True


class CatalogMemory:
    """One replica's view. All methods run on the event loop; what is built anew is built in a thread, one by one."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._known: dict[str, _Known] = {}
        self._levels: Counter[tuple[str, str]] = Counter()  # products by language and level of a category
        self._brands: Counter[str] = Counter()
        self.vocabulary = Vocabulary()
        self.completion = Completion()
        self.price_bounds: tuple[int, ...] = ()
        self.changes = 0  # of any product
        self._changed: deque[str] = deque(maxlen=CHANGES_KEPT)  # whose the last of them were
        self.currency = ""  # of most products
        self.spelling_moved = False  # since the completions were built
        self._prices_moved = False  # since the price bounds were
        self._built_from: tuple[list[Phrase], Mapping[str, float]] = ([], {})
        self._building = asyncio.Lock()  # an older catalogue must not replace what was built of a newer one

    def __len__(self) -> int:
        return len(self._known)

    def put(self, product: Product) -> None:
        """Take a product as it is now; a withdrawn one is forgotten."""
        before = self._known.get(product.id)
        now = None if product.withdrawn else _known(product)
        if before == now:
            return
        self._prices_moved = True
        self.changes += 1
        self._changed.append(product.id)
        if before is None or now is None or _named(before) != _named(now):
            self.spelling_moved = True
            if before is not None:
                self.vocabulary.discard(self._words(before))
                self._count(before, -1)
            if now is not None:
                self.vocabulary.add(self._words(now))
                self._count(now, 1)
        if now is None:
            self._known.pop(product.id, None)
        else:
            self._known[product.id] = now

    def price_of(self, product_id: str) -> Money | None:
        """Return a product's price of now, None without one."""
        known = self._known.get(product_id)
        return None if known is None else known.price

    def facts(self, product_id: str) -> ProductFacts | None:
        """Return what Controls may know of a product."""
        known = self._known.get(product_id)
        if known is None:
            return None
        paths = [path.split(CATEGORY_SEPARATOR) for texts in known.categories for path in texts.values() if path]
        deepest = known.categories[-1] if known.categories else {}
        return ProductFacts(
            categories=category_names(paths, CATEGORY_SEPARATOR),
            brands=frozenset(known.brands),
            tags=frozenset(known.tags),
            leaf=deepest.get("en") or deepest.get("zh") or "",
            sellable=known.sellable,
        )

    def changed_after(self, changes: int) -> Sequence[str] | None:
        """Return the ids of what changed after so many changes, None where that is too long ago to know."""
        missed = self.changes - changes
        if not 0 <= missed <= len(self._changed):
            return None
        return tuple(islice(reversed(self._changed), missed))

    def ids(self) -> Sequence[str]:
        """Return every product id, as they are now."""
        return tuple(self._known)

    async def rebuild_bounds(self) -> None:
        """Build price bounds anew from the catalogue, where a price moved."""
        async with self._building:
            await self._rebuild_bounds()

    async def rebuild(self, queries: Iterable[Phrase], popularity: Mapping[str, float]) -> None:
        """Build completions and price bounds anew from the catalogue, logged queries and popularity.

        Nothing is done where none of them moved, and little where only weights did.
        """
        logged = list(queries)
        async with self._building:
            await self._rebuild_bounds()
            if not self.spelling_moved and self._built_from == (logged, popularity):
                return
            self.spelling_moved = False
            try:
                general = list(self._general())
                self.completion = await asyncio.to_thread(
                    _completion, dict(self._known), [*logged, *general], popularity, like=self.completion
                )
            except BaseException:
                self.spelling_moved = True  # the next pass tries again, also when nothing moves any more
                raise
            self._built_from = (logged, popularity)

    async def _rebuild_bounds(self) -> None:
        if self._prices_moved:
            self._prices_moved = False
            prices = [each.price for each in self._known.values() if each.price is not None]
            self.currency, self.price_bounds = await asyncio.to_thread(_bounds, prices)

    def _count(self, known: _Known, step: int) -> None:
        _move(self._levels, _levels(known), step)
        _move(self._brands, known.brands, step)

    def _general(self) -> Iterable[Phrase]:
        """Yield categories and brands, weighed by how many products they have."""
        total = max(1, len(self._known))
        for (language, level), count in self._levels.items():
            yield Phrase(level, SuggestionKind.CATEGORY, 1 + count / total, language)
        for brand, count in self._brands.items():
            yield Phrase(brand, SuggestionKind.BRAND, 1 + count / total)

    def _words(self, known: _Known) -> list[str]:
        return [word for text in _spelled(known) for word in self._segmenter.vocabulary_words(text)]


def _known(product: Product) -> _Known:
    sellable = product.availability is not Availability.OUT_OF_STOCK
    return _Known(product.title, product.categories, product.brands, product.price, tuple(product.tags), sellable)


def _named(known: _Known) -> object:
    """Return all of it that is words."""
    return known.title, known.categories, known.brands


def _spelled(known: _Known) -> list[str]:
    """Return the texts whose words are spelled as the shop spells them."""
    return [*known.title.values(), *known.brands, *(path for each in known.categories for path in each.values())]


def _levels(known: _Known) -> set[tuple[str, str]]:
    """Return language and level of all the categories that the product lies in."""
    return {
        (language, level)
        for paths in known.categories
        for language in _LANGUAGES
        for level in paths.get(language, "").split(CATEGORY_SEPARATOR)
        if level
    }


def _move(counts: Counter[T], items: Iterable[T], step: int) -> None:
    for item in items:
        counts[item] += step
        if not counts[item]:
            del counts[item]


def _completion(
    known: Mapping[str, _Known], others: Sequence[Phrase], popularity: Mapping[str, float], *, like: Completion
) -> Completion:
    return Completion([*others, *_titles(known, popularity)], like=like)


def _bounds(prices: Sequence[Money]) -> tuple[str, tuple[int, ...]]:
    """Return the currency of most prices, and the bounds of those in it."""
    currencies = Counter(price.currency for price in prices)
    currency = max(currencies, key=currencies.__getitem__, default="")
    return currency, price_bounds([price.amount_minor for price in prices if price.currency == currency])


def _titles(known: Mapping[str, _Known], popularity: Mapping[str, float]) -> Iterable[Phrase]:
    """Yield titles, weighed between one and two by how wanted the product is."""
    for product_id, each in known.items():
        wanted = popularity.get(product_id, 0.0)
        weight = 1 + wanted / (wanted + 10.0)
        for language, title in each.title.items():
            yield Phrase(title, SuggestionKind.PRODUCT, weight, language, product_id)
