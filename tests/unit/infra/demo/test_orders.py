"""Orders: every basket, every line, the totals true."""

import csv
from decimal import Decimal
from io import StringIO
from typing import Any

import numpy as np
import polars as pl
import pytest

from infra.demo.customers import build_customers
from infra.demo.orders import ORDER_COLUMNS, ROWS_PER_CHUNK, card_of, order_csv, order_lines
from infra.demo.products import CatalogItem, product_id
from infra.demo.source import ShopYear


def _rows(year: ShopYear, *, weeks: int = 0, households: tuple[int, ...] | None = None) -> list[dict[str, Any]]:
    lines = order_lines(year, households or year.households)
    text = b"".join(order_csv(lines, shop="demo", weeks=weeks)).decode()
    return list(csv.DictReader(StringIO(text)))


def test_a_row_has_the_columns_that_the_importer_reads(tiny_year: ShopYear) -> None:
    first = _rows(tiny_year)[0]
    assert tuple(first) == ORDER_COLUMNS
    assert first == {
        "order_number": "1001",
        "line": "1",
        "occurred_time": "2017-03-10T17:30:00Z",
        "shop": "demo",
        "channel": "store",
        "card": "CJ000001",
        "product_id": "p10",
        "quantity": "2",
        "unit_price": "1.29",
        "currency": "USD",
        "line_total": "2.00",
        "discount": "0.58",
        "coupon_discount": "0.00",
        "store": "300",
    }


def test_lines_are_numbered_within_their_order_and_stand_together(tiny_year: ShopYear) -> None:
    rows = _rows(tiny_year)
    assert [(row["order_number"], row["line"]) for row in rows] == [
        *(("1001", str(line)) for line in (1, 2, 3)),
        *(("1002", str(line)) for line in (1, 2)),
        *(("1003", str(line)) for line in range(1, 7)),
        ("1004", "1"),
    ]


def test_totals_are_those_of_the_data_also_for_goods_outside_the_catalogue(
    tiny_year: ShopYear, tiny_items: list[CatalogItem]
) -> None:
    rows = _rows(tiny_year)
    assert sum(Decimal(row["line_total"]) for row in rows) == Decimal(int(tiny_year.lines["sales_cents"].sum())) / 100
    outside = {row["product_id"] for row in rows} - {item.id for item in tiny_items}
    assert outside == {product_id(63)}


def test_price_times_quantity_less_discount_is_the_total_but_for_rounding(tiny_year: ShopYear) -> None:
    for row in _rows(tiny_year):
        quantity = int(row["quantity"])
        told = Decimal(row["unit_price"]) * quantity - Decimal(row["discount"])
        assert abs(told - Decimal(row["line_total"])) <= Decimal("0.005") * quantity


def test_a_coupon_above_the_price_stays_as_it_is(tiny_year: ShopYear) -> None:
    row = next(row for row in _rows(tiny_year) if row["coupon_discount"] != "0.00")
    assert (row["line_total"], row["discount"], row["coupon_discount"]) == ("1.50", "0.50", "2.00")


def test_the_shift_moves_every_time_and_nothing_else(tiny_year: ShopYear) -> None:
    for plain, moved in zip(_rows(tiny_year), _rows(tiny_year, weeks=52), strict=True):
        assert plain.pop("occurred_time") < moved.pop("occurred_time")
        assert plain == moved


def test_a_part_of_the_households_has_its_own_orders_only(tiny_year: ShopYear) -> None:
    part = _rows(tiny_year, households=(2,))
    assert part == [row for row in _rows(tiny_year) if row["card"] == "CJ000002"]


def test_orders_name_the_cards_of_the_customers(tiny_year: ShopYear) -> None:
    cards = pl.DataFrame({"household": tiny_year.households}).select(card_of(pl.col("household"))).to_series().to_list()
    assert cards == [customer.card for customer in build_customers(tiny_year, rng=np.random.default_rng(1))]


def test_no_orders_are_a_header_alone(tiny_year: ShopYear) -> None:
    assert list(order_csv(tiny_year.lines.clear(), shop="demo", weeks=0)) == [(",".join(ORDER_COLUMNS) + "\n").encode()]


def test_chunks_are_bounded_and_progress_ends_with_all_done(tiny_year: ShopYear) -> None:
    many = pl.concat([tiny_year.lines] * (ROWS_PER_CHUNK // tiny_year.lines.height + 1))
    told: list[tuple[int, int]] = []
    chunks = list(order_csv(many, shop="demo", weeks=0, progress=lambda done, total: told.append((done, total))))
    assert [chunk.count(b"\n") for chunk in chunks] == [1, ROWS_PER_CHUNK, many.height - ROWS_PER_CHUNK]
    assert told == [(ROWS_PER_CHUNK, many.height), (many.height, many.height)]


@pytest.mark.data
def test_every_basket_of_the_real_year_is_one_order(real_year: ShopYear) -> None:
    numbers, rows, cents = [], 0, 0
    for chunk in order_csv(real_year.lines, shop="demo", weeks=0):
        frame = pl.read_csv(chunk, has_header=False, new_columns=list(ORDER_COLUMNS), schema_overrides=[pl.String] * 14)
        if frame["order_number"].first() == "order_number":
            continue
        numbers.append(frame["order_number"].rle().struct.field("value"))
        rows += frame.height
        cents += int(frame["line_total"].str.replace(".", "", literal=True).cast(pl.Int64).sum())
    joined = pl.concat(numbers).rle().struct.field("value")
    assert rows == 1_439_435
    assert joined.len() == joined.n_unique() == 140_849  # each order's lines stand together
    assert cents == real_year.lines["sales_cents"].sum()
