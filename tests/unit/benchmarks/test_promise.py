"""The arithmetic of the promise benchmark, on orders whose fate is known."""

from datetime import UTC, datetime, timedelta

from benchmarks.promise import WARM_UP, Order, measure

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def order(number: int, *, days: float = 4.0) -> Order:
    placed = START + timedelta(hours=number)
    handed_over = placed + timedelta(days=1)
    return Order(placed, handed_over, handed_over + timedelta(days=days - 1), placed + timedelta(days=10))


def test_a_shop_that_is_always_alike_keeps_every_promise_and_hardly_alarms_anybody() -> None:
    figures = measure([order(number) for number in range(WARM_UP + 100)])
    assert len(figures.kept) == 100
    assert all(figures.kept)
    assert not figures.told
    assert figures.needless == len(figures.notice_hours) < 10  # of those that come an hour before the day ends
    assert max(figures.errors) < 0.2
    assert figures.shop_days == [10.0] * 100


def test_an_order_that_comes_far_too_late_is_told_before_and_counted_once() -> None:
    orders = [order(number) for number in range(WARM_UP)] + [order(WARM_UP, days=30.0)]
    figures = measure(orders)
    assert (figures.kept, figures.told, figures.in_band) == ([False], [True], [False])
    assert figures.needless == 0
    assert figures.notice_hours[0] > 0
    assert figures.shop_kept == [False]


def test_what_is_learned_is_never_from_the_future() -> None:
    """The slow orders come last: those before them are promised as if nobody knew."""
    quick = [order(number) for number in range(WARM_UP + 50)]
    slow = [order(WARM_UP + 50 + number, days=40.0) for number in range(20)]
    assert measure(quick).days == measure([*quick, *slow]).days[:50]
