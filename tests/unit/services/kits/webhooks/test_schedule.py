"""The schedule is the specification's, jittered; what the receiver asks for goes before it."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kits.webhooks.schedule import (
    JITTER,
    RETRY_AFTER_LIMIT_S,
    RETRY_AFTER_TEXT_LIMIT,
    SCHEDULE_S,
    TRIES_LIMIT,
    retry_after_of,
    wait_before_try,
)

on_a_busy_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class NoChance(Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_the_schedule_is_the_specifications() -> None:
    waits = [wait_before_try(failures, NoChance()) for failures in range(1, TRIES_LIMIT)]
    since_start = [sum((wait for wait in waits[:count] if wait), timedelta()) for count in range(len(waits) + 1)]
    hours = [
        f"{int(each.total_seconds()) // 3600:02}:{int(each.total_seconds()) // 60 % 60:02}" for each in since_start
    ]
    assert hours == [
        "00:00", "00:00", "00:05", "00:35", "02:35", "07:35", "17:35", "31:35", "51:35", "75:35"
    ]  # fmt: skip
    assert since_start[-1] == timedelta(hours=75, minutes=35, seconds=5)


def test_after_the_last_try_there_is_none() -> None:
    assert wait_before_try(TRIES_LIMIT - 1, NoChance()) is not None
    assert wait_before_try(TRIES_LIMIT, NoChance()) is None
    assert wait_before_try(TRIES_LIMIT, NoChance(), retry_after=timedelta(hours=1)) is None


@on_a_busy_machine
@given(st.integers(1, TRIES_LIMIT - 1), st.integers(0, 2**32))
def test_jitter_keeps_within_its_bounds(failures: int, seed: int) -> None:
    wait = wait_before_try(failures, Random(seed))
    assert wait is not None
    assert SCHEDULE_S[failures] * (1 - JITTER) <= wait.total_seconds() <= SCHEDULE_S[failures] * (1 + JITTER)


def test_deliveries_that_failed_together_do_not_come_back_together() -> None:
    chance = Random(1)
    assert len({wait_before_try(3, chance) for _ in range(50)}) == 50


def test_retry_after_goes_before_a_shorter_wait_and_not_before_a_longer_one() -> None:
    assert wait_before_try(1, NoChance(), retry_after=timedelta(minutes=10)) == timedelta(minutes=10)
    assert wait_before_try(4, NoChance(), retry_after=timedelta(minutes=10)) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-5", 0),
        ("1.5", 0),
        ("٣", 0),
        ("soon", 0),
        ("Sun, 01 Mar 2026 12:10:00 GMT", 600),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun, 01 Mar 2026 12:10:00", 0),
        (str(RETRY_AFTER_LIMIT_S), RETRY_AFTER_LIMIT_S),
        (str(RETRY_AFTER_LIMIT_S + 1), RETRY_AFTER_LIMIT_S),
        ("9" * 64, RETRY_AFTER_LIMIT_S),
        ("9" * (RETRY_AFTER_TEXT_LIMIT + 1), 0),
        ("Sun, 01 Mar 2099 12:10:00 GMT", RETRY_AFTER_LIMIT_S),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_bounded(header: str, seconds: int) -> None:
    assert retry_after_of(header, NOW) == timedelta(seconds=seconds)


@on_a_busy_machine
@given(st.text(max_size=100))
def test_no_header_breaks_the_reading(header: str) -> None:
    assert timedelta(0) <= retry_after_of(header, NOW) <= timedelta(seconds=RETRY_AFTER_LIMIT_S)
