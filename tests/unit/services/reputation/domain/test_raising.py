"""A burst raises its group's alert once; what follows joins it, and only what is graver breaks the hold."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.reputation.domain.alert_steps import close, resolve, resolve_by_itself
from services.reputation.domain.alerts import (
    EVIDENCE_LIMIT,
    HISTORY_LIMIT,
    HISTORY_RESERVE,
    Alert,
    AlertName,
    AlertState,
    Cause,
    CauseKind,
    EntryKind,
    Group,
    GroupKind,
    folded,
    written,
)
from services.reputation.domain.escalation import Suppression, ladder_of, tick, unsuppressed
from services.reputation.domain.levels import Level
from services.reputation.domain.raising import Sighting, closed_by_next, needs_closing, observed
from tests.strategies.alerts import BRAND, FEED, HOLD, PRODUCT, START
from tests.unit.services.reputation.domain.alert_builders import after, evidence, judgement, raised, sighting

LADDER = ladder_of("IV=5")


def seen(alert: Alert | None, what: Sighting, minutes: float) -> Alert:
    return observed(alert, what, after(minutes), HOLD, unsuppressed)


def resolved(alert: Alert) -> Alert:
    return resolve(alert, actor="li", comment="over", now=after(30))


def test_the_first_burst_raises_and_pages() -> None:
    alert = raised()
    assert (alert.number, alert.life.state, alert.life.level) == (1, AlertState.OPEN, Level.III)
    assert alert.life.causes == {Cause(1, CauseKind.RAISED)}
    assert alert.signals["negative"].peak == judgement()
    assert alert.evidence == (evidence(1),)


def test_whoever_raises_it_the_id_is_the_same() -> None:
    assert raised().id == observed(None, sighting(Level.I), after(9), HOLD, unsuppressed).id
    assert len({group.alert_id(1) for group in (BRAND, PRODUCT, FEED, Group("m", GroupKind.BRAND, "ain/acme"))}) == 4


def test_the_next_bucket_joins_the_alert_without_a_page() -> None:
    alert = raised()
    more = sighting(at=after(5), judgements={"volume": judgement(90)}, evidence=(evidence(2, reach=9),))
    joined = seen(alert, more, 5)
    assert joined.id == alert.id
    assert joined.history == alert.history
    assert (joined.starts_time, joined.last_time) == (START, after(5))
    assert set(joined.signals) == {"negative", "volume"}
    assert [each.mention_id for each in joined.evidence] == ["m2", "m1"]


def test_the_same_bucket_again_changes_nothing() -> None:
    alert = seen(raised(), sighting(at=after(5)), 5)
    assert seen(alert, sighting(at=after(5)), 6) == alert


def test_a_graver_level_is_paged_once() -> None:
    alert = seen(raised(Level.III), sighting(Level.I, at=after(5)), 5)
    assert alert.life.level is Level.I
    assert Cause(1, CauseKind.LEVEL, 1) in alert.life.causes
    again = seen(alert, sighting(Level.II, at=after(10)), 10)
    assert again.life.level is Level.I  # a life's level only rises
    assert again.assessment.level is Level.II
    assert again.history == alert.history


def test_what_bursts_on_within_the_hold_is_noted_and_pages_nobody() -> None:
    done = resolved(raised())
    noted = seen(done, sighting(at=after(60)), 60)
    assert noted.life.state is AlertState.RESOLVED
    assert noted.history[-1].kind is EntryKind.RECURRED
    assert noted.last_time == after(60)
    later = seen(noted, sighting(at=after(65)), 65)
    assert later.history == noted.history  # once a life
    assert later.last_time == after(65)


def test_after_the_hold_a_resolved_alert_opens_again() -> None:
    day = HOLD / timedelta(minutes=1)
    again = seen(resolved(raised()), sighting(Level.IV, at=after(day)), day)
    assert (again.life.number, again.life.state, again.life.level) == (2, AlertState.OPEN, Level.IV)
    assert Cause(2, CauseKind.RAISED) in again.life.causes


def test_a_graver_crisis_breaks_the_hold() -> None:
    again = seen(resolved(raised(Level.III)), sighting(Level.II, at=after(60)), 60)
    assert (again.life.number, again.life.state) == (2, AlertState.OPEN)
    assert again.life.paged_time == after(60)


def test_after_a_closed_alert_the_group_gets_its_next_one() -> None:
    closed = close(resolved(raised()), actor="li", comment="", now=after(40))
    day = HOLD / timedelta(minutes=1)
    following = seen(closed, sighting(at=after(day)), day)
    assert following.number == 2
    assert following.id == BRAND.alert_id(2)
    assert folded(following.history) == following.life


def silent(minutes: float) -> Sighting:
    found = sighting(Level.IV, group=FEED, at=after(minutes), judgements={}, evidence=())
    return replace(found, name=AlertName.SOURCE_SILENT, reopens_while_held=True)


def test_a_source_that_falls_silent_again_is_open_at_once_and_paged_after_the_hold() -> None:
    spoke = resolve_by_itself(seen(None, silent(0), 0), now=after(60), comment="it speaks again")
    again = seen(spoke, silent(120), 120)
    assert (again.life.state, again.life.number) == (AlertState.OPEN, 2)
    assert [each.by for each in again.life.withheld] == ["hold"]
    day = HOLD / timedelta(minutes=1)
    assert tick(again, after(day - 1), LADDER, unsuppressed) is again
    paged = tick(again, after(day), LADDER, unsuppressed)
    assert Cause(2, CauseKind.RAISED) in paged.life.causes
    assert paged.life.paged_time == after(day)


def test_a_silence_that_ends_does_not_end_the_hold() -> None:
    spoke = resolve_by_itself(seen(None, silent(0), 0), now=after(60), comment="it speaks again")
    again = observed(spoke, silent(120), after(120), HOLD, lambda _: Suppression("silence:s1"))
    assert again.life.withheld[0].by == "silence:s1"
    assert again.life.withheld[0].until == START + HOLD


def test_a_full_history_makes_way_for_the_groups_next_alert() -> None:
    full = resolved(raised())
    while full.has_room:
        full = written(full, EntryKind.RECURRED, after(31))
    assert len(full.history) == HISTORY_LIMIT - HISTORY_RESERVE
    following = seen(full, sighting(Level.I, at=after(60)), 60)
    assert following.number == 2
    assert needs_closing(full, following)
    assert closed_by_next(full, after(60)).life.state is AlertState.CLOSED
    assert not needs_closing(None, following)


def test_evidence_is_bounded_and_one_of_each_cluster() -> None:
    many = tuple(evidence(number, reach=number) for number in range(EVIDENCE_LIMIT + 5))
    copies = tuple(evidence(number, reach=9_000 + number, cluster_id="same", tone="neutral") for number in (900, 901))
    kept = raised(evidence=(*many, *copies)).evidence
    assert len(kept) == EVIDENCE_LIMIT
    assert kept[0].mention_id == f"m{EVIDENCE_LIMIT + 4}"  # negative ones first, whatever the others reach
    few = raised(evidence=(*many[:3], *copies)).evidence
    assert [each.mention_id for each in few] == ["m2", "m1", "m0", "m901"]


def test_an_earlier_bucket_that_came_late_moves_the_beginning_only() -> None:
    late = seen(raised(), sighting(Level.III, at=after(-10), terms={"late": True}), 1)
    assert (late.starts_time, late.last_time) == (after(-10), START)
    assert late.terms == {}


def test_a_history_begins_with_a_raising() -> None:
    with pytest.raises(ValueError, match="begins with a raising"):
        folded(raised().history[1:])
