"""The figures of benchmarks.reputation are counted as its words say, and what ships keeps the promise."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.reputation import Company, Score, choose, read_companies, score, together
from services.reputation.domain.bursts import DAY_BUCKETS, SHIPPED, Thresholds

START = datetime(2026, 1, 1, tzinfo=UTC)


def company_with_burst(at: int, *, length: int = 4 * DAY_BUCKETS) -> Company:
    counts = [3 + place % 3 for place in range(length)]
    counts[at : at + 6] = [200] * 6
    label = START + timedelta(minutes=5 * at)
    window = (label - timedelta(hours=2), label + timedelta(hours=2))
    return Company("X", START, tuple(counts), (window,), (label,))


def test_an_alert_is_timed_by_the_bucket_that_closes() -> None:
    found = score(company_with_burst(3 * DAY_BUCKETS), SHIPPED)
    assert (found.found, found.windows, found.false_alarms) == (1, 1, 0)
    assert found.delays_min == (5.0,)


def test_an_alert_outside_every_window_is_false() -> None:
    company = company_with_burst(3 * DAY_BUCKETS)
    moved = tuple((first - timedelta(days=1), last - timedelta(days=1)) for first, last in company.windows)
    found = score(Company("X", START, company.counts, moved, company.labels), SHIPPED)
    assert (found.found, found.false_alarms, found.delays_min) == (0, 1, ())


def test_a_choice_never_looks_at_the_company_that_it_is_scored_on() -> None:
    bold, shy = SHIPPED, Thresholds(0.99, 2.0, 10, SHIPPED.hold)
    good, bad = Score(2, 2, 0, 4.0, (0.0,)), Score(0, 2, 0, 4.0, ())
    scored = {bold: {"A": good, "B": good, "C": bad}, shy: {"A": bad, "B": bad, "C": good}}
    assert choose(scored, ["A", "B"]) is bold
    assert choose(scored, ["C"]) is shy


def test_a_noisy_choice_loses_to_a_quiet_one() -> None:
    noisy, quiet = SHIPPED, Thresholds(0.99, 2.0, 10, SHIPPED.hold)
    scored = {noisy: {"A": Score(2, 2, 9, 4.0, ())}, quiet: {"A": Score(1, 2, 1, 4.0, ())}}
    assert choose(scored, ["A"]) is quiet


@pytest.mark.data
def test_what_ships_keeps_the_promise(test_data: Path) -> None:
    whole = together(score(company, SHIPPED) for company in read_companies(test_data / "nab_tweets"))
    assert whole.windows == 16
    assert whole.found >= 13
    assert whole.false_alarms_per_week <= 1.0
