"""Owns words: which tokens a text is indexed under and which words a query asks for, the same way for every engine.

An index gets a stream of tokens to split at white space: first the words in reading order (so phrases can match), then
the extras: shorter words inside longer ones, joined compounds (wi-fi as wifi) and CJK bigrams. Search-mode words and
bigrams together beat either alone; single characters live in a stream of their own, asked only by one-character words.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import rjieba

from services.kits.text.fold import fold
from services.kits.text.language import HAN_RANGES, KANA_RANGES
from services.kits.text.stem import stem

MAX_TEXT_CHARACTERS: Final = 20_000
MAX_QUERY_CHARACTERS: Final = 256
MAX_QUERY_WORDS: Final = 16
MAX_TOKEN_CHARACTERS: Final = 64
SHORT_TEXTS: Final = 8_192
SHORT_TEXT_CHARACTERS: Final = 32

_CJK: Final = f"{HAN_RANGES}{KANA_RANGES}"
_RUN: Final = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>(?:(?![{_CJK}_])\w)+(?:[-'&.+](?:(?![{_CJK}_])\w)+)*)")
_PIECE: Final = re.compile(r"\d+(?:\.\d+)+(?:[^\W\d_]+)?|[^\W_]+(?:'s\b)?")
_PAIR: Final = 2  # a pair of characters is its own bigram
ATOM: Final = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+")
_STOP_WORDS_EN: Final = frozenset(
    {"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
)
_STOP_WORDS_ZH: Final = frozenset("的了和与及或在是")
_STOP_WORDS: Final = _STOP_WORDS_EN | _STOP_WORDS_ZH


@dataclass(frozen=True, slots=True)
class QueryWord:
    """One word that a query asks for.

    ``token`` is its own token; ``parts`` (when not empty) are tokens that mean the same if they follow one another: the
    atoms of a compound, the bigrams of a long Chinese word. ``inner`` are words inside it that mean something near it,
    for when nothing has the whole. ``single`` says to look in the stream of characters.
    """

    token: str
    parts: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    single: bool = False
    surface: str = ""


class Segmenter:
    """Cuts Chinese and English. Loading the dictionary takes 0.2 s and 24 MB: one instance in a process."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._jieba = rjieba.Jieba()
        for word in words:
            self._jieba.add_word(fold(word), None, None)
        # Brands, categories and attribute values come with every product again.
        self._short_stream = lru_cache(SHORT_TEXTS)(self._stream)

    def index_stream(self, text: str) -> str:
        """Return the tokens of ``text`` joined by spaces: words in order, then extras. Cut at MAX_TEXT_CHARACTERS."""
        return self._short_stream(text) if len(text) <= SHORT_TEXT_CHARACTERS else self._stream(text)

    def _stream(self, text: str) -> str:
        words: list[str] = []
        extras: list[str] = []
        for match in _RUN.finditer(fold(text[:MAX_TEXT_CHARACTERS])):
            run = match.group()
            if match.lastgroup == "cjk":
                main = self._jieba.cut(run)
                words.extend(main)
                extras.extend(
                    word for word in self._jieba.cut_for_search(run) if len(word) > _PAIR and word not in main
                )
                extras.extend(_bigrams(run))
            else:
                atoms, compounds = _cut_compound(run)
                words.extend(atoms)
                extras.extend(compounds)
        return " ".join(token[:MAX_TOKEN_CHARACTERS] for token in (*words, *extras))

    def phrase(self, text: str) -> tuple[str, ...]:
        """Return the tokens that stand in a row in the index stream of any text that holds ``text`` in one piece."""
        words: list[str] = []
        for match in _RUN.finditer(fold(text[:MAX_QUERY_CHARACTERS])):
            run = match.group()
            words.extend(self._jieba.cut(run) if match.lastgroup == "cjk" else _cut_compound(run)[0])
        return tuple(word[:MAX_TOKEN_CHARACTERS] for word in words[:MAX_QUERY_WORDS])

    def character_stream(self, text: str) -> str:
        """Return the CJK characters of ``text`` joined by spaces."""
        runs = (match.group() for match in _RUN.finditer(fold(text[:MAX_TEXT_CHARACTERS])) if match.lastgroup == "cjk")
        return " ".join(char for run in runs for char in run)

    def vocabulary_words(self, text: str) -> list[str]:
        """Return the words of ``text`` as a person writes them, Chinese runs whole too: what spelling is held to."""
        words: list[str] = []
        for match in _RUN.finditer(fold(text[:MAX_TEXT_CHARACTERS])):
            run = match.group()
            if match.lastgroup == "cjk":
                words.extend({*self._jieba.cut_for_search(run), run})
            else:
                words.extend(ATOM.findall(run))
        return words

    def loose_pairs(self, text: str) -> tuple[str, ...]:
        """Return the pairs of neighbouring characters in a query that a one-character word is part of.

        Such words are what cutting leaves of a misspelt one: a pair that the shop has nowhere gives it away.
        """
        pairs: list[str] = []
        for match in _RUN.finditer(fold(text[:MAX_QUERY_CHARACTERS])):
            run = match.group()
            if match.lastgroup != "cjk" or len(run) < _PAIR:
                continue
            for _, start, end in self._jieba.tokenize(run):
                if end - start == 1:
                    pairs.extend(
                        run[place : place + _PAIR] for place in (start - 1, start) if 0 <= place < len(run) - 1
                    )
        return tuple(dict.fromkeys(pairs))

    def query_words(self, text: str) -> tuple[QueryWord, ...]:
        """Return the distinct words that a query asks for, stop words left out unless nothing else remains.

        Characters past MAX_QUERY_CHARACTERS and words past MAX_QUERY_WORDS are not read.
        """
        words: dict[str, QueryWord] = {}
        for match in _RUN.finditer(fold(text[:MAX_QUERY_CHARACTERS])):
            run = match.group()
            made = self._cjk_query_words(run) if match.lastgroup == "cjk" else _compound_query_words(run)
            for word in made:
                words.setdefault(word.token, word)
        telling = [word for word in words.values() if word.token not in _STOP_WORDS]
        return tuple((telling or list(words.values()))[:MAX_QUERY_WORDS])

    def character_words(self, text: str) -> tuple[QueryWord, ...]:
        """Return the distinct CJK characters of a query as words: what is left to ask when nothing has its words."""
        characters = dict.fromkeys(self.character_stream(text[:MAX_QUERY_CHARACTERS]).split())
        return tuple(QueryWord(char, single=True, surface=char) for char in list(characters)[:MAX_QUERY_WORDS])

    def _cjk_query_words(self, run: str) -> list[QueryWord]:
        words: list[QueryWord] = []
        for word in self._jieba.cut(run):
            if len(word) <= _PAIR:
                words.append(QueryWord(word, single=len(word) == 1, surface=word))
                continue
            parts = tuple(_bigrams(word))
            inner = tuple(part for part in self._jieba.cut_for_search(word) if 1 < len(part) < len(word))
            words.append(QueryWord(word, parts, inner or parts, surface=word))
        return words


def _bigrams(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _cut_compound(run: str) -> tuple[list[str], list[str]]:
    """Return the stemmed atoms of a word in order, and its compounds: each piece of several atoms, and all joined."""
    atoms: list[str] = []
    compounds: dict[str, None] = {}
    for piece in _pieces(run):
        own = ATOM.findall(piece)
        if len(own) > 1:
            compounds["".join(own)] = None
        atoms.extend(stem(atom) for atom in own)
    if len(atoms) > 1:
        compounds["".join(atoms)] = None
    return atoms, [compound for compound in compounds if compound not in atoms]


def _pieces(run: str) -> list[str]:
    return [piece.removesuffix("'s") for piece in _PIECE.findall(run)]


def _compound_query_words(run: str) -> list[QueryWord]:
    """A compound asks for itself joined, or for its atoms in a row; a plain word only for its stem."""
    atoms, _ = _cut_compound(run)
    if len(atoms) == 1:
        return [QueryWord(atoms[0][:MAX_TOKEN_CHARACTERS], surface=run)]
    whole = "".join(atoms)[:MAX_TOKEN_CHARACTERS]
    return [QueryWord(whole, tuple(atoms), tuple(atoms), surface=run)] if atoms else []
