"""The clock pages what was withheld and escalates what nobody takes in hand, each step once."""

from datetime import timedelta

import pytest

from services.reputation.domain import escalation as limits
from services.reputation.domain.alert_steps import acknowledge
from services.reputation.domain.alerts import Alert, Cause, CauseKind
from services.reputation.domain.escalation import Suppression, ladder_of, tick, unsuppressed
from services.reputation.domain.levels import Level
from services.reputation.domain.raising import observed
from tests.strategies.alerts import HOLD, LADDER
from tests.unit.services.reputation.domain.alert_builders import after, raised, sighting


def silenced(_: Alert) -> Suppression:
    return Suppression("silence:s1")


def test_each_step_goes_out_when_it_is_due_and_once() -> None:
    alert = raised(Level.I)
    assert tick(alert, after(4.9), LADDER, unsuppressed) is alert
    first = tick(alert, after(5), LADDER, unsuppressed)
    assert Cause.escalation(1, Level.I, 1) in first.life.causes
    assert tick(first, after(14.9), LADDER, unsuppressed) is first
    second = tick(first, after(15), LADDER, unsuppressed)
    assert second.life.escalated == 2


def test_after_a_pause_only_the_highest_step_goes_out() -> None:
    alert = tick(raised(Level.I), after(600), LADDER, unsuppressed)
    assert Cause.escalation(1, Level.I, 4) in alert.life.causes
    assert Cause.escalation(1, Level.I, 1) not in alert.life.causes
    assert tick(alert, after(6_000), LADDER, unsuppressed) is alert


def test_a_hand_on_it_ends_the_ladder() -> None:
    alert = acknowledge(raised(Level.I), actor="li", owner="", comment="", now=after(2))
    assert tick(alert, after(6_000), LADDER, unsuppressed) is alert


def test_a_level_without_a_ladder_is_not_escalated() -> None:
    alert = raised(Level.IV)
    assert tick(alert, after(6_000), LADDER, unsuppressed) is alert


def test_a_withheld_page_goes_out_once_when_nothing_withholds_it() -> None:
    quiet = raised(Level.I, suppress=silenced)
    assert quiet.life.paged_time is None
    assert tick(quiet, after(600), LADDER, silenced) is quiet
    paged = tick(quiet, after(600), LADDER, unsuppressed)
    assert paged.life.causes == {Cause(1, CauseKind.RAISED)}
    assert tick(paged, after(604), LADDER, unsuppressed) is paged  # the ladder begins with the page


def test_one_page_settles_everything_that_was_withheld() -> None:
    quiet = observed(raised(Level.III, suppress=silenced), sighting(Level.I, at=after(5)), after(5), HOLD, silenced)
    assert len(quiet.life.withheld) == 2
    paged = tick(quiet, after(10), LADDER, unsuppressed)
    assert not paged.life.withheld
    assert len(paged.history) == len(quiet.history) + 1
    assert paged.history[-1].level is Level.I


def test_a_graver_level_begins_its_ladder_anew() -> None:
    slow = tick(raised(Level.III), after(61), LADDER, unsuppressed)
    assert slow.life.escalated == 1
    graver = observed(slow, sighting(Level.I, at=after(62)), after(62), HOLD, unsuppressed)
    assert graver.life.escalated == 0
    assert tick(graver, after(66), LADDER, unsuppressed) is graver
    assert Cause.escalation(1, Level.I, 1) in tick(graver, after(67), LADDER, unsuppressed).life.causes


def test_a_silence_stops_the_ladder_while_it_lasts() -> None:
    alert = raised(Level.I)
    assert tick(alert, after(20), LADDER, silenced) is alert
    assert tick(alert, after(20), LADDER, unsuppressed).life.escalated == 2


def test_a_ladder_is_read() -> None:
    ladder = ladder_of("I=0.5/15 ; IV=60;II=")
    assert ladder.due(Level.I, timedelta(seconds=30)) == 1
    assert ladder.due(Level.I, timedelta(minutes=15)) == 2
    assert ladder.due(Level.II, timedelta(days=9)) == 0
    assert ladder.due(Level.III, timedelta(days=9)) == 0


TOO_MANY = "I=" + "/".join(map(str, range(1, limits.STEPS_LIMIT + 2)))
TOO_LONG = ";" * (limits.LADDER_TEXT_LIMIT + 1)
NO_LADDERS = ["V=5", "I=5;I=6", "I=15/5", "I=5/5", "I=0", "I=-5", "I=1e3", "I=.", "5/15", "I=10081", TOO_MANY, TOO_LONG]


@pytest.mark.parametrize("text", NO_LADDERS)
def test_what_is_no_ladder_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        ladder_of(text)


def test_as_many_steps_as_there_may_be() -> None:
    ladder = ladder_of("I=" + "/".join(map(str, range(1, limits.STEPS_LIMIT + 1))))
    assert ladder.due(Level.I, timedelta(hours=1)) == limits.STEPS_LIMIT


def test_a_cause_reads_back() -> None:
    for cause in (Cause(1, CauseKind.RAISED), Cause(12, CauseKind.LEVEL, 2), Cause.escalation(3, Level.II, 4)):
        assert Cause.parse(str(cause)) == cause
    assert Cause.escalation(3, Level.II, 4).step == 4
    assert Cause(12, CauseKind.LEVEL, 2).step == 0
