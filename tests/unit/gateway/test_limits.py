"""Token buckets in bounded memory."""

import pytest

from gateway.errors import RateLimitedError
from gateway.limits import Rate, RateLimiter
from gateway.principals import Role
from tests.fakes.clock import ManualClock
from tests.fakes.gateway_shop import OTHER_VISITOR, Shop, problem_of

RATE = Rate(per_s=2.0, burst=4)


def test_a_burst_is_taken_then_the_rate() -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock)
    remaining = [limiter.take("a", RATE) for _ in range(4)]
    assert [each.remaining for each in remaining if each] == [3, 2, 1, 0]
    with pytest.raises(RateLimitedError) as refused:
        limiter.take("a", RATE)
    assert refused.value.metadata["retry_after_s"] == "0.5"
    clock.advance(0.5)
    limiter.take("a", RATE)
    with pytest.raises(RateLimitedError):
        limiter.take("a", RATE)
    clock.advance(60)
    assert [limiter.take("a", RATE).remaining for _ in range(4)] == [3, 2, 1, 0]  # type: ignore[union-attr]


def test_buckets_are_apart() -> None:
    limiter = RateLimiter(ManualClock())
    for _ in range(4):
        limiter.take("a", RATE)
    assert limiter.take("b", RATE) is not None


def test_a_refused_request_costs_nothing() -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock)
    for _ in range(4):
        limiter.take("a", RATE)
    for _ in range(10):
        with pytest.raises(RateLimitedError):
            limiter.take("a", RATE)
    clock.advance(0.5)
    limiter.take("a", RATE)


def test_rate_zero_is_no_limit_and_no_memory() -> None:
    limiter = RateLimiter(ManualClock())
    assert limiter.take("a", Rate(0, 1)) is None
    assert len(limiter) == 0


def test_memory_is_bounded_and_the_bucket_used_longest_ago_goes() -> None:
    limiter = RateLimiter(ManualClock(), buckets_limit=2)
    for _ in range(4):
        limiter.take("busy", RATE)
    limiter.take("idle", RATE)
    with pytest.raises(RateLimitedError):
        limiter.take("busy", RATE)
    limiter.take("new", RATE)
    assert len(limiter) == 2
    with pytest.raises(RateLimitedError):
        limiter.take("busy", RATE)


async def test_a_visitor_past_its_rate_gets_a_429_with_when_to_come_back(open_with) -> None:
    shop: Shop = await open_with(shopper_rate_per_s=1, shopper_burst=2)
    first = await shop.get("/v1/suggest")
    assert [first.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")] == ["2", "1", "1"]
    await shop.get("/v1/suggest")
    refused = await shop.get("/v1/suggest")
    problem_of(refused, 429, "RATE_LIMITED")
    assert (refused.headers["retry-after"], refused.headers["ratelimit-remaining"]) == ("1", "0")
    assert (await shop.get("/v1/suggest", headers={"X-Visitor-Id": OTHER_VISITOR})).status_code == 200
    shop.clock.advance(1)
    assert (await shop.get("/v1/suggest")).status_code == 200


async def test_a_key_over_all_its_visitors_has_a_rate_of_its_own(open_with) -> None:
    shop: Shop = await open_with(publishable_rate_per_s=1, publishable_burst=3)
    for number in range(3):
        await shop.get("/v1/suggest", headers={"X-Visitor-Id": f"v-{number:022d}"})
    problem_of(await shop.get("/v1/suggest", headers={"X-Visitor-Id": f"v-{9:022d}"}), 429, "RATE_LIMITED")
    assert (await shop.get("/v1/suggest", Role.SHOP)).status_code == 200


@pytest.mark.parametrize("role", [Role.SHOP, Role.STAFF])
async def test_a_secret_key_has_its_rate_and_load_and_operator_have_none(open_with, role: Role) -> None:
    shop: Shop = await open_with(secret_rate_per_s=1, secret_burst=1)
    assert (await shop.get("/v1/suggest", role)).status_code == 200
    problem_of(await shop.get("/v1/suggest", role), 429, "RATE_LIMITED")
    for free in (Role.LOAD, Role.OPERATOR):
        for _ in range(5):
            response = await shop.get("/v1/suggest", free)
            assert response.status_code == 200
            assert "ratelimit-limit" not in response.headers


async def test_a_refused_request_reaches_no_service_and_a_403_counts_too(open_with) -> None:
    shop: Shop = await open_with(shopper_rate_per_s=1, shopper_burst=1)
    problem_of(await shop.get("/v1/keys"), 403, "SCOPE_MISSING")
    problem_of(await shop.get("/v1/suggest"), 429, "RATE_LIMITED")
    assert not shop.services.asked
