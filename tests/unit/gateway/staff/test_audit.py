"""The trail: append-only, paged from the latest, filtered by person, thing, kind and time; bounded facts."""

from datetime import timedelta

import pytest

from gateway.staff.audit import FACTS_LIMIT_BYTES, PAGE_LIMIT, AuditFilter, AuditTrail, NamedActor
from gateway.staff.office import Staff
from services.chassis.errors import InvalidArgumentError
from services.chassis.paging import InvalidPageTokenError
from tests.fakes.clock import START_TIME, ManualClock

LI, WEI = NamedActor("staff:li.na"), NamedActor("staff:wei")


@pytest.fixture
async def audit(staff: Staff, clock: ManualClock) -> AuditTrail:
    for number in range(6):
        actor = LI if number % 2 else WEI
        await staff.audit.record(actor, "control.edit", "control", f"c-{number % 3}", after={"number": number})
        clock.advance(60)
    await staff.audit.record(LI, "alert.close", "alert", "a-1", before={"state": "open"})
    return staff.audit


async def _numbers(audit: AuditTrail, wanted: AuditFilter) -> list[object]:
    return [each.after["number"] if each.after else None for each in (await audit.page(wanted, size=50)).entries]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (AuditFilter(), [None, 5, 4, 3, 2, 1, 0]),
        (AuditFilter(actor="staff:wei"), [4, 2, 0]),
        (AuditFilter(thing="control:c-1"), [4, 1]),
        (AuditFilter(kind="control"), [5, 4, 3, 2, 1, 0]),
        (AuditFilter(kind="control", actor="staff:li.na"), [5, 3, 1]),
        (AuditFilter(thing="control:c-1", actor="staff:wei"), [4]),
        (AuditFilter(start=START_TIME + timedelta(seconds=240)), [None, 5, 4]),
        (AuditFilter(actor="staff:li.na", end=START_TIME + timedelta(seconds=180)), [1]),
        (AuditFilter(actor="staff:nobody"), []),
    ],
)
async def test_it_is_filtered_and_the_latest_come_first(
    audit: AuditTrail, wanted: AuditFilter, numbers: list[object]
) -> None:
    assert await _numbers(audit, wanted) == numbers


async def test_pages_follow_one_another_while_more_is_written(audit: AuditTrail) -> None:
    seen, token = [], ""
    while True:
        page = await audit.page(AuditFilter(), size=2, token=token)
        seen += [each.id for each in page.entries]
        await audit.record(WEI, "control.edit", "control", "c-9")
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 7


async def test_a_token_of_another_filter_and_a_page_past_its_bound_are_refused(audit: AuditTrail) -> None:
    token = (await audit.page(AuditFilter(), size=1)).next_page_token
    with pytest.raises(InvalidPageTokenError):
        await audit.page(AuditFilter(actor="staff:wei"), size=1, token=token)
    with pytest.raises(InvalidArgumentError):
        await audit.page(AuditFilter(), size=PAGE_LIMIT + 1)
    with pytest.raises(InvalidArgumentError):
        await audit.page(AuditFilter(thing="a:b", kind="a"), size=1)


async def test_facts_are_kept_as_json_and_cut_past_their_bound(staff: Staff) -> None:
    kept = await staff.audit.record(
        LI, "control.edit", "control", "c-1", before={"at": START_TIME, "tags": {"a"}}, after={"x": "知" * 4_000}
    )
    assert kept.before == {"at": "2026-01-05T08:00:00Z", "tags": "{'a'}"}
    assert kept.after == {"cut": True}
    fits = await staff.audit.record(LI, "a", "b", "c", after={"x": "y" * (FACTS_LIMIT_BYTES - 8)})
    assert fits.after != {"cut": True}
