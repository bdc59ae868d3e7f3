"""Owns completion: phrases of the log and the catalogue by any beginning of any of their words."""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.kits.money import Money
from services.kits.text.fold import fold
from services.kits.text.language import Language, language_of

PREFIX_LIMIT: Final = 64  # characters that are read
SUGGESTIONS_DEFAULT: Final = 8
SUGGESTIONS_LIMIT: Final = 20
PHRASES_LIMIT: Final = 400_000
SCANNED_LIMIT: Final = 20_000  # keys of one prefix that are looked at; a shorter prefix sees its most wanted ones first
STARTS_LIMIT: Final = 12  # word beginnings of one phrase

_END: Final = "\U0010ffff"


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
    """Something to suggest. ``weight`` grows with how often it was wanted; ``language`` empty fits every answer."""

    text: str
    kind: SuggestionKind
    weight: float
    language: str = ""
    product_id: str = ""
    price: Money | None = None


class Completion:
    """An immutable index over phrases. Building costs n log n in the beginnings of words."""

    def __init__(self, phrases: Iterable[Phrase] = ()) -> None:
        self._phrases: list[Phrase] = []
        entries: list[tuple[str, int, bool]] = []
        for place, phrase in enumerate(_bounded(phrases)):
            self._phrases.append(phrase)
            folded = fold(phrase.text)
            entries.extend((folded[start:], place, start > 0) for start in _starts(folded))
        entries.sort()
        self._keys = [key for key, _, _ in entries]
        self._places = [(place, inner) for _, place, inner in entries]

    def __len__(self) -> int:
        return len(self._phrases)

    def complete(self, beginning: str, language: str, limit: int = SUGGESTIONS_DEFAULT) -> list[Phrase]:
        """Return up to ``limit`` phrases with a word that begins so, the likeliest first, no text twice."""
        prefix = fold(beginning[:PREFIX_LIMIT]).lstrip()
        if not prefix:
            return []
        start = bisect_left(self._keys, prefix)
        end = min(bisect_left(self._keys, prefix + _END), start + SCANNED_LIMIT)
        scores: dict[int, float] = {}
        for place, inner in self._places[start:end]:
            phrase = self._phrases[place]
            if phrase.language and phrase.language != language:
                continue
            score = phrase.weight * _KIND_WEIGHT[phrase.kind] * (_INNER_WEIGHT if inner else 1.0)
            scores[place] = max(score, scores.get(place, 0.0))
        # Twice as many as asked: equal texts of several kinds are shown once.
        best = heapq.nsmallest(
            2 * limit,
            scores,
            key=lambda place: (-scores[place], len(self._phrases[place].text), self._phrases[place].text),
        )
        shown: dict[str, Phrase] = {}
        for place in best:
            shown.setdefault(fold(self._phrases[place].text), self._phrases[place])
        return list(shown.values())[:limit]


def _bounded(phrases: Iterable[Phrase]) -> Sequence[Phrase]:
    kept = list(phrases)
    if len(kept) <= PHRASES_LIMIT:
        return kept
    return heapq.nlargest(PHRASES_LIMIT, kept, key=lambda phrase: phrase.weight * _KIND_WEIGHT[phrase.kind])


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
