"""ABC, RFM and compared shares, each with why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.times import DAY_US
from services.knowledge.domain.classes import (
    DISCOUNT,
    OWN_LABEL,
    ClassBasis,
    Figures,
    Tally,
    abc_value,
    class_basis,
    classes_of,
    compared_share,
    figures_of,
)
from services.knowledge.domain.purchases import Line
from tests.unit.services.knowledge.domain.test_purchases import order

AS_OF_US = 1_000 * DAY_US


def buyer(spend: int, *, orders: int = 5, last_day: int = 900, discounted: int = 0) -> Figures:
    return Figures("CNY", spend, orders, last_day * DAY_US, 10, {DISCOUNT: discounted})


def abc(figures: Figures, basis: ClassBasis) -> str:
    return abc_value(figures, basis.by_currency["CNY"])


def test_a_makes_the_first_eighty_percent_b_the_next_fifteen_c_the_rest() -> None:
    buyers = [buyer(spend) for spend in (800, 100, 50, 30, 20)]
    basis = class_basis(buyers, AS_OF_US)
    assert [abc(each, basis) for each in buyers] == ["A", "B", "B", "C", "C"]


def test_equal_spend_is_equal_class() -> None:
    buyers = [buyer(100) for _ in range(10)]
    basis = class_basis(buyers, AS_OF_US)
    assert {abc(each, basis) for each in buyers} == {"A"}


def test_who_gave_everything_back_is_c() -> None:
    basis = class_basis([buyer(100), buyer(-50), buyer(0)], AS_OF_US)
    assert [abc(buyer(spend), basis) for spend in (100, -50, 0)] == ["A", "C", "C"]


@given(st.lists(st.integers(-100, 10_000), min_size=1, max_size=40))
def test_more_spend_is_never_a_worse_class_and_a_covers_eighty_percent(spends: list[int]) -> None:
    basis = class_basis([buyer(spend) for spend in spends], AS_OF_US)
    values = [abc(buyer(spend), basis) for spend in sorted(spends, reverse=True)]
    assert values == sorted(values)
    total = sum(spend for spend in spends if spend > 0)
    in_a = sum(spend for spend in spends if spend > 0 and abc(buyer(spend), basis) == "A")
    assert total == 0 or in_a >= 0.8 * total


def test_rfm_gives_quintiles_five_the_best() -> None:
    buyers = [buyer(100 * n, orders=n, last_day=900 + n) for n in range(1, 6)]
    basis = class_basis(buyers, AS_OF_US)
    assert [classes_of(each, basis)[1].value for each in buyers] == ["1-1-1", "2-2-2", "3-3-3", "4-4-4", "5-5-5"]


def test_a_class_says_why_in_both_languages_and_with_its_numbers() -> None:
    basis = class_basis([buyer(80_000), buyer(20_000)], AS_OF_US)
    by_spend, by_habit = classes_of(buyer(80_000), basis)
    assert by_spend.terms == {
        "spend": 80_000,
        "a_from": 80_000,
        "b_from": 20_000,
        "share_of_spend": 0.8,
        "customers": 2,
    }
    assert "CNY 800.00" in by_spend.explanation["zh"]
    assert "CNY 800.00" in by_spend.explanation["en"]
    assert by_habit.terms["recency_days"] == 100.0
    assert "100" in by_habit.explanation["zh"]
    assert by_spend.as_of_us == AS_OF_US


@pytest.mark.parametrize("figures", [Figures(), Figures("USD", 5, 1, 1, 1)])
def test_who_never_bought_or_buys_in_a_currency_of_nobody_has_no_class(figures: Figures) -> None:
    assert classes_of(figures, class_basis([buyer(100)], AS_OF_US)) == ()
    assert classes_of(figures, None) == ()


def test_a_share_is_compared_with_customers_of_enough_orders() -> None:
    buyers = [buyer(100, discounted=n) for n in range(11)] + [buyer(100, orders=4, discounted=10)] * 50
    basis = class_basis(buyers, AS_OF_US)
    assert basis.compared == 11
    middle = compared_share(buyer(100, discounted=5), DISCOUNT, basis)
    assert (middle.share, middle.median, middle.percentile) == (0.5, 0.5, 50.0)
    assert compared_share(buyer(100, discounted=10), DISCOUNT, basis).percentile > 90
    assert compared_share(buyer(100, discounted=0), DISCOUNT, basis).percentile < 10


def test_a_share_without_others_has_no_percentile() -> None:
    assert compared_share(buyer(100, discounted=5), DISCOUNT, None).percentile == -1.0
    assert compared_share(Figures(), DISCOUNT, class_basis([buyer(1)], AS_OF_US)).percentile == -1.0


def test_figures_count_goods_lines_of_sales_by_how_they_were_bought() -> None:
    lines = (Line("own", 1, 100, 10), Line("other", 1, 100, 0, 5), Line("POST", 1, 100, 1, 1, True))
    figures = figures_of([order("1", lines=lines), order("2", kind="return", lines=lines)], frozenset({"own"}))
    assert (figures.orders, figures.lines, figures.spend_minor) == (1, 2, 0)
    assert (figures.share(DISCOUNT), figures.share(OWN_LABEL)) == (0.5, 0.5)


def test_counting_two_identifiers_apart_and_together_is_the_same() -> None:
    orders = [order(str(n), time_us=n, currency="CNY" if n % 3 else "USD") for n in range(7)]
    one, two = Tally(), Tally()
    for place, each in enumerate(orders):
        (one if place % 2 else two).add(each, frozenset())
    one.merge(two)
    assert one.figures() == figures_of(orders, frozenset())
