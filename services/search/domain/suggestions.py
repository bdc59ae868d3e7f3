"""Owns completion: phrases of the log and the catalogue by any beginning of any of their words."""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kits.money import Money
from services.kits.text.fold import fold
from services.kits.text.language import Language, language_of

PREFIX_LIMIT: Final = 64  # characters that are read
SUGGESTIONS_DEFAULT: Final = 8
SUGGESTIONS_LIMIT: Final = 20
PHRASES_LIMIT: Final = 400_000
SHORT_PREFIX: Final = 2  # characters; the best of what begins so are remembered
SHORT_LIMIT: Final = 4_096  # remembered prefixes
STARTS_LIMIT: Final = 12  # word beginnings of one phrase

LANGUAGES: Final = ("zh", "en")

_END: Final = "\U0010ffff"
_UNFIT: Final = np.iinfo(np.int32).max

Ints = NDArray[np.int32] | NDArray[np.int64]
Bools = NDArray[np.bool_]


class SuggestionKind(StrEnum):
    """Where a suggestion comes from, the more general first."""

    QUERY = "query"
    CATEGORY = "category"
    BRAND = "brand"
    PRODUCT = "product"


# A query that shoppers typed is worth more than a category or brand of the catalogue, and these more than one product.
_KIND_WEIGHT: Final = {
    SuggestionKind.QUERY: 8.0,
    SuggestionKind.CATEGORY: 4.0,
    SuggestionKind.BRAND: 4.0,
    SuggestionKind.PRODUCT: 1.0,
}
# A prefix that begins the phrase fits better than one that begins a word inside it.
_INNER_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Phrase:
    """Something to suggest. ``weight`` grows with how often it was wanted; ``language`` empty fits every answer.

    ``price`` is known only when it is shown: prices move far more often than what can be completed.
    """

    text: str
    kind: SuggestionKind
    weight: float
    language: str = ""
    product_id: str = ""
    price: Money | None = None


class _Beginnings:
    """Where a shopper may begin some texts, in order. Reading them out is most of the cost of a completion."""

    __slots__ = ("inner", "keys", "places", "texts")

    def __init__(self, texts: list[str]) -> None:
        entries: list[tuple[str, int, bool]] = []
        for place, text in enumerate(texts):
            folded = fold(text)
            entries.extend((folded[start:], place, start > 0) for start in _starts(folded))
        entries.sort()
        self.texts = texts
        self.keys = [key for key, _, _ in entries]
        self.places = np.array([place for _, place, _ in entries], dtype=np.int32)
        self.inner = np.array([inner for _, _, inner in entries], dtype=bool)


class Completion:
    """An immutable index over phrases. Building costs n log n in the beginnings of words.

    Phrases come in groups; the beginnings of a group with the same texts as its like of ``like`` are taken over, for
    then only weights moved.

    An entry is one beginning of one phrase. Entries stand in the order of their texts, so those of a prefix are a run;
    each knows its rank among all, so the best of a run are its smallest ranks.
    """

    def __init__(self, *groups: Iterable[Phrase], like: "Completion | None" = None) -> None:
        kept = _bounded([list(phrases) for phrases in groups])
        self._phrases = [phrase for phrases in kept for phrase in phrases]
        self._groups = _beginnings([[phrase.text for phrase in phrases] for phrases in kept], like)
        self._keys, self._places, inner = _merged(self._groups)
        ranks = _ranks(self._phrases, self._places, inner)
        # For each language the ranks in it, _UNFIT where the phrase is of the other one.
        self._ranks = {
            language: np.where(_fitting(self._phrases, language)[self._places], ranks, _UNFIT).astype(np.int32)
            for language in LANGUAGES
        }
        self._short: dict[tuple[str, str], list[Phrase]] = {}

    def __len__(self) -> int:
        return len(self._phrases)

    def complete(self, beginning: str, language: str, limit: int = SUGGESTIONS_DEFAULT) -> list[Phrase]:
        """Return up to ``limit`` phrases with a word that begins so, the likeliest first, no text twice.

        What a short prefix begins is long and does not change, so its best are looked for once.
        """
        prefix = fold(beginning[:PREFIX_LIMIT]).lstrip()
        if not prefix or language not in self._ranks:
            return []
        if len(prefix) > SHORT_PREFIX:
            return self._best(prefix, language, limit)
        known = self._short.get((prefix, language))
        if known is None:
            known = self._best(prefix, language, SUGGESTIONS_LIMIT)
            if len(self._short) < SHORT_LIMIT:
                self._short[prefix, language] = known
        return known[:limit]

    def _best(self, prefix: str, language: str, limit: int) -> list[Phrase]:
        start = bisect_left(self._keys, prefix)
        ranks = self._ranks[language][start : bisect_left(self._keys, prefix + _END)]
        looked_at = 4 * limit  # a phrase may begin so at several words, a text be of several kinds
        while True:
            shown: dict[str, Phrase] = {}
            for entry in _smallest(ranks, looked_at).tolist():
                phrase = self._phrases[self._places[start + entry]]
                shown.setdefault(fold(phrase.text), phrase)
                if len(shown) == limit:
                    break
            if len(shown) == limit or looked_at >= len(ranks):
                return list(shown.values())
            looked_at *= 8


def _fitting(phrases: Sequence[Phrase], language: str) -> Bools:
    return np.array([phrase.language in {"", language} for phrase in phrases], dtype=bool)


def _ranks(phrases: Sequence[Phrase], places: Ints, inner: Bools) -> Ints:
    """Return the rank of each entry: the greatest score first, then the shorter text, then the text."""
    worth = np.array([phrase.weight * _KIND_WEIGHT[phrase.kind] for phrase in phrases], dtype=np.float64)
    by_text = sorted(range(len(phrases)), key=lambda place: (len(phrases[place].text), phrases[place].text))
    text_order = np.empty(len(phrases), dtype=np.int32)
    text_order[by_text] = np.arange(len(phrases), dtype=np.int32)
    scores = worth[places] * np.where(inner, _INNER_WEIGHT, 1.0)
    ranks = np.empty(len(places), dtype=np.int32)
    ranks[np.lexsort((text_order[places], -scores))] = np.arange(len(places), dtype=np.int32)
    return ranks


def _smallest(ranks: Ints, count: int) -> Ints:
    """Return the places of the ``count`` smallest fitting ranks, the smallest first."""
    if count < len(ranks):
        nearest = np.argpartition(ranks, count)[:count]
        nearest = nearest[np.argsort(ranks[nearest])]
    else:
        nearest = np.argsort(ranks)
    fitting: Ints = nearest[ranks[nearest] != _UNFIT]
    return fitting


def _bounded(groups: list[list[Phrase]]) -> list[list[Phrase]]:
    if sum(map(len, groups)) <= PHRASES_LIMIT:
        return groups
    together = (phrase for phrases in groups for phrase in phrases)
    return [heapq.nlargest(PHRASES_LIMIT, together, key=lambda phrase: phrase.weight * _KIND_WEIGHT[phrase.kind])]


def _beginnings(groups: list[list[str]], like: Completion | None) -> list[_Beginnings]:
    before: list[_Beginnings] = [] if like is None else like._groups
    return [
        before[place] if place < len(before) and before[place].texts == texts else _Beginnings(texts)
        for place, texts in enumerate(groups)
    ]


def _merged(groups: Sequence[_Beginnings]) -> tuple[list[str], Ints, Bools]:
    """Return all keys in order, with the place of each entry's phrase among all and whether it begins inside it."""
    if not groups:
        return [], np.empty(0, dtype=np.int32), np.empty(0, dtype=bool)
    keys = [key for group in groups for key in group.keys]
    order = sorted(range(len(keys)), key=keys.__getitem__)  # runs in order already: linear
    firsts = np.cumsum([0, *(len(group.texts) for group in groups)])
    places = np.concatenate([group.places + first for group, first in zip(groups, firsts[:-1], strict=True)])
    inner = np.concatenate([group.inner for group in groups])
    return [keys[place] for place in order], places[order].astype(np.int32), inner[order]


def _starts(folded: str) -> list[int]:
    """Return where a shopper may begin: at words, and at any Han character, which no space announces."""
    starts: list[int] = []
    for place, char in enumerate(folded):
        before = folded[place - 1] if place else " "
        if char.isalnum() and (not before.isalnum() or language_of(char) is Language.CHINESE):
            starts.append(place)
        if len(starts) == STARTS_LIMIT:
            break
    return starts
