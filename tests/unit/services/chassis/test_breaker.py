"""A breaker opens for an upstream that is mute, not for one that refuses; the first answer closes it."""

import asyncio

import pytest

from services.chassis.breaker import FAILURES, MUTE_S, WAITING_LIMIT, Breaker, is_mute
from services.chassis.errors import ErrorKind
from services.chassis.metrics import Metrics
from services.chassis.status import RemoteError


class Upstream:
    """A breaker and the time that it sees."""

    def __init__(self) -> None:
        self.time, self.metrics = 100.0, Metrics()
        self.breaker = Breaker("search", self.metrics, lambda: self.time)

    def fail(self, times: int) -> bool:
        return True in [self.breaker.failed(self.time) for _ in range(times)]

    def open(self) -> None:
        self.fail(FAILURES)
        self.time += MUTE_S
        assert self.fail(1)

    def shown(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"upstream": "search"})


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


def test_many_failures_of_one_moment_open_nothing(upstream: Upstream) -> None:
    upstream.fail(FAILURES * 10)
    assert not upstream.breaker.is_open


def test_few_failures_over_a_long_time_open_nothing(upstream: Upstream) -> None:
    for _ in range(FAILURES - 1):
        upstream.fail(1)
        upstream.time += MUTE_S
    assert not upstream.breaker.is_open
    assert upstream.fail(1)


def test_enough_failures_over_long_enough_open_it_once(upstream: Upstream) -> None:
    upstream.open()
    assert upstream.breaker.is_open
    assert not upstream.fail(3), "whoever opened it asks whether the other side lives; once"
    assert (upstream.shown("zhike_breaker_open"), upstream.shown("zhike_breaker_opened_total")) == (1, 1)


def test_an_answer_between_failures_begins_the_count_anew(upstream: Upstream) -> None:
    upstream.fail(FAILURES)
    upstream.time += MUTE_S
    upstream.breaker.answered()
    assert not upstream.fail(FAILURES)


def test_silence_is_counted_from_the_last_answer_however_long_ago_a_late_call_began(upstream: Upstream) -> None:
    begin = upstream.time
    upstream.time += 10 * MUTE_S
    upstream.breaker.answered()
    assert not any(upstream.breaker.failed(begin) for _ in range(FAILURES))


async def test_who_waits_goes_on_as_soon_as_there_is_an_answer(upstream: Upstream) -> None:
    upstream.open()
    end = asyncio.get_running_loop().time() + 60
    waiting = asyncio.create_task(upstream.breaker.until_closed(end, waits=True))
    await asyncio.sleep(0)
    assert (upstream.breaker.waiting, waiting.done()) == (1, False)
    upstream.breaker.answered()
    await waiting
    assert (upstream.breaker.waiting, upstream.breaker.is_open, upstream.shown("zhike_breaker_open")) == (0, False, 0)


async def test_who_waits_in_vain_is_told_at_his_deadline_that_nobody_answers(upstream: Upstream) -> None:
    upstream.open()
    with pytest.raises(RemoteError, match="search cannot be reached") as failed:
        await upstream.breaker.until_closed(asyncio.get_running_loop().time(), waits=True)
    assert (failed.value.kind, failed.value.metadata["retry_after_s"]) == (ErrorKind.UNAVAILABLE, "1")
    assert is_mute(failed.value)


async def test_who_has_another_answer_does_not_wait(upstream: Upstream) -> None:
    upstream.open()
    with pytest.raises(RemoteError):
        await upstream.breaker.until_closed(asyncio.get_running_loop().time() + 60, waits=False)


async def test_one_call_more_than_may_wait_is_refused_at_once(upstream: Upstream) -> None:
    upstream.open()
    end = asyncio.get_running_loop().time() + 60
    waiting = [asyncio.create_task(upstream.breaker.until_closed(end, waits=True)) for _ in range(WAITING_LIMIT)]
    await asyncio.sleep(0)
    assert upstream.breaker.waiting == WAITING_LIMIT
    with pytest.raises(RemoteError):
        await upstream.breaker.until_closed(end, waits=True)
    upstream.breaker.answered()
    await asyncio.gather(*waiting)


async def test_a_closed_one_holds_nobody(upstream: Upstream) -> None:
    await upstream.breaker.until_closed(0, waits=False)


@pytest.mark.parametrize(
    ("kind", "reason", "mute"),
    [
        (ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE", True),
        (ErrorKind.DEADLINE, "DEADLINE_EXCEEDED", True),
        (ErrorKind.UNAVAILABLE, "NOT_READY", False),
        (ErrorKind.UNAVAILABLE, "STORE_UNAVAILABLE", False),
        (ErrorKind.NOT_FOUND, "NOT_FOUND", False),
    ],
)
def test_a_refusal_is_an_answer(kind: ErrorKind, reason: str, mute: bool) -> None:
    assert is_mute(RemoteError("", kind=kind, reason=reason, service="search")) is mute
