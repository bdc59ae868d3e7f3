"""Gates hold, are breached, or the run was void."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtests.gates import (
    EXIT_BREACHED,
    EXIT_HELD,
    EXIT_VOID,
    Gates,
    GatesError,
    Run,
    evaluate,
    exit_code,
    gates_from,
    read_gates,
)
from loadtests.ledger import Kept
from loadtests.measurements import Measurements, Outcome
from loadtests.run import GATES, RunPlan
from loadtests.shapes.plan import SHAPES
from loadtests.users.merchandiser import PRICE_EDIT

LIMITS = Gates(
    cpu_share_max=0.6,
    requests_min=10,
    failure_ratio_max=0.0,
    lost_max=0,
    doubled_max=0,
    shed_ratio_max=0.0,
    routes={"search": {"p95_ms": 250, "p99_ms": 500}},
)
ROUTES = {"search", "recommendation", "events", "event-batch", "suggest", "product", "cart", "insights", PRICE_EDIT}
ROUTES |= {"alerts", "mentions", "mention-counts"}
KEPT = Kept(acknowledged=5, lost=0, doubled=0, door="log")
GOOD = Run(cpu_share=0.2, kept=KEPT)


def measured(ok: int = 10, *, failed: int = 0, shed: int = 0, latency_ms: float = 20) -> Measurements:
    made = Measurements()
    for outcome, count in ((Outcome.OK, ok), (Outcome.FAILED, failed), (Outcome.SHED, shed)):
        for _ in range(count):
            made.add("search", 0, latency_ms, outcome)
    return made


def breached(gates: Gates, seen: Measurements, run: Run = GOOD) -> set[str]:
    checks = evaluate(gates, seen, run)
    names = {check.name for check in checks if not check.held}
    assert exit_code(gates, checks, run) == (EXIT_BREACHED if names else EXIT_HELD)
    return names


def test_a_good_run_holds_every_gate() -> None:
    assert breached(LIMITS, measured()) == set()


@pytest.mark.parametrize(
    ("seen", "run", "names"),
    [
        (measured(9), GOOD, {"requests"}),
        (measured(10, failed=1), GOOD, {"failure ratio"}),
        (measured(10, shed=1), GOOD, {"shed ratio"}),
        (measured(latency_ms=251), GOOD, {"search p95 ms"}),
        (measured(latency_ms=501), GOOD, {"search p95 ms", "search p99 ms"}),
        (measured(), replace(GOOD, kept=replace(KEPT, lost=1)), {"lost"}),
        (measured(), replace(GOOD, kept=replace(KEPT, doubled=1)), {"doubled"}),
        (measured(), replace(GOOD, kept=replace(KEPT, acknowledged=0)), {"acknowledged"}),
        (measured(), replace(GOOD, kept=None), {"acknowledged", "lost", "doubled"}),
    ],
)
def test_each_gate_is_breached_by_one_past_it(seen: Measurements, run: Run, names: set[str]) -> None:
    assert breached(LIMITS, seen, run) == names


def test_limits_themselves_hold() -> None:
    assert breached(LIMITS, measured(latency_ms=250)) == set()


def test_nothing_measured_holds_nothing() -> None:
    names = {"requests", "failure ratio", "shed ratio", "search p95 ms", "search p99 ms"}
    assert breached(LIMITS, Measurements()) == names


def test_a_route_that_nobody_asked_for_is_a_breach() -> None:
    assert breached(replace(LIMITS, routes={"cart": {"p95_ms": 100}}), measured()) == {"cart p95 ms"}


def test_a_busy_generator_makes_the_run_void_whatever_the_gates_say() -> None:
    busy = replace(GOOD, cpu_share=0.6001)
    for seen in (measured(), measured(failed=3)):
        assert exit_code(LIMITS, evaluate(LIMITS, seen, busy), busy) == EXIT_VOID
    edge = replace(GOOD, cpu_share=0.6)
    assert exit_code(LIMITS, evaluate(LIMITS, measured(), edge), edge) == EXIT_HELD
    unknown = replace(GOOD, cpu_share=math.nan)
    assert exit_code(LIMITS, evaluate(LIMITS, measured(), unknown), unknown) == EXIT_VOID


def test_a_spike_must_be_refused_politely_and_pass() -> None:
    spike = replace(LIMITS, shed_ratio_max=None, shed_min=1, recovery_s_max=10)
    assert breached(spike, measured(10, shed=3), replace(GOOD, recovery_s=10.0)) == set()
    assert breached(spike, measured(10), replace(GOOD, recovery_s=10.1)) == {"shed", "recovery s"}
    assert breached(spike, measured(10, shed=3), replace(GOOD, recovery_s=math.inf)) == {"recovery s"}
    assert breached(spike, measured(10, shed=3), GOOD) == {"recovery s"}


def test_a_shortened_run_owes_its_part_of_the_requests() -> None:
    gates = replace(LIMITS, requests_min=5_700)
    assert gates.for_run(seconds=60, whole_s=60) == gates
    assert gates.for_run(seconds=31, whole_s=60).requests_min == 2_850
    assert gates.for_run(seconds=1, whole_s=60).requests_min == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_gates_and_none_lets_an_acknowledgement_be_lost(shape: str) -> None:
    gates = read_gates(GATES, shape)
    assert (gates.lost_max, gates.doubled_max, gates.cpu_share_max) == (0, 0, 0.6)
    assert 0.5 * SHAPES[shape].user_seconds < gates.requests_min <= SHAPES[shape].user_seconds
    assert (gates.recovery_s_max is not None) == (SHAPES[shape].peak() is not None)


def test_the_smokes_gates_are_the_promised_ones() -> None:
    gates = read_gates(GATES, "smoke")
    limits = {name: gates.routes[name]["p95_ms"] for name in ("search", "recommendation", "events")}
    assert limits == {"search": 250, "recommendation": 150, "events": 100}
    assert (gates.failure_ratio_max, gates.shed_ratio_max) == (0, 0)


@pytest.mark.parametrize("shape", ["smoke", "step", "soak", "double-eleven"])
def test_every_route_that_is_asked_for_is_gated_by_both_percentiles(shape: str) -> None:
    routes = read_gates(GATES, shape).routes
    assert set(routes) == ROUTES
    for limits in routes.values():
        assert 0 < limits["p95_ms"] < limits["p99_ms"] <= 5_000


def test_a_run_that_may_not_edit_owes_no_edit_and_all_the_rest() -> None:
    gates = read_gates(GATES, "smoke")
    plan = RunPlan("smoke", Path(), "run", "http://x", "sk_load")
    assert set(gates.without(plan.unasked).routes) == ROUTES - {PRICE_EDIT}
    assert gates.without(replace(plan, edits=True).unasked) == gates


GOOD_FILE: dict[str, Any] = {
    "generator": {"cpu_share_max": 0.6},
    "shapes": {"smoke": {"requests_min": 1, "failure_ratio_max": 0, "lost_max": 0, "doubled_max": 0}},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"lost_mx": 0},
        {"lost_max": "none"},
        {"lost_max": True},
        {"routes": {"search": {"p96_ms": 1}}},
        {"routes": {"search": {}}},
    ],
)
def test_a_typo_opens_no_gate(changes: dict[str, Any]) -> None:
    assert gates_from(GOOD_FILE, "smoke").requests_min == 1
    bad = GOOD_FILE | {"shapes": {"smoke": GOOD_FILE["shapes"]["smoke"] | changes}}
    with pytest.raises(GatesError):
        gates_from(bad, "smoke")


@pytest.mark.parametrize("content", [None, {}, {"shapes": {}}, {"shapes": {"smoke": {}}, "generator": {}}])
def test_a_file_without_the_shape_is_refused(content: Any) -> None:
    with pytest.raises(GatesError):
        gates_from(content, "smoke")


def test_a_file_that_is_not_there_or_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GatesError):
        read_gates(tmp_path / "none.yaml", "smoke")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(GatesError):
        read_gates(tmp_path / "bad.yaml", "smoke")
