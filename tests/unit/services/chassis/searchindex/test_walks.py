"""Which states are held, how many and how long."""

from typing import Any

import pytest

from services.chassis.searchindex.port import Hit, IndexPage
from services.chassis.searchindex.walks import HOLD_S, STATES_LIMIT, Walks, brought_up_to_date
from tests.fakes.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def walks(clock: ManualClock) -> Walks[Any]:
    return Walks(clock)


def state() -> Any:
    return object()


def test_a_state_has_one_number_as_long_as_it_is_the_newest(walks: Walks[Any]) -> None:
    one, two = state(), state()
    assert walks.hold(one, 0) == walks.hold(one, 0) == 1
    assert walks.hold(two, 0) == 2
    assert walks.state(1, two) is one
    assert walks.state(2, one) is two


def test_a_page_read_later_from_an_old_state_keeps_its_number(walks: Walks[Any]) -> None:
    one, two = state(), state()
    walks.hold(one, 0)
    walks.hold(two, 0)
    assert walks.hold(one, 1) == 1


def test_a_state_that_nobody_reads_is_let_go(walks: Walks[Any], clock: ManualClock) -> None:
    one, two = state(), state()
    walks.hold(one, 0)
    clock.advance(HOLD_S + 1)
    assert walks.state(1, two) is two
    walks.hold(two, 0)
    assert len(walks) == 1


def test_reading_on_holds_it_longer(walks: Walks[Any], clock: ManualClock) -> None:
    one, two = state(), state()
    number = walks.hold(one, 0)
    for _ in range(5):
        clock.advance(HOLD_S - 1)
        assert walks.state(number, two) is one
        assert walks.hold(one, number) == number


def test_no_more_are_held_than_the_bound_and_the_longest_unread_goes_first(walks: Walks[Any]) -> None:
    states = [state() for _ in range(STATES_LIMIT + 1)]
    for each in states[:-1]:
        walks.hold(each, 0)
    walks.hold(states[0], 1)
    walks.hold(states[-1], 0)
    newest = state()
    assert len(walks) == STATES_LIMIT
    assert walks.state(1, newest) is states[0]
    assert walks.state(2, newest) is newest


def test_a_number_from_another_process_names_no_state_of_this_one(walks: Walks[Any]) -> None:
    newest = state()
    assert walks.state(77, newest) is newest
    assert walks.hold(newest, 77) == 1


def test_what_is_gone_is_left_out_and_the_rest_says_what_is_so_now() -> None:
    page = IndexPage((Hit("a", b"old", 2.0), Hit("b", b"old", 1.0)), 2, next_after="x")
    now = {"b": Hit("b", b"new")}
    assert brought_up_to_date(page, now) == IndexPage((Hit("b", b"new", 1.0),), 2, next_after="x")


def test_who_keeps_states_is_told_of_each_that_is_let_go(clock: ManualClock) -> None:
    told: list[Any] = []
    walks: Walks[Any] = Walks(clock, limit=2, let_go=told.append)
    one, two, three = state(), state(), state()
    for each in (one, two, three):
        walks.hold(each, 0)
    assert told == [one]
    assert not walks.holds(one)
    walks.forget(two)
    assert told == [one], "what cannot be read any more is nobody's to give back"
    assert not walks.holds(two)
    walks.clear()
    assert told == [one, three]
