"""Owns highlighting: which characters of a text answer a query, whatever engine found the text.

The text is not cut again for it, which would cost more than the search: Chinese words are looked up as they stand, and
other words among the text's letters and digits, stemmed, those that a joiner parts (Wi-Fi) also as one. A text's words
are read once into a table, so that asking for one is a look-up.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.kits.text.fold import Folded, fold_with_offsets
from services.kits.text.language import HAN_RANGES, KANA_RANGES
from services.kits.text.segment import ATOM, QueryWord
from services.kits.text.stem import stem

CACHED_TEXTS: Final = 4_096  # titles shown often are read once; about 2.5 KB each

Span = tuple[int, int]

_CJK: Final = re.compile(f"[{HAN_RANGES}{KANA_RANGES}]+")
_JOINERS: Final = frozenset(("", "-", "'", "&", ".", "+"))


@dataclass(frozen=True, slots=True)
class _Atom:
    """A stemmed word of a text; ``joined``: nothing but a joiner parts it from the atom after it."""

    text: str
    start: int
    end: int
    joined: bool


@dataclass(frozen=True, slots=True)
class _Read:
    """A text as it is looked words up in. ``places``: spans of the text by stemmed word."""

    folded: Folded
    atoms: tuple[_Atom, ...]
    places: Mapping[str, Sequence[Span]]
    joined: tuple[int, ...]  # which atoms may begin a compound

    def places_of(self, token: str, *, is_cjk: bool) -> Sequence[Span]:
        """Return where a token stands in the text."""
        if is_cjk:
            return self._occurrences(token) if token in self.folded.text else ()
        found = self.places.get(token, ())
        return (*found, *self._compounds(token)) if self.joined else found

    def _occurrences(self, token: str) -> list[Span]:
        found: list[Span] = []
        start = self.folded.text.find(token)
        while start >= 0:
            found.append(self.folded.original_span(start, start + len(token)))
            start = self.folded.text.find(token, start + 1)
        return found

    def _compounds(self, token: str) -> list[Span]:
        """Return where joined atoms together spell the token."""
        found: list[Span] = []
        for first in self.joined:
            spelled, last = self.atoms[first].text, first
            while len(spelled) < len(token) and token.startswith(spelled) and self.atoms[last].joined:
                last += 1
                spelled += self.atoms[last].text
            if last > first and spelled == token:
                found.append(self.folded.original_span(self.atoms[first].start, self.atoms[last].end))
        return found


class Highlighter:
    """The words of one query, to be marked in many texts."""

    __slots__ = ("_words",)

    def __init__(self, words: Sequence[QueryWord]) -> None:
        self._words = [
            (word.token, _is_cjk(word.token), [(part, _is_cjk(part)) for part in word.inner]) for word in words
        ]

    def spans(self, text: str) -> tuple[Span, ...]:
        """Return the spans [start, end) of ``text`` that match a word: in order, disjoint, never touching.

        A word is marked where it stands whole; only where it does not, the words inside it are marked.
        """
        read = _read(text)
        spans: list[Span] = []
        for token, is_cjk, inner in self._words:
            found = read.places_of(token, is_cjk=is_cjk)
            if found:
                spans.extend(found)
            else:
                for part, part_is_cjk in inner:
                    spans.extend(read.places_of(part, is_cjk=part_is_cjk))
        return _merged(spans) if len(spans) > 1 else tuple(spans)


def highlight(text: str, words: Sequence[QueryWord]) -> tuple[Span, ...]:
    """Return what ``Highlighter(words)`` marks in one text."""
    return Highlighter(words).spans(text)


def marked(text: str, spans: Sequence[Span], *, opening: str, closing: str) -> str:
    """Return ``text`` with each span between the two marks; the text itself is not escaped."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += [text[position:start], opening, text[start:end], closing]
        position = end
    return "".join((*pieces, text[position:]))


@lru_cache(maxsize=CACHED_TEXTS)
def _read(text: str) -> _Read:
    folded = fold_with_offsets(text)
    matches = list(ATOM.finditer(folded.text))
    starts = [match.start() for match in matches[1:]]
    atoms = [
        _Atom(stem(match.group()), match.start(), match.end(), folded.text[match.end() : start] in _JOINERS)
        for match, start in zip(matches, starts, strict=False)
    ]
    atoms += [_Atom(stem(match.group()), match.start(), match.end(), joined=False) for match in matches[-1:]]
    places: dict[str, list[Span]] = {}
    for atom in atoms:
        places.setdefault(atom.text, []).append(folded.original_span(atom.start, atom.end))
    joined = tuple(place for place, atom in enumerate(atoms) if atom.joined)
    return _Read(folded, tuple(atoms), places, joined)


def _is_cjk(token: str) -> bool:
    return _CJK.fullmatch(token) is not None


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
