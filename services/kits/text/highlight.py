"""Owns highlighting: which characters of a text answer a query, whatever engine found the text.

The text is not cut again for it, which would cost more than the search: Chinese words are looked up as they stand, and
other words among the text's letters and digits, stemmed, those that a joiner parts (Wi-Fi) also as one.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from services.kits.text.fold import Folded, fold_with_offsets
from services.kits.text.language import HAN_RANGES, KANA_RANGES
from services.kits.text.segment import ATOM, QueryWord
from services.kits.text.stem import stem

CACHED_TEXTS: Final = 4_096  # titles shown often are read once; about 1.5 KB each

Span = tuple[int, int]
Atom = tuple[str, int, int]

_CJK: Final = re.compile(f"[{HAN_RANGES}{KANA_RANGES}]+")
_JOINERS: Final = frozenset(("", "-", "'", "&", ".", "+"))


def highlight(text: str, words: Sequence[QueryWord]) -> tuple[Span, ...]:
    """Return the spans [start, end) of ``text`` that match ``words``: in order, disjoint, never touching.

    A word is marked where it stands whole; only where it does not, the words inside it are marked.
    """
    folded, atoms = _read(text)
    spans: list[Span] = []
    for word in words:
        spans.extend(_places(word.token, folded.text, atoms) or _inner_places(word, folded.text, atoms))
    return _merged([folded.original_span(start, end) for start, end in spans])


def marked(text: str, spans: Sequence[Span], *, opening: str, closing: str) -> str:
    """Return ``text`` with each span between the two marks; the text itself is not escaped."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += [text[position:start], opening, text[start:end], closing]
        position = end
    return "".join((*pieces, text[position:]))


@lru_cache(maxsize=CACHED_TEXTS)
def _read(text: str) -> tuple[Folded, tuple[Atom, ...]]:
    folded = fold_with_offsets(text)
    return folded, tuple((stem(match.group()), *match.span()) for match in ATOM.finditer(folded.text))


def _inner_places(word: QueryWord, text: str, atoms: Sequence[Atom]) -> list[Span]:
    return [span for part in word.inner for span in _places(part, text, atoms)]


def _places(token: str, text: str, atoms: Sequence[Atom]) -> list[Span]:
    """Return where a token stands in the folded text."""
    if _CJK.fullmatch(token):
        return [(start, start + len(token)) for start in _occurrences(token, text)]
    return [
        (atoms[first][1], atoms[last][2])
        for first, (atom, _, _) in enumerate(atoms)
        if token.startswith(atom) and (last := _end_of(token, first, text, atoms)) is not None
    ]


def _occurrences(token: str, text: str) -> Iterator[int]:
    start = text.find(token)
    while start >= 0:
        yield start
        start = text.find(token, start + 1)


def _end_of(token: str, first: int, text: str, atoms: Sequence[Atom]) -> int | None:
    """Return the last of the atoms from ``first`` on that together spell the token, None if they do not."""
    spelled = ""
    for place in range(first, len(atoms)):
        atom, start, _ = atoms[place]
        if place > first and text[atoms[place - 1][2] : start] not in _JOINERS:
            return None
        spelled += atom
        if spelled == token:
            return place
        if not token.startswith(spelled):
            return None
    return None


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
