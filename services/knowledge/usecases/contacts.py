"""What happens to contacts: planned by hand or by the plan of a class, made, moved, taken off."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import Final

from services.chassis.clock import Clock
from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import InvalidArgumentError
from services.kits.calendars.work_calendar import WorkCalendar
from services.knowledge.domain import contacts as steps
from services.knowledge.domain.contacts import (
    PLAN,
    Contact,
    ContactState,
    Outcome,
    Purpose,
    Wish,
    class_plans,
    may_be_contacted,
    next_day,
    plan_contact,
    way_to,
)
from services.knowledge.domain.errors import (
    ContactNotConsentedError,
    ContactNotFoundError,
    CustomerNotFoundError,
    DeskContendedError,
    DeskVersionMismatchError,
    RequestIdReusedError,
)
from services.knowledge.domain.facts import consent_states, facts_in_force
from services.knowledge.domain.identity import Person
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.contacts import ContactStore, StoredContact
from services.knowledge.store.customers import Closure, CustomerStore
from services.knowledge.usecases.customers import ABC_CLASSES, identifier_named

ANY_VERSION: Final = 0
TRIES: Final = 16
REQUEST_ID_LIMIT: Final = 256  # characters
DAYS_LIMIT: Final = 92
OVERDUE_COUNTED: Final = 1_000
PLANNED_AT_ONCE: Final = 500  # customers that one planning looks at
OF_CUSTOMER_LIMIT: Final = 100  # contacts of one identifier in one state
FIRST_SPREAD_DAYS: Final = 1  # the first contacts of a class begin on the next day


@dataclass(frozen=True, slots=True)
class ContactDesk:
    """What contacts are kept with. ``default_consent``: what holds where a customer has not spoken."""

    contacts: ContactStore
    customers: CustomerStore
    classes: ClassStore
    clock: Clock
    calendar: WorkCalendar
    default_consent: str
    suppression: Suppression | None = None

    @property
    def today(self) -> date:
        """The shop's day."""
        return self.calendar.local_date(self.clock.now())


@dataclass(frozen=True, slots=True)
class ContactDeed:
    """Who does what to which contact. ``expected_version`` 0 means any."""

    contact_id: str
    actor: str
    expected_version: int = ANY_VERSION


@dataclass(frozen=True, slots=True)
class Shown:
    """A contact, and whether the customer has said no since it was planned."""

    contact: Contact
    blocked: bool


@dataclass(frozen=True, slots=True)
class DayCount:
    """What a day of the calendar holds."""

    day: date
    planned: int
    done: int
    is_workday: bool
    holiday: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What a planning brought. ``next_after``: the customer id to go on after, "" at the end."""

    planned: int
    had_one: int
    not_consented: int
    not_reachable: int
    next_after: str


async def create_contact(desk: ContactDesk, wish: Wish, *, actor: str, request_id: str) -> Shown:
    """Plan a contact; the same request again answers it as it stands.

    Raises InvalidArgumentError, CustomerNotFoundError, ContactNotConsentedError, RequestIdReusedError.
    """
    contact_id = _id_of(request_id)
    identifier = await identifier_named(desk.customers, wish.customer, must_be_known=True)
    person = (await desk.customers.closure([identifier])).people[identifier]
    given = Wish(
        person.identifiers[0], wish.shop, wish.kind, wish.purpose, wish.day, wish.owner, wish.note, wish.abc_class
    )
    _check_not_erased(desk, given.customer)
    known = await desk.contacts.get(contact_id)
    if known is None:
        checked = steps.checked_wish(given, desk.today)
        closure = await desk.customers.closure([checked.customer])
        if not _agrees(desk, closure, closure.people[checked.customer], checked.purpose):
            raise ContactNotConsentedError("the customer does not agree to such contacts", purpose=checked.purpose)
        made = plan_contact(contact_id, checked, actor=actor, now=desk.clock.now())
        kept = await desk.contacts.insert(made)
        if kept is not None:
            return Shown(kept, blocked=False)
        known = await _existing(desk, contact_id)
    if (known.contact.kind, known.contact.purpose) != (wish.kind, wish.purpose):
        raise RequestIdReusedError("this request id came with another request before")
    return (await _shown(desk, [known.contact]))[0]


async def get_contact(desk: ContactDesk, contact_id: str) -> Shown:
    """Return a contact. Raises ContactNotFoundError."""
    return (await _shown(desk, [(await _existing(desk, contact_id)).contact]))[0]


async def list_contacts(
    desk: ContactDesk, *, day: date | None, state: ContactState | None, after: str | None, limit: int
) -> tuple[list[Shown], str | None]:
    """Return the contacts of a day, or those that are overdue, and where the next page begins."""
    if day is None:
        found, next_after = await desk.contacts.overdue(desk.today, after=after, limit=limit)
    else:
        found, next_after = await desk.contacts.of_day(day, state, after=after, limit=limit)
    return await _shown(desk, _seen(desk, found)), next_after


async def contacts_of(desk: ContactDesk, name: str, *, state: ContactState | None, limit: int) -> list[Shown]:
    """Return a customer's contacts: the planned ones, the next first, then the past ones, the latest first."""
    try:
        identifier = await identifier_named(desk.customers, name, must_be_known=False)
    except CustomerNotFoundError:
        return []
    person = (await desk.customers.closure([identifier])).people[identifier]
    found = await _found_of(desk, person.identifiers, (state,) if state else tuple(ContactState))
    planned = sorted((each for each in found if each.state is ContactState.PLANNED), key=lambda each: each.day)
    past = sorted((each for each in found if each.state is not ContactState.PLANNED), key=_when, reverse=True)
    return await _shown(desk, _seen(desk, [*planned, *past])[:limit])


async def count_days(desk: ContactDesk, first: date, days: int) -> tuple[DayCount, ...]:
    """Return what each of some days holds. Raises InvalidArgumentError for more than DAYS_LIMIT."""
    if not 1 <= days <= DAYS_LIMIT:
        raise InvalidArgumentError(f"1 to {DAYS_LIMIT} days", field="days")
    counts = []
    for place in range(days):
        day = first + timedelta(days=place)
        known = desk.calendar.days.day(day)
        counts.append(
            DayCount(
                day,
                await desk.contacts.count(day, ContactState.PLANNED),
                await desk.contacts.count(day, ContactState.DONE),
                known.is_workday,
                known.holiday,
            )
        )
    return tuple(counts)


async def count_overdue(desk: ContactDesk) -> int:
    """Count what was planned for days before today, up to OVERDUE_COUNTED."""
    found, _ = await desk.contacts.overdue(desk.today, after=None, limit=OVERDUE_COUNTED)
    return len(_seen(desk, found))


async def complete_contact(
    desk: ContactDesk, deed: ContactDeed, outcome: Outcome, note: str
) -> tuple[Shown, Shown | None]:
    """Keep what came of a contact; return it and the next one that the plan of its class brings.

    One that nobody may make any more (the customer has said no since) may only be declined. Raises
    ContactStateError, ContactNotConsentedError.
    """
    stored = await _existing(desk, deed.contact_id)
    shown = (await _shown(desk, [stored.contact]))[0]
    if shown.blocked and outcome is not Outcome.DECLINED:
        raise ContactNotConsentedError("the customer has said no to such contacts since", purpose=Purpose.CARE)
    done = await _changed(
        desk, deed, lambda each: steps.complete(each, outcome, note, actor=deed.actor, now=desk.clock.now())
    )
    following = None
    if done.abc_class and outcome is not Outcome.DECLINED:
        following = await _following(desk, done)
    return (await _shown(desk, [done]))[0], following


async def move_contact(desk: ContactDesk, deed: ContactDeed, *, day: date | None, owner: str | None) -> Shown:
    """Give a contact another day or other hands. Raises ContactStateError, InvalidArgumentError."""
    checked = None if day is None else steps.checked_day(day, desk.today)
    moved = await _changed(desk, deed, lambda each: steps.move(each, checked, owner))
    return (await _shown(desk, [moved]))[0]


async def cancel_contact(desk: ContactDesk, deed: ContactDeed, note: str) -> Shown:
    """Take a contact off the calendar. Raises ContactStateError."""
    gone = await _changed(desk, deed, lambda each: steps.cancel(each, note, actor=deed.actor, now=desk.clock.now()))
    return (await _shown(desk, [gone]))[0]


async def plan_contacts(desk: ContactDesk, abc_class: str, *, shop: str, after: str, limit: int) -> Planned:
    """Plan a contact for customers of a class who have none, on working days from tomorrow on, so many a day.

    Who was contacted before is due by the plan's interval, who never was at the next day with room. Asked again, it
    plans nothing twice. Raises InvalidArgumentError.
    """
    if abc_class not in ABC_CLASSES:
        raise InvalidArgumentError("abc_class is A, B or C", field="abc_class")
    plan, counts = class_plans()[abc_class], Counter[str]()
    ids = await desk.classes.members_after(abc_class, after, min(limit, PLANNED_AT_ONCE))
    taken: dict[date, int] = {}
    day = desk.calendar.add_workdays(desk.today + timedelta(days=FIRST_SPREAD_DAYS), 0)
    for customer_id in ids:
        identifier = await desk.customers.identifier_of(customer_id)
        if identifier is None or _is_erased(desk, identifier):
            continue
        closure = await desk.customers.closure([identifier])
        person = closure.people[identifier]
        facts = {fact.field for fact in facts_in_force(record.said for record in closure.said_of(person))}
        way = way_to(plan.ways, person.identifiers, facts)
        if await _found_of(desk, person.identifiers, (ContactState.PLANNED,)):
            counts["had_one"] += 1
        elif not _agrees(desk, closure, person, Purpose.CARE):
            counts["not_consented"] += 1
        elif way is None:
            counts["not_reachable"] += 1
        else:
            while await _taken(desk, day, taken) >= plan.per_day:
                day = desk.calendar.add_workdays(day, 1)
            latest = max((each.day for each in await _found_of(desk, person.identifiers, _PAST)), default=None)
            due = day if latest is None else max(day, next_day(plan, latest, desk.calendar, taken))
            wish = Wish(person.identifiers[0], shop, way, Purpose.CARE, due, abc_class=abc_class)
            past = "" if latest is None else latest.isoformat()
            contact_id = _id_of(f"{PLAN}/{person.identifiers[0]}/{past}")
            made = plan_contact(contact_id, wish, actor=PLAN, now=desk.clock.now())
            counts["planned"] += await desk.contacts.insert(made) is not None
            taken[due] = await _taken(desk, due, taken) + 1
    is_end = len(ids) < min(limit, PLANNED_AT_ONCE)
    return Planned(
        counts["planned"],
        counts["had_one"],
        counts["not_consented"],
        counts["not_reachable"],
        "" if is_end or not ids else ids[-1],
    )


_PAST: Final = (ContactState.DONE, ContactState.CANCELLED)


async def _following(desk: ContactDesk, done: Contact) -> Shown | None:
    """Plan the next contact of a plan, once, unless another is planned or the customer agrees no more."""
    closure = await desk.customers.closure([done.customer])
    person = closure.people[done.customer]
    if not _agrees(desk, closure, person, Purpose.CARE):
        return None
    following_id = _id_of(f"after/{done.id}")
    known = await desk.contacts.get(following_id)
    if known is not None:
        return Shown(known.contact, blocked=False)
    if await _found_of(desk, person.identifiers, (ContactState.PLANNED,)):
        return None
    plan = class_plans()[done.abc_class]
    facts = {fact.field for fact in facts_in_force(record.said for record in closure.said_of(person))}
    way = way_to(plan.ways, person.identifiers, facts) or done.kind
    day = next_day(plan, desk.today, desk.calendar, {})
    wish = Wish(done.customer, done.shop, way, Purpose.CARE, day, owner=done.owner, abc_class=done.abc_class)
    kept = await desk.contacts.insert(plan_contact(following_id, wish, actor=PLAN, now=desk.clock.now()))
    return None if kept is None else Shown(kept, blocked=False)


async def _taken(desk: ContactDesk, day: date, taken: dict[date, int]) -> int:
    if day not in taken:
        taken[day] = await desk.contacts.count(day, ContactState.PLANNED)
    return taken[day]


async def _found_of(desk: ContactDesk, identifiers: Sequence[str], states: Sequence[ContactState]) -> list[Contact]:
    found: list[Contact] = []
    for identifier in identifiers:
        for state in states:
            found.extend(await desk.contacts.of_customer(identifier, state, OF_CUSTOMER_LIMIT))
    return found


async def _shown(desk: ContactDesk, contacts: Sequence[Contact]) -> list[Shown]:
    """Return contacts with whether their customers still agree: one look for all of them."""
    asking = [each for each in contacts if each.state is ContactState.PLANNED and each.purpose is Purpose.CARE]
    closure = await desk.customers.closure(sorted({each.customer for each in asking}))
    blocked = {each.id for each in asking if not _agrees(desk, closure, closure.people[each.customer], each.purpose)}
    return [Shown(each, each.id in blocked) for each in contacts]


def _agrees(desk: ContactDesk, closure: Closure, person: Person, purpose: Purpose) -> bool:
    states = consent_states(record.said for record in closure.said_of(person))
    return may_be_contacted(purpose, states, desk.default_consent)


async def _changed(desk: ContactDesk, deed: ContactDeed, change: Callable[[Contact], Contact]) -> Contact:
    for _ in range(TRIES):
        stored = await _existing(desk, deed.contact_id)
        after = change(stored.contact)
        if after == stored.contact:
            return after
        if deed.expected_version not in (ANY_VERSION, stored.contact.version):
            raise DeskVersionMismatchError(
                f"the contact stands at version {stored.contact.version}; read it again", id=deed.contact_id
            )
        if (kept := await desk.contacts.save(stored, after)) is not None:
            return kept
    raise DeskContendedError("others keep changing this contact", id=deed.contact_id)


async def _existing(desk: ContactDesk, contact_id: str) -> StoredContact:
    stored = await desk.contacts.get(contact_id)
    if stored is None or _is_erased(desk, stored.contact.customer):
        raise ContactNotFoundError("there is no contact of this id", resource="contact", id=contact_id)
    return stored


def _check_not_erased(desk: ContactDesk, customer: str) -> None:
    if desk.suppression is not None:
        desk.suppression.check([customer], where="contacts")


def _is_erased(desk: ContactDesk, customer: str) -> bool:
    """Tell whether the customer is being erased: nobody sees them any more, before their contacts are deleted."""
    return desk.suppression is not None and desk.suppression.is_erased(customer)


def _seen(desk: ContactDesk, contacts: Sequence[Contact]) -> list[Contact]:
    return [each for each in contacts if not _is_erased(desk, each.customer)]


def _when(contact: Contact) -> tuple[date, str]:
    return contact.day, contact.id


def _id_of(request_id: str) -> str:
    if not 1 <= len(request_id) <= REQUEST_ID_LIMIT + 64:
        raise InvalidArgumentError(f"a request id has 1 to {REQUEST_ID_LIMIT} characters", field="request_id")
    return f"t-{blake2b(request_id.encode('utf-8', 'replace'), digest_size=10).hexdigest()}"
