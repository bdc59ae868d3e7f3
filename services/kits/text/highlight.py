"""Owns highlighting: which characters of a text answer a query, whatever engine found the text.

The text is not cut again for it, which would cost more than the search: Chinese words are looked up as they stand, and
other words among the text's letters and digits, stemmed, those that a joiner parts (Wi-Fi) also as one. Who shows a
text often keeps it as read.
"""

import re
from array import array
from collections.abc import Sequence
from typing import Final

from services.kits.text.fold import fold_with_offsets
from services.kits.text.language import HAN_RANGES, KANA_RANGES
from services.kits.text.segment import ATOM, QueryWord
from services.kits.text.stem import stem

Span = tuple[int, int]

_CJK: Final = re.compile(f"[{HAN_RANGES}{KANA_RANGES}]+")
_JOINERS: Final = frozenset(("", "-", "'", "&", ".", "+"))
_SPACE: Final = " "  # stands in no atom


class Token:
    """A token as it is looked for."""

    __slots__ = ("is_cjk", "parted", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.parted = f"{_SPACE}{text}{_SPACE}"
        self.is_cjk = _CJK.fullmatch(text) is not None


class ReadText:
    """A text as tokens are looked for in it; its atoms are its words of letters or digits, stemmed."""

    __slots__ = ("_atoms", "_bounds", "_folded", "_initials", "_joined")

    def __init__(self, text: str) -> None:
        folded = fold_with_offsets(text)
        matches = list(ATOM.finditer(folded.text))
        stems = [stem(match.group()) for match in matches]
        ends = [match.end() for match in matches]
        self._folded = folded
        self._atoms = _SPACE.join(("", *stems, ""))
        self._bounds = array("I", [bound for match in matches for bound in folded.original_span(*match.span())])
        self._joined = tuple(
            place for place, match in enumerate(matches[1:]) if folded.text[ends[place] : match.start()] in _JOINERS
        )
        self._initials = "".join([stems[place][0] for place in self._joined])

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes beside its object."""
        return 2 * len(self._folded.text) + 2 * len(self._atoms) + 4 * len(self._bounds) + 8 * len(self._joined)

    def places_of(self, token: Token) -> Sequence[Span]:
        """Return where a token stands in the text."""
        if token.is_cjk:
            start = self._folded.text.find(token.text)
            return self._occurrences(token.text, start) if start >= 0 else ()
        start = self._atoms.find(token.parted)
        found = self._words(token.parted, start) if start >= 0 else []
        if token.text[0] in self._initials:
            found.extend(self._compounds(token.text))
        return found

    def _occurrences(self, token: str, start: int) -> list[Span]:
        folded, size, found = self._folded, len(token), []
        while start >= 0:
            found.append((folded.starts[start], folded.ends[start + size - 1]))
            start = folded.text.find(token, start + 1)
        return found

    def _words(self, parted: str, start: int) -> list[Span]:
        bounds, found = self._bounds, []
        while start >= 0:
            place = 2 * self._atoms.count(_SPACE, 0, start)
            found.append((bounds[place], bounds[place + 1]))
            start = self._atoms.find(parted, start + 1)
        return found

    def _compounds(self, token: str) -> list[Span]:
        """Return where joined atoms together spell the token."""
        atoms = self._atoms.split(_SPACE)[1:-1]
        spans: list[Span] = []
        for first in self._joined:
            spelled, last = atoms[first], first
            while len(spelled) < len(token) and token.startswith(spelled) and last in self._joined:
                last += 1
                spelled += atoms[last]
            if last > first and spelled == token:
                spans.append((self._bounds[2 * first], self._bounds[2 * last + 1]))
        return spans


class Highlighter:
    """The words of one query, to be marked in many texts."""

    __slots__ = ("_words",)

    def __init__(self, words: Sequence[QueryWord]) -> None:
        self._words = [(Token(word.token), [Token(part) for part in word.inner]) for word in words]

    def spans(self, text: ReadText) -> tuple[Span, ...]:
        """Return the spans [start, end) of the text that match a word: in order, disjoint, never touching.

        A word is marked where it stands whole; only where it does not, the words inside it are marked.
        """
        spans: list[Span] = []
        for token, inner in self._words:
            found = text.places_of(token)
            if found:
                spans.extend(found)
            elif inner:
                for part in inner:
                    spans.extend(text.places_of(part))
        return _merged(spans) if len(spans) > 1 else tuple(spans)


def highlight(text: str, words: Sequence[QueryWord]) -> tuple[Span, ...]:
    """Return what a Highlighter of the words marks in one text."""
    return Highlighter(words).spans(ReadText(text))


def marked(text: str, spans: Sequence[Span], *, opening: str, closing: str) -> str:
    """Return ``text`` with each span between the two marks; the text itself is not escaped."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += [text[position:start], opening, text[start:end], closing]
        position = end
    return "".join((*pieces, text[position:]))


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    spans.sort()
    merged = [spans[0]]
    for start, end in spans[1:]:
        last_start, last_end = merged[-1]
        if start > last_end:
            merged.append((start, end))
        elif end > last_end:
            merged[-1] = (last_start, end)
    return tuple(merged)
