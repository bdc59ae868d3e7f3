"""2,000 random lives of alerts: nothing is lost, nothing doubled, and nobody is paged twice for one cause."""

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings

from services.reputation.domain.alerts import AlertState, CauseKind, EntryKind, folded
from services.reputation.domain.levels import Level
from tests.strategies.alerts import HOLD, Desk, Lift, Step, Wait, lives

RAISINGS = (EntryKind.RAISED, EntryKind.REOPENED)
LIVES = 2_000


def desk_after(life: list[Step]) -> Desk:
    desk = Desk()
    for step in life:
        desk.take(step)
        assert_desk_is_sound(desk)
    return desk


def assert_desk_is_sound(desk: Desk) -> None:
    unsettled = Counter(alert.group.key for alert in desk.alerts.values() if alert.life.state is not AlertState.CLOSED)
    assert all(count == 1 for count in unsettled.values())
    for alert in desk.alerts.values():
        assert folded(alert.history) == alert.life
        assert [entry.number for entry in alert.history] == list(range(1, len(alert.history) + 1))
        assert not {each.cause for each in alert.life.withheld} & alert.life.causes


def assert_nobody_is_told_twice_of_one_cause_or_paged_against_a_silence(desk: Desk) -> None:
    assert len({(told.alert_id, told.cause) for told in desk.told}) == len(desk.told)
    assert desk.suppressed_when_told == [None] * len(desk.told)
    for alert in desk.alerts.values():
        kept = [entry.cause for entry in alert.history if entry.kind is EntryKind.NOTIFIED]
        assert kept == [told.cause for told in desk.told if told.alert_id == alert.id]


def assert_no_trouble_is_lost(desk: Desk) -> None:
    """Each sighting lies in an alert of its group; who is open in the end was paged once nothing withholds it."""
    for sighting in desk.sightings:
        of_group = [alert for alert in desk.alerts.values() if alert.group == sighting.group]
        assert any(alert.starts_time <= sighting.time <= alert.last_time for alert in of_group)
        assert any(not sighting.assessment.level.is_graver_than(alert.peak.level) for alert in of_group)
    desk.take(Lift())
    for alert in tuple(desk.alerts.values()):  # a brand's alert inhibits its products' while it lives
        if alert.group.subject == "acme" and alert.life.state.is_live and alert.life.state is not AlertState.OPEN:
            desk.alerts.pop(alert.id)
    desk.take(Wait(round(HOLD / timedelta(minutes=1))))
    for alert in desk.alerts.values():
        if alert.life.state is AlertState.OPEN and desk.suppress(alert) is None:
            assert alert.life.paged_time is not None
            assert not alert.life.withheld


def assert_a_hand_on_it_stops_the_escalation(desk: Desk) -> None:
    for alert in desk.alerts.values():
        answered, step, level = False, 0, Level.IV
        for entry in alert.history:
            if entry.kind in RAISINGS:
                answered, step, level = False, 0, entry.level or level
            elif entry.kind in (EntryKind.ACKNOWLEDGED, EntryKind.RESOLVED):
                answered = True
            elif entry.kind is EntryKind.LEVEL_RAISED:
                assert entry.level is not None
                assert entry.level.is_graver_than(level)
                step, level = 0, entry.level
            elif entry.cause is not None and entry.cause.kind is CauseKind.ESCALATION:
                assert not answered
                assert entry.cause.step > step
                step = entry.cause.step


def assert_a_group_is_held_for_a_day_unless_it_is_graver_or_a_person_reopens(desk: Desk) -> None:
    raisings = defaultdict(list)
    for alert in desk.alerts.values():
        for entry in alert.history:
            if entry.kind in RAISINGS and alert.group.kind != "source":
                raisings[alert.group.key].append((entry, alert))
    for of_group in raisings.values():
        for (first, alert), (second, _) in pairwise(of_group):
            if second.actor != "system" or second.time - first.time >= HOLD:
                continue
            between = [each.level for each in alert.history if first.number <= each.number and each.level is not None]
            assert second.level is not None
            assert any(second.level.is_graver_than(level) for level in between)


@settings(deadline=None, max_examples=LIVES)
@given(lives)
def test_nothing_is_lost_doubled_or_paged_twice_for_one_cause(life: list[Step]) -> None:
    desk = desk_after(life)
    assert_nobody_is_told_twice_of_one_cause_or_paged_against_a_silence(desk)
    assert_a_hand_on_it_stops_the_escalation(desk)
    assert_a_group_is_held_for_a_day_unless_it_is_graver_or_a_person_reopens(desk)
    assert_no_trouble_is_lost(desk)
