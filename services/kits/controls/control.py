"""A Control: a condition, an action, a state and its history. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from services.kits.controls.errors import ControlStateError

HISTORY_LIMIT: Final = 200  # changes kept with a Control; the oldest give way


class ActionType(StrEnum):
    """What a Control does."""

    BOOST = "boost"
    BURY = "bury"
    PIN = "pin"
    EXCLUDE = "exclude"
    FILTER = "filter"
    CAP = "cap"
    SYNONYMS = "synonyms"
    REDIRECT = "redirect"


class ControlState(StrEnum):
    """Where a Control stands. ENDED is never stored: a live or scheduled one whose end has passed."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"
    ARCHIVED = "archived"


class Step(StrEnum):
    """What can be done to a Control beside editing it."""

    SCHEDULE = "schedule"
    LAUNCH = "launch"
    PAUSE = "pause"
    ARCHIVE = "archive"


class CapPer(StrEnum):
    """What a cap counts: all products of its target together, or each brand or category among them by itself."""

    TARGET = ""
    BRAND = "brand"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Condition:
    """When a Control applies. An empty field does not matter; all others must hold, each by any of its values.

    ``queries``: the whole query, normalised; ``terms``: words or phrases in it. ``product_ids`` and ``categories``:
    what the page is about.
    """

    queries: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    product_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Which products an action is about: all fields given must hold, each by any of its values."""

    product_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.product_ids or self.categories or self.brands or self.tags)


@dataclass(frozen=True, slots=True)
class Pin:
    """A product at a place; ``position`` counts from 1."""

    product_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Action:
    """What a Control does. Which fields count depends on the type (``control_checks.py``).

    ``strength`` of a boost or bury, 1 … 9: it divides or multiplies a product's rank by strength + 1.
    """

    type: ActionType
    target: Target = Target()
    strength: int = 0
    pins: tuple[Pin, ...] = ()
    maximum: int = 0
    per: CapPer = CapPer.TARGET
    words: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a person writes of a Control. ``start_time`` and ``end_time`` bound when it is served, if given."""

    title: str
    action: Action
    condition: Condition = Condition()
    start_time: datetime | None = None
    end_time: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of history: ``before`` and ``after`` hold the fields that changed, in their stored form."""

    time: datetime
    actor: str
    step: str
    version: int
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Control:
    """A Control as stored. ``version`` moves with every change; ``revision`` is the store's own, 0 until it is kept."""

    id: str
    version: int
    state: ControlState
    content: Content
    create_time: datetime
    update_time: datetime
    author: str = ""
    create_print: str = ""
    history: tuple[Change, ...] = ()
    revision: int = 0

    @property
    def action(self) -> Action:
        """What it does."""
        return self.content.action

    @property
    def condition(self) -> Condition:
        """When it applies."""
        return self.content.condition

    def state_at(self, now: datetime) -> ControlState:
        """Return the state by the clock: a scheduled one is live from its start, and ended from its end."""
        if self.state not in {ControlState.SCHEDULED, ControlState.LIVE}:
            return self.state
        start, end = self.content.start_time, self.content.end_time
        if end is not None and end <= now:
            return ControlState.ENDED
        return ControlState.LIVE if start is None or start <= now else ControlState.SCHEDULED

    def is_served(self) -> bool:
        """Whether it is, or by the clock will be, live."""
        return self.state in {ControlState.SCHEDULED, ControlState.LIVE}


_FROM: Final = {
    Step.SCHEDULE: {ControlState.DRAFT, ControlState.SCHEDULED, ControlState.LIVE, ControlState.PAUSED},
    Step.LAUNCH: {ControlState.DRAFT, ControlState.SCHEDULED, ControlState.PAUSED},
    Step.PAUSE: {ControlState.SCHEDULED, ControlState.LIVE},
    Step.ARCHIVE: {
        ControlState.DRAFT,
        ControlState.SCHEDULED,
        ControlState.LIVE,
        ControlState.PAUSED,
        ControlState.ENDED,
    },
}
_TO: Final = {
    Step.SCHEDULE: ControlState.SCHEDULED,
    Step.LAUNCH: ControlState.LIVE,
    Step.PAUSE: ControlState.PAUSED,
    Step.ARCHIVE: ControlState.ARCHIVED,
}


def possible_steps(control: Control, now: datetime) -> tuple[Step, ...]:
    """Return what may be done to it now."""
    return tuple(step for step in Step if control.state_at(now) in _FROM[step])


def stepped(control: Control, step: Step, now: datetime) -> Control:
    """Return the Control in its next state, history aside. Raises ControlStateError.

    Launching takes away a start that is still to come, for it is live now.
    """
    state, content = control.state_at(now), control.content
    if state not in _FROM[step]:
        raise ControlStateError(f"a Control that is {state.value} cannot {step.value}", state=state.value)
    if step is Step.SCHEDULE and (content.start_time is None or content.start_time <= now):
        raise ControlStateError("a schedule needs a start that is still to come", state=state.value)
    if step in {Step.SCHEDULE, Step.LAUNCH} and content.end_time is not None and content.end_time <= now:
        raise ControlStateError("its end has passed: give it another", state=state.value)
    if step is Step.LAUNCH and content.start_time is not None and content.start_time > now:
        content = replace(content, start_time=None)
    return replace(control, state=_TO[step], content=content)


def recorded(changed: Control, change: Change) -> Control:
    """Return the changed Control at its next version with the change in its history."""
    version = changed.version + 1
    history = (*changed.history, replace(change, version=version))[-HISTORY_LIMIT:]
    return replace(changed, version=version, update_time=change.time, history=history)
