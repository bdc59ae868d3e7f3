"""The demo's cases: the same for a seed, dated back in order, labelled, some waiting."""

from datetime import UTC, datetime, timedelta

from infra.demo.desk import CASES, DAYS, demo_cases
from infra.demo.mentions import LABELS, chance

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
PRODUCTS = [{"id": "p-1", "title": {"zh": "牛奶", "en": "Milk"}}]


def test_cases_are_the_same_for_a_seed_and_every_word_is_labelled() -> None:
    first, again = (list(demo_cases(["card:1"], PRODUCTS, chance(7), now=NOW)) for _ in range(2))
    assert first == again and len(first) == CASES
    assert all(case.opening["text"].endswith(tuple(LABELS.values())) for case in first)
    assert any(not case.steps for case in first) and any(len(case.steps) == 2 for case in first)


def test_everything_happened_before_now_and_in_order() -> None:
    for case in demo_cases(["card:1"], PRODUCTS, chance(7), now=NOW):
        times = [datetime.fromisoformat(each["time"]) for each in (case.opening, *(body for _, body in case.steps))]
        assert NOW - timedelta(days=DAYS + 1) < times[0] and times == sorted(times) and times[-1] <= NOW


def test_without_customers_there_are_no_cases() -> None:
    assert not list(demo_cases([], PRODUCTS, chance(7), now=NOW))
