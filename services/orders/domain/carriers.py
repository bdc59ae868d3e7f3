"""One vocabulary for what carriers report: tables of words by the world that writes them (carrier_words.toml).

A world is a tracking service or a standard with words of its own: AfterShip, the Chinese aggregators (快递100, 快递鸟),
schema.org. Carriers without a table write schema.org's words or ours. A word that no table holds becomes a scan that
moves nothing and is kept as it came, so that nothing is guessed and nothing is lost.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from services.orders.domain.lifecycle import SCANS, SHIPMENT_SCANNED, Words

MAX_CODE_CHARACTERS: Final = 128  # of a carrier's word
# Details that no word means: of a carrier's own estimate, and of a scan whose time cannot be.
ESTIMATED, UNDATED = "estimated", "undated"
SCHEMA_ORG_PREFIXES: Final = ("https://schema.org/", "http://schema.org/")

_OWN_TABLE: Final = Path(__file__).with_name("carrier_words.toml")


class World(StrEnum):
    """Who writes the words."""

    AFTERSHIP = "aftership"
    KUAIDI100 = "kuaidi100"
    KDNIAO = "kdniao"
    SCHEMA_ORG = "schema-org"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word means: a type of the lifecycle table and, where there is one, a detail. ``word`` as it came."""

    type: str
    word: str
    detail: str = ""
    is_known: bool = True


class CarrierTableError(ValueError):
    """A table that contradicts itself; the message names the place."""


@dataclass(frozen=True, slots=True)
class CarrierWords:
    """The tables of all worlds, the texts of details, and carriers' other names."""

    tables: Mapping[World, Mapping[str, tuple[str, str]]]  # folded word -> type, detail
    details: Mapping[str, Words]
    names: Mapping[str, str]  # folded name -> the one name

    def meaning(self, world: World, *words: str) -> Meaning:
        """Return what the first word that the world's table holds means: give the exact one before the coarse.

        Of words that are all unknown the first that is not empty is kept, cut to MAX_CODE_CHARACTERS.
        """
        table = self.tables[world]
        for word in words:
            found = table.get(folded_code(word))
            if found is not None:
                return Meaning(found[0], word[:MAX_CODE_CHARACTERS], found[1])
        raw = next((word for word in words if word), "")
        return Meaning(SHIPMENT_SCANNED, raw[:MAX_CODE_CHARACTERS], is_known=False)

    def carrier(self, name: str) -> str:
        """Return the one name of a carrier; one that the table does not hold keeps its own, folded."""
        folded = folded_code(name)
        return self.names.get(folded, folded)

    def detail_words(self, detail: str) -> Words | None:
        """Return a detail's texts, None where there is none."""
        return self.details.get(detail)


def folded_code(word: str) -> str:
    """Return a word as it is compared: NFKC, trimmed, without case and without schema.org's address before it."""
    text = unicodedata.normalize("NFKC", word).strip()
    for prefix in SCHEMA_ORG_PREFIXES:
        text = text.removeprefix(prefix)
    return text.casefold()


def load_carrier_words(text: str) -> CarrierWords:
    """Read the table. Raises CarrierTableError for the first thing in it that cannot be."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CarrierTableError(f"the table of carriers' words is no TOML: {error}") from error
    details = {name: _detail(name, entry) for name, entry in table.get("details", {}).items()}
    if not {ESTIMATED, UNDATED} <= details.keys():
        raise CarrierTableError(f"the table has the details {ESTIMATED} and {UNDATED}")
    worlds = table.get("words", {})
    missing = [world for world in World if not worlds.get(world)]
    if missing:
        raise CarrierTableError(f"the table holds no words of {missing[0]}")
    tables = {world: _world(world, worlds[world], details) for world in World}
    # A carrier that writes our own words is understood; the table may give one of them another meaning.
    tables[World.SCHEMA_ORG] = {name: (name, "") for name in SCANS} | tables[World.SCHEMA_ORG]
    return CarrierWords(tables, details, _names(table.get("carriers", {})))


@cache
def own_carrier_words() -> CarrierWords:
    """Return the table that comes with the service."""
    return load_carrier_words(_OWN_TABLE.read_text(encoding="utf-8"))


def _names(carriers: Mapping[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for carrier, others in carriers.items():
        for name in (carrier, *others):
            if names.setdefault(folded_code(name), carrier) != carrier:
                raise CarrierTableError(f"{name} is a name of two carriers")
    return names


def _detail(name: str, entry: Any) -> Words:
    texts = [entry.get(language) if isinstance(entry, dict) else None for language in ("zh", "en")]
    if not all(isinstance(text, str) and text.strip() and text.isprintable() for text in texts):
        raise CarrierTableError(f"the detail {name} has a text in zh and en")
    return Words(str(texts[0]), str(texts[1]))


def _world(world: World, words: Mapping[str, Any], details: Mapping[str, Words]) -> dict[str, tuple[str, str]]:
    table: dict[str, tuple[str, str]] = {}
    for word, meaning in words.items():
        type_, detail = meaning if isinstance(meaning, list) and len(meaning) == 2 else (meaning, "")
        if type_ not in SCANS:
            raise CarrierTableError(f"{world}: {word} means {type_!r}, which no carrier reports")
        if detail and detail not in details:
            raise CarrierTableError(f"{world}: {word} has the detail {detail!r}, which has no text")
        if table.setdefault(folded_code(word), (type_, detail)) != (type_, detail):
            raise CarrierTableError(f"{world}: {word} stands in the table twice")
    return table
