"""Waits grow to a bound, and only what another try can mend is waited for."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.documents.port import RevisionMismatchError, StoreUnavailableError
from services.chassis.errors import InvalidArgumentError, NotFoundError
from services.chassis.eventlog.backoff import Backoff, is_passing
from services.chassis.eventlog.errors import LogBusyError, LogContendedError, LogHoleError, ProjectionContendedError


@given(st.integers(0, 10_000), st.integers())
def test_a_wait_lies_between_half_and_all_of_its_bound(attempt, seed):
    backoff = Backoff(first_s=0.05, limit_s=5.0)
    wait_s = backoff.wait_s(attempt, Random(seed))
    bound_s = min(5.0, 0.05 * 2.0 ** min(attempt, 30))
    assert bound_s / 2 <= wait_s <= bound_s


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailableError("away"),
        RevisionMismatchError("c", key="k", expected=1, actual=2),
        LogBusyError("busy"),
        LogContendedError("contended"),
        ProjectionContendedError("contended"),
        TimeoutError(),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_away_or_in_the_way_passes(error):
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyError("x"), InvalidArgumentError("x"), NotFoundError("x"), LogHoleError("x"), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_what_lies_in_the_event_itself_does_not_pass(error):
    assert not is_passing(error)
