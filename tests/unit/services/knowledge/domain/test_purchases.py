"""Orders counted once, and the habits they show (docs/consistency.md rule 17)."""

from itertools import pairwise, permutations
from typing import Any
from zoneinfo import ZoneInfo

from services.kits.purchases import Authority
from services.kits.times import DAY_US
from services.knowledge.domain.purchases import (
    HABITS_SHOWN,
    Line,
    Order,
    order_from_payload,
    summarise_purchases,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY_US = 1_767_571_200_000_000  # 2026-01-05 00:00 UTC, 08:00 in Shanghai


def order(number: str = "1", **fields: Any) -> Order:
    given: dict[str, Any] = {
        "shop": "main",
        "kind": "sale",
        "number": number,
        "subject": "card:1",
        "time_us": MONDAY_US,
        "channel": "web",
        "currency": "CNY",
        "total_minor": 1_000,
        "lines": (Line("p-1", 1, 1_000),),
        "authority": Authority.SHOP,
        "recorded_us": 1,
        "event_key": number,
    }
    return Order(**{**given, **fields})


def test_the_fact_holds_against_the_shops_report_and_this_against_the_browser_whichever_came_later() -> None:
    reports = [order(authority=authority, recorded_us=9 - authority) for authority in Authority]
    for weaker, stronger in pairwise(reports):
        assert stronger.outranks(weaker)
        assert not weaker.outranks(stronger)


def test_a_later_correction_from_the_books_holds() -> None:
    assert order(recorded_us=2).outranks(order(recorded_us=1))


def test_the_report_that_holds_is_the_same_in_any_order() -> None:
    facts = [order(authority=Authority.FACT, event_key=key, recorded_us=2) for key in "ab"]
    reports = [order(authority=Authority.BROWSER, recorded_us=9), order(recorded_us=4), *facts]
    winners = set()
    for arrival in permutations(reports):
        standing = arrival[0]
        for report in arrival[1:]:
            standing = report if report.outranks(standing) else standing
        winners.add(standing.event_key)
    assert winners == {"b"}


def read_order(payload: dict[str, Any], **fields: Any) -> Order:
    given = {"authority": Authority.SHOP, "subject": "card:1", "time_us": 5, "recorded_us": 6, "event_key": "k"}
    return order_from_payload(payload, **{**given, **fields})


def test_an_order_is_read_out_of_its_event() -> None:
    payload = {
        "shop": "main",
        "channel": "web",
        "order": {"number": "1", "kind": "sale", "source": "shop", "total": {"amount": "7.98", "currency": "USD"}},
        "products": [
            {"id": "p-1", "quantity": 2, "price": {"amount": "3.99", "currency": "USD"}},
            {"id": "POST", "price": {"amount": "5", "currency": "USD"}, "kind": "charge",
             "discount": {"amount": "1", "currency": "USD"}, "coupon_discount": {"amount": "2", "currency": "USD"}},
        ],
    }  # fmt: skip
    read = read_order(payload)
    assert (read.total_minor, read.currency, read.authority) == (798, "USD", Authority.SHOP)
    assert read.lines == (Line("p-1", 2, 399), Line("POST", 1, 500, 100, 200, True))


def test_an_order_without_a_total_is_the_sum_of_its_lines_less_discounts() -> None:
    money = {"amount": "10", "currency": "CNY"}
    payload = {"products": [{"id": "a", "quantity": 3, "price": money, "discount": money, "coupon_discount": money}]}
    assert read_order(payload).total_minor == 1_000


def test_a_purchase_without_a_number_is_an_order_of_its_own_event() -> None:
    read = read_order({"products": [{"id": "a"}]}, event_key="k1")
    assert (read.number, read.currency, read.total_minor) == ("event:k1", "XXX", 0)


def test_habits_quantity_and_frequency() -> None:
    orders = [
        order(
            str(week),
            time_us=MONDAY_US + week * 7 * DAY_US,
            lines=(Line("milk", 2, 500), Line(f"once-{week}", 1, 100), Line("POST", 1, 100, is_charge=True)),
        )
        for week in range(5)
    ]
    summary = summarise_purchases(orders, SHANGHAI)
    assert (summary.orders, summary.spend_minor, summary.average_order_minor) == (5, 5_000, 1_000)
    assert (summary.median_interval_days, summary.median_lines) == (7.0, 3.0)
    assert (summary.usual_hour, summary.usual_weekday) == (8, 1)
    assert summary.orders_per_30_days == 5.0
    milk = summary.habits[0]
    assert (milk.product_id, milk.orders, milk.quantity, milk.median_interval_days) == ("milk", 5, 10, 7.0)
    assert "POST" not in {habit.product_id for habit in summary.habits}


def test_at_most_twenty_habits_are_shown() -> None:
    lines = tuple(Line(f"p{number}", 1) for number in range(HABITS_SHOWN + 1))
    assert len(summarise_purchases([order(lines=lines)], SHANGHAI).habits) == HABITS_SHOWN


def test_returns_lessen_the_spend_and_are_no_orders() -> None:
    back = order("2", kind="return", total_minor=400, lines=(Line("p-1", 3, 100), Line("POST", 1, 1, is_charge=True)))
    summary = summarise_purchases([order(), back], SHANGHAI)
    assert (summary.orders, summary.spend_minor, summary.average_order_minor) == (1, 600, 1_000)
    assert summary.returned_units == 3


def test_spend_is_in_the_currency_of_most_orders() -> None:
    orders = [order("1"), order("2"), order("3", currency="USD", total_minor=99_999)]
    summary = summarise_purchases(orders, SHANGHAI)
    assert (summary.currency, summary.spend_minor, summary.orders) == ("CNY", 2_000, 3)


def test_the_summary_does_not_depend_on_the_order_of_orders() -> None:
    orders = [order(str(n), time_us=MONDAY_US + n * DAY_US, lines=(Line(f"p{n % 2}", 1),)) for n in range(4)]
    assert len({summarise_purchases(each, SHANGHAI) for each in permutations(orders)}) == 1


def test_who_never_bought_has_no_hour_and_no_interval() -> None:
    summary = summarise_purchases([], SHANGHAI)
    assert (summary.orders, summary.usual_hour, summary.usual_weekday) == (0, -1, 0)
    assert summarise_purchases([order()], SHANGHAI).median_interval_days == 0.0
