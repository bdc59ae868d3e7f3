"""Accounts: made by an admin, opened by a one-time password, ended in one write; each change in the trail."""

import asyncio
from typing import Any

import pytest

from gateway.staff.accounts import Edit, NewAccount, Where
from gateway.staff.audit import AuditFilter, NamedActor
from gateway.staff.errors import (
    LastAdminError,
    OneTimePasswordExpiredError,
    PasswordUnfitError,
    SignInFailedError,
    SignInThrottledError,
    StaffChangedError,
    StaffTakenError,
)
from gateway.staff.member_store import STAFF, MemberStore
from gateway.staff.members import StaffRole
from gateway.staff.office import Staff
from gateway.staff.passwords import LENGTH_LIMIT, LENGTH_MINIMUM
from gateway.staff.throttle import ACCOUNT_AT_ADDRESS, ADDRESS
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.errors import InvalidArgumentError, NotFoundError
from tests.fakes.clock import ManualClock

OPERATOR = NamedActor("operator")
HERE, ELSEWHERE = Where("10.0.0.1", "a browser"), Where("10.0.0.2", "another browser")
PASSWORD, OTHER_PASSWORD = "seven lucky pandas", "eight drunken immortals"


async def _made(staff: Staff, staff_id: str = "li.na", roles: tuple[str, ...] = ("desk",)) -> None:
    await staff.accounts.create(OPERATOR, NewAccount(staff_id, "Li Na", roles), password=PASSWORD)


async def _in(staff: Staff, staff_id: str = "li.na", password: str = PASSWORD, where: Where = HERE) -> str:
    return await staff.accounts.sign_in(staff_id, password, where)


async def test_a_password_is_kept_as_argon2_and_opens_a_session(staff: Staff, documents: MemoryDocuments) -> None:
    await _made(staff)
    stored = await documents.get(STAFF, "li.na")
    assert stored is not None
    assert stored.body["password_hash"].startswith("$argon2id$") and PASSWORD not in repr(stored.body)
    session = await staff.sessions.find(await _in(staff))
    assert session is not None
    assert (session.id, session.roles, session.actor) == ("li.na", {StaffRole.DESK}, "staff:li.na")
    assert session.principal.name == "staff:li.na"


@pytest.mark.parametrize(
    ("staff_id", "password"),
    [("li.na", OTHER_PASSWORD), ("nobody", PASSWORD), ("Nö", PASSWORD), ("li.na", "x" * 5_000)],
)
async def test_a_wrong_name_and_a_wrong_password_are_one_refusal(staff: Staff, staff_id: str, password: str) -> None:
    await _made(staff)
    with pytest.raises(SignInFailedError, match="name or password is wrong"):
        await _in(staff, staff_id, password)


async def test_full_width_and_composed_passwords_are_the_same(staff: Staff) -> None:
    await _made(staff)
    full_width = PASSWORD.translate({i: i + 0xFEE0 for i in range(0x21, 0x7F)})
    assert await _in(staff, " LI.NA ", full_width)


async def test_a_one_time_password_opens_nothing_until_it_is_changed(staff: Staff) -> None:
    _, text = await staff.accounts.create(OPERATOR, NewAccount("wei", "Wei", ("admin",)))
    session = await staff.sessions.find(await _in(staff, "wei", text))
    assert session is not None
    assert session.must_change and session.roles == frozenset() and not session.has(StaffRole.ADMIN)
    fresh = await staff.sessions.find(await staff.accounts.change_password(session, text, PASSWORD, HERE))
    assert fresh is not None and fresh.has(StaffRole.ADMIN)
    with pytest.raises(SignInFailedError):
        await _in(staff, "wei", text)


async def test_a_one_time_password_ends_after_a_week(staff: Staff, clock: ManualClock) -> None:
    _, text = await staff.accounts.create(OPERATOR, NewAccount("wei", "Wei", ("admin",)))
    clock.advance(7 * 86_400)
    with pytest.raises(OneTimePasswordExpiredError):
        await _in(staff, "wei", text)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("x1y2z3a4b5c", "short"),
        ("ab" * LENGTH_LIMIT, "long"),
        ("aaaabbbbccccdddd", "guessable"),
        ("My LI.NA password", "guessable"),
        (PASSWORD, "same"),
    ],
)
async def test_an_unfit_password_is_refused_by_its_rule(staff: Staff, password: str, rule: str) -> None:
    assert len("x1y2z3a4b5c") == LENGTH_MINIMUM - 1
    await _made(staff)
    session = await staff.sessions.find(await _in(staff))
    assert session is not None
    with pytest.raises(PasswordUnfitError) as refused:
        await staff.accounts.change_password(session, PASSWORD, password, HERE)
    assert refused.value.metadata["rule"] == rule


async def test_a_changed_password_ends_the_other_sessions_and_needs_the_old_one(staff: Staff) -> None:
    await _made(staff)
    mine, other = await _in(staff), await _in(staff, where=ELSEWHERE)
    session = await staff.sessions.find(mine)
    assert session is not None
    with pytest.raises(SignInFailedError):
        await staff.accounts.change_password(session, OTHER_PASSWORD, "nine tailed foxes", HERE)
    fresh = await staff.accounts.change_password(session, PASSWORD, OTHER_PASSWORD, HERE)
    assert [await staff.sessions.find(each) is not None for each in (mine, other, fresh)] == [False, False, True]


@pytest.mark.parametrize("end", ["disable", "reset", "sign_out_everywhere"])
async def test_an_account_ends_all_its_sessions_at_once(staff: Staff, end: str) -> None:
    await _made(staff)
    sessions = [await _in(staff), await _in(staff, where=ELSEWHERE)]
    await getattr(staff.accounts, end)(OPERATOR, "li.na")
    assert not any([await staff.sessions.find(each) for each in sessions])
    if end == "sign_out_everywhere":
        assert await _in(staff)
        return
    with pytest.raises(SignInFailedError):
        await _in(staff)


async def test_a_disabled_account_comes_back_with_its_password(staff: Staff) -> None:
    await _made(staff)
    await staff.accounts.disable(OPERATOR, "li.na")
    await staff.accounts.disable(OPERATOR, "li.na")
    await staff.accounts.enable(OPERATOR, "li.na")
    assert await _in(staff)
    trail = (await staff.audit.page(AuditFilter(thing="staff:li.na"), size=10)).entries
    assert [each.action for each in trail] == ["staff.sign-in", "staff.enable", "staff.disable", "staff.create"]
    assert trail[2].before is not None and trail[2].after is not None
    assert (trail[2].before["disabled"], trail[2].after["disabled"]) == (False, True)


@pytest.mark.parametrize(
    "take", [lambda a: a.disable(OPERATOR, "wei"), lambda a: a.edit(OPERATOR, "wei", Edit(roles=("desk",)))]
)
async def test_the_last_admin_stays(staff: Staff, take: Any) -> None:
    await _made(staff, "wei", ("admin", "desk"))
    with pytest.raises(LastAdminError):
        await take(staff.accounts)
    await _made(staff, "second", ("admin",))
    await take(staff.accounts)


async def test_two_admins_who_take_one_another_away_at_once_do_not_leave_nobody(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _made(staff, "wei", ("admin", "desk"))
    await _made(staff, "second", ("admin",))
    change, both, waiting = MemberStore.change, asyncio.Barrier(2), [True, True]

    async def change_together(*args: Any, **kwargs: Any) -> Any:
        """Have each look for another admin before either has saved."""
        if waiting:
            waiting.pop()
            await both.wait()
        return await change(*args, **kwargs)

    monkeypatch.setattr(MemberStore, "change", change_together)
    outcomes = await asyncio.gather(
        staff.accounts.disable(OPERATOR, "wei"),
        staff.accounts.edit(OPERATOR, "second", Edit(roles=("pr",))),
        return_exceptions=True,
    )
    assert any(isinstance(each, LastAdminError) for each in outcomes)
    assert any(each.is_live_admin for each in await staff.members.list())


async def test_who_takes_no_admin_away_reads_no_other_account(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    await _made(staff, "wei", ("admin",))
    monkeypatch.delattr(MemberStore, "list")
    await staff.accounts.edit(OPERATOR, "wei", Edit(name="Wei"))


async def test_an_edit_over_somebody_elses_edit_is_refused(staff: Staff) -> None:
    await _made(staff)
    await staff.accounts.edit(OPERATOR, "li.na", Edit(name="Li"), expected_version=1)
    with pytest.raises(StaffChangedError):
        await staff.accounts.edit(OPERATOR, "li.na", Edit(roles=("pr",)), expected_version=1)
    assert (await staff.accounts.edit(OPERATOR, "li.na", Edit(roles=("pr",)), expected_version=2)).version == 3


@pytest.mark.parametrize(
    "wanted",
    [
        NewAccount("Li Na", "Li", ("desk",)),
        NewAccount("", "Li", ("desk",)),
        NewAccount("l" * 41, "Li", ("desk",)),
        NewAccount("li", " ", ("desk",)),
        NewAccount("li", "l" * 81, ("desk",)),
        NewAccount("li", "Li\u202e", ("desk",)),
        NewAccount("li", "Li", ()),
        NewAccount("li", "Li", ("root",)),
        NewAccount("li", "Li", ("desk",), language="fr"),
    ],
)
async def test_a_malformed_account_is_refused(staff: Staff, wanted: NewAccount) -> None:
    with pytest.raises(InvalidArgumentError):
        await staff.accounts.create(OPERATOR, wanted)


async def test_a_name_is_taken_once_and_an_unknown_one_is_not_found(staff: Staff) -> None:
    made = await asyncio.gather(
        *(staff.accounts.create(OPERATOR, NewAccount("li", "Li", ("pr",))) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(each, StaffTakenError) for each in made) == 2
    for call in (staff.accounts.reset, staff.accounts.disable, staff.accounts.sign_out_everywhere):
        with pytest.raises(NotFoundError):
            await call(OPERATOR, "nobody")


async def test_failed_sign_ins_are_slowed_here_and_not_from_elsewhere(staff: Staff, clock: ManualClock) -> None:
    await _made(staff)
    for _ in range(ACCOUNT_AT_ADDRESS.burst):
        with pytest.raises(SignInFailedError):
            await _in(staff, password=OTHER_PASSWORD)
    with pytest.raises(SignInThrottledError):
        await _in(staff)
    assert await _in(staff, where=ELSEWHERE), "a stranger who guesses does not lock the person out"
    clock.advance(31)
    assert await _in(staff)


async def test_attempts_at_once_meet_the_same_bound_and_right_ones_count_for_nothing(staff: Staff) -> None:
    await _made(staff)
    for _ in range(ACCOUNT_AT_ADDRESS.burst * 2):
        await _in(staff)
    tried = await asyncio.gather(*(_in(staff, password=OTHER_PASSWORD) for _ in range(15)), return_exceptions=True)
    assert sum(isinstance(each, SignInFailedError) for each in tried) == ACCOUNT_AT_ADDRESS.burst


async def test_an_address_that_tries_many_names_is_slowed(staff: Staff) -> None:
    for number in range(ADDRESS.burst):
        with pytest.raises(SignInFailedError):
            await _in(staff, f"guess{number}")
    with pytest.raises(SignInThrottledError):
        await _in(staff, "guess-last")
