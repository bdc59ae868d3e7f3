"""Rows into orders: every row ends in an order or in a refusal."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.canonical import canonical_json
from services.kits.event_forms import MoneyForm, ProductForm
from services.kits.purchases import MAX_ORDER_LINES
from services.kits.times import time_of
from services.orders.domain.import_plan import OrderOptions
from services.orders.domain.order import OrderRef
from services.orders.domain.order_rows import (
    MAX_ORDER_BYTES,
    OrderRows,
    OrderRun,
    RefusedRow,
    RowRefusedError,
    WholeOrder,
    run_from_json,
    whole_order,
)
from services.orders.domain.reports import EventForm, IntakeRules, OrderForm, check_event

NOW = datetime(2026, 1, 5, tzinfo=UTC)
COLUMNS = ("order_number", "occurred_time", "product_id", "quantity", "unit_price", "card", "line_total", "discount",
           "coupon_discount", "currency", "line", "store", "channel")  # fmt: skip
PLACES = {name: place for place, name in enumerate(COLUMNS)}
OPTIONS = OrderOptions(
    ZoneInfo("Europe/London"), "GBP", cancelled_prefix="C", charges=frozenset({"POST", "M"}), charge_prefixes=("GIFT_",)
)


def row(
    number: str = "1", product: str = "85123A", quantity: str = "6", price: str = "2.55", **fields: str
) -> list[str]:
    given = {
        "order_number": number,
        "occurred_time": "2010-12-01T08:26:00",
        "product_id": product,
        "quantity": quantity,
        "unit_price": price,
        "card": "17850",
        **fields,
    }
    return [given.get(name, "") for name in COLUMNS]


def read(rows: Iterable[list[str]], options: OrderOptions = OPTIONS) -> tuple[list[WholeOrder], list[RefusedRow]]:
    reader = OrderRows(PLACES, options, shop="main", channel="import", now=NOW)
    runs: list[OrderRun | None] = []
    refused: list[RefusedRow] = []
    for number, each in enumerate(rows, 1):
        try:
            runs.append(reader.take(each, number))
        except RowRefusedError as error:
            refused.append(RefusedRow(number, error.reason, error.message, error.field))
            runs.append(error.ended)
    runs.append(reader.close())
    by_order: dict[tuple[str, str, str], list[OrderRun]] = {}
    for run in runs:
        if run is not None and run.rows:
            again = run_from_json(run.as_json())
            by_order.setdefault((run.head.shop, run.head.kind, run.head.number), []).append(again)
    orders = []
    for each_runs in by_order.values():
        order, more = whole_order(each_runs)
        refused.extend(more)
        orders.extend([order] if order else [])
    return orders, refused


def only(rows: Iterable[list[str]], options: OrderOptions = OPTIONS) -> WholeOrder:
    orders, refused = read(rows, options)
    assert refused == []
    (order,) = orders
    return order


def reason(*rows: list[str], options: OrderOptions = OPTIONS) -> list[tuple[int, str, str]]:
    return [(each.row, each.reason, each.field) for each in read(rows, options)[1]]


def test_rows_that_follow_one_another_are_one_order() -> None:
    order = only([row(), row(product="71053", quantity="2", price="3.39")])
    payload = order.payload
    assert payload["products"] == [
        {"id": "85123A", "quantity": 6, "price": {"amount": "2.55", "currency": "GBP"}},
        {"id": "71053", "quantity": 2, "price": {"amount": "3.39", "currency": "GBP"}},
    ]
    assert payload["order"] == {
        "id": OrderRef("main", "1").id, "shop": "main", "kind": "sale", "source": "shop", "number": "1",
        "total": {"amount": "22.08", "currency": "GBP"},
    }  # fmt: skip
    assert payload["identifiers"] == ["card:17850"]
    assert (order.kinds, order.rows) == ({"order-line": 2}, (1, 2))


def test_rows_of_an_order_that_lie_apart_are_still_one_order() -> None:
    orders, refused = read([row("1"), row("2"), row("1", product="71053"), row("2", product="71053")])
    assert refused == []
    assert sorted((order.payload["order"]["number"], order.rows) for order in orders) == [
        ("1", (1, 3)),
        ("2", (2, 4)),
    ]


def test_the_imported_placing_is_one_that_intake_would_have_made() -> None:
    order = only([row(line="1", discount="0.10", channel="store")])
    said = order.payload
    products = [
        ProductForm(each["id"], each["quantity"], MoneyForm(**each["price"]), MoneyForm(**each["discount"]), None, 1)
        for each in said["products"]
    ]
    form = EventForm(
        type="order-placed",
        time=time_of(order.time_us),
        zone=said["occurred_zone"],
        id=said["source_event_id"],
        source=said["source"],
        order=OrderForm("1", "main", "sale", MoneyForm(**said["order"]["total"])),
        identifiers=said["identifiers"],
        products=products,
        channel="store",
        handed_over=True,
    )
    checked = check_event(form, IntakeRules(time_of(order.time_us), "x", "y"))
    assert checked.payload == said


def test_what_left_the_store_with_the_customer_is_handed_over_and_nothing_else_is() -> None:
    handed_over = [only([row(channel=channel)]).payload.get("handed_over") for channel in ("store", "web", "")]
    assert handed_over == [True, None, None]
    assert only([row(store="7")]).payload["attributes"] == {"store": "7"}


def time_and_zone(text: str, options: OrderOptions = OPTIONS) -> tuple[str, str]:
    order = only([row(occurred_time=text)], options)
    return time_of(order.time_us).isoformat(), order.payload["occurred_zone"]


def test_a_naive_time_is_the_shops_and_summer_time_counts() -> None:
    assert time_and_zone("2010-12-01T08:26:00") == ("2010-12-01T08:26:00+00:00", "Europe/London")
    assert time_and_zone("2011-07-01T08:26:00") == ("2011-07-01T07:26:00+00:00", "Europe/London")
    assert time_and_zone("2011-07-01T08:26:00+08:00") == ("2011-07-01T00:26:00+00:00", "+08:00")
    assert time_and_zone("2011-07-01T08:26:00Z") == ("2011-07-01T08:26:00+00:00", "+00:00")
    day_first = OrderOptions(ZoneInfo("UTC"), "GBP", time_format="%d/%m/%Y %H:%M")
    assert time_and_zone("01/12/2010 08:26", day_first) == ("2010-12-01T08:26:00+00:00", "UTC")


def test_a_cancelled_order_is_a_return_with_positive_quantities() -> None:
    order = only([row("C1", quantity="-6")])
    assert order.payload["order"]["kind"] == "return"
    assert order.payload["products"][0]["quantity"] == 6
    assert order.kinds == {"return": 1}


def test_postage_is_a_charge_and_a_row_without_customer_an_anonymous_order() -> None:
    orders, _ = read(
        [
            row("1", card=""),
            row("1", product="POST", card=""),
            row("2", product="gift_0001"),
            row("C3", product="M", quantity="-1"),
        ]
    )
    assert [dict(order.kinds) for order in orders] == [
        {"anonymous-order": 1, "charge": 1},
        {"charge": 1},
        {"charge": 1},
    ]
    assert orders[0].payload["identifiers"] == []
    assert orders[0].payload["products"][1]["kind"] == "charge"


def test_whole_numbers_with_a_point_nought_are_whole_numbers() -> None:
    order = only([row(card="17850.0", quantity="6.0")])
    assert order.payload["identifiers"] == ["card:17850"]
    assert order.payload["products"][0]["quantity"] == 6


def test_the_lines_own_total_counts_where_the_file_has_one() -> None:
    order = only([row(price="0.67", quantity="3", line_total="2.00", discount="0.01", coupon_discount="0.50")])
    assert order.payload["order"]["total"]["amount"] == "2.00"
    assert (
        only([row(price="2", quantity="3", discount="1", coupon_discount="0.5")]).payload["order"]["total"]["amount"]
        == "4.50"
    )


def test_fractions_of_a_penny_are_rounded_once_per_line() -> None:
    assert only([row(price="0.001", quantity="5000")]).payload["order"]["total"]["amount"] == "5.00"


def test_the_earliest_of_an_orders_times_is_its_time() -> None:
    order = only([row(occurred_time="2010-12-01T08:28:00"), row(occurred_time="2010-12-01T08:26:00", product="2")])
    assert time_of(order.time_us).isoformat().startswith("2010-12-01T08:26")


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (row(""), ("ORDER_NUMBER_INVALID", "order_number")),
        (row("n" * 65), ("ORDER_NUMBER_INVALID", "order_number")),
        (row("1\x00"), ("ORDER_NUMBER_INVALID", "order_number")),
        (row(product=""), ("PRODUCT_ID_INVALID", "product_id")),
        (row(product="p" * 129), ("PRODUCT_ID_INVALID", "product_id")),
        (row(quantity="0"), ("QUANTITY_NOT_POSITIVE", "quantity")),
        (row(quantity="-6"), ("QUANTITY_NOT_POSITIVE", "quantity")),
        (row(quantity="many"), ("QUANTITY_INVALID", "quantity")),
        (row(quantity="1000001"), ("QUANTITY_INVALID", "quantity")),
        (row(quantity="1" * 30), ("QUANTITY_INVALID", "quantity")),
        (row(quantity="６"), ("QUANTITY_INVALID", "quantity")),
        (row(quantity="1_000"), ("QUANTITY_INVALID", "quantity")),
        (row(quantity="1,000"), ("QUANTITY_INVALID", "quantity")),
        (row(quantity="6.5"), ("QUANTITY_INVALID", "quantity")),
        (row(price="-11062.06"), ("MONEY_NEGATIVE", "unit_price")),
        (row(price="NaN"), ("MONEY_INVALID", "unit_price")),
        (row(price="1e30"), ("MONEY_INVALID", "unit_price")),
        (row(price="１９.９"), ("MONEY_INVALID", "unit_price")),
        (row(price="1_9"), ("MONEY_INVALID", "unit_price")),
        (row(price="¥19.90"), ("MONEY_INVALID", "unit_price")),
        (row(price="."), ("MONEY_INVALID", "unit_price")),
        (row(price="1" * 13), ("MONEY_INVALID", "unit_price")),
        (row(price="2,55"), ("MONEY_INVALID", "unit_price")),
        (row(price=""), ("PRICE_MISSING", "unit_price")),
        (row(occurred_time="yesterday"), ("TIME_INVALID", "occurred_time")),
        (row(occurred_time="0001-01-01T00:00:00+08:00"), ("TIME_INVALID", "occurred_time")),
        (row(occurred_time="２０２５-12-01"), ("TIME_INVALID", "occurred_time")),
        (row(occurred_time="2030-01-01T00:00:00"), ("FUTURE_EVENT", "occurred_time")),
        (row(occurred_time="1900-01-01T00:00:00"), ("EVENT_TOO_OLD", "occurred_time")),
        (row(card="1"), ("IDENTIFIER_INVALID", "card")),
        (row(currency="pounds"), ("CURRENCY_INVALID", "currency")),
        (row(channel="The Shop"), ("CHANNEL_INVALID", "channel")),
        (row(store="s" * 65), ("STORE_INVALID", "store")),
        (row(line="first"), ("LINE_INVALID", "line")),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_by_number_reason_and_field_and_the_order_goes_on(
    bad: list[str], expected: tuple[str, str]
) -> None:
    orders, refused = read([row(), bad, row(product="71053")])
    assert [(each.row, each.reason, each.field) for each in refused] == [(2, *expected)]
    assert [order.rows for order in orders] == [(1, 3)]


def test_a_row_that_contradicts_its_order_is_refused() -> None:
    assert reason(row(), row(card="99999", product="2")) == [(2, "ORDER_CONTRADICTS", "card")]
    assert reason(row(), row(currency="USD", product="2")) == [(2, "ORDER_CONTRADICTS", "currency")]


def test_a_row_that_names_the_customer_later_names_the_whole_order() -> None:
    assert only([row(card=""), row(product="2")]).payload["identifiers"] == ["card:17850"]


def test_nobody_is_refused_where_the_shop_says_so() -> None:
    strict = OrderOptions(ZoneInfo("UTC"), "GBP", anonymous=False)
    assert reason(row(card=""), options=strict) == [(1, "IDENTIFIER_MISSING", "card")]


def test_an_order_takes_so_many_lines_and_no_more() -> None:
    full = [row(product=f"p{number}") for number in range(MAX_ORDER_LINES)]
    assert len(only(full).rows) == MAX_ORDER_LINES
    assert reason(*full, row("2"), row("1")) == [(MAX_ORDER_LINES + 2, "TOO_MANY_LINES", "line")]


def test_an_order_whose_event_the_log_would_not_keep_is_refused_row_by_row() -> None:
    large = [row(product=f"{number:04}{'茶' * 124}", discount="0.50") for number in range(MAX_ORDER_LINES)]
    orders, refused = read([*large, row("2")])
    assert [order.payload["order"]["number"] for order in orders] == ["2"]
    assert [each.row for each in refused] == list(range(1, MAX_ORDER_LINES + 1))
    assert {each.reason for each in refused} == {"ORDER_TOO_LARGE"}
    assert len(canonical_json(only(large[: MAX_ORDER_LINES // 2]).payload)) <= MAX_ORDER_BYTES


def test_the_same_order_again_has_the_same_name_and_another_content_another() -> None:
    names = [only([each]).payload["source_event_id"] for each in (row(), row(), row(quantity="7"))]
    assert names[0] == names[1] != names[2]


def test_a_load_tests_order_is_another_order_than_the_shops() -> None:
    reader = OrderRows(PLACES, OPTIONS, shop="main", channel="import", now=NOW)
    reader.take(row(), 1)
    run = reader.close()
    assert run is not None
    orders = [whole_order([run], synthetic=synthetic)[0] for synthetic in (False, True)]
    assert [order.payload["order"]["id"] for order in orders if order] == [
        OrderRef("main", "1", synthetic=synthetic).id for synthetic in (False, True)
    ]


cells = st.one_of(
    st.text(max_size=12), st.sampled_from(["1", "C1", "6", "2.55", "2010-12-01", "17850", "POST", "-1", ""])
)


@given(st.lists(st.lists(cells, min_size=len(COLUMNS), max_size=len(COLUMNS)), max_size=12))
def test_every_row_is_accounted_for_once(rows: list[list[str]]) -> None:
    orders, refused = read(rows)
    accounted = sorted([each.row for each in refused] + [number for order in orders for number in order.rows])
    assert accounted == list(range(1, len(rows) + 1))
    assert all(sum(order.kinds.values()) == len(order.rows) for order in orders)
