"""Watches in memory say what the counters say, whatever came late, however long they were left alone."""

import asyncio
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reputation.domain.bursts import DAY_BUCKETS, FRESH_BUCKETS, SHIPPED, Judgements, Verdict
from services.reputation.domain.counters import NEGATIVE, POSITIVE, Scope, ScopeKind, Tally
from services.reputation.store.mentions import MentionStore
from services.reputation.store.watches import WATCH_AGE_BUCKETS, WATCHES_LIMIT, Watches

BRAND = Scope("main", ScopeKind.BRAND, "acme")
PRODUCT = Scope("main", ScopeKind.PRODUCT, "p-1")
SHOP = Scope("main", ScopeKind.SHOP)
NOW = 5_000_000  # a bucket


class Counters(MentionStore):
    """The counters of a mention store, as a table."""

    def __init__(self) -> None:
        self.table: dict[Scope, dict[int, Tally]] = {}

    async def series(self, scope: Scope, first: int, last: int) -> dict[int, Tally]:
        return {each: tally for each, tally in self.table.get(scope, {}).items() if first <= each <= last}

    def put(self, scope: Scope, bucket: int, count: int, negative: int = 0) -> None:
        counts = {(POSITIVE, 3): count - negative, (NEGATIVE, 3): negative}
        self.table.setdefault(scope, {})[bucket] = Tally({key: each for key, each in counts.items() if each})


def watches_of(counters: Counters, *, sales: frozenset[int] = frozenset()) -> Watches:
    return Watches(counters, SHIPPED, lambda bucket: bucket in sales)


def quiet(counters: Counters, scope: Scope, days: int, *, end: int = NOW) -> None:
    for bucket in range(end - days * DAY_BUCKETS, end):
        counters.put(scope, bucket, 4, 1)


def bursting(judged: Mapping[int, Judgements]) -> list[int]:
    return [bucket for bucket, each in judged.items() if each.bursts]


async def test_a_loud_scope_is_judged_over_its_last_hour_at_first_then_bucket_by_bucket() -> None:
    counters = Counters()
    quiet(counters, BRAND, 3)
    counters.put(BRAND, NOW, 80)
    watches = watches_of(counters)
    first = await watches.judged(BRAND, NOW)
    assert list(first.buckets) == list(range(NOW - FRESH_BUCKETS + 1, NOW + 1))
    assert bursting(first.buckets) == [NOW]
    counters.put(BRAND, NOW + 1, 90)
    assert bursting((await watches.judged(BRAND, NOW + 1)).buckets) == [NOW + 1]
    assert (await watches.judged(BRAND, NOW + 1)).buckets == {}


async def test_a_scope_too_quiet_to_burst_is_not_even_watched() -> None:
    counters = Counters()
    counters.put(BRAND, NOW, SHIPPED.minimum_count - 1)
    watches = watches_of(counters)
    assert (await watches.judged(BRAND, NOW)).buckets == {}
    assert len(watches) == 0


async def test_a_late_batch_completes_a_closed_bucket() -> None:
    counters = Counters()
    quiet(counters, BRAND, 3, end=NOW + 1)
    watches = watches_of(counters)
    assert bursting((await watches.judged(BRAND, NOW)).buckets) == []
    counters.put(BRAND, NOW - 2, 90, 80)
    late = (await watches.judged(BRAND, NOW)).buckets
    assert list(late) == [NOW - 2, NOW - 1, NOW]
    assert late[NOW - 2].negative.verdict is Verdict.BURST


async def test_a_product_that_nobody_spoke_of_is_loud_at_once_and_a_new_brand_is_not() -> None:
    counters = Counters()
    counters.put(SHOP, NOW - 4 * DAY_BUCKETS, 1)
    for scope in (PRODUCT, BRAND):
        counters.put(scope, NOW, 30, 30)
    watches = watches_of(counters)
    assert bursting((await watches.judged(PRODUCT, NOW)).buckets) == [NOW]
    learning = (await watches.judged(BRAND, NOW)).buckets[NOW]
    assert learning.volume.verdict is Verdict.LEARNING


async def test_a_known_sale_day_is_no_crisis() -> None:
    counters = Counters()
    quiet(counters, BRAND, 3)
    counters.put(BRAND, NOW, 400, 20)
    judged = await watches_of(counters, sales=frozenset({NOW})).judged(BRAND, NOW)
    assert judged.buckets[NOW].volume.verdict is Verdict.SALE_DAY


async def test_after_a_pause_or_a_clock_set_back_a_watch_is_made_anew() -> None:
    counters = Counters()
    quiet(counters, BRAND, 3, end=NOW + 200)
    watches = watches_of(counters)
    for head in (NOW, NOW + 150, NOW + 140):
        assert len((await watches.judged(BRAND, head)).buckets) == FRESH_BUCKETS


async def test_a_forgotten_or_old_watch_takes_older_counts_into_account() -> None:
    counters = Counters()
    quiet(counters, BRAND, 3, end=NOW + WATCH_AGE_BUCKETS + 50)
    watches = watches_of(counters)
    await watches.judged(BRAND, NOW)
    for bucket in range(NOW - 300, NOW - 200):
        counters.put(BRAND, bucket, 500)
    counters.put(BRAND, NOW + 1, 80)
    assert bursting((await watches.judged(BRAND, NOW + 1)).buckets) == [NOW + 1]
    watches.forget(BRAND)
    assert bursting((await watches.judged(BRAND, NOW + 1)).buckets) == []


async def test_watches_are_bounded_and_the_longest_unused_goes_first() -> None:
    counters = Counters()
    scopes = [Scope("main", ScopeKind.BRAND, f"b-{number:03}") for number in range(WATCHES_LIMIT + 1)]
    for scope in scopes:
        counters.put(scope, NOW, 20)
    watches = watches_of(counters)
    for scope in scopes[:-1]:
        await watches.judged(scope, NOW)
    await watches.judged(scopes[0], NOW)
    await watches.judged(scopes[-1], NOW)
    assert len(watches) == WATCHES_LIMIT
    assert (await watches.judged(scopes[0], NOW)).buckets == {}  # still there
    assert list((await watches.judged(scopes[1], NOW)).buckets) == [NOW]  # made anew


async def agrees(seed: int) -> None:
    chance, counters = Random(seed), Counters()
    for bucket in range(NOW - chance.choice((10, 400, 5_000)), NOW):
        if chance.random() < 0.7:
            counters.put(BRAND, bucket, chance.randint(1, 9), chance.randint(0, 1))
    kept, head = watches_of(counters), NOW
    for _ in range(6):
        head += chance.choice((0, 1, 1, 3))
        for _ in range(chance.randint(1, 5)):
            counters.put(BRAND, head - chance.randrange(FRESH_BUCKETS), chance.randint(10, 60), chance.randint(0, 9))
        found = (await kept.judged(BRAND, head)).buckets
        anew = (await watches_of(counters).judged(BRAND, head)).buckets
        assert found == {bucket: anew[bucket] for bucket in found}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_a_kept_watch_says_what_one_made_anew_says(seed: int) -> None:
    asyncio.run(agrees(seed))


@pytest.mark.parametrize("kind", [ScopeKind.SHOP, ScopeKind.PRODUCT])
async def test_before_anything_was_said_everything_is_learning(kind: ScopeKind) -> None:
    counters, scope = Counters(), Scope("main", kind, "" if kind is ScopeKind.SHOP else "p-1")
    counters.put(scope, NOW, 30)
    judged = await watches_of(counters).judged(scope, NOW)
    assert judged.buckets[NOW].volume.verdict is Verdict.LEARNING
