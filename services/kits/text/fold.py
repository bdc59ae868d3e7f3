"""Owns the one folded form of text that everything compares: width, compatibility, case, accents, invisible characters.

Folding keeps, for each folded character, where it came from, so that a highlighter can point into the original.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_CHUNK_CACHE_SIZE: Final = 16_384
_APOSTROPHES: Final = frozenset("’‘ʼ`´＇")
_DASHES: Final = frozenset("‐‑‒–—―−－﹣")


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text; ``starts[i]`` and ``ends[i]`` bound the original characters that became folded character i."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original's bounds of the folded range [start, end); start < end."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> str:
    """Return NFKC, case-folded text without Latin accents and invisible characters; controls become spaces."""
    if text.isascii() and text.isprintable():
        return text.lower().replace("`", "'")
    return "".join(_fold_chunk(chunk) for chunk in _chunks(text))


def fold_with_offsets(text: str) -> Folded:
    """Return what ``fold`` returns, with the origin of each character."""
    if text.isascii() and text.isprintable():
        return Folded(fold(text), range(len(text)), range(1, len(text) + 1))
    folded = [_fold_chunk(char) for char in text]
    if all(len(piece) == 1 for piece in folded) and not _has_marks(text):
        return Folded("".join(folded), range(len(text)), range(1, len(text) + 1))
    return _fold_with_changed_lengths(text)


def _fold_with_changed_lengths(text: str) -> Folded:
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for chunk in _chunks(text):
        piece = _fold_chunk(chunk)
        pieces.append(piece)
        starts.extend([position] * len(piece))
        position += len(chunk)
        ends.extend([position] * len(piece))
    return Folded("".join(pieces), starts, ends)


def _has_marks(text: str) -> bool:
    """Tell whether a text has combining marks; one without has one character to a chunk."""
    return not text.isascii() and any(map(unicodedata.combining, text))


def _chunks(text: str) -> list[str]:
    """Split into base characters, each with the combining marks that follow it: the unit that NFKC composes."""
    if not _has_marks(text):
        return list(text)
    chunks: list[str] = []
    for char in text:
        if chunks and unicodedata.combining(char):
            chunks[-1] += char
        else:
            chunks.append(char)
    return chunks


@lru_cache(maxsize=_CHUNK_CACHE_SIZE)
def _fold_chunk(chunk: str) -> str:
    category = unicodedata.category(chunk[0])
    if category == "Cf":
        return ""
    if category in {"Cc", "Cs", "Zl", "Zp"}:
        return " "
    if chunk in _APOSTROPHES:
        return "'"
    if chunk in _DASHES:
        return "-"
    folded = unicodedata.normalize("NFKC", chunk).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    if decomposed and decomposed[0].isascii() and decomposed[0].isalpha():
        folded = "".join(char for char in decomposed if not unicodedata.combining(char))
    return folded
