"""Planned contacts: whom the desk meets, when and how, and what came of it. Days are the shop's.

A contact of the purpose *care* follows the plan of the customer's class and needs consent to marketing; one of the
purpose *service* is about an order or a case and needs none. Planned → done or cancelled, nothing back.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from services.chassis.canonical import fingerprint
from services.chassis.errors import InvalidArgumentError
from services.kits.calendars.work_calendar import WorkCalendar
from services.kits.purchases import MAX_SHOP_CHARACTERS
from services.kits.text.identifiers import EMAIL, PHONE, kind_of
from services.knowledge.domain.cases import MAX_PERSON_CHARACTERS, checked_words, one_line
from services.knowledge.domain.errors import ContactStateError
from services.knowledge.domain.facts import DENIED, GRANTED, MARKETING, ConsentState

MAX_NOTE_CHARACTERS: Final = 2_000
FARTHEST_DAYS: Final = 730  # ahead that a contact may be planned
PLAN: Final = "plan"  # who planned what the plan of a class brought
ADDRESS_FACTS: Final = ("address", "street", "postal_address")  # a letter or visit finds its way by one of these


class ContactKind(StrEnum):
    """How a customer is met."""

    TELEPHONE = "telephone"
    EMAIL = "email"
    MAIL = "mail"
    VISIT = "visit"


class ContactState(StrEnum):
    """Where a contact stands."""

    PLANNED = "planned"
    DONE = "done"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What came of a contact."""

    REACHED = "reached"
    NOT_REACHED = "not-reached"
    DECLINED = "declined"


class Purpose(StrEnum):
    """What a contact is for."""

    CARE = "care"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """How often and by which ways customers of a class are met; ``per_day``: contacts on one day at most."""

    every_days: int
    ways: tuple[ContactKind, ...]
    per_day: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as it stands. ``asked``: fingerprint of what planned it."""

    id: str
    customer: str
    shop: str
    kind: ContactKind
    purpose: Purpose
    state: ContactState
    day: date
    owner: str
    note: str
    outcome: Outcome | None
    outcome_note: str
    done_time: datetime | None
    done_by: str
    planned_by: str
    planned_time: datetime
    abc_class: str
    asked: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a contact is planned with, checked by ``checked_wish``."""

    customer: str
    shop: str
    kind: ContactKind
    purpose: Purpose
    day: date
    owner: str = ""
    note: str = ""
    abc_class: str = ""

    @property
    def asked(self) -> str:
        """Return what a repeated request has in common with the first."""
        kind, purpose = self.kind.value, self.purpose.value
        return fingerprint(
            [self.customer, self.shop, kind, purpose, self.day.isoformat(), self.owner, self.note, self.abc_class]
        )


@cache
def class_plans() -> Mapping[str, ClassPlan]:
    """Return the plan of each ABC class."""
    table = tomllib.loads(Path(__file__).with_name("contact_plan.toml").read_text(encoding="utf-8"))
    return {
        name: ClassPlan(each["every_days"], tuple(map(ContactKind, each["ways"])), each["per_day"])
        for name, each in table.items()
    }


def checked_wish(wish: Wish, today: date) -> Wish:
    """Return it tidied. Raises InvalidArgumentError: a day in the past or too far ahead, texts too long."""
    return replace(
        wish,
        shop=one_line(wish.shop, MAX_SHOP_CHARACTERS, "shop"),
        day=checked_day(wish.day, today),
        owner=one_line(wish.owner, MAX_PERSON_CHARACTERS, "owner"),
        note=checked_note(wish.note),
    )


def checked_day(day: date, today: date) -> date:
    """Return a day that a contact can be planned for. Raises InvalidArgumentError."""
    if not today <= day <= today + timedelta(days=FARTHEST_DAYS):
        raise InvalidArgumentError(f"a contact is planned for today or up to {FARTHEST_DAYS} days ahead", field="day")
    return day


def checked_note(note: str) -> str:
    """Return a note. Raises InvalidArgumentError."""
    tidy = checked_words(note, "note", may_be_empty=True)
    if len(tidy) > MAX_NOTE_CHARACTERS:
        raise InvalidArgumentError(f"note: at most {MAX_NOTE_CHARACTERS} characters", field="note")
    return tidy


def day_of(text: str, field: str) -> date:
    """Read "2026-12-03". Raises InvalidArgumentError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidArgumentError(f"{field} is a day like 2026-12-03", field=field) from None


def plan_contact(contact_id: str, wish: Wish, *, actor: str, now: datetime) -> Contact:
    """Return a new contact. ``wish`` is checked."""
    return Contact(
        id=contact_id,
        customer=wish.customer,
        shop=wish.shop,
        kind=wish.kind,
        purpose=wish.purpose,
        state=ContactState.PLANNED,
        day=wish.day,
        owner=wish.owner,
        note=wish.note,
        outcome=None,
        outcome_note="",
        done_time=None,
        done_by="",
        planned_by=actor,
        planned_time=now,
        abc_class=wish.abc_class,
        asked=wish.asked,
    )


def complete(contact: Contact, outcome: Outcome, note: str, *, actor: str, now: datetime) -> Contact:
    """Keep what came of it; the same again changes nothing. Raises ContactStateError."""
    tidy = checked_note(note)
    if contact.state is ContactState.DONE and (contact.outcome, contact.outcome_note) == (outcome, tidy):
        return contact
    _check_planned(contact)
    return replace(contact, state=ContactState.DONE, outcome=outcome, outcome_note=tidy, done_time=now, done_by=actor)


def move(contact: Contact, day: date | None, owner: str | None) -> Contact:
    """Give it another day or other hands; None leaves them. Raises ContactStateError."""
    moved = replace(
        contact,
        day=contact.day if day is None else day,
        owner=contact.owner if owner is None else one_line(owner, MAX_PERSON_CHARACTERS, "owner"),
    )
    if moved != contact:
        _check_planned(contact)
    return moved


def cancel(contact: Contact, note: str, *, actor: str, now: datetime) -> Contact:
    """Take it off the calendar; again changes nothing. Raises ContactStateError for one that was made."""
    if contact.state is ContactState.CANCELLED:
        return contact
    _check_planned(contact)
    return replace(contact, state=ContactState.CANCELLED, outcome_note=checked_note(note), done_time=now, done_by=actor)


def may_be_contacted(purpose: Purpose, consents: Collection[ConsentState], default: str) -> bool:
    """Tell whether the customer agrees. ``default``: what holds where nobody has said (granted or denied)."""
    if purpose is Purpose.SERVICE:
        return True
    state = next((each.state for each in consents if each.purpose == MARKETING), default)
    return (default if state not in (GRANTED, DENIED) else state) == GRANTED


def way_to(ways: Collection[ContactKind], identifiers: Collection[str], facts: Collection[str]) -> ContactKind | None:
    """Return the first way that reaches somebody with these identifiers and names of facts, None without any."""
    kinds = {kind_of(each) for each in identifiers}
    open_ways = {
        ContactKind.TELEPHONE: PHONE in kinds,
        ContactKind.EMAIL: EMAIL in kinds,
        ContactKind.MAIL: any(name in facts for name in ADDRESS_FACTS),
        ContactKind.VISIT: any(name in facts for name in ADDRESS_FACTS),
    }
    return next((way for way in ways if open_ways[way]), None)


def next_day(plan: ClassPlan, after: date, calendar: WorkCalendar, taken: Mapping[date, int]) -> date:
    """Return the working day for the next contact: the plan's interval after a day, or the next with room.

    ``taken``: contacts that the plan has put on days already. Raises NoWorkingTimeError.
    """
    day = calendar.add_workdays(after + timedelta(days=plan.every_days), 0)
    while taken.get(day, 0) >= plan.per_day:
        day = calendar.add_workdays(day, 1)
    return day


def _check_planned(contact: Contact) -> None:
    if contact.state is not ContactState.PLANNED:
        raise ContactStateError(f"it is {contact.state.value} already", state=contact.state.value)
