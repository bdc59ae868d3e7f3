"""A plan travels by the environment; the command line is checked."""

from pathlib import Path

import pytest

from loadtests.__main__ import parse
from loadtests.run import RunPlan

PLAN = RunPlan(
    shape="spike",
    folder=Path("/somewhere/run"),
    name="load-1",
    url="http://127.0.0.1:1",
    load_key="sk_1",
    staff_key="sk_2",
    shorten=2.5,
    gates=Path("/somewhere/gates.yaml"),
    seed=3,
    edits=True,
)


def test_a_plan_is_the_same_after_the_environment() -> None:
    assert RunPlan.from_environment(PLAN.environment()) == PLAN
    assert PLAN.planned.seconds == 26


def test_what_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="ZHIKE_LOAD_KEY"):
        RunPlan.from_environment({n: v for n, v in PLAN.environment().items() if n != "ZHIKE_LOAD_KEY"})


def test_the_command_smokes_by_default_and_refuses_an_unknown_shape() -> None:
    assert (parse([]).shape, parse([]).shorten, parse([]).edits) == ("smoke", 1.0, False)
    with pytest.raises(SystemExit):
        parse(["--shape", "tsunami"])


def test_nothing_but_the_locustfile_loads_gevent() -> None:
    import sys

    assert "gevent" not in sys.modules
    assert "locust" not in sys.modules
