"""Charts are drawn where their numbers say, within the plot, whatever the numbers are."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.charts import bar_plot, calendar_plot, line_plot, scale, short_name, spark_plot, stacked_plot

NUMBERS = st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False))
COORDINATE = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def _coordinates(path: str) -> list[float]:
    return [float(each) for each in COORDINATE.findall(path)]


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_scale_holds_both_ends_in_even_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    axis = scale(low, high)
    span = max(abs(low), abs(high), 1e-9)
    assert axis[0] <= low + span * 1e-6
    assert axis[-1] >= high - span * 1e-6
    assert 2 <= len(axis) <= 14
    assert axis == sorted(axis)


def test_a_scale_takes_round_steps() -> None:
    assert scale(0, 97) == [0, 20, 40, 60, 80, 100]
    assert scale(0, 0) == [0, 1]
    assert scale(-4e-9, -4e-9) == [-1, 0]
    assert scale(-3, 3) == [-4, -2, 0, 2, 4]


@given(st.lists(st.lists(NUMBERS, min_size=1, max_size=40), min_size=1, max_size=4))
def test_lines_areas_and_sparks_stay_within_the_plot(series: list[list[float | None]]) -> None:
    for plot in (line_plot(series), line_plot(series, from_zero=False), stacked_plot(series), spark_plot(series[0])):
        for path in (*plot.paths, *plot.areas):
            assert all(-0.01 <= each <= 100.01 for each in _coordinates(path.d))


@given(st.lists(NUMBERS, min_size=1, max_size=40))
def test_bars_stay_within_the_plot_and_stand_on_the_axis(values: list[float | None]) -> None:
    plot = bar_plot([values])
    zero = next((tick.at for tick in plot.ticks if tick.value == 0), None)
    for bar in plot.bars:
        assert -0.01 <= bar.y <= 100.01
        assert bar.y + bar.height <= 100.02
        assert zero is None or abs(min(abs(bar.y - zero), abs(bar.y + bar.height - zero))) < 0.05


def test_a_gap_breaks_a_line_and_a_band_is_closed() -> None:
    plot = line_plot([[1, None, 3, 4]], band=([None, None, 2, 3], [None, None, 4, 5]), today=2)
    assert plot.paths[0].d.count("M") == 2
    assert plot.band.startswith("M") and plot.band.endswith("Z")
    assert plot.today_at == 66.67


def test_nothing_at_all_is_still_a_chart() -> None:
    assert line_plot([[]]).paths[0].d == ""
    assert bar_plot([[]]).bars == []
    assert stacked_plot([]).areas == []
    assert spark_plot([]).paths[0].d == ""
    assert calendar_plot(date(2026, 1, 1), []).days == []


def test_labels_are_few_however_many_the_items() -> None:
    assert len(line_plot([list(range(365))]).labels) <= 9
    assert [label.index for label in bar_plot([[1, 2, 3]]).labels] == [0, 1, 2]


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.lists(NUMBERS, max_size=400))
def test_a_calendar_has_each_day_once_in_its_weeks_column(first: date, values: list[float | None]) -> None:
    plot = calendar_plot(first, values)
    assert [day.date for day in plot.days] == [first + timedelta(days=each) for each in range(len(values))]
    assert len({(day.column, day.row) for day in plot.days}) == len(values)
    for day in plot.days:
        assert day.row == day.date.weekday()
        assert (day.level == 0) == (not day.value)
        assert 0 <= day.level <= 4


def test_bars_of_nothing_but_zeros_have_an_axis_of_two_marks() -> None:
    assert len(bar_plot([[0.0, 0.0, 0.0]]).ticks) == 2


def test_what_is_counted_has_no_step_of_a_fraction() -> None:
    assert scale(0, 1, whole=True) == [0, 1]
    assert scale(0, 3, whole=True) == [0, 1, 2, 3]
    assert [tick.value for tick in bar_plot([[0, 1, 0]]).ticks] == [0, 1]
    assert [tick.value for tick in line_plot([[0.0, 0.5]]).ticks][1] < 1


@pytest.mark.parametrize(
    ("name", "names", "shown"),
    [
        ("knowledge", 8, "knowledge"),
        ("recommendation/interactions", 8, "recommendation…"),
        ("即食大块料浓汤奶酪", 8, "即食大块料浓…"),
        ("11月29日 14:00", 8, "11月29日 14:00"),
        ("recommendation/interactions", 3, "recommendation/interactions"),
        ("even among very many", 400, "even am…"),
    ],
)
def test_a_name_is_shown_as_far_as_there_is_room(name: str, names: int, shown: str) -> None:
    assert short_name(name, names) == shown
