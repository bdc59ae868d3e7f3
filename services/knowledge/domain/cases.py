"""A case: what a customer complains of, asks or suggests, and its life. Every change is a pure step to the next.

Open (the customer waits, the clock runs) → answered → closed; what the customer writes further, and the desk's own
wish, open it again: a new life with a new deadline. The history holds all that happened and every word that was said;
a step that was taken already under the same request id changes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.chassis.canonical import fingerprint
from services.chassis.errors import InvalidArgumentError
from services.kits.purchases import (
    MAX_ORDER_NUMBER_CHARACTERS,
    MAX_PRODUCT_ID_CHARACTERS,
    MAX_SHOP_CHARACTERS,
    is_channel,
)
from services.knowledge.domain.answer_clock import AnswerClock
from services.knowledge.domain.errors import (
    CaseFullError,
    CaseStateError,
    CauseMissingError,
    RequestIdReusedError,
)

MAX_TEXT_CHARACTERS: Final = 8_000
MAX_TITLE_CHARACTERS: Final = 200
MAX_PERSON_CHARACTERS: Final = 128
MAX_ENTRIES: Final = 400  # of one case; the clock's own entries may go past it
CUSTOMER: Final = "customer"  # the actor that a customer is
SYSTEM: Final = "system"  # the actor that the clock is

# Line breaks and tabs are of use in a text; other control characters and halves of pairs are not.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPACE: Final = re.compile(r"\s+")


class CaseKind(StrEnum):
    """What a customer wants."""

    COMPLAINT = "complaint"
    QUESTION = "question"
    SUGGESTION = "suggestion"


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Cause(StrEnum):
    """Why a customer had to complain."""

    EXPECTATION_GAP = "expectation-gap"
    PRODUCT_QUALITY = "product-quality"
    STAFF_SERVICE = "staff-service"


class What(StrEnum):
    """What an entry of a history tells."""

    OPENED = "opened"
    REPLIED = "replied"
    WROTE = "wrote"
    NOTED = "noted"
    ASSIGNED = "assigned"
    CLOSED = "closed"
    REOPENED = "reopened"
    WARNED = "warned"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``request``: under which request id, and ``asked`` the fingerprint of what it asked."""

    number: int
    what: What
    time: datetime
    actor: str
    text: str = ""
    owner: str = ""
    cause: Cause | None = None
    request: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands. ``due_time``, ``warn_time``, ``answered_time``, the marks: of the present life."""

    id: str
    kind: CaseKind
    state: CaseState
    customer: str
    shop: str
    channel: str
    order_number: str
    product_id: str
    title: str
    text: str
    owner: str
    cause: Cause | None
    opened_time: datetime
    warn_time: datetime
    due_time: datetime
    due_estimated: bool
    answered_time: datetime | None
    closed_time: datetime | None
    warned: bool
    breached: bool
    life: int
    history: tuple[Entry, ...]
    version: int = 0

    @property
    def next_time(self) -> datetime | None:
        """When the clock has something to do, None while it does not run."""
        if self.state is not CaseState.OPEN or self.breached:
            return None
        return self.due_time if self.warned else self.warn_time


@dataclass(frozen=True, slots=True)
class Opening:
    """What a case is opened with, checked by ``checked_opening``."""

    kind: CaseKind
    customer: str
    shop: str
    channel: str
    order_number: str
    product_id: str
    title: str
    text: str

    @property
    def asked(self) -> str:
        """Return what a repeated request has in common with the first."""
        return fingerprint([str(self.kind), *(getattr(self, name) for name in _OPENING_TEXTS)])


_OPENING_TEXTS: Final = ("customer", "shop", "channel", "order_number", "product_id", "title", "text")


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts, when, and under which request id ("" makes every act a new one)."""

    actor: str
    now: datetime
    request: str = ""


def checked_opening(opening: Opening) -> Opening:
    """Return it tidied; without a title the text's beginning is one. Raises InvalidArgumentError."""
    text = checked_words(opening.text, "text")
    title = one_line(opening.title, MAX_TITLE_CHARACTERS, "title") or one_line(
        text[:MAX_TITLE_CHARACTERS], 200, "title"
    )
    if not is_channel(opening.channel):
        raise InvalidArgumentError("a channel is 1 to 32 of a-z 0-9 -, like web or phone", field="channel")
    return replace(
        opening,
        text=text,
        title=title,
        shop=one_line(opening.shop, MAX_SHOP_CHARACTERS, "shop"),
        order_number=one_line(opening.order_number, MAX_ORDER_NUMBER_CHARACTERS, "order_number"),
        product_id=one_line(opening.product_id, MAX_PRODUCT_ID_CHARACTERS, "product_id"),
    )


def checked_words(text: str, field: str, *, may_be_empty: bool = False) -> str:
    """Return what somebody wrote, line breaks kept. Raises InvalidArgumentError: empty, too long."""
    tidy = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not tidy and not may_be_empty:
        raise InvalidArgumentError(f"{field} is empty", field=field)
    if len(tidy) > MAX_TEXT_CHARACTERS:
        raise InvalidArgumentError(f"{field}: at most {MAX_TEXT_CHARACTERS} characters", field=field)
    return tidy


def checked_person(name: str, field: str) -> str:
    """Return the name of a member of staff. Raises InvalidArgumentError."""
    return one_line(name, MAX_PERSON_CHARACTERS, field)


def open_case(case_id: str, opening: Opening, act: Act, clock: AnswerClock) -> Case:
    """Return a new case. ``opening`` is checked."""
    deadline = clock.deadline(act.now)
    entry = Entry(1, What.OPENED, act.now, act.actor, request=act.request, asked=opening.asked)
    return Case(
        id=case_id,
        kind=opening.kind,
        state=CaseState.OPEN,
        customer=opening.customer,
        shop=opening.shop,
        channel=opening.channel,
        order_number=opening.order_number,
        product_id=opening.product_id,
        title=opening.title,
        text=opening.text,
        owner="",
        cause=None,
        opened_time=act.now,
        warn_time=deadline.warn_time,
        due_time=deadline.due_time,
        due_estimated=deadline.estimated,
        answered_time=None,
        closed_time=None,
        warned=False,
        breached=False,
        life=1,
        history=(entry,),
    )


def reply(case: Case, act: Act, text: str) -> Case:
    """Answer the customer; who answers first has it in hand. A closed case is reopened first. Raises CaseStateError."""
    words = checked_words(text, "text")
    if _is_done(case, act, What.REPLIED, words):
        return case
    if case.state is CaseState.CLOSED:
        raise CaseStateError("a closed case is reopened before it is answered", state=case.state.value)
    case = tick(case, act.now)  # an answer that comes late is late, whether or not the clock has looked yet
    return replace(
        _with(case, act, What.REPLIED, words, text=words),
        state=CaseState.ANSWERED,
        owner=case.owner or act.actor,
        answered_time=case.answered_time or act.now,
    )


def note(case: Case, act: Act, text: str) -> Case:
    """Keep a note that the customer never sees, in any state."""
    words = checked_words(text, "text")
    return case if _is_done(case, act, What.NOTED, words) else _with(case, act, What.NOTED, words, text=words)


def write(case: Case, act: Act, text: str, clock: AnswerClock) -> Case:
    """Keep what the customer says further; one who has an answer already waits for another: a new life."""
    words = checked_words(text, "text")
    if _is_done(case, act, What.WROTE, words):
        return case
    written = _with(case, act, What.WROTE, words, text=words)
    return written if case.state is CaseState.OPEN else _new_life(written, act, clock)


def assign(case: Case, act: Act, owner: str) -> Case:
    """Give it into somebody's hands, or nobody's. Raises CaseStateError for a closed case."""
    name = checked_person(owner, "owner")
    if _is_done(case, act, What.ASSIGNED, name) or (case.owner == name and case.state is not CaseState.CLOSED):
        return case
    if case.state is CaseState.CLOSED:
        raise CaseStateError("a closed case is nobody's any more", state=case.state.value)
    return replace(_with(case, act, What.ASSIGNED, name, owner=name), owner=name)


def close(case: Case, act: Act, cause: Cause | None, text: str) -> Case:
    """End it. Raises CauseMissingError for a complaint without, CaseStateError for one closed already."""
    words = checked_words(text, "text", may_be_empty=True)
    asked = f"{cause or ''}/{words}"
    if _is_done(case, act, What.CLOSED, asked):
        return case
    if case.state is CaseState.CLOSED:
        raise CaseStateError("it is closed already", state=case.state.value)
    if case.kind is CaseKind.COMPLAINT and cause is None:
        raise CauseMissingError("a complaint is closed with its cause", field="cause")
    closed = _with(tick(case, act.now), act, What.CLOSED, asked, text=words, cause=cause)
    return replace(closed, state=CaseState.CLOSED, cause=cause, closed_time=act.now)


def reopen(case: Case, act: Act, text: str, clock: AnswerClock) -> Case:
    """Begin a new life by the desk's wish, with why. Raises CaseStateError for an open case."""
    words = checked_words(text, "text", may_be_empty=True)
    if _is_done(case, act, What.REOPENED, words):
        return case
    if case.state is CaseState.OPEN:
        raise CaseStateError("it is open", state=case.state.value)
    return _new_life(_with(case, act, What.REOPENED, words, text=words), act, clock)


def tick(case: Case, now: datetime) -> Case:
    """Return the case after the clock looked at it: warned, breached, or as it was."""
    if case.state is not CaseState.OPEN:
        return case
    act = Act(SYSTEM, now)
    if not case.warned and now >= case.warn_time:
        case = replace(case, warned=True, history=(*case.history, _entry(case, act, What.WARNED)))
    if not case.breached and now > case.due_time:
        case = replace(case, breached=True, history=(*case.history, _entry(case, act, What.BREACHED)))
    return case


def entries_since(before: Case, after: Case) -> tuple[Entry, ...]:
    """Return what was added to the history."""
    return after.history[len(before.history) :]


def shown_to_customer(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return what the customer may see: what was said, opened and closed; no notes, no names but of replies."""
    return tuple(
        replace(entry, text="" if entry.what in (What.CLOSED, What.REOPENED) else entry.text)
        for entry in entries
        if entry.what in (What.OPENED, What.REPLIED, What.WROTE, What.CLOSED, What.REOPENED)
    )


def _new_life(case: Case, act: Act, clock: AnswerClock) -> Case:
    deadline = clock.deadline(act.now)
    return replace(
        case,
        state=CaseState.OPEN,
        life=case.life + 1,
        warn_time=deadline.warn_time,
        due_time=deadline.due_time,
        due_estimated=deadline.estimated,
        answered_time=None,
        closed_time=None,
        warned=False,
        breached=False,
    )


def _is_done(case: Case, act: Act, what: What, asked: str) -> bool:
    """Tell whether this very request was carried out. Raises RequestIdReusedError where another was under its id."""
    if not act.request:
        return False
    for entry in case.history:
        if entry.request == act.request:
            if entry.asked != _asked(what, asked):
                raise RequestIdReusedError("this request id came with another request before")
            return True
    return False


def _with(
    case: Case, act: Act, what: What, asked: str, *, text: str = "", owner: str = "", cause: Cause | None = None
) -> Case:
    if len(case.history) >= MAX_ENTRIES:
        raise CaseFullError(f"a case holds {MAX_ENTRIES} entries; open another", limit=MAX_ENTRIES)
    entry = replace(
        _entry(case, act, what), text=text, owner=owner, cause=cause, request=act.request, asked=_asked(what, asked)
    )
    return replace(case, history=(*case.history, entry))


def _entry(case: Case, act: Act, what: What) -> Entry:
    return Entry(len(case.history) + 1, what, act.now, act.actor)


def _asked(what: What, asked: str) -> str:
    return fingerprint([str(what), asked])


def one_line(text: str, limit: int, field: str) -> str:
    """Return a text in one line, without control characters. Raises InvalidArgumentError: too long."""
    tidy = _SPACE.sub(" ", _CONTROL.sub("", text)).strip()
    if len(tidy) > limit:
        raise InvalidArgumentError(f"{field}: at most {limit} characters", field=field)
    return tidy
