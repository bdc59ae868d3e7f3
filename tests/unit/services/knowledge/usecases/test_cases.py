"""Cases over a store: opened once, changed by compare and set, told by the log, seen by whom they concern."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.errors import InvalidArgumentError
from services.knowledge.domain.cases import CaseKind, CaseState, Cause, What
from services.knowledge.domain.errors import (
    CaseNotFoundError,
    DeskVersionMismatchError,
    RequestIdReusedError,
)
from services.knowledge.usecases.cases import (
    LOOKS_LIMIT,
    CaseQuery,
    Deed,
    Scope,
    close_case,
    count_cases,
    create_case,
    get_case,
    list_cases,
    note_case,
    reopen_case,
    reply_case,
    tick_cases,
    write_case,
)
from tests.unit.services.knowledge.conftest import World
from tests.unit.services.knowledge.desk_world import DeskWorld, make_desk, opening

DAY_S = 86_400


@pytest.fixture
async def desk(world: World) -> AsyncIterator[DeskWorld]:
    made = await make_desk(world)
    yield made
    await made.log.close()


async def test_the_same_request_opens_one_case_and_another_body_under_it_is_refused(desk: DeskWorld) -> None:
    first = await desk.complaint()
    assert await desk.complaint() == first
    with pytest.raises(RequestIdReusedError):
        await desk.complaint(text="something else")
    assert await desk.events() == ["CaseOpened"]


async def test_the_log_tells_of_a_life_without_anybody_s_words(desk: DeskWorld) -> None:
    case = await desk.complaint()
    await note_case(desk.desk, Deed(case.id, "li"), "a private note")
    await reply_case(desk.desk, Deed(case.id, "li"), "sorry")
    await close_case(desk.desk, Deed(case.id, "li"), Cause.PRODUCT_QUALITY, "refunded")
    await reopen_case(desk.desk, Deed(case.id, "wang"), "forgot")
    assert await desk.events() == ["CaseOpened", "CaseAnswered", "CaseClosed", "CaseReopened"]
    told = [event.payload for event in await desk.log.read(0, after=0)]
    assert told[2]["cause"] == "product-quality" and told[3]["life"] == 2
    assert not any(word in str(told) for word in ("牛奶", "private", "sorry", "refunded", "forgot"))


async def test_a_stale_version_is_refused_and_a_repeated_request_is_not(desk: DeskWorld) -> None:
    case = await desk.complaint()
    deed = Deed(case.id, "li", expected_version=case.version, request_id="r-9")
    answered = await reply_case(desk.desk, deed, "sorry")
    assert await reply_case(desk.desk, deed, "sorry") == answered
    with pytest.raises(DeskVersionMismatchError):
        await note_case(desk.desk, Deed(case.id, "wang", expected_version=case.version), "late")


async def test_many_at_once_lose_nothing(desk: DeskWorld) -> None:
    case = await desk.complaint()
    await asyncio.gather(*(note_case(desk.desk, Deed(case.id, "li"), f"note {place}") for place in range(8)))
    history = (await get_case(desk.desk, case.id)).history
    assert sorted(entry.text for entry in history if entry.what is What.NOTED) == [f"note {each}" for each in range(8)]


async def test_the_clock_counts_a_breach_once(desk: DeskWorld) -> None:
    case = await desk.complaint()
    assert await tick_cases(desk.desk) == 0
    desk.world.clock.advance(DAY_S - 3_600)
    assert (await tick_cases(desk.desk), await tick_cases(desk.desk)) == (1, 0)
    assert (await count_cases(desk.desk)).due_soon == 1
    desk.world.clock.advance(7_200)
    assert (await tick_cases(desk.desk), await tick_cases(desk.desk)) == (1, 0)
    standing = await count_cases(desk.desk)
    assert (standing.open, standing.unassigned, standing.breached, standing.due_soon) == (1, 1, 1, 0)
    assert [entry.what for _, entry in desk.told].count(What.BREACHED) == 1
    assert (await get_case(desk.desk, case.id)).breached


async def test_a_shopper_sees_own_cases_only_and_a_shop_its_own(desk: DeskWorld) -> None:
    case = await desk.complaint()
    own, other = Scope(("login:u42",)), Scope(("login:other",))
    assert (await get_case(desk.desk, case.id, own)).id == case.id
    for scope in (other, Scope(shop="elsewhere")):
        with pytest.raises(CaseNotFoundError):
            await get_case(desk.desk, case.id, scope)
        with pytest.raises(CaseNotFoundError):
            await write_case(desk.desk, Deed(case.id, "customer", scope=scope), "let me in")
    assert (await list_cases(desk.desk, CaseQuery(scope=other), after=None, limit=9))[0] == ()
    assert len((await list_cases(desk.desk, CaseQuery(scope=own), after=None, limit=9))[0]) == 1


async def test_a_beginning_of_an_id_finds_the_case_unless_two_begin_so(desk: DeskWorld) -> None:
    case = await desk.complaint()
    assert (await get_case(desk.desk, case.id[:8])).id == case.id
    with pytest.raises(CaseNotFoundError):
        await get_case(desk.desk, "k-")


async def test_a_customer_s_cases_are_those_of_all_identifiers_page_by_page(desk: DeskWorld) -> None:
    await desk.world.claim("card:1000", "login:u42")
    for place in range(7):
        if place % 3:
            desk.world.clock.advance(60)
        await desk.complaint(f"r-{place}", customer="card:1000" if place % 2 else "login:u42", text=f"case {place}")
    await desk.complaint("r-other", customer="login:other")
    seen: list[str] = []
    after: object = None
    while True:
        page, after = await list_cases(desk.desk, CaseQuery(customer="card:1000"), after=after, limit=3)
        seen += [case.text for case in page]
        if after is None:
            break
    assert sorted(seen) == [f"case {place}" for place in range(7)]
    by_order, _ = await list_cases(desk.desk, CaseQuery(order_number="1001"), after=None, limit=20)
    assert len(by_order) == 8


async def test_lists_by_state_and_by_owner(desk: DeskWorld) -> None:
    first = await desk.complaint("r-1")
    desk.world.clock.advance(60)
    second = await desk.complaint("r-2")
    await reply_case(desk.desk, Deed(second.id, "li"), "sorry")
    waiting, _ = await list_cases(desk.desk, CaseQuery(CaseState.OPEN), after=None, limit=9)
    of_li, _ = await list_cases(desk.desk, CaseQuery(owner="li"), after=None, limit=9)
    nobody, _ = await list_cases(desk.desk, CaseQuery(owner=""), after=None, limit=9)
    assert ([case.id for case in waiting], [case.id for case in of_li]) == ([first.id], [second.id])
    assert [case.id for case in nobody] == [first.id]


async def asked_of(desk: DeskWorld, kind: CaseKind, number: int) -> None:
    asked = replace(opening(text=f"case {number}"), kind=kind)
    await create_case(desk.desk, asked, actor="customer", request_id=f"r-{number}")
    desk.world.clock.advance(60)


@pytest.mark.parametrize(
    "query",
    [
        CaseQuery(kind=CaseKind.QUESTION),
        CaseQuery(CaseState.OPEN, owner="", kind=CaseKind.QUESTION),
        CaseQuery(CaseState.OPEN, customer="login:u42", kind=CaseKind.QUESTION),
    ],
)
async def test_a_list_of_one_kind_is_whole_over_its_pages(desk: DeskWorld, query: CaseQuery) -> None:
    for number in range(12):
        await asked_of(desk, CaseKind.COMPLAINT if number % 4 else CaseKind.QUESTION, number)
    seen: list[str] = []
    after: object = None
    while True:
        page, after = await list_cases(desk.desk, query, after=after, limit=2)
        assert len(page) <= 2
        seen += [case.text for case in page]
        if after is None:
            break
    assert sorted(seen) == ["case 0", "case 4", "case 8"]


async def test_a_page_of_a_kind_looks_only_so_far_and_the_next_goes_on(desk: DeskWorld) -> None:
    for number in range(LOOKS_LIMIT + 1):
        await asked_of(desk, CaseKind.QUESTION if number == 0 else CaseKind.COMPLAINT, number)
    query = CaseQuery(kind=CaseKind.QUESTION)  # the latest first: the one question comes last
    page, after = await list_cases(desk.desk, query, after=None, limit=1)
    assert page == () and after is not None
    page, _ = await list_cases(desk.desk, query, after=after, limit=1)
    assert [case.text for case in page] == ["case 0"]


async def test_a_case_that_is_taken_over_keeps_its_times(desk: DeskWorld) -> None:
    now = desk.world.clock.now()
    came, answered = now - timedelta(days=20), now - timedelta(days=19, hours=12)
    case = await create_case(desk.desk, opening(), actor="customer", request_id="old-1", time=came)
    await tick_cases(desk.desk)  # the clock looks before the answer is taken over
    done = await reply_case(desk.desk, Deed(case.id, "li", time=answered), "sorry")
    assert (done.opened_time, done.answered_time) == (came, answered)
    for wrong in (now + timedelta(seconds=1), came):
        with pytest.raises(InvalidArgumentError):
            await note_case(desk.desk, Deed(case.id, "li", time=wrong), "x")
