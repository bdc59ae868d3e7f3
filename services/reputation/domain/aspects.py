"""Owns what a mention is about: aspects by words that say so, in zh and en (aspects.toml).

A rule, and not a model: nobody has labelled mentions by aspect, a wrong word is seen and mended in one line, and "why
is this about safety?" has an answer. The words are found in one pass, whatever their number.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from services.reputation.domain.names import NameIndex, folded_name

TEXT_LIMIT: Final = 2_000  # characters that are looked at

_TABLE: Final = Path(__file__).with_name("aspects.toml")


def aspect_of(text: str) -> str:
    """Return the aspect that most words speak of, the gravest of equals; empty for none."""
    return next(iter(aspects_of(text)), "")


def aspects_of(text: str) -> dict[str, tuple[str, ...]]:
    """Return each aspect with the words that say so, in the order of their number, the gravest first among equals."""
    found: dict[str, Counter[str]] = {}
    for word, owners in _words().find(folded_name(text[:TEXT_LIMIT])):
        for aspect in owners:
            found.setdefault(aspect, Counter())[word] += 1
    order = tuple(aspect_names())
    ranked = sorted(found, key=lambda aspect: (-found[aspect].total(), order.index(aspect)))
    return {aspect: tuple(found[aspect]) for aspect in ranked}


@cache
def aspect_names() -> Mapping[str, Mapping[str, str]]:
    """Return every aspect with its name in both languages, the gravest first."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return {entry["id"]: {"zh": entry["zh"], "en": entry["en"]} for entry in table["aspect"]}


@cache
def _words() -> NameIndex:
    index = NameIndex()
    for entry in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["aspect"]:
        for word in entry["words"]:
            index.put(folded_name(word), entry["id"])
    return index
