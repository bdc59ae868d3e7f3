"""Owns one-edit spell repair over the words that a shop really uses, in English (per word) and Chinese (per run).

An edit is a letter changed, added, left out or swapped with its neighbour (F. J. Damerau, CACM 7(3), 1964: four out of
five misspellings), or a space left out or added. English candidates are enumerated (P. Norvig, "How to write a spelling
corrector", 2007); Chinese has too many characters for that, so words are found by their one-character wild cards.
A repair is a proposal: the caller searches with it and keeps it only if it finds what the original did not.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from services.kits.text.fold import fold
from services.kits.text.language import HAN_RANGES, KANA_RANGES
from services.kits.text.segment import MAX_QUERY_CHARACTERS
from services.kits.text.stem import stem

MIN_LATIN_LETTERS: Final = 3
MAX_LATIN_LETTERS: Final = 24
MAX_CJK_RUN: Final = 20
MAX_CJK_WORD: Final = 8
MAX_REPAIRS: Final = 3
MAX_WILD_WORDS: Final = 64

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_CJK_RUN: Final = re.compile(f"[{HAN_RANGES}{KANA_RANGES}]+")
_UNIT: Final = re.compile(rf"[{HAN_RANGES}{KANA_RANGES}]+|[a-z]+(?:'[a-z]+)?|\S")
_WILD: Final = "*"


class Vocabulary:
    """The words of a shop with how often each occurs; grows and shrinks with the catalog."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._counts: dict[str, int] = {}
        self._stems: dict[str, int] = {}
        self._wild: dict[str, list[str]] = {}
        self._pairs: dict[str, int] = {}
        self.add(words)

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, words: Iterable[str]) -> None:
        """Count each word once more; words are folded already."""
        for word in words:
            before = self._counts.get(word, 0)
            self._counts[word] = before + 1
            if _CJK_RUN.fullmatch(word):
                for pair in _pairs(word):
                    self._pairs[pair] = self._pairs.get(pair, 0) + 1
                if not before and 1 < len(word) <= MAX_CJK_WORD:
                    self._remember_wild(word)
            else:
                self._stems[stem(word)] = self._stems.get(stem(word), 0) + 1

    def discard(self, words: Iterable[str]) -> None:
        """Count each word once less; at zero it is forgotten."""
        for word in words:
            if word not in self._counts:
                continue
            _decrement(self._counts, word)
            if _CJK_RUN.fullmatch(word):
                for pair in _pairs(word):
                    _decrement(self._pairs, pair)
            else:
                _decrement(self._stems, stem(word))

    def frequency(self, word: str) -> int:
        """Return how often ``word`` or, in English, a word of the same stem occurs."""
        return max(self._counts.get(word, 0), self._stems.get(stem(word), 0))

    def spelled(self, word: str) -> int:
        """Return how often ``word`` occurs spelled exactly so."""
        return self._counts.get(word, 0)

    def has_pair(self, pair: str) -> bool:
        """Tell whether two Chinese characters stand side by side anywhere in the shop."""
        return pair in self._pairs

    def wild_matches(self, pattern: str) -> list[str]:
        """Return words that are ``pattern`` with one character changed (marked by ``*``) or one left out."""
        return [word for word in self._wild.get(pattern, ()) if word in self._counts]

    def _remember_wild(self, word: str) -> None:
        patterns = {word[:i] + _WILD + word[i + 1 :] for i in range(len(word))}
        if len(word) > 2:  # one character alone would match every pair that holds it
            patterns |= {word[:i] + word[i + 1 :] for i in range(len(word))}
        for pattern in patterns:
            words = self._wild.setdefault(pattern, [])
            if len(words) < MAX_WILD_WORDS and word not in words:
                words.append(word)


def repaired_queries(query: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return up to MAX_REPAIRS spellings of ``query``, best first: unknown words become known ones an edit away.

    Empty when nothing is unknown or an unknown word has no neighbour. Words with digits are never touched: a model
    number one edit away is another model.
    """
    folded = fold(query[:MAX_QUERY_CHARACTERS])
    joined = _joined_pair(folded, vocabulary)
    proposals: list[str] = [joined] if joined else []
    pieces: list[str] = []
    alternatives: dict[int, list[str]] = {}
    position = 0
    for match in _UNIT.finditer(folded):
        pieces.append(folded[position : match.start()])
        position = match.end()
        repairs = _repairs(folded, match, vocabulary)
        if repairs:
            alternatives[len(pieces)] = repairs
        pieces.append(match.group())
    pieces.append(folded[position:])
    if alternatives:
        best = {place: repairs[0] for place, repairs in alternatives.items()}
        proposals.append(_assembled(pieces, best))
        for place, repairs in alternatives.items():
            proposals.extend(_assembled(pieces, {**best, place: other}) for other in repairs[1:])
    return tuple(dict.fromkeys(proposals))[:MAX_REPAIRS]


def _assembled(pieces: list[str], chosen: dict[int, str]) -> str:
    return "".join(chosen.get(place, piece) for place, piece in enumerate(pieces)).strip()


def _repairs(text: str, match: re.Match[str], vocabulary: Vocabulary) -> list[str]:
    word = match.group()
    if _CJK_RUN.fullmatch(word):
        return _cjk_repairs(word, vocabulary)
    touches_digit = any(text[i : i + 1].isdigit() for i in (match.start() - 1, match.end()) if i >= 0)
    if touches_digit or not MIN_LATIN_LETTERS <= len(word) <= MAX_LATIN_LETTERS or vocabulary.frequency(word):
        return []
    return _latin_repairs(word, vocabulary)


def _latin_repairs(word: str, vocabulary: Vocabulary) -> list[str]:
    """Return known neighbours: those with the same first letter first (people seldom miss it), then the frequent."""
    known = {edit: vocabulary.spelled(edit) for edit in _latin_edits(word)}
    found = [edit for edit, frequency in known.items() if frequency]
    for i in range(2, len(word) - 1):
        left, right = vocabulary.spelled(word[:i]), vocabulary.spelled(word[i:])
        if left and right:
            split = f"{word[:i]} {word[i:]}"
            known[split] = min(left, right)
            found.append(split)
    return sorted(found, key=lambda edit: (edit[0] != word[0], -known[edit], edit))[:MAX_REPAIRS]


def _latin_edits(word: str) -> set[str]:
    halves = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    deleted = {left + right[1:] for left, right in halves if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1}
    changed = {left + letter + right[1:] for left, right in halves if right for letter in _LETTERS}
    added = {left + letter + right for left, right in halves for letter in _LETTERS}
    return (deleted | swapped | changed | added) - {word}


def _joined_pair(text: str, vocabulary: Vocabulary) -> str | None:
    """Return the text with one superfluous space removed (head phones), if the halves are not both known words."""
    words = text.split()
    for i in range(len(words) - 1):
        both = words[i] + words[i + 1]
        if len(both) < MIN_LATIN_LETTERS or not both.isalpha() or not vocabulary.frequency(both):
            continue
        if not (vocabulary.frequency(words[i]) and vocabulary.frequency(words[i + 1])):
            return " ".join((*words[:i], both, *words[i + 2 :]))
    return None


def _cjk_repairs(run: str, vocabulary: Vocabulary) -> list[str]:
    """Return runs, one edit away, of which known words cover more; more cover, longer word, higher frequency first."""
    if not 1 < len(run) <= MAX_CJK_RUN:
        return []
    before = _covered(run, vocabulary)
    if before == len(run):
        return []
    ranked: dict[str, tuple[float, int, int]] = {}
    for start, end, word in _cjk_candidates(run, vocabulary):
        candidate = run[:start] + word + run[end:]
        share = _covered(candidate, vocabulary) / len(candidate)
        if candidate != run and share > before / len(run):
            rank = (-share, -len(word), -vocabulary.frequency(word))
            ranked[candidate] = min(rank, ranked.get(candidate, rank))
    return sorted(ranked, key=lambda candidate: (ranked[candidate], candidate))[:MAX_REPAIRS]


def _cjk_candidates(run: str, vocabulary: Vocabulary) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, word): a known word one edit away from that stretch of the run."""
    for start in range(len(run)):
        for end in range(start + 2, min(start + MAX_CJK_WORD + 1, len(run)) + 1):
            piece = run[start:end]
            swapped = (piece[:i] + piece[i + 1] + piece[i] + piece[i + 2 :] for i in range(len(piece) - 1))
            shorter = (piece[:i] + piece[i + 1 :] for i in range(len(piece)) if len(piece) > 2)
            wild = (piece[:i] + _WILD + piece[i + 1 :] for i in range(len(piece)))
            yield from ((start, end, word) for word in (*swapped, *shorter) if vocabulary.frequency(word))
            yield from ((start, end, word) for key in (piece, *wild) for word in vocabulary.wild_matches(key))


def _covered(run: str, vocabulary: Vocabulary) -> int:
    """Return how many characters of ``run`` known words of two or more characters can cover without overlap."""
    best = [0] * (len(run) + 1)
    for end in range(1, len(run) + 1):
        best[end] = best[end - 1]
        for start in range(max(0, end - MAX_CJK_WORD), end - 1):
            if best[start] + end - start > best[end] and vocabulary.frequency(run[start:end]):
                best[end] = best[start] + end - start
    return best[-1]


def _pairs(word: str) -> Iterator[str]:
    return (word[place : place + 2] for place in range(len(word) - 1))


def _decrement(counts: dict[str, int], word: str) -> None:
    if counts.get(word, 0) <= 1:
        counts.pop(word, None)
    else:
        counts[word] -= 1
