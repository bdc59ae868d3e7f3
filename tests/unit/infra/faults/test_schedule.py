"""One seed is one schedule; a restart lasts as long as it lasts."""

from collections.abc import Sequence
from random import Random

import pytest

from infra.faults.schedule import FAULTS_LIMIT, Fault, FaultKind, schedule

TARGETS = {FaultKind.KILL: ("search", "gateway"), FaultKind.PAUSE: ("knowledge",)}


def drawn(count: int, seed: int = 7, targets: dict[FaultKind, Sequence[str]] | None = None) -> tuple[Fault, ...]:
    wanted = TARGETS if targets is None else targets
    return schedule(wanted, count, Random(seed), after_s=(1.0, 2.0), hold_s=(3.0, 4.0))


def test_a_seed_draws_the_same_faults_again_and_another_seed_others() -> None:
    assert drawn(50) == drawn(50)
    assert drawn(50) != drawn(50, seed=8)


def test_every_kind_strikes_only_whom_it_may_and_lasts_within_its_bounds() -> None:
    faults = drawn(200)
    assert {(fault.kind, fault.target) for fault in faults} == {
        (FaultKind.KILL, "search"),
        (FaultKind.KILL, "gateway"),
        (FaultKind.PAUSE, "knowledge"),
    }
    assert all(1.0 <= fault.after_s <= 2.0 for fault in faults)
    assert all(fault.hold_s == 0.0 for fault in faults if fault.kind is FaultKind.KILL)
    assert all(3.0 <= fault.hold_s <= 4.0 for fault in faults if fault.kind is FaultKind.PAUSE)


def test_the_order_in_which_kinds_are_named_changes_nothing() -> None:
    assert drawn(20) == drawn(20, targets=dict(reversed(TARGETS.items())))


@pytest.mark.parametrize("targets", [{}, {FaultKind.KILL: ()}])
def test_nobody_to_strike_is_refused(targets: dict[FaultKind, Sequence[str]]) -> None:
    with pytest.raises(ValueError, match="name at least one"):
        drawn(1, targets=targets)


@pytest.mark.parametrize("count", [-1, FAULTS_LIMIT + 1])
def test_one_fault_more_than_may_be_drawn_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="0 to"):
        drawn(count)
    assert len(drawn(FAULTS_LIMIT)) == FAULTS_LIMIT
