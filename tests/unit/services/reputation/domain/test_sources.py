"""Sources: what can be watched, when it is asked again, and how often one host is asked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain.errors import SourceInvalidError
from services.reputation.domain.mentions import MAX_REACH, MAX_SHOP_CHARACTERS
from services.reputation.domain.sources import (
    DEAD_AFTER,
    DEAD_FAILURES,
    GONE_PAUSE,
    HTTP_GONE,
    LONGEST_INTERVAL,
    LONGEST_PAUSE,
    MAX_SOURCES,
    MAX_TITLE_CHARACTERS,
    SHORTEST_INTERVAL,
    HostBudget,
    Source,
    SourceKind,
    Standing,
    after_failure,
    after_success,
    check_source,
)

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def source(**fields: Any) -> Source:
    given: dict[str, Any] = {"id": "city-news", "kind": SourceKind.FEED, "shop": "main", "url": "https://n.example/rss"}
    return Source(**given | fields)


def test_a_feed_is_kept_under_its_canonical_address() -> None:
    kept = check_source(source(url="HTTPS://N.example:443/rss?utm_source=x", title=" 城市新闻 "))
    assert (kept.url, kept.host, kept.title) == ("https://n.example/rss", "n.example", "城市新闻")


def test_what_a_source_says_of_its_mentions() -> None:
    reviews = check_source(source(kind=SourceKind.REVIEWS, url="", tier=2, reach=5))
    assert (reviews.facts.tier, reviews.facts.reach, reviews.facts.is_own, reviews.host) == (2, 5, True, "")
    assert not source().facts.is_own


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": "City"}, "id"),
        ({"id": ""}, "id"),
        ({"shop": ""}, "shop"),
        ({"shop": "s" * (MAX_SHOP_CHARACTERS + 1)}, "shop"),
        ({"title": "t" * (MAX_TITLE_CHARACTERS + 1)}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"url": ""}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"kind": SourceKind.PUSH}, "url"),
        ({"tier": 0}, "tier"),
        ({"tier": 4}, "tier"),
        ({"reach": -1}, "reach"),
        ({"reach": MAX_REACH + 1}, "reach"),
        ({"poll_interval": SHORTEST_INTERVAL - timedelta(seconds=1)}, "poll_interval_s"),
        ({"poll_interval": LONGEST_INTERVAL + timedelta(seconds=1)}, "poll_interval_s"),
    ],
)
def test_a_source_that_cannot_be_kept_is_refused_by_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(SourceInvalidError) as refused:
        check_source(source(**fields))
    assert refused.value.metadata["field"] == field


def test_pauses_grow_with_failures_and_end_with_a_success() -> None:
    standing, pauses = Standing(NOW), []
    for _ in range(8):
        standing = after_failure(standing, NOW, QUARTER, error="FEED_STATUS")
        pauses.append(standing.next_time - NOW)
    assert pauses[:5] == [QUARTER, 2 * QUARTER, 4 * QUARTER, 8 * QUARTER, 16 * QUARTER]
    assert pauses[-1] == LONGEST_PAUSE
    assert (standing.failures, standing.failing_since, standing.error) == (8, NOW, "FEED_STATUS")
    healed = after_success(standing, NOW, QUARTER, etag='"e"', modified="m")
    assert (healed.failures, healed.failing_since, healed.error, healed.next_time) == (0, None, "", NOW + QUARTER)
    assert (healed.etag, healed.modified, healed.success_time) == ('"e"', "m", NOW)


def test_any_number_of_failures_makes_a_bounded_pause() -> None:
    standing = Standing(NOW, failures=10**6)
    assert after_failure(standing, NOW, QUARTER, error="x").next_time == NOW + LONGEST_PAUSE
    assert after_failure(standing, NOW, LONGEST_INTERVAL, error="x").next_time == NOW + LONGEST_INTERVAL


def test_the_other_sides_wish_is_heard_within_a_day() -> None:
    asked = after_failure(Standing(NOW), NOW, QUARTER, error="x", wanted_pause=timedelta(hours=8))
    assert asked.next_time == NOW + timedelta(hours=8)
    assert after_failure(Standing(NOW), NOW, QUARTER, error="x", wanted_pause=timedelta(0)).next_time == NOW + QUARTER
    endless = after_failure(Standing(NOW), NOW, QUARTER, error="x", wanted_pause=timedelta(days=400))
    assert endless.next_time == NOW + GONE_PAUSE


def test_what_is_gone_is_asked_once_a_day() -> None:
    assert after_failure(Standing(NOW), NOW, QUARTER, error=HTTP_GONE).next_time == NOW + GONE_PAUSE


def test_a_feed_is_dead_after_failing_often_and_long() -> None:
    standing = Standing(NOW)
    for _ in range(DEAD_FAILURES):
        standing = after_failure(standing, NOW, QUARTER, error="x")
    assert not standing.is_dead(NOW + DEAD_AFTER - timedelta(seconds=1))
    assert standing.is_dead(NOW + DEAD_AFTER)
    assert not Standing(NOW, failing_since=NOW, failures=DEAD_FAILURES - 1).is_dead(NOW + 10 * DEAD_AFTER)
    assert not Standing(NOW).is_dead(NOW)


def test_a_host_is_asked_so_often_and_no_more() -> None:
    budget = HostBudget(3, timedelta(seconds=10))
    assert [budget.take("n.example", 0.0) for _ in range(4)] == [True, True, True, False]
    assert budget.take("other.example", 0.0)
    assert not budget.take("n.example", 9.0)
    assert budget.take("n.example", 10.5)
    assert not budget.take("n.example", 11.0)
    assert [budget.take("n.example", 1_000.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_a_budget_is_never_exceeded(steps: list[float]) -> None:
    budget, now_s, taken = HostBudget(2, timedelta(seconds=3)), 0.0, 0
    for step in steps:
        now_s += step
        taken += budget.take("n.example", now_s)
    assert taken <= 2 + now_s / 3 + 1e-6


def test_hosts_that_are_not_asked_any_more_are_forgotten() -> None:
    budget = HostBudget(1, timedelta(seconds=1))
    for number in range(3 * MAX_SOURCES):
        budget.take(f"h{number}.example", float(number))
    assert len(budget._held) <= 2 * MAX_SOURCES + 1
