"""Owns how grave an alert is: Level I to IV, the sum of points of named terms, every one kept and shown (levels.toml).

A term without a value (tone is unknown, nobody's reach is known) gives no points and says so: what is not known makes
nothing graver, and a reader sees that it was not known.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

# Below so many mentions with a tone a share of negative ones is an accident, not a mood.
TONED_NEEDED: Final = 5
GRAVE_ASPECTS: Final = frozenset({"safety", "counterfeit"})

_TABLE: Final = Path(__file__).with_name("levels.toml")


class Level(StrEnum):
    """How grave; I is the gravest."""

    I = "I"  # noqa: E741 - the Roman numeral is the level's name
    II = "II"
    III = "III"
    IV = "IV"

    @property
    def rank(self) -> int:
        """Return 1 for the gravest to 4."""
        return _ORDER.index(self) + 1

    def is_graver_than(self, other: "Level") -> bool:
        """Tell whether this level is above the other."""
        return self.rank < other.rank


_ORDER: Final = (Level.I, Level.II, Level.III, Level.IV)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known about a group when a bucket closes; all of one window but the ratio.

    ``reach``: people who may have seen the mentions, summed; None where no source says. ``best_tier``: 1 to 3.
    ``growth``: mentions in the newest bucket over those ten minutes earlier. ``aspects``: negative mentions by aspect.
    """

    times_usual: float
    toned: int
    negative: int
    reach: int | None
    best_tier: int | None
    growth: float
    sources: int
    aspects: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a level: its value (None: not known), what it gives, and the step that it reached (None: none)."""

    name: str
    value: float | None
    points: int
    step: float | None
    explanation: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A level with all its terms. ``floor``: the term that held the level up, empty for none."""

    level: Level
    points: int
    terms: tuple[Term, ...]
    floor: str = ""

    def term(self, name: str) -> Term:
        """Return a term by name. Raises KeyError."""
        for term in self.terms:
            if term.name == name:
                return term
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Scale:
    """The table as it is read: terms, bounds of the levels gravest first, floors."""

    terms: tuple[Mapping[str, Any], ...]
    levels: tuple[Mapping[str, Any], ...]
    floors: tuple[Mapping[str, Any], ...]


def assess(situation: Situation) -> Assessment:
    """Return the level of a situation."""
    scale = _scale()
    values = _values(situation)
    terms = tuple(_term(described, values[described["name"]]) for described in scale.terms)
    points = sum(term.points for term in terms)
    level = Level(next(each["level"] for each in scale.levels if points >= each["points"]))
    floor = ""
    by_name = {term.name: term for term in terms}
    for held in scale.floors:
        if by_name[held["term"]].points >= held["points"] and Level(held["level"]).is_graver_than(level):
            level, floor = Level(held["level"]), held["term"]
    return Assessment(level, points, terms, floor)


def level_words(level: Level) -> Mapping[str, str]:
    """Return the level's name in both languages."""
    described = next(each for each in _scale().levels if each["level"] == level)
    return {"zh": described["zh"], "en": described["en"]}


def _values(situation: Situation) -> dict[str, float | None]:
    negative, grave = situation.negative, sum(situation.aspects.get(each, 0) for each in GRAVE_ASPECTS)
    toned = situation.toned >= TONED_NEEDED
    return {
        "volume": situation.times_usual,
        "negative-share": negative / situation.toned if toned else None,
        "reach": situation.reach,
        "tier": situation.best_tier,
        "speed": situation.growth,
        "sources": situation.sources,
        "grave-aspects": min(1.0, grave / negative) if toned and negative else None,
    }


def _term(described: Mapping[str, Any], value: float | None) -> Term:
    points, step = 0, None
    for bound, gives in described["steps"]:
        reached = value is not None and (value <= bound if described.get("falling") else value >= bound)
        if reached:
            points, step = gives, bound
    return Term(described["name"], value, points, step, _explanation(described, value, points, step))


def _explanation(described: Mapping[str, Any], value: float | None, points: int, step: float | None) -> dict[str, str]:
    if value is None:
        return {"zh": f"{described['zh']}：未知，不计分", "en": f"{described['en']}: not known, no points"}
    bound_zh, bound_en = ("不高于", "at most") if described.get("falling") else ("不低于", "at least")
    zh = f"{described['zh']}：{_number(value)}{_after(described['unit_zh'])}"
    en = f"{described['en']}: {_number(value)}{_after(described['unit_en'])}"
    if step is None:
        first = described["steps"][0][0]
        return {
            "zh": f"{zh}，未达到 {_number(first)}，计 0 分",
            "en": f"{en}, short of {_number(first)}, 0 points",
        }
    return {
        "zh": f"{zh}，{bound_zh} {_number(step)}，计 {points} 分",
        "en": f"{en}, {bound_en} {_number(step)}, {points} points",
    }


def _after(unit: str) -> str:
    return f" {unit}" if unit else ""


def _number(value: float) -> str:
    """Write a value with three digits, whole numbers in full."""
    if not math.isfinite(value) or abs(value) >= 1_000 or value == int(value):
        return f"{value:,.0f}" if math.isfinite(value) else str(value)
    return f"{value:.3g}"


@cache
def _scale() -> Scale:
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return Scale(tuple(table["term"]), tuple(table["level"]), tuple(table["floor"]))
