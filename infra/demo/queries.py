"""Simulates what shoppers type: a Zipf-weighted set of queries in Chinese and English out of the catalogue's own words.

Load tests and benchmarks draw from the same set. What a query should find is known, because it was made from it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from infra.demo.products import CatalogItem
from infra.demo.wording import Words

QueryKind = Literal["type", "category", "brand", "typo", "nothing"]

ZIPF_EXPONENT: Final = 1.05
# A few at the head would hold most of the weight otherwise (Zipf-Mandelbrot).
ZIPF_OFFSET: Final = 2.0
CHINESE_SHARE: Final = 0.55
KIND_SHARES: Final[dict[QueryKind, float]] = {
    "type": 0.66,
    "category": 0.16,
    "brand": 0.11,
    "typo": 0.045,
    "nothing": 0.025,
}
RESULTS_PER_QUERY: Final = 40
BRANDS: Final = 150
TYPOS: Final = 200
_SHORTEST_WITH_TYPO: Final = 5
# What this shop does not sell: the empty searches of the log.
_NOTHING: Final = (
    Words("air fryer", "空气炸锅"),
    Words("yoga mat", "瑜伽垫"),
    Words("bluetooth headphones", "蓝牙耳机"),
    Words("durian", "榴莲"),
    Words("mooncake gift box", "月饼礼盒"),
    Words("phone charger", "手机充电器"),
    Words("winter boots", "雪地靴"),
    Words("hot pot base", "火锅底料"),
)


@dataclass(frozen=True, slots=True)
class Query:
    """A text that a shopper types. ``products``: places in the catalogue of what it should find, best sellers first."""

    text: str
    language: Literal["zh", "en"]
    kind: QueryKind
    products: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class QuerySet:
    """Queries with the running total of their weights; the last total is 1."""

    queries: tuple[Query, ...]
    totals: np.ndarray

    def pick(self, chance: float) -> Query:
        """Return the query at ``chance`` (0 to below 1) of the weight."""
        return self.queries[min(int(np.searchsorted(self.totals, chance, side="right")), len(self.queries) - 1)]

    def sample(self, rng: np.random.Generator, count: int) -> list[Query]:
        """Return ``count`` queries as shoppers would send them."""
        places = np.searchsorted(self.totals, rng.random(count), side="right")
        return [self.queries[min(int(place), len(self.queries) - 1)] for place in places]


def build_queries(items: Sequence[CatalogItem], *, rng: np.random.Generator) -> QuerySet:
    """Return the queries of a catalogue; ``rng`` decides the typing errors. Raises ValueError on an empty catalogue."""
    if not items:
        raise ValueError("a catalogue without items has no queries")
    by_type = _grouped((_head(item.name), place) for place, item in enumerate(items))
    by_category = _grouped((_typed(item.category.names), place) for place, item in enumerate(items))
    by_brand = _grouped(
        (Words(f"{item.maker.en} {_head(item.name).en}", f"{item.maker.zh} {_head(item.name).zh}"), place)
        for place, item in enumerate(items)
        if item.maker is not None
    )
    lines = [item.lines for item in items]
    ranked_types = _by_sales(by_type, lines)
    ranked_brands = _by_sales(by_brand, lines)[:BRANDS]
    groups: dict[QueryKind, list[tuple[Words, list[int]]]] = {
        "type": ranked_types,
        "category": _by_sales(by_category, lines),
        "brand": ranked_brands,
        "typo": [(_mistyped(words, rng), places) for words, places in ranked_types[:TYPOS]],
        "nothing": [(words, []) for words in _NOTHING],
    }
    return _weighted(groups)


def _grouped(pairs: Iterable[tuple[Words, int]]) -> dict[Words, list[int]]:
    groups: defaultdict[Words, list[int]] = defaultdict(list)
    for words, place in pairs:
        groups[words].append(place)
    return dict(groups)


def _typed(words: Words) -> Words:
    return Words(words.en.lower(), words.zh)


def _head(words: Words) -> Words:
    """Return the words before what qualifies them: "frozen dinner for one, premium" is typed without "premium"."""
    return Words(words.en.partition(",")[0].lower(), words.zh.partition(" ")[0])


def _by_sales(groups: dict[Words, list[int]], lines: Sequence[int]) -> list[tuple[Words, list[int]]]:
    ranked = sorted(groups.items(), key=lambda group: (-sum(lines[place] for place in group[1]), group[0].en))
    return [(words, sorted(places, key=lambda place: -lines[place])) for words, places in ranked]


def _weighted(groups: dict[QueryKind, list[tuple[Words, list[int]]]]) -> QuerySet:
    queries: list[Query] = []
    weights: list[float] = []
    for kind, ranked in groups.items():
        if not ranked:
            continue
        zipf = 1.0 / (np.arange(len(ranked)) + 1.0 + ZIPF_OFFSET) ** ZIPF_EXPONENT
        shares = KIND_SHARES[kind] * zipf / zipf.sum()
        for (words, places), share in zip(ranked, shares, strict=True):
            found = tuple(places[:RESULTS_PER_QUERY])
            queries += [Query(words.zh, "zh", kind, found), Query(words.en, "en", kind, found)]
            weights += [share * CHINESE_SHARE, share * (1 - CHINESE_SHARE)]
    totals = np.cumsum(weights)
    return QuerySet(tuple(queries), totals / totals[-1])


def _mistyped(words: Words, rng: np.random.Generator) -> Words:
    """Return the words with one typing error each: two letters swapped, or one left out."""
    return Words(_one_edit(words.en, rng), _one_edit(words.zh, rng))


def _one_edit(text: str, rng: np.random.Generator) -> str:
    if len(text) < (_SHORTEST_WITH_TYPO if text.isascii() else 3):
        return text
    place = int(rng.integers(1, len(text) - 1))
    if rng.random() < 0.5 and text[place] != text[place + 1]:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + text[place + 1 :]
