"""Writes every basket as an order: one CSV row per line, oldest first, the lines of an order together.

All of it is real but the shop's name, the time shift and the channel of a few (web_orders.py). ``line_total`` is
exactly what the shop took for the line, after shelf discount and before a maker's coupon (which the maker pays back; as
in the data it may exceed the price). ``unit_price`` is the shelf price before discount, rounded to cents, so price
times quantity minus discount may miss the total by a cent or two per unit. A line of an item outside the catalogue
keeps its id, so that totals stay true.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import numpy as np
import polars as pl

from infra.demo.clock import shifted
from infra.demo.products import CURRENCY, Progress
from infra.demo.source import ShopYear

ORDER_COLUMNS: Final = (
    "order_number",
    "line",
    "occurred_time",
    "shop",
    "channel",
    "card",
    "product_id",
    "quantity",
    "unit_price",
    "currency",
    "line_total",
    "discount",
    "coupon_discount",
    "store",
)
STORE, WEB = "store", "web"
ROWS_PER_CHUNK: Final = 50_000


def order_lines(year: ShopYear, households: tuple[int, ...]) -> pl.DataFrame:
    """Return the cleaned lines of these households."""
    if len(households) == len(year.households):
        return year.lines
    return year.lines.filter(pl.col("household").is_in(pl.Series(households, dtype=pl.Int32).implode()))


def order_csv(
    lines: pl.DataFrame, *, shop: str, weeks: int, web: pl.Series | None = None, progress: Progress | None = None
) -> Iterator[bytes]:
    """Yield the orders' CSV: the header, then chunks of at most ROWS_PER_CHUNK rows. ``web``: baskets of that shop."""
    yield (",".join(ORDER_COLUMNS) + "\n").encode()
    numbered = lines.with_columns(line=_line_numbers(lines["basket"].to_numpy()))
    for start in range(0, lines.height, ROWS_PER_CHUNK):
        chunk = numbered.slice(start, ROWS_PER_CHUNK)
        buffer = BytesIO()
        chunk.select(_columns(shop, weeks, web)).write_csv(buffer, include_header=False)
        yield buffer.getvalue()
        if progress is not None:
            progress(min(start + ROWS_PER_CHUNK, lines.height), lines.height)


def _line_numbers(baskets: np.ndarray) -> np.ndarray:
    """Return 1, 2, 3, … within each run of equal baskets."""
    place = np.arange(len(baskets))
    starts = np.flatnonzero(np.r_[True, baskets[1:] != baskets[:-1]]) if len(baskets) else place
    return np.asarray(place - np.repeat(starts, np.diff(np.r_[starts, len(baskets)])) + 1, dtype=np.int32)


def _columns(shop: str, weeks: int, web: pl.Series | None) -> list[pl.Expr]:
    shelf = pl.col("sales_cents") + pl.col("shelf_discount_cents")
    in_web = pl.lit(False) if web is None else pl.col("basket").is_in(web.implode())
    return [
        pl.col("basket").cast(pl.String).alias("order_number"),
        pl.col("line"),
        shifted(pl.col("time"), weeks).dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("occurred_time"),
        pl.lit(shop).alias("shop"),
        pl.when(in_web).then(pl.lit(WEB)).otherwise(pl.lit(STORE)).alias("channel"),
        card_of(pl.col("household")).alias("card"),
        pl.format("p{}", pl.col("item")).alias("product_id"),
        pl.col("quantity"),
        _decimal((shelf / pl.col("quantity")).round().cast(pl.Int32)).alias("unit_price"),
        pl.lit(CURRENCY).alias("currency"),
        _decimal(pl.col("sales_cents")).alias("line_total"),
        _decimal(pl.col("shelf_discount_cents")).alias("discount"),
        _decimal(pl.col("coupon_cents")).alias("coupon_discount"),
        pl.col("store"),
    ]


def card_of(household: pl.Expr) -> pl.Expr:
    """Return the loyalty card number of a household: CJ000900."""
    return pl.format("CJ{}", household.cast(pl.String).str.zfill(6))


def _decimal(cents: pl.Expr) -> pl.Expr:
    return pl.format("{}.{}", cents // 100, (cents % 100).cast(pl.String).str.zfill(2))
