"""Reads the table of stages and product families, and checks it whole before anything uses it.

The table that comes with the service is stage_templates.toml; an operator's own has the same form. One table, one
vocabulary: a stage has one text in each language wherever it is used.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from services.orders.domain.lifecycle import Words
from services.orders.domain.stages import Remark, RemarkKind, Stage, StageTemplate, folded

MAX_STAGES: Final = 32  # of one family
MAX_FAMILIES: Final = 500
MAX_ALSO: Final = 50
MAX_WORD_CHARACTERS: Final = 128
LANGUAGES: Final = ("zh", "en")
# What a product says to name its family, and the family of one that says only that it is made to order.
FAMILY_ATTRIBUTE: Final = "production_family"
MADE_TO_ORDER_TAG: Final = "made-to-order"
ANY_FAMILY: Final = "made-to-order"

_PLACE: Final = re.compile(r"\{(from|to)\}")
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_OWN_TABLE: Final = Path(__file__).with_name("stage_templates.toml")


class StageTableError(ValueError):
    """A table that contradicts itself; the message names the place."""


@dataclass(frozen=True, slots=True)
class StageCatalog:
    """All templates by family, and the texts of remarks."""

    templates: Mapping[str, StageTemplate]
    stages: Mapping[str, Stage]
    remarks: Mapping[RemarkKind, Words]
    words: Mapping[str, str]  # folded word -> stage; of a word of several stages, the first in the table

    def template(self, family: str) -> StageTemplate | None:
        """Return the template of a family, None for one that the table does not hold."""
        return self.templates.get(family)

    def family_of(self, attributes: Mapping[str, Iterable[str]], tags: Iterable[str]) -> str:
        """Return the family of a product by what its catalogue entry says, "" for one that is not made to order."""
        named = next(iter(attributes.get(FAMILY_ATTRIBUTE, ())), "")
        if named in self.templates:
            return named
        return ANY_FAMILY if named or MADE_TO_ORDER_TAG in tags else ""

    def stage_named(self, word: str) -> str:
        """Return the stage that a word means in any family, the word itself where it means none."""
        return self.words.get(folded(word), word)

    def stage_words(self, stage: str) -> Words:
        """Return a stage's texts; one that the table does not hold is its own text."""
        known = self.stages.get(stage)
        return known.words if known else Words(stage, stage)

    def remark_words(self, remark: Remark) -> Words:
        """Return a remark's texts with its stages in them."""
        words, to, left = self.remarks[remark.kind], self.stage_words(remark.stage), self.stage_words(remark.left)
        return Words(
            _PLACE.sub(lambda place: {"from": left.zh, "to": to.zh}[place[1]], words.zh),
            _PLACE.sub(lambda place: {"from": left.en, "to": to.en}[place[1]], words.en),
        )


def load_stage_catalog(text: str) -> StageCatalog:
    """Read a table. Raises StageTableError for the first thing in it that cannot be."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StageTableError(f"the table of stages is no TOML: {error}") from error
    stages = {name: _stage(name, entry) for name, entry in _tables(table, "stages").items()}
    entries = table.get("families", [])
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_FAMILIES:
        raise StageTableError(f"the table has 1 to {MAX_FAMILIES} [[families]]")
    templates = [_template(entry, stages) for entry in entries]
    twice = [family for family, count in Counter(each.family for each in templates).items() if count > 1]
    if twice:
        raise StageTableError(f"the family {twice[0]} stands in the table twice")
    remarks = _tables(table, "remarks")
    missing = [kind for kind in RemarkKind if kind not in remarks]
    if missing:
        raise StageTableError(f"the remark {missing[0]} has no text")
    return StageCatalog(
        {each.family: each for each in templates},
        stages,
        {kind: _words(remarks[kind], f"the remark {kind}") for kind in RemarkKind},
        {word: name for name, stage in reversed(stages.items()) for word in stage.also},
    )


@cache
def own_stage_catalog() -> StageCatalog:
    """Return the catalogue that comes with the service."""
    return load_stage_catalog(_OWN_TABLE.read_text(encoding="utf-8"))


def _stage(name: str, entry: Any) -> Stage:
    _check_name(name, "stage")
    words = _words(entry, f"the stage {name}")
    also = entry.get("also", [])
    if not isinstance(also, list) or len(also) > MAX_ALSO:
        raise StageTableError(f"the stage {name} has at most {MAX_ALSO} other words")
    for word in also:
        _check_word(word, f"the stage {name}")
    return Stage(name, words, frozenset(folded(word) for word in (name, words.zh, words.en, *also)))


def _template(entry: Any, stages: Mapping[str, Stage]) -> StageTemplate:
    if not isinstance(entry, dict):
        raise StageTableError("a family is a table")
    family, names = _check_name(entry.get("name"), "family"), entry.get("stages")
    where = f"the family {family}"
    if not isinstance(names, list) or not 1 <= len(names) <= MAX_STAGES:
        raise StageTableError(f"{where} has 1 to {MAX_STAGES} stages")
    unknown = [name for name in names if name not in stages]
    if unknown:
        raise StageTableError(f"{where} names the stage {unknown[0]}, which the table does not hold")
    if len(set(names)) < len(names):
        raise StageTableError(f"{where} names a stage twice; work that goes back is a loop")
    made = tuple(stages[name] for name in names)
    return StageTemplate(
        family=family,
        words=_words(entry.get("words"), where),
        stages=made,
        loops=_loops(entry, names, where),
        places=_places(made, where),
    )


def _loops(entry: Mapping[str, Any], names: list[str], where: str) -> frozenset[tuple[str, str]]:
    """Read pairs (from, to) of stages, each leading back."""
    pairs = set()
    for pair in entry.get("loops", []):
        if not (isinstance(pair, list) and len(pair) == 2 and all(name in names for name in pair)):
            raise StageTableError(f"{where}: a loop is a pair of its stages")
        if names.index(pair[1]) >= names.index(pair[0]):
            raise StageTableError(f"{where}: {pair[0]} to {pair[1]} does not lead back")
        pairs.add((pair[0], pair[1]))
    return frozenset(pairs)


def _places(stages: tuple[Stage, ...], where: str) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, stage in enumerate(stages):
        for word in stage.also:
            if places.setdefault(word, place) != place:
                raise StageTableError(f"{where}: the word {word!r} means two of its stages")
    return places


def _tables(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = table.get(key)
    if not isinstance(found, dict) or not found:
        raise StageTableError(f"the table has no [{key}]")
    return found


def _words(entry: Any, where: str) -> Words:
    if not isinstance(entry, dict):
        raise StageTableError(f"{where} has a text in {' and '.join(LANGUAGES)}")
    for language in LANGUAGES:
        _check_word(entry.get(language), where)
    return Words(entry["zh"], entry["en"])


def _check_word(word: Any, where: str) -> None:
    if not isinstance(word, str) or not word.strip() or len(word) > MAX_WORD_CHARACTERS or not word.isprintable():
        raise StageTableError(f"{where}: a text is 1 to {MAX_WORD_CHARACTERS} printable characters, in zh and en")


def _check_name(name: Any, what: str) -> str:
    if not isinstance(name, str) or len(name) > MAX_WORD_CHARACTERS or not _NAME.fullmatch(name):
        raise StageTableError(f"a {what} is named by lower-case letters, digits and single hyphens")
    return name
