"""How far goods made to order have come: stage templates by product family, and the progress of one line.

A template is data (stage_templates.toml): stages in order, where work may loop, every text in zh and en once. Progress
is the furthest place that any unit of the line has reached and never falls: work that goes back is a remark that one
can see, not a step back. A stage that no template knows is kept as it came. Facts come sorted, as events.py sorts them.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.orders.domain.lifecycle import (
    PRODUCTION_COMPLETED,
    PRODUCTION_QUEUED,
    STAGE_COMPLETED,
    STAGE_ENTERED,
    Words,
)

MAX_REMARKS: Final = 20  # the newest are kept; the facts themselves stay in the log
MAX_UNKNOWN: Final = 20
MAX_STAGE_CHARACTERS: Final = 128  # of a stage as it came


class RemarkKind(StrEnum):
    """Why a line's production deserves a word. The texts stand in the table under these names."""

    REWORK = "rework"
    LOOP = "loop"
    UNKNOWN_STAGE = "unknown-stage"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage. ``also``: folded words that workshops write for it, its name and its texts among them."""

    name: str
    words: Words
    also: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StageTemplate:
    """How one product family is made. ``loops``: (from, to) where work goes back as planned; other ways are rework."""

    family: str
    words: Words
    stages: tuple[Stage, ...]
    loops: frozenset[tuple[str, str]] = frozenset()
    places: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)  # folded word -> place

    def place_of(self, stage: str) -> int | None:
        """Return the place of a stage as it came, None for one that the template does not know."""
        return self.places.get(folded(stage))


@dataclass(frozen=True, slots=True)
class StageFact:
    """A fact of production. ``stage`` as it came; ``quantity`` None is the whole line."""

    type: str
    time: datetime
    stage: str = ""
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """A visible remark. ``stage`` and ``left`` are names of stages, or, of an unknown one, the word as it came."""

    kind: RemarkKind
    time: datetime
    stage: str
    left: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a line is. ``units[p]``: how many of ``quantity`` units have more than p stages behind them.

    ``reached``: stages begun by the furthest unit. ``now``: the stage in which work was last seen, as it came for one
    that is unknown, "" before the first and after the last; ``since``: when that began.
    """

    quantity: int
    units: tuple[int, ...]
    reached: int = 0
    now: str = ""
    since: datetime | None = None
    reworks: int = 0
    remarks: tuple[Remark, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """Stages that the furthest unit has behind it."""
        return sum(1 for count in self.units if count)

    @property
    def done_by_all(self) -> int:
        """Stages that every unit has behind it."""
        return sum(1 for count in self.units if count >= self.quantity)

    @property
    def is_complete(self) -> bool:
        """Whether every unit is made."""
        return self.done_by_all == len(self.units)

    @property
    def share(self) -> float:
        """How much of the way the furthest unit has behind it, 0 to 1; it never falls."""
        return self.done / len(self.units)


def folded(word: str) -> str:
    """Return a stage's word as it is compared: NFKC, without case, spaces in a row as one."""
    return " ".join(unicodedata.normalize("NFKC", word).casefold().split())


def no_progress(template: StageTemplate | None, quantity: int) -> Progress:
    """Return the beginning. Without a template there is one step, that the whole is made. Raises ValueError below 1."""
    if quantity < 1:
        raise ValueError("a line has at least one unit")
    return Progress(quantity, (0,) * (len(template.stages) if template else 1))


def progress_of(template: StageTemplate | None, facts: Iterable[StageFact], quantity: int) -> Progress:
    """Fold the facts of a line."""
    progress = no_progress(template, quantity)
    for fact in facts:
        progress = advance(template, progress, fact)
    return progress


def advance(template: StageTemplate | None, progress: Progress, fact: StageFact) -> Progress:
    """Return the progress after one more fact. Facts of other types change nothing."""
    if fact.type == PRODUCTION_COMPLETED:
        made = replace(progress, now="", since=fact.time, reached=len(progress.units))
        return _behind(made, len(progress.units), fact.quantity)
    if fact.type == PRODUCTION_QUEUED and not progress.reached:
        first = template.stages[0].name if template else ""
        return replace(progress, now=first, since=fact.time, reached=1)
    if fact.type not in (STAGE_ENTERED, STAGE_COMPLETED):
        return progress
    place = template.place_of(fact.stage) if template else None
    if template is None or place is None:
        return _unknown_stage(progress, fact)
    if fact.type == STAGE_COMPLETED:
        return _completed(template, progress, fact, place)
    remarked = _remarked(template, progress, fact, place)
    return _behind(_at_work(template, remarked, fact.time, place), place, fact.quantity)


def _completed(template: StageTemplate, progress: Progress, fact: StageFact, place: int) -> Progress:
    """A stage that is completed was begun. Work that is already further on, or here, is where it was."""
    now = template.place_of(progress.now)
    seen = progress if now is not None and now >= place else _at_work(template, progress, fact.time, place)
    return _behind(seen, place + 1, fact.quantity)


def _at_work(template: StageTemplate, progress: Progress, time: datetime, place: int) -> Progress:
    name = template.stages[place].name
    since = progress.since if progress.now == name else time
    return replace(progress, now=name, since=since, reached=max(progress.reached, place + 1))


def _behind(progress: Progress, steps: int, quantity: int | None) -> Progress:
    """Return the progress with ``steps`` stages behind ``quantity`` more units, or behind all of them (None)."""
    if steps == 0:
        return progress
    known = progress.units[steps - 1]
    count = progress.quantity if quantity is None else min(progress.quantity, known + max(quantity, 0))
    units = tuple(max(each, count) if place < steps else each for place, each in enumerate(progress.units))
    return replace(progress, units=units)


def _remarked(template: StageTemplate, progress: Progress, fact: StageFact, place: int) -> Progress:
    """Return the progress with a remark, where work that was further on goes back to this place.

    Units are not told apart: as many as have not been here yet are taken for the ones that come now.
    """
    stage, left = template.stages[place].name, progress.now or template.stages[progress.reached - 1].name
    been_here = progress.units[max(place - 1, 0)]
    comes_first = fact.quantity is not None and fact.quantity <= progress.quantity - been_here
    if place >= progress.reached - 1 or left == stage or comes_first:
        return progress
    kind = RemarkKind.LOOP if (left, stage) in template.loops else RemarkKind.REWORK
    return replace(
        progress,
        reworks=progress.reworks + (kind is RemarkKind.REWORK),
        remarks=_last(progress.remarks, Remark(kind, fact.time, stage, left)),
    )


def _unknown_stage(progress: Progress, fact: StageFact) -> Progress:
    """Keep the word as it came: it is shown, and moves nothing."""
    raw = fact.stage[:MAX_STAGE_CHARACTERS]
    if not raw:
        return progress
    remark = Remark(RemarkKind.UNKNOWN_STAGE, fact.time, raw)
    kept = progress.unknown if raw in progress.unknown else (*progress.unknown, raw)[-MAX_UNKNOWN:]
    since = progress.since if progress.now == raw else fact.time
    return replace(progress, now=raw, since=since, unknown=kept, remarks=_last(progress.remarks, remark))


def _last(remarks: tuple[Remark, ...], remark: Remark) -> tuple[Remark, ...]:
    return (*remarks, remark)[-MAX_REMARKS:]
