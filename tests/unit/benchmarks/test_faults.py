"""The fault benchmark's arithmetic: which reads met a fault, what counts as failed, what a sum of runs says."""

import dataclasses

import pytest

from benchmarks.faults import Report, ServersMissingError, Window, count, environment_of, targets_of
from benchmarks.faults_load import READ_LIMIT_S, Read
from infra.faults.schedule import Fault, FaultKind
from infra.local.profile import Profile

HELD = Report(kills=3, acknowledged=10, reads=500, reads_during=200, reads_failed=2, reads_failed_during=2)


def window(target: str, begin: float = 10, end: float = 12, kind: FaultKind = FaultKind.KILL) -> Window:
    return Window(Fault(kind, target, 0, 0), begin, end)


def read(begin: float, end: float, *, route: str = "search", status: int = 200, fallback: str = "") -> Read:
    return Read(route, begin, end, status, fallback=fallback)


@pytest.mark.parametrize(
    ("route", "target", "met"),
    [
        ("search", "search", True),
        ("search", "gateway", True),
        ("search", "recommendation", False),
        ("product", "search", True),
        ("recommendation", "recommendation", True),
        ("recommendation", "search", False),
        ("recommendation", "knowledge", False),
    ],
)
def test_a_fault_excuses_only_reads_that_pass_through_its_target(route: str, target: str, met: bool) -> None:
    assert window(target).met(read(10, 11, route=route)) is met


@pytest.mark.parametrize(("begin", "end", "met"), [(8, 9.9, False), (8, 10, True), (12, 13, True), (12.1, 13, False)])
def test_and_only_while_it_lasts(begin: float, end: float, met: bool) -> None:
    assert window("search").met(read(begin, end)) is met


def test_a_5xx_an_answer_too_late_and_nobody_who_listens_are_failures_and_nothing_else_is() -> None:
    failed = [read(0, 1, status=503), read(0, 1, status=0), read(0, READ_LIMIT_S + 0.01)]
    fine = [read(0, READ_LIMIT_S), read(0, 1, status=404), read(0, 1, fallback="stale-page")]
    assert [each.failed for each in (*failed, *fine)] == [True] * 3 + [False] * 3


def test_reads_are_counted_by_whether_a_fault_excuses_them() -> None:
    report = Report()
    reads = [read(10, 11, status=503), read(20, 21, status=504), read(11, 11.5, fallback="popular"), read(20, 28)]
    count(reads, [window("search")], report)
    assert (report.reads, report.reads_during) == (4, 2)
    assert (report.reads_failed, report.reads_failed_during, report.reads_failed_after) == (3, 1, 2)
    assert (report.fallbacks, report.read_s_max) == ({"popular": 1}, 8)
    assert sum(report.failures.values()) == 3


def test_reads_while_a_store_is_away_are_counted_apart_and_excused_alone() -> None:
    report = Report()
    reads = [read(10, 11, status=503), read(10, 11, route="recommendation"), read(20, 21, status=503)]
    count(reads, [window("documents", kind=FaultKind.STORE_DOWN)], report)
    assert (report.reads_store_away, report.reads_failed_store_away) == (2, 1)
    assert (report.reads_during, report.reads_failed_during, report.reads_failed_after) == (0, 0, 1)


def test_stores_can_be_struck_where_there_are_any() -> None:
    kinds = list(FaultKind)
    targets = targets_of(kinds, Profile.DISTRIBUTED)
    assert targets[FaultKind.STORE_DOWN] == targets[FaultKind.STORE_SLOW] == ("documents", "search-index")
    assert "gateway" in targets[FaultKind.KILL] and "gateway" not in targets[FaultKind.SLOW]
    with pytest.raises(ValueError, match="distributed"):
        targets_of(kinds, Profile.EMBEDDED)


def test_a_run_that_shows_nothing_wrong_held() -> None:
    assert HELD.held


@pytest.mark.parametrize(
    "wrong",
    [
        {"acknowledged": 0},
        {"lost": 1},
        {"doubled": 1},
        {"projections_equal": False},
        {"ready_again_s_max": 5.01},
        {"reads_failed_after": 1},
        {"reads_failed_during": 3},
    ],
)
def test_anything_wrong_fails_the_run(wrong: dict[str, object]) -> None:
    assert not dataclasses.replace(HELD, **wrong).held


def test_a_sum_adds_what_can_be_added_and_keeps_the_worst() -> None:
    one = dataclasses.replace(HELD, ready_again_s_max=2.0, faults={"kill": 3}, fallbacks={"popular": 1})
    other = dataclasses.replace(HELD, ready_again_s_max=3.0, projections_equal=False, faults={"kill": 1, "pause": 2})
    both = one.merged(other)
    assert (both.kills, both.acknowledged, both.reads_failed) == (6, 20, 4)
    assert (both.ready_again_s_max, both.projections_equal) == (3.0, False)
    assert (both.faults, both.fallbacks) == ({"kill": 4, "pause": 2}, {"popular": 1})
    assert one.merged(other) == other.merged(one)


def test_the_distributed_profile_without_servers_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZHIKE_TEST_MONGODB", raising=False)
    monkeypatch.setenv("ZHIKE_TEST_ELASTICSEARCH", "http://127.0.0.1:1")
    with pytest.raises(ServersMissingError, match=r"set ZHIKE_TEST_MONGODB$"):
        environment_of(Profile.DISTRIBUTED)


def test_the_distributed_profile_has_databases_and_indexes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_TEST_MONGODB", "mongodb://127.0.0.1:1/")
    monkeypatch.setenv("ZHIKE_TEST_ELASTICSEARCH", "http://127.0.0.1:1")
    environment, documents = environment_of(Profile.DISTRIBUTED)
    assert documents == environment["ZHIKE_DOCUMENTS"]
    assert documents.startswith("mongodb://127.0.0.1:1/zhike_f")
    assert environment_of(Profile.DISTRIBUTED)[1] != documents


def test_nothing_of_the_callers_own_deployment_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_DATA", "/somewhere")
    environment, documents = environment_of(Profile.EMBEDDED)
    assert documents == "sqlite"
    assert "ZHIKE_DATA" not in environment
