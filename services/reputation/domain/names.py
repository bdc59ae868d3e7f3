"""Owns finding names in texts: the longest of those known, from left to right, whole words where words are Latin.

All names are looked for at once in one pass: at each place where a name may begin, the first two characters say which
lengths of names begin so, and only texts of these lengths are looked up. The cost grows with the text, not with the
number of names.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from services.kits.text.fold import fold

SHORTEST_NAME: Final = 2  # characters
MAX_NAME_CHARACTERS: Final = 128
_PREFIX: Final = 2
_BLANKS: Final = re.compile(r"\s+")
_WORD_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


def folded_name(text: str) -> str:
    """Return the form in which names and texts are compared."""
    return _BLANKS.sub(" ", fold(text)).strip()


class NameIndex:
    """Names, each with who is called so. Grows and shrinks."""

    __slots__ = ("_lengths", "_ordered", "_owners")

    def __init__(self) -> None:
        self._owners: dict[str, set[str]] = {}
        self._lengths: dict[str, Counter[int]] = {}
        self._ordered: dict[str, tuple[int, ...]] = {}  # longest first

    def __len__(self) -> int:
        return len(self._owners)

    def put(self, name: str, owner: str) -> None:
        """Let ``owner`` be called ``name``, a folded one; a name too short or too long names nobody."""
        if not SHORTEST_NAME <= len(name) <= MAX_NAME_CHARACTERS:
            return
        owners = self._owners.setdefault(name, set())
        if not owners:
            self._count(name, 1)
        owners.add(owner)

    def discard(self, name: str, owner: str) -> None:
        """Let ``owner`` no longer be called ``name``."""
        owners = self._owners.get(name)
        if owners is None or owner not in owners:
            return
        owners.remove(owner)
        if not owners:
            del self._owners[name]
            self._count(name, -1)

    def find(self, text: str) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield (name, owners) of each name in a folded text: the longest at its place, none inside another."""
        place, end, ordered = 0, len(text) - 1, self._ordered
        while place < end:
            lengths = ordered.get(text[place : place + _PREFIX])
            name = self._name_at(text, place, lengths) if lengths else ""
            if name:
                yield name, frozenset(self._owners[name])
                place += len(name)
            else:
                place += 1

    def _name_at(self, text: str, place: int, lengths: tuple[int, ...]) -> str:
        if place and text[place - 1] in _WORD_CHARACTERS and text[place] in _WORD_CHARACTERS:
            return ""
        for length in lengths:
            name = text[place : place + length]
            after = text[place + length : place + length + 1]
            if name in self._owners and not (after in _WORD_CHARACTERS and name[-1] in _WORD_CHARACTERS):
                return name
        return ""

    def _count(self, name: str, change: int) -> None:
        prefix = name[:_PREFIX]
        lengths = self._lengths.setdefault(prefix, Counter())
        lengths[len(name)] += change
        if not lengths[len(name)]:
            del lengths[len(name)]
        self._ordered[prefix] = tuple(sorted(lengths, reverse=True))
        if not lengths:
            del self._lengths[prefix], self._ordered[prefix]
