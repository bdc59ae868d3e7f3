"""States by step and by the clock, and the history that is kept."""

from datetime import timedelta

import pytest

from services.kits.controls.control import (
    HISTORY_LIMIT,
    Action,
    ActionType,
    Change,
    ControlState,
    Step,
    Target,
    possible_steps,
    recorded,
    stepped,
)
from services.kits.controls.errors import ControlStateError
from services.kits.controls.form import control_from_json, control_to_json
from tests.strategies.controls import NOW, control

EXCLUDE = Action(ActionType.EXCLUDE, Target(product_ids=("p1",)))
SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


def test_the_clock_makes_a_scheduled_control_live_and_ends_it() -> None:
    scheduled = control(1, EXCLUDE, state=ControlState.SCHEDULED, start=SOON, end=LATER)
    assert [scheduled.state_at(each) for each in (NOW, SOON, LATER)] == [
        ControlState.SCHEDULED,
        ControlState.LIVE,
        ControlState.ENDED,
    ]


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        (ControlState.DRAFT, {Step.SCHEDULE, Step.LAUNCH, Step.ARCHIVE}),
        (ControlState.LIVE, {Step.SCHEDULE, Step.PAUSE, Step.ARCHIVE}),
        (ControlState.PAUSED, {Step.SCHEDULE, Step.LAUNCH, Step.ARCHIVE}),
        (ControlState.ARCHIVED, set()),
    ],
)
def test_each_state_allows_its_steps_and_no_others(state: ControlState, steps: set[Step]) -> None:
    known = control(1, EXCLUDE, state=state, start=SOON if state is not ControlState.LIVE else None)
    assert set(possible_steps(known, NOW)) == steps
    for step in set(Step) - steps:
        with pytest.raises(ControlStateError):
            stepped(known, step, NOW)


def test_launching_takes_away_a_start_that_is_to_come_and_refuses_an_end_that_was() -> None:
    assert (
        stepped(control(1, EXCLUDE, state=ControlState.SCHEDULED, start=SOON), Step.LAUNCH, NOW).content.start_time
        is None
    )
    with pytest.raises(ControlStateError):
        stepped(control(1, EXCLUDE, state=ControlState.PAUSED, end=NOW), Step.LAUNCH, NOW)
    with pytest.raises(ControlStateError):
        stepped(control(1, EXCLUDE, state=ControlState.DRAFT), Step.SCHEDULE, NOW)


def test_the_history_is_bounded_and_a_control_survives_its_stored_form() -> None:
    known = control(1, EXCLUDE, start=SOON, end=LATER)
    for _ in range(HISTORY_LIMIT + 1):
        known = recorded(known, Change(NOW, "mei", "edit", 0, {"title": "a"}, {"title": "b"}))
    assert len(known.history) == HISTORY_LIMIT
    assert known.history[-1].version == known.version
    assert control_from_json(known.id, 0, control_to_json(known)) == known
