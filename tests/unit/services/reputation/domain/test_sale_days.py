"""Known sale days come back by rule; the operator's own days are read strictly."""

from datetime import date

import pytest

from services.reputation.domain import sale_days as limits
from services.reputation.domain.sale_days import sale_calendar


@pytest.mark.parametrize(
    ("day", "sale"),
    [
        (date(2026, 6, 18), "mid-year-618"),
        (date(2027, 6, 16), "mid-year-618"),
        (date(2026, 11, 10), "double-11"),
        (date(2026, 12, 12), "double-12"),
        (date(2026, 3, 8), "women-38"),
        (date(2026, 11, 27), "black-friday"),
        (date(2026, 11, 30), "black-friday"),
        (date(2027, 11, 26), "black-friday"),
    ],
)
def test_a_sale_comes_back_every_year(day: date, sale: str) -> None:
    found = sale_calendar().sale_on(day)
    assert found is not None
    assert found.id == sale
    assert found.zh
    assert found.en


@pytest.mark.parametrize(
    "day", [date(2026, 6, 15), date(2026, 11, 13), date(2026, 11, 26), date(2026, 12, 1), date(2027, 11, 25)]
)
def test_any_other_day_is_none(day: date) -> None:
    assert sale_calendar().sale_on(day) is None


def test_the_shops_own_days_are_added() -> None:
    calendar = sale_calendar("2026-08-18..2026-08-20=818 发烧节, 2026-09-09 ,2026-11-11=shop birthday")
    assert [calendar.sale_on(date(2026, 8, day)) is not None for day in (17, 18, 20, 21)] == [False, True, True, False]
    assert (found := calendar.sale_on(date(2026, 8, 19))) is not None
    assert (found.zh, found.en) == ("818 发烧节", "818 发烧节")
    assert (unnamed := calendar.sale_on(date(2026, 9, 9))) is not None
    assert unnamed.en == "own sale day"
    assert (both := calendar.sale_on(date(2026, 11, 11))) is not None
    assert both.en == "shop birthday"


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-02-30", "2026-08-20..2026-08-18", "2026-08-18=" + "x" * 65, "2026-8-1"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"2026|tomorrow"):
        sale_calendar(text)


def test_own_days_are_bounded() -> None:
    days = [f"2026-01-01=n{place}" for place in range(limits.OWN_DAYS_LIMIT)]
    assert sale_calendar(",".join(days)).rules
    with pytest.raises(ValueError, match="more than"):
        sale_calendar(",".join([*days, "2026-01-02"]))
    with pytest.raises(ValueError, match="characters"):
        sale_calendar(" " * (limits.OWN_DAYS_TEXT_LIMIT + 1))
