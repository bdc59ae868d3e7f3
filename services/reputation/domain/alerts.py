"""Owns what an alert is: one group's trouble, its life folded from its history, and what was seen of it.

The words are Alertmanager's: an alert belongs to a group and has labels, it is silenced, inhibited, acknowledged,
resolved. Its life goes open, acknowledged (owner), mitigating, resolved, closed, and open again as a new life; a group
has at most one alert that is not closed. The history is append-only and the life is its fold; ``causes`` are all things
that anybody was ever told of this alert, each once, so no cause is told twice and none is forgotten.

``alert_steps`` has what persons do, ``raising`` what bursts do, ``escalation`` what the clock does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import reduce
from hashlib import blake2b
from typing import Any, Final

from services.reputation.domain.bursts import Judgement
from services.reputation.domain.levels import Assessment, Level

HISTORY_LIMIT: Final = 300
# Kept free for what a life still needs: its pages, its escalations, resolve and close.
HISTORY_RESERVE: Final = 40
COMMENTS_LIMIT: Final = 100  # of one alert, so that talk leaves room for what happens
EVIDENCE_LIMIT: Final = 50
SYSTEM: Final = "system"


class AlertState(StrEnum):
    """Where an alert is in its life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATING = "mitigating"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_live(self) -> bool:
        """Tell whether the trouble goes on."""
        return self in (AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.MITIGATING)


class GroupKind(StrEnum):
    """What an alert can be about. SHOP: everything that is said of it, as long as it has no brand of its own."""

    SHOP = "shop"
    BRAND = "brand"
    PRODUCT = "product"
    SOURCE = "source"


class AlertName(StrEnum):
    """What happened, as Alertmanager's label ``alertname`` says it."""

    BURST = "MentionBurst"
    SOURCE_SILENT = "SourceSilent"


class CauseKind(StrEnum):
    """Why somebody is told."""

    RAISED = "raised"
    LEVEL = "level"
    ESCALATION = "escalation"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"

    @property
    def wakes(self) -> bool:
        """Tell whether it asks somebody to act: a page, and no mere news."""
        return self in (CauseKind.RAISED, CauseKind.LEVEL, CauseKind.ESCALATION)


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason to tell somebody, at most once.

    ``mark``: of LEVEL the level's rank, of ESCALATION the rank of the level whose ladder it is, then the step.
    """

    life: int
    kind: CauseKind
    mark: int = 0

    @classmethod
    def escalation(cls, life: int, level: Level, step: int) -> "Cause":
        """Return the cause of a step of a level's ladder; steps count from 1 to 9."""
        return cls(life, CauseKind.ESCALATION, level.rank * 10 + step)

    @property
    def step(self) -> int:
        """Return the step of the escalation, 0 for another cause."""
        return self.mark % 10 if self.kind is CauseKind.ESCALATION else 0

    def __str__(self) -> str:
        """Return the form in which it is kept."""
        return f"{self.life}/{self.kind}" + (f"-{self.mark}" if self.mark else "")

    @classmethod
    def parse(cls, text: str) -> "Cause":
        """Invert ``str``."""
        life, _, rest = text.partition("/")
        kind, _, mark = rest.partition("-")
        return cls(int(life), CauseKind(kind), int(mark or 0))


@dataclass(frozen=True, slots=True)
class Group:
    """What the alert is about. ``brand``: that a product belongs to, else empty."""

    shop: str
    kind: GroupKind
    subject: str
    brand: str = ""

    @property
    def key(self) -> str:
        """Return the group's key, equal for the same subject whatever its brand is."""
        return f"{len(self.shop)}:{self.shop}/{self.kind}/{self.subject}"

    def alert_id(self, number: int) -> str:
        """Return the id of the group's alert of that number: whoever raises it, the id is the same."""
        return f"{blake2b(self.key.encode(), digest_size=9).hexdigest()}-{number}"


class EntryKind(StrEnum):
    """What can happen to an alert."""

    RAISED = "raised"
    REOPENED = "reopened"
    LEVEL_RAISED = "level-raised"
    RECURRED = "recurred"  # it burst again while its group was held and nobody had to be told
    ACKNOWLEDGED = "acknowledged"
    HANDED_OVER = "handed-over"
    MITIGATING = "mitigating"
    COMMENTED = "commented"  # somebody said something; the alert stays as it is
    RESOLVED = "resolved"
    CLOSED = "closed"
    NOTIFIED = "notified"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    ``by``: what withheld a page; ``until``: before when the page is not due; ``request``: which request said a comment.
    """

    number: int
    kind: EntryKind
    time: datetime
    actor: str = SYSTEM
    comment: str = ""
    owner: str = ""
    level: Level | None = None
    cause: Cause | None = None
    by: str = ""
    until: datetime | None = None
    request: str = ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A page that is owed once nothing withholds it any more."""

    cause: Cause
    by: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Life:
    """What the history comes to. ``woke_time``: the last raising page of any life.

    ``paged_time``: last page of this life that was no escalation, from which the ladder counts; ``escalated``: the step
    that it has reached.
    """

    number: int
    state: AlertState
    level: Level
    raised_time: datetime
    owner: str = ""
    paged_time: datetime | None = None
    woke_time: datetime | None = None
    escalated: int = 0
    recurred: bool = False
    resolved_time: datetime | None = None
    closed_time: datetime | None = None
    withheld: tuple[Withheld, ...] = ()
    causes: frozenset[Cause] = frozenset()


@dataclass(frozen=True, slots=True)
class Signal:
    """One series that burst: its first and last bucket's end, and the judgement at its height."""

    first_time: datetime
    last_time: datetime
    peak: Judgement


@dataclass(frozen=True, slots=True)
class Evidence:
    """A mention that speaks for the alert. Its words stay where mentions are kept, and are read there when shown."""

    mention_id: str
    cluster_id: str
    source: str
    url: str
    tone: str
    reach: int
    published_time: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. ``assessment`` is the latest, ``peak`` the gravest; ``version`` grows with every change of it."""

    id: str
    name: AlertName
    group: Group
    number: int
    starts_time: datetime
    last_time: datetime
    assessment: Assessment
    peak: Assessment
    life: Life
    history: tuple[Entry, ...]
    signals: Mapping[str, Signal] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    terms: Mapping[str, Any] = field(default_factory=dict)
    update_time: datetime | None = None
    version: int = 1

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels that make the alert what it is; its level changes and is none of them."""
        group = self.group
        labels = {"alertname": str(self.name), "shop": group.shop, "kind": str(group.kind), "subject": group.subject}
        brand = group.subject if group.kind is GroupKind.BRAND else group.brand
        return {**labels, "brand": brand} if brand else labels

    @property
    def has_room(self) -> bool:
        """Tell whether the history has room for more than the present life needs."""
        return len(self.history) < HISTORY_LIMIT - HISTORY_RESERVE


def written(alert: Alert, kind: EntryKind, time: datetime, **said: Any) -> Alert:
    """Return the alert with one more thing in its history. ``said``: the other fields of Entry."""
    entry = Entry(len(alert.history) + 1, kind, time, **said)
    return replace(alert, history=(*alert.history, entry), life=evolved(alert.life, entry), update_time=time)


def entries_since(before: Alert | None, after: Alert) -> tuple[Entry, ...]:
    """Return what was written since; everything for a new alert."""
    known = len(before.history) if before is not None and before.id == after.id else 0
    return after.history[known:]


def folded(history: Sequence[Entry]) -> Life:
    """Return what a history comes to. Raises ValueError for one that does not begin with RAISED."""
    first, *rest = history
    return reduce(evolved, rest, first_life(first))


def first_life(entry: Entry) -> Life:
    """Return the life that a raising begins."""
    if entry.kind is not EntryKind.RAISED or entry.level is None:
        raise ValueError("a history begins with a raising and its level")
    return Life(1, AlertState.OPEN, entry.level, entry.time)


def evolved(life: Life, entry: Entry) -> Life:
    """Return the life after one more entry."""
    match entry.kind:
        case EntryKind.REOPENED:
            return _reborn(life, entry)
        case EntryKind.LEVEL_RAISED:
            return replace(life, level=entry.level or life.level)
        case EntryKind.RECURRED:
            return replace(life, recurred=True)
        case EntryKind.ACKNOWLEDGED:
            return replace(life, state=AlertState.ACKNOWLEDGED, owner=entry.owner, withheld=())
        case EntryKind.HANDED_OVER:
            return replace(life, owner=entry.owner)
        case EntryKind.MITIGATING:
            return replace(life, state=AlertState.MITIGATING)
        case EntryKind.RESOLVED:
            return replace(life, state=AlertState.RESOLVED, resolved_time=entry.time, withheld=())
        case EntryKind.CLOSED:
            return replace(life, state=AlertState.CLOSED, closed_time=entry.time)
        case EntryKind.NOTIFIED:
            return _told(life, entry)
        case EntryKind.WITHHELD if entry.cause is not None:
            return replace(life, withheld=(*life.withheld, Withheld(entry.cause, entry.by, entry.until)))
    return life


def _reborn(life: Life, entry: Entry) -> Life:
    return Life(
        life.number + 1,
        AlertState.OPEN,
        entry.level or life.level,
        entry.time,
        woke_time=life.woke_time,
        causes=life.causes,
    )


def _told(life: Life, entry: Entry) -> Life:
    """Count a telling. A page tells the alert as it stands, so it settles everything that was withheld."""
    cause = entry.cause
    if cause is None:
        return life
    causes = life.causes | {cause}
    if not cause.kind.wakes:
        return replace(life, causes=causes)
    life = replace(life, causes=causes | {each.cause for each in life.withheld}, withheld=())
    if cause.kind is CauseKind.ESCALATION:
        return replace(life, escalated=cause.step)
    woke_time = entry.time if cause.kind is CauseKind.RAISED else life.woke_time
    return replace(life, paged_time=entry.time, woke_time=woke_time, escalated=0)
