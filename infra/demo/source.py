"""Reads Complete Journey: the cleaned order lines, the items that its product rows stand for, and demographics.

Nothing is dropped silently: every line that is left out is counted by its reason (``ShopYear.dropped``).
Money is in cents, times are aware UTC. About 0.5 CPU-seconds and 250 MB for the whole year.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

ITEM_KEYS: Final = ("department", "product_category", "product_type", "package_size", "brand")
# Departments that sell no goods to take home: fuel, coupons, gift cards, postage, charity, the shop's own supplies.
NOT_MERCHANDISE: Final = (
    "FUEL",
    "COUPON",
    "MISCELLANEOUS",
    "CNTRL/STORE SUP",
    "POSTAL CENTER",
    "PROD-WHS SALES",
    "CHARITABLE CONT",
)
FUEL_WORD: Final = "GASOLINE"  # fuel also sits in MISCELLANEOUS, up to 89,638 units a line, so the type decides
# The year 2017 as the data stamps it, in UTC. What is stamped later is the first hours of a day that the data cuts off.
YEAR_END: Final = datetime(2018, 1, 1, tzinfo=UTC)
_CENTS: Final = ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
# Why a line is left out, in the order of asking; a line counts for the first that fits.
DROP_REASONS: Final = (
    "product unknown",
    "fuel",
    "not merchandise",
    "zero quantity",
    "zero value",
    "after the year's end",
)


@dataclass(frozen=True, slots=True)
class ShopYear:
    """The data after cleaning.

    lines: household, store, basket, item, quantity, sales_cents, shelf_discount_cents, coupon_cents, time; by time.
    items: item (id: the smallest product id among its rows), the five ITEM_KEYS, merchandise, maker_number (of most
      lines), maker_share, households (that bought it, over all lines as they came), lines.
    demographics: household, age, income, marital_status, household_size, kids_count; 801 of the households.
    households: every household of the data, ascending, also the two that bought nothing but fuel.
    dropped: number of lines left out, by reason; with ``lines`` they account for every line of the data.
    """

    lines: pl.DataFrame
    items: pl.DataFrame
    demographics: pl.DataFrame
    households: tuple[int, ...]
    dropped: dict[str, int]


def read_shop_year(folder: Path) -> ShopYear:
    """Read and clean the year from the package's parquet files in ``folder``."""
    products = _number_items(pl.read_parquet(folder / "products.parquet"))
    lines = _read_transactions(folder / "transactions.parquet").join(
        products.select("product_id", "item", "drop"), on="product_id", how="left"
    )
    households = tuple(lines["household"].unique().sort().to_list())
    items = _describe_items(products, lines)
    # One name for one big frame at a time: each step lets go of the frame before it (about 70 MB each).
    lines = lines.drop("product_id").with_columns(drop=_drop_code())
    dropped = {DROP_REASONS[code]: count for code, count in lines["drop"].drop_nulls().value_counts().iter_rows()}
    lines = lines.filter(pl.col("drop").is_null()).drop("drop")
    lines = lines.sort("time", "basket", "item")
    return ShopYear(
        lines=lines,
        items=items,
        demographics=_read_demographics(folder / "demographics.parquet"),
        households=households,
        dropped={reason: dropped[reason] for reason in DROP_REASONS if reason in dropped},
    )


def choose_households(year: ShopYear, count: int | None, *, seed: int) -> tuple[int, ...]:
    """Return ``count`` households (None: all) in ascending order; a larger choice contains the smaller ones.

    Raises ValueError when ``count`` is not between 1 and the number of households.
    """
    everyone = np.asarray(year.households)
    if count is None:
        return year.households
    if not 1 <= count <= len(everyone):
        raise ValueError(f"households must be between 1 and {len(everyone)}")
    chosen = np.random.default_rng(seed).permutation(everyone)[:count]
    return tuple(int(household) for household in np.sort(chosen))


def _read_transactions(path: Path) -> pl.DataFrame:
    return (
        pl.scan_parquet(path, low_memory=True)
        .select(
            pl.col("household_id").cast(pl.Int32).alias("household"),
            pl.col("store_id").cast(pl.Int32).alias("store"),
            pl.col("basket_id").alias("basket"),
            pl.col("product_id").cast(pl.Int32),
            pl.col("quantity").cast(pl.Int32),
            *((pl.col(name) * 100).round().cast(pl.Int32).alias(name) for name in _CENTS),
            pl.col("transaction_timestamp").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC").alias("time"),
        )
        .select(
            "household",
            "store",
            "basket",
            "product_id",
            "quantity",
            pl.col("sales_value").alias("sales_cents"),
            # The shop matches some coupons out of its own pocket: for the shelf price that is a discount of the shop.
            (pl.col("retail_disc") + pl.col("coupon_match_disc")).alias("shelf_discount_cents"),
            pl.col("coupon_disc").alias("coupon_cents"),
            "time",
        )
        .collect()
    )


def _number_items(products: pl.DataFrame) -> pl.DataFrame:
    """Give product rows that no name can tell apart one item id, and say which are no merchandise."""
    rows = products.with_columns(pl.col("product_id").cast(pl.Int32), pl.col("manufacturer_id").cast(pl.Int32))
    numbered = rows.with_columns(item=pl.col("product_id").min().over(ITEM_KEYS))
    drop = (
        pl.when(pl.col("product_type").fill_null("").str.contains(FUEL_WORD, literal=True))
        .then(_code("fuel"))
        .when(pl.col("department").is_in(NOT_MERCHANDISE))
        .then(_code("not merchandise"))
    )
    return numbered.with_columns(drop=drop)


def _drop_code() -> pl.Expr:
    """Return the number, in DROP_REASONS, of the first reason that a line is left out; null when it stays."""
    return (
        pl.when(pl.col("item").is_null())
        .then(_code("product unknown"))
        .when(pl.col("drop").is_not_null())
        .then(pl.col("drop"))
        .when(pl.col("quantity") <= 0)
        .then(_code("zero quantity"))
        .when(pl.col("sales_cents") <= 0)
        .then(_code("zero value"))
        .when(pl.col("time") >= YEAR_END)
        .then(_code("after the year's end"))
    )


def _code(reason: str) -> pl.Expr:
    return pl.lit(DROP_REASONS.index(reason), dtype=pl.UInt8)


def _describe_items(products: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return one row per item with its main maker (by lines), buyers and lines over the data as it came."""
    makers = known.select("product_id").join(products.select("product_id", "item", "manufacturer_id"), on="product_id")
    by_maker = makers.group_by("item", "manufacturer_id").len()
    main = (
        by_maker.with_columns(maker_share=pl.col("len") / pl.col("len").sum().over("item"))
        .sort("len", "manufacturer_id", descending=[True, False])
        .unique("item", keep="first", maintain_order=True)
        .select("item", pl.col("manufacturer_id").alias("maker_number"), "maker_share")
    )
    bought = known.group_by("item").agg(
        pl.col("household").n_unique().cast(pl.Int32).alias("households"), pl.len().cast(pl.Int32).alias("lines")
    )
    keys = products.filter(pl.col("product_id") == pl.col("item")).select(
        "item", *ITEM_KEYS, merchandise=pl.col("drop").is_null()
    )
    return keys.join(bought, on="item").join(main, on="item").sort("item")


def _read_demographics(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path).select(
        pl.col("household_id").cast(pl.Int32).alias("household"),
        "age",
        "income",
        "marital_status",
        "household_size",
        "kids_count",
    )
