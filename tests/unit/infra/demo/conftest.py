"""A shop of a few rows with every trap of the real data in it, and the real one where it is installed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from infra.demo.catalog import build_catalog
from infra.demo.extra import data_folder
from infra.demo.products import CatalogItem
from infra.demo.source import ShopYear, read_shop_year

PRODUCTS = (
    # id, maker, department, brand, category, type, size
    (10, 69, "GROCERY", "Private", "SOFT DRINKS", "SFT DRNK 2 LITER BTL CARB INCL", "2 L"),
    (11, 69, "GROCERY", "Private", "SOFT DRINKS", "SFT DRNK 2 LITER BTL CARB INCL", "2 L"),  # the same item
    (20, 103, "GROCERY", "National", "SOFT DRINKS", "SFT DRNK 2 LITER BTL CARB INCL", "2 L"),
    (21, 2224, "GROCERY", "National", "SOFT DRINKS", "SFT DRNK 2 LITER BTL CARB INCL", "2 L"),
    (30, 2, "PRODUCE", "National", "TROPICAL FRUIT", "BANANAS", "40 LB"),
    (40, 69, "PASTRY", "Private", "CAKES", "CAKES: NOVELTIES", None),
    (50, 5, "GROCERY", "National", "SPACE FOOD", "FRZN BRD STICK/PORTON (", "12 OZ"),
    (60, 1, "FUEL", "Private", "FUEL", "GASOLINE-REG UNLEADED", None),
    (61, 1, "MISCELLANEOUS", "Private", "COUPON/MISC ITEMS", "GASOLINE-REG UNLEADED", None),
    (62, 1, "COUPON", "National", "COUPONS/STORE & MFG", "COUPONS/STORE & MFG", "14 OZ"),
    (63, 1, "GROCERY", "National", "COUPON/MISC ITEMS", "MISC SALES TRANS", None),
    (70, 1, "COSMETICS", "National", "MAKEUP AND TREATMENT", "COVERGIRL", None),
)
# household, store, basket, product, quantity, sales, shelf discount, coupon, coupon match, time
LINES = (
    (1, 300, 1001, 10, 2, 2.00, 0.58, 0.0, 0.0, "2017-03-10T17:30:00"),
    (1, 300, 1001, 11, 1, 1.00, 0.29, 0.0, 0.0, "2017-03-10T17:30:00"),
    (1, 300, 1001, 30, 1, 0.59, 0.00, 0.0, 0.0, "2017-03-10T17:30:00"),
    (2, 300, 1002, 10, 1, 1.00, 0.29, 0.0, 0.0, "2017-06-01T02:15:00"),
    (2, 300, 1002, 20, 3, 4.00, 0.00, 0.0, 0.0, "2017-06-01T02:15:00"),
    (3, 301, 1003, 20, 1, 1.50, 0.00, 2.0, 0.5, "2017-12-30T23:00:00"),
    (3, 301, 1003, 20, 1, 1.50, 0.00, 0.0, 0.0, "2017-12-30T23:00:00"),
    (3, 301, 1003, 21, 1, 1.50, 0.00, 0.0, 0.0, "2017-12-30T23:00:00"),
    (3, 301, 1003, 40, 1, 9.99, 0.00, 0.0, 0.0, "2017-12-30T23:00:00"),
    (3, 301, 1003, 50, 1, 3.00, 0.00, 0.0, 0.0, "2017-12-30T23:00:00"),
    (3, 301, 1003, 63, 1, 3.00, 0.00, 0.0, 0.0, "2017-12-30T23:00:00"),
    (1, 300, 1004, 70, 1, 4.99, 0.00, 0.0, 0.0, "2017-12-31T20:00:00"),
    # What is left out, a reason a line.
    (1, 300, 1005, 999, 1, 1.00, 0.00, 0.0, 0.0, "2017-07-01T12:00:00"),
    (4, 300, 1006, 60, 8000, 20.00, 0.00, 0.0, 0.0, "2017-07-01T12:00:00"),
    (4, 300, 1006, 61, 9000, 20.00, 0.00, 0.0, 0.0, "2017-07-01T12:00:00"),
    (1, 300, 1007, 62, 1, 1.00, 0.00, 0.0, 0.0, "2017-07-01T12:00:00"),
    (1, 300, 1008, 10, 0, 1.00, 0.00, 0.0, 0.0, "2017-07-01T12:00:00"),
    (1, 300, 1009, 10, 1, 0.00, 0.99, 0.0, 0.0, "2017-07-01T12:00:00"),
    (1, 300, 1010, 10, 1, 1.00, 0.00, 0.0, 0.0, "2018-01-01T00:00:00"),
)


def _frame(columns: str, rows: Any) -> pl.DataFrame:
    return pl.DataFrame([list(row) for row in rows], schema=columns.split(), orient="row", infer_schema_length=None)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of parquet files in the data's own form."""
    folder = tmp_path_factory.mktemp("tiny-shop")
    products = "product_id manufacturer_id department brand product_category product_type package_size"
    _frame(products, PRODUCTS).write_parquet(folder / "products.parquet")
    money = "sales_value retail_disc coupon_disc coupon_match_disc"
    lines = _frame(f"household_id store_id basket_id product_id quantity {money} transaction_timestamp", LINES)
    lines.with_columns(
        pl.col("transaction_timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ns")
    ).write_parquet(folder / "transactions.parquet")
    known = [(1, "65+", "35-49K", "Homeowner", "Married", "2", "2 Adults No Kids", "0"), (9, None, None, *[None] * 5)]
    _frame(
        "household_id age income home_ownership marital_status household_size household_comp kids_count", known
    ).write_parquet(folder / "demographics.parquet")
    return folder


@pytest.fixture(scope="session")
def tiny_year(tiny_folder: Path) -> ShopYear:
    """Return the tiny shop's year."""
    return read_shop_year(tiny_folder)


@pytest.fixture(scope="session")
def tiny_items(tiny_year: ShopYear) -> list[CatalogItem]:
    """Return the tiny shop's whole catalogue."""
    return build_catalog(tiny_year, rng=np.random.default_rng(1))


@pytest.fixture(scope="session")
def real_year(complete_journey: None) -> ShopYear:
    """Return the whole year of Complete Journey."""
    return read_shop_year(data_folder())


@pytest.fixture(scope="session")
def real_items(real_year: ShopYear) -> list[CatalogItem]:
    """Return the whole demo catalogue."""
    return build_catalog(real_year, rng=np.random.default_rng(1))


@pytest.fixture
def now() -> datetime:
    """Return a moment long after the data's end."""
    return datetime(2026, 11, 23, 18, 40, tzinfo=UTC)
