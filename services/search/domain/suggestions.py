"""Owns completion: phrases of the log and the catalogue by any beginning of any of their words."""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from services.kits.money import Money
from services.kits.text.fold import fold
from services.search.domain.beginnings import NONE, Beginnings, Bools, Ints

PREFIX_LIMIT: Final = 64  # characters that are read
SUGGESTIONS_DEFAULT: Final = 8
SUGGESTIONS_LIMIT: Final = 20
PHRASES_LIMIT: Final = 400_000
SHORT_PREFIX: Final = 2  # characters; the best of what begins so are remembered
SHORT_LIMIT: Final = 4_096  # remembered prefixes

LANGUAGES: Final = ("zh", "en")

_END: Final = "\U0010ffff"
_UNFIT: Final = np.iinfo(np.int32).max


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


class Completion:
    """An immutable index over phrases. Costs n log n in the beginnings of words, and n in those of texts that ``like``
    has too: made like the one before it, a completion for one title or for weights that moved takes little.

    An entry is one beginning of one phrase. Entries stand in the order of their texts, so those of a prefix are a run;
    each knows its rank among all, so the best of a run are its smallest ranks.
    """

    def __init__(self, phrases: Iterable[Phrase] = (), *, like: "Completion | None" = None) -> None:
        self._phrases = _bounded(list(phrases))
        texts = [phrase.text for phrase in self._phrases]
        self._beginnings: Beginnings = (NONE if like is None else like._beginnings).of(texts)
        numbers = np.fromiter(map(self._beginnings.numbers.__getitem__, texts), dtype=np.int32, count=len(texts))
        self._firsts, self._places, inner = _entries(self._beginnings, numbers)
        ranks = _ranks(self._phrases, _order(self._beginnings)[numbers])
        # For each language the ranks in it, _UNFIT where the phrase is of the other one.
        self._ranks = {
            language: np.where(_fitting(self._phrases, language)[:, None], ranks, _UNFIT)[self._places, inner]
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
        keys, firsts = self._beginnings.keys, self._firsts
        start = firsts[bisect_left(keys, prefix)]
        ranks = self._ranks[language][start : firsts[bisect_left(keys, prefix + _END)]]
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


def _order(beginnings: Beginnings) -> Ints:
    """Return, by the numbers of texts, their order: the shorter first."""
    order = np.zeros(beginnings.size, dtype=np.int32)
    by_length = [beginnings.numbers[text] for text in beginnings.by_length]
    order[by_length] = np.arange(len(by_length), dtype=np.int32)
    return order


def _entries(beginnings: Beginnings, numbers: Ints) -> tuple[Ints, Ints, Ints]:
    """Return where each key's entries begin, and of each entry the place of its phrase and 1 where it begins inside.

    ``numbers``: those of the phrases' texts; a key has an entry for every phrase of its text.
    """
    by_text = np.argsort(numbers, kind="stable")
    sharing = np.bincount(numbers, minlength=beginnings.size)
    first_of_text = np.concatenate([[0], np.cumsum(sharing)])
    counts = sharing[beginnings.texts]
    firsts = np.concatenate([[0], np.cumsum(counts)])
    key = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(firsts[-1]) - firsts[key]
    places = by_text[first_of_text[beginnings.texts[key]] + nth].astype(np.int32)
    return firsts, places, beginnings.inner[key].astype(np.int8)


def _ranks(phrases: Sequence[Phrase], order: Ints) -> Ints:
    """Return each phrase's rank where it begins a text and where it begins inside one: by score, then by ``order``."""
    worth = np.array([phrase.weight * _KIND_WEIGHT[phrase.kind] for phrase in phrases], dtype=np.float64)
    scores = np.column_stack([worth, worth * _INNER_WEIGHT]).ravel()
    ranks = np.empty(len(scores), dtype=np.int32)
    ranks[np.lexsort((np.repeat(order, 2), -scores))] = np.arange(len(scores), dtype=np.int32)
    return ranks.reshape(-1, 2)


def _smallest(ranks: Ints, count: int) -> Ints:
    """Return the places of the ``count`` smallest fitting ranks, the smallest first."""
    if count < len(ranks):
        nearest = np.argpartition(ranks, count)[:count]
        nearest = nearest[np.argsort(ranks[nearest])]
    else:
        nearest = np.argsort(ranks)
    fitting: Ints = nearest[ranks[nearest] != _UNFIT]
    return fitting


def _bounded(phrases: list[Phrase]) -> list[Phrase]:
    if len(phrases) <= PHRASES_LIMIT:
        return phrases
    return heapq.nlargest(PHRASES_LIMIT, phrases, key=lambda phrase: phrase.weight * _KIND_WEIGHT[phrase.kind])
