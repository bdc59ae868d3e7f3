"""Owns the beginnings of words in many texts, in order: what a prefix is looked up in.

Reading texts and ordering their beginnings is most of what a completion costs, and a catalogue changes a title at a
time. So one set of texts is made from another: what is new is read and merged in, what is gone is taken out, and the
rest is copied.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kits.text.fold import fold
from services.kits.text.language import Language, language_of

STARTS_LIMIT: Final = 12  # word beginnings of one text

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Beginnings:
    """The beginnings of distinct texts. ``texts`` and ``inner`` go with ``keys``, one by one.

    ``numbers`` are 0 to ``size`` - 1; those in ``unused`` belonged to texts that are gone.
    """

    keys: Sequence[str]  # folded, from a beginning to the text's end, ascending
    texts: Ints  # the number of the text that begins so
    inner: Bools  # whether it begins so inside
    numbers: Mapping[str, int]
    by_length: Sequence[str]  # the texts, shorter ones first, then by their characters
    unused: Sequence[int]

    @property
    def size(self) -> int:
        """One more than the greatest number."""
        return len(self.numbers) + len(self.unused)

    def of(self, texts: Iterable[str]) -> "Beginnings":
        """Return the beginnings of these texts instead. Costs n log n in those that are new, n in the others."""
        wanted = dict.fromkeys(texts)
        gone = [text for text in self.numbers if text not in wanted]
        new = [text for text in wanted if text not in self.numbers]
        if not gone and not new:
            return self
        numbers = dict(self.numbers)
        gone_numbers = [numbers.pop(text) for text in gone]
        keys, places, inner = self._without(gone_numbers)
        unused = [*self.unused, *gone_numbers]
        for text in new:
            numbers[text] = unused.pop() if unused else len(numbers)
        entries = _entries(new, numbers)
        positions = [bisect_left(keys, key) for key, _, _ in entries]
        # Nearly in order already, which sorting makes use of.
        by_length = sorted([*(text for text in self.by_length if text in wanted), *new], key=_shorter_first)
        places = np.insert(places, positions, np.array([number for _, number, _ in entries], dtype=np.int32))
        inner = np.insert(inner, positions, np.array([is_inner for _, _, is_inner in entries], dtype=bool))
        keys = _inserted(keys, positions, [key for key, _, _ in entries])
        return Beginnings(keys, places, inner, numbers, by_length, unused)

    def _without(self, numbers: Sequence[int]) -> tuple[Sequence[str], Ints, Bools]:
        """Return keys, texts and inner without those of the texts that had these numbers."""
        if not numbers:
            return self.keys, self.texts, self.inner
        is_gone = np.zeros(self.size, dtype=bool)
        is_gone[list(numbers)] = True
        stays = ~is_gone[self.texts]
        return list(compress(self.keys, stays.tolist())), self.texts[stays], self.inner[stays]


NONE: Final = Beginnings([], np.empty(0, dtype=np.int32), np.empty(0, dtype=bool), {}, [], [])


def _entries(texts: Iterable[str], numbers: Mapping[str, int]) -> list[tuple[str, int, bool]]:
    """Return key, number and whether it begins inside, for every beginning in these texts, in the order of keys."""
    entries: list[tuple[str, int, bool]] = []
    for text in texts:
        folded = fold(text)
        entries.extend((folded[start:], numbers[text], start > 0) for start in starts(folded))
    entries.sort(key=itemgetter(0))
    return entries


def _inserted(keys: Sequence[str], positions: Sequence[int], new: Sequence[str]) -> list[str]:
    """Return the keys with the new ones before these positions of theirs, which ascend."""
    merged: list[str] = []
    copied = 0
    for position, key in zip(positions, new, strict=True):
        if position > copied:
            merged += keys[copied:position]
            copied = position
        merged.append(key)
    merged += keys[copied:]
    return merged


def _shorter_first(text: str) -> tuple[int, str]:
    return len(text), text


def starts(folded: str) -> list[int]:
    """Return where a shopper may begin: at words, and at any Han character, which no space announces."""
    found: list[int] = []
    for place, char in enumerate(folded):
        before = folded[place - 1] if place else " "
        if char.isalnum() and (not before.isalnum() or language_of(char) is Language.CHINESE):
            found.append(place)
        if len(found) == STARTS_LIMIT:
            break
    return found
