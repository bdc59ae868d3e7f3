"""Lives of cases: whatever happens in whatever order, the clock, the state and the history agree."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from services.chassis.errors import InvalidArgumentError, ZhikeError
from services.knowledge.domain import cases
from services.knowledge.domain.cases import (
    MAX_ENTRIES,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    Act,
    Case,
    CaseState,
    Cause,
    Entry,
    What,
    checked_opening,
    open_case,
    shown_to_customer,
)
from services.knowledge.domain.errors import CaseFullError, CaseStateError, CauseMissingError, RequestIdReusedError
from tests.strategies.cases import LIVES, Step
from tests.unit.services.knowledge.desk_world import CLOCK, FRIDAY, opening

HOUR = timedelta(hours=1)


def opened(text: str = "bad milk") -> Case:
    return open_case("k-1", checked_opening(opening(text=text)), Act("customer", FRIDAY, "r-0"), CLOCK)


def act(after: timedelta = HOUR, request: str = "") -> Act:
    return Act("li", FRIDAY + after, request)


def taken(case: Case, step: Step, now: Act) -> Case:
    if step.verb == "tick":
        return cases.tick(case, now.now)
    if step.verb == "assign":
        return cases.assign(case, now, step.text[:20])
    if step.verb == "close":
        return cases.close(case, now, Cause.PRODUCT_QUALITY, step.text)
    if step.verb in ("write", "reopen"):
        return getattr(cases, step.verb)(case, now, step.text, CLOCK)
    return getattr(cases, step.verb)(case, now, step.text)


def test_a_complaint_of_a_friday_afternoon_is_due_on_monday_afternoon() -> None:
    case = opened()
    assert case.state is CaseState.OPEN and case.due_time == FRIDAY + timedelta(days=3)
    assert case.warn_time == case.due_time - 4 * HOUR and case.next_time == case.warn_time


def test_an_answer_stops_the_clock_and_takes_the_case_in_hand() -> None:
    answered = cases.reply(opened(), act(), "sorry")
    assert (answered.state, answered.owner, answered.answered_time) == (CaseState.ANSWERED, "li", FRIDAY + HOUR)
    assert answered.next_time is None and not answered.breached


def test_the_clock_warns_once_and_notes_the_breach_once() -> None:
    case, late = opened(), FRIDAY + timedelta(days=4)
    warned = cases.tick(case, case.warn_time)
    assert warned.warned and not warned.breached and warned.next_time == case.due_time
    assert cases.tick(warned, warned.due_time) == warned  # an answer at the last instant is in time
    breached = cases.tick(warned, late)
    assert breached.breached and breached.next_time is None and cases.tick(breached, late) == breached
    assert [entry.what for entry in breached.history] == [What.OPENED, What.WARNED, What.BREACHED]


def test_a_late_answer_is_late_although_the_clock_has_not_looked() -> None:
    answered = cases.reply(opened(), act(timedelta(days=5)), "sorry")
    assert answered.breached and answered.state is CaseState.ANSWERED


def test_a_complaint_is_closed_with_its_cause_a_question_without() -> None:
    with pytest.raises(CauseMissingError):
        cases.close(opened(), act(), None, "done")
    question = replace(opened(), kind=cases.CaseKind.QUESTION)
    assert cases.close(question, act(), None, "").state is CaseState.CLOSED


def test_what_a_customer_writes_after_the_answer_opens_a_new_life_with_a_new_deadline() -> None:
    answered = cases.reply(opened(), act(), "sorry")
    again = cases.write(answered, act(2 * HOUR), "still bad", CLOCK)
    assert (again.state, again.life, again.answered_time) == (CaseState.OPEN, 2, None)
    assert again.due_time > answered.due_time


def test_steps_that_a_state_does_not_allow_are_refused() -> None:
    closed = cases.close(opened(), act(), Cause.STAFF_SERVICE, "")
    for refused in (
        lambda: cases.reply(closed, act(), "x"),
        lambda: cases.assign(closed, act(), "wang"),
        lambda: cases.close(closed, act(), Cause.STAFF_SERVICE, ""),
        lambda: cases.reopen(opened(), act(), "", CLOCK),
    ):
        with pytest.raises(CaseStateError):
            refused()


def test_a_repeated_request_changes_nothing_and_another_under_its_id_is_refused() -> None:
    answered = cases.reply(opened(), act(request="r-1"), "sorry")
    assert cases.reply(answered, act(2 * HOUR, "r-1"), "sorry") == answered
    with pytest.raises(RequestIdReusedError):
        cases.reply(answered, act(2 * HOUR, "r-1"), "other words")
    with pytest.raises(RequestIdReusedError):
        cases.note(answered, act(2 * HOUR, "r-1"), "sorry")


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "x" * (MAX_TEXT_CHARACTERS + 1)},
        {"title": "x" * (MAX_TITLE_CHARACTERS + 1)},
        {"order_number": "x" * 65},
        {"product_id": "x" * 129},
        {"shop": "x" * 65},
        {"channel": "carrier pigeon"},
        {"text": " \x00 "},
    ],
)
def test_what_is_too_much_or_nothing_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError):
        checked_opening(opening(**changes))


def test_a_text_at_its_limit_is_taken_and_a_title_is_its_beginning() -> None:
    taken_text = checked_opening(opening(text="好" * MAX_TEXT_CHARACTERS))
    assert len(taken_text.text) == MAX_TEXT_CHARACTERS and len(taken_text.title) == MAX_TITLE_CHARACTERS


def test_a_full_history_takes_no_more_from_people() -> None:
    case = opened()
    filler = Entry(2, What.NOTED, FRIDAY, "li", "x")
    full = replace(case, history=case.history + (filler,) * (MAX_ENTRIES - 1))
    with pytest.raises(CaseFullError):
        cases.note(full, act(), "one more")
    assert cases.tick(full, FRIDAY + timedelta(days=9)).breached


@settings(max_examples=300)
@given(LIVES)
def test_whatever_happens_state_clock_and_history_agree(life: list[Step]) -> None:
    case, now = opened(), FRIDAY
    for place, step in enumerate(life):
        now += step.pause
        doing = Act("li", now, f"r-{place + 1}")
        try:
            after = taken(case, step, doing)
        except ZhikeError:
            continue
        assert after.history[: len(case.history)] == case.history  # nothing that was said is lost
        if step.again and step.verb != "tick" and after.history[-1].request == doing.request:
            assert taken(after, step, Act("li", now + HOUR, doing.request)) == after
        case = after
        assert [entry.number for entry in case.history] == list(range(1, len(case.history) + 1))
        assert (case.next_time is not None) == (case.state is CaseState.OPEN and not case.breached)
        if case.answered_time is not None:
            late = case.answered_time > case.due_time
            assert case.breached == late
        assert (case.closed_time is not None) == (case.state is CaseState.CLOSED)
        shown = shown_to_customer(case.history)
        assert all(entry.what is not What.NOTED for entry in shown)
        assert all("\x00" not in entry.text and "\u2028" not in entry.text for entry in case.history)
