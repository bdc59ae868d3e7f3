"""Counts: the same whatever is added first, kept by day."""

from datetime import UTC, date, datetime
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.times import micros
from services.reputation.domain.bursts import bucket_of
from services.reputation.domain.counters import (
    NEGATIVE,
    NOTHING,
    POSITIVE,
    TONES,
    Scope,
    ScopeKind,
    Tally,
    bucket_of_us,
    bucket_time,
    day_of_bucket,
    days_between,
    first_bucket,
    tally_of_one,
    total_of,
)

ones = st.builds(
    tally_of_one,
    st.sampled_from(TONES),
    st.integers(1, 3),
    reach=st.integers(0, 10**12),
    begins_cluster=st.booleans(),
    aspect=st.sampled_from(["", "quality", "delivery"]),
)


@given(
    st.lists(ones, max_size=20).flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))),
    st.integers(0, 20),
)
def test_tallies_are_the_same_in_any_order_and_grouping(orders: tuple[list[Tally], list[Tally]], cut: int) -> None:
    given_order, shuffled = orders
    assert total_of(given_order) == total_of(shuffled)
    assert total_of(given_order[:cut]) + total_of(given_order[cut:]) == total_of(given_order)
    assert reduce(lambda whole, one: one + whole, given_order, NOTHING) == total_of(shuffled)


def test_a_tally_says_how_many_of_what() -> None:
    tally = total_of(
        [
            tally_of_one(NEGATIVE, 2, reach=10, begins_cluster=True, aspect="safety"),
            tally_of_one(NEGATIVE, 3, reach=5, begins_cluster=False, aspect="safety"),
            tally_of_one(POSITIVE, 3, reach=0, begins_cluster=True, aspect="price"),
        ]
    )
    assert (tally.total, tally.negative, tally.of_tone(POSITIVE), tally.best_tier) == (3, 2, 1, 2)
    assert (tally.reach, tally.clusters, tally.aspects) == (15, 2, {"safety": 2})
    assert NOTHING.best_tier is None


@pytest.mark.parametrize("shop", ["main", "a/b:c", "店"])
@pytest.mark.parametrize("subject", ["", "zhike", "p/1:2"])
def test_a_scope_comes_back_from_its_key(shop: str, subject: str) -> None:
    scope = Scope(shop, ScopeKind.PRODUCT, subject)
    assert Scope.parse(scope.key) == scope


def test_two_scopes_never_share_a_key() -> None:
    assert Scope("a/brand", ScopeKind.BRAND, "x").key != Scope("a", ScopeKind.BRAND, "brand/x").key


@given(st.integers(0, 4 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC)))
def test_buckets_are_those_of_bursts_and_lie_in_their_day(time: datetime) -> None:
    bucket = bucket_of_us(micros(time))
    assert bucket == bucket_of(time)
    assert bucket_time(bucket) <= time
    assert day_of_bucket(bucket) == time.date()
    assert first_bucket(time.date()) <= bucket < first_bucket(date.fromordinal(time.date().toordinal() + 1))


def test_the_days_of_a_span_are_all_that_it_touches() -> None:
    first, last = (bucket_of(datetime(2026, 11, day, 23, 59, tzinfo=UTC)) for day in (10, 12))
    assert days_between(first, last) == (date(2026, 11, 10), date(2026, 11, 11), date(2026, 11, 12))
    assert days_between(first, first) == (date(2026, 11, 10),)
