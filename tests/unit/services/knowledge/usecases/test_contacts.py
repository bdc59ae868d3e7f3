"""The calendar of contacts: planned once, on working days, with consent; what came of them brings the next."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.chassis.erasure.subjects import Subject, Subjects
from services.chassis.erasure.suppression import SubjectErasedError, Suppression
from services.chassis.errors import InvalidArgumentError
from services.chassis.metrics import Metrics
from services.kits.calendars.chinese_days import ChineseDays
from services.kits.calendars.work_calendar import WorkCalendar
from services.knowledge.domain.classes import ClassBasis
from services.knowledge.domain.contacts import (
    FARTHEST_DAYS,
    MAX_NOTE_CHARACTERS,
    ContactKind,
    ContactState,
    Outcome,
    Purpose,
    Wish,
    class_plans,
    next_day,
)
from services.knowledge.domain.errors import (
    ContactNotConsentedError,
    ContactNotFoundError,
    ContactStateError,
    CustomerNotFoundError,
    DeskVersionMismatchError,
)
from services.knowledge.store.contacts import ContactStore
from services.knowledge.usecases.contacts import (
    DAYS_LIMIT,
    ContactDeed,
    ContactDesk,
    Shown,
    cancel_contact,
    complete_contact,
    contacts_of,
    count_days,
    count_overdue,
    create_contact,
    get_contact,
    list_contacts,
    move_contact,
    plan_contacts,
)
from services.knowledge.usecases.statements import Request, set_consent
from tests.unit.services.knowledge.conftest import World
from tests.unit.services.knowledge.desk_world import SHANGHAI

CALENDAR = WorkCalendar(SHANGHAI, ChineseDays())
MONDAY = date(2026, 1, 5)  # the clock's first day


@pytest.fixture
async def desk(world: World) -> ContactDesk:
    store = ContactStore(world.documents)
    await store.declare()
    await world.claim("card:1000", "phone:13912345670", claims={"name": "李明"}, consents={"marketing": "granted"})
    return ContactDesk(store, world.customers, world.classes, world.clock, CALENDAR, "denied")


def wish(**changes: object) -> Wish:
    given = Wish("card:1000", "main", ContactKind.TELEPHONE, Purpose.CARE, MONDAY + timedelta(days=1))
    return replace(given, **changes)  # type: ignore[arg-type]


async def planned(desk: ContactDesk, request_id: str = "r-1", **changes: object) -> Shown:
    return await create_contact(desk, wish(**changes), actor="li", request_id=request_id)


async def deny(world: World) -> None:
    world.clock.advance(1)
    await set_consent(world.writing, "card:1000", Request("key"), purpose="marketing", granted=False, source="desk")


async def test_the_same_request_plans_one_contact(desk: ContactDesk) -> None:
    first = await planned(desk)
    assert await planned(desk) == first and first.contact.state is ContactState.PLANNED
    assert len((await list_contacts(desk, day=first.contact.day, state=None, after=None, limit=9))[0]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"day": MONDAY - timedelta(days=1)},
        {"day": MONDAY + timedelta(days=FARTHEST_DAYS + 1)},
        {"note": "x" * (MAX_NOTE_CHARACTERS + 1)},
        {"owner": "x" * 129},
    ],
)
async def test_what_is_past_its_limit_is_refused(desk: ContactDesk, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        await planned(desk, **changes)


async def test_a_stranger_is_not_planned_for(desk: ContactDesk) -> None:
    with pytest.raises(CustomerNotFoundError):
        await planned(desk, customer="card:9999")


async def test_without_consent_only_service_is_planned(desk: ContactDesk, world: World) -> None:
    await deny(world)
    with pytest.raises(ContactNotConsentedError):
        await planned(desk)
    assert (await planned(desk, purpose=Purpose.SERVICE)).contact.purpose is Purpose.SERVICE


async def test_a_no_after_planning_blocks_the_contact(desk: ContactDesk, world: World) -> None:
    contact = (await planned(desk)).contact
    await deny(world)
    assert (await get_contact(desk, contact.id)).blocked
    with pytest.raises(ContactNotConsentedError):
        await complete_contact(desk, ContactDeed(contact.id, "li"), Outcome.REACHED, "")
    done, following = await complete_contact(desk, ContactDeed(contact.id, "li"), Outcome.DECLINED, "says no")
    assert done.contact.state is ContactState.DONE and following is None


async def test_an_outcome_is_kept_once_and_stale_versions_are_refused(desk: ContactDesk) -> None:
    contact = (await planned(desk)).contact
    moved = await move_contact(desk, ContactDeed(contact.id, "li"), day=MONDAY + timedelta(days=3), owner="wang")
    assert (moved.contact.owner, moved.contact.version) == ("wang", 2)
    with pytest.raises(DeskVersionMismatchError):
        await cancel_contact(desk, ContactDeed(contact.id, "li", expected_version=1), "")
    done, _ = await complete_contact(desk, ContactDeed(contact.id, "li"), Outcome.REACHED, "glad")
    assert (await complete_contact(desk, ContactDeed(contact.id, "li"), Outcome.REACHED, "glad"))[0] == done
    with pytest.raises(ContactStateError):
        await cancel_contact(desk, ContactDeed(contact.id, "li"), "")


async def test_overdue_ones_and_a_customer_s_own_are_listed(desk: ContactDesk, world: World) -> None:
    await planned(desk, "r-1")
    await planned(desk, "r-2", day=MONDAY + timedelta(days=9))
    world.clock.advance(3 * 86_400)
    overdue, _ = await list_contacts(desk, day=None, state=None, after=None, limit=9)
    assert len(overdue) == await count_overdue(desk) == 1
    of_person = await contacts_of(desk, "phone:13912345670", state=None, limit=9)
    assert [each.contact.day.day for each in of_person] == [6, 14]
    assert await contacts_of(desk, "card:9999", state=None, limit=9) == []


async def test_a_class_is_planned_once_on_working_days_with_room(desk: ContactDesk, world: World) -> None:
    for place in range(30):
        await world.claim(f"card:{2000 + place}", f"phone:139{12345000 + place}", consents={"marketing": "granted"})
    await world.claim("card:7000", consents={"marketing": "granted"})  # no way of the plan reaches
    await world.claim("card:8000", "phone:13912345999", consents={"marketing": "denied"})
    ids = sorted([(await world.customer(f"card:{each}")).id for each in (*range(2000, 2030), 7000, 8000)])
    await world.classes.save(ClassBasis(0), {"A": ids}, (1,))
    result = await plan_contacts(desk, "A", shop="main", after="", limit=200)
    assert (result.not_consented, result.not_reachable, result.planned, result.next_after) == (1, 1, 30, "")
    again = await plan_contacts(desk, "A", shop="main", after="", limit=200)
    assert (again.planned, again.had_one) == (0, 30)
    days = await count_days(desk, MONDAY, 14)
    busy = [day for day in days if day.planned]
    assert all(day.is_workday and day.planned <= class_plans()["A"].per_day for day in busy) and len(busy) == 3


async def test_what_came_of_a_planned_contact_brings_the_next(desk: ContactDesk, world: World) -> None:
    customer = await world.customer("card:1000")
    await world.classes.save(ClassBasis(0), {"A": [customer.id]}, (1,))
    await plan_contacts(desk, "A", shop="main", after="", limit=9)
    (first,) = await contacts_of(desk, customer.id, state=ContactState.PLANNED, limit=9)
    done, following = await complete_contact(desk, ContactDeed(first.contact.id, "li"), Outcome.REACHED, "")
    assert done.contact.done_by == "li" and following is not None
    assert following.contact.day == date(2026, 2, 4)  # 30 days on, a Wednesday
    # Told a second time, nothing more is planned.
    assert (await complete_contact(desk, ContactDeed(first.contact.id, "li"), Outcome.REACHED, ""))[1] == following


async def test_a_calendar_has_a_bound(desk: ContactDesk) -> None:
    with pytest.raises(InvalidArgumentError):
        await count_days(desk, MONDAY, DAYS_LIMIT + 1)


def test_the_next_day_skips_holidays() -> None:
    plan = class_plans()["A"]
    day = next_day(plan, date(2026, 1, 17), CALENDAR, {})  # 30 days on lie in Spring Festival
    assert CALENDAR.is_workday(day) and day > date(2026, 2, 16)


async def test_the_contacts_of_who_is_being_erased_are_seen_no_more(world: World, desk: ContactDesk) -> None:
    contact = (await planned(desk)).contact
    suppression = Suppression(world.documents, world.clock, Metrics())
    await suppression.open()
    seeing = replace(desk, suppression=suppression)
    assert len(await contacts_of(seeing, "card:1000", state=None, limit=9)) == 1
    await suppression.add(Subjects([Subject("r-1", ("card:1000", "phone:+8613912345670"))], suppression.digest))
    assert await contacts_of(seeing, "card:1000", state=None, limit=9) == []
    assert await list_contacts(seeing, day=contact.day, state=None, after=None, limit=9) == ([], None)
    with pytest.raises(ContactNotFoundError):
        await get_contact(seeing, contact.id)
    with pytest.raises(ContactNotFoundError):
        await cancel_contact(seeing, ContactDeed(contact.id, "li"), "")
    with pytest.raises(SubjectErasedError):
        await create_contact(seeing, wish(), actor="li", request_id="r-1")
    world.clock.advance(3 * 86_400)
    assert await count_overdue(desk) == 1
    assert await count_overdue(seeing) == 0
