"""Makes the demo catalogue: which items it holds, what they are called, what they cost, and its product lines.

Real: which items there are, their department, size, own label, maker's number, price, usual discount and buyers.
Invented: maker names (by number), titles (our own words), stock.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from infra.demo.makers import NO_MAKER, OWN_LABEL, MakerName, maker_name
from infra.demo.products import CatalogItem
from infra.demo.sizes import SizeWords, size_words
from infra.demo.source import ITEM_KEYS, ShopYear
from infra.demo.titles import told_apart
from infra.demo.wording import Category, Words, category_of, cleaned, department_of, glossary, size_of, title_of

# The data has 5,927 items that at least 20 households bought. 25 of these are no goods (fuel, coupons, gift cards,
# fees); the most widely bought next ones (19 households) stand in for them.
CATALOGUE_ITEMS: Final = 5_927
RECENT: Final = timedelta(weeks=13)
# A discount is usual when this share of the recent lines had one; only then is an original price shown.
USUAL_DISCOUNT_SHARE: Final = 0.5
SMALLEST_DISCOUNT: Final = 0.02
# A maker names a product when most of its lines are theirs.
MAIN_MAKER_SHARE: Final = 0.5
SOLD_OUT_SHARE: Final = 0.015
LARGEST_STOCK: Final = 500


def build_catalog(year: ShopYear, *, rng: np.random.Generator, size: int = CATALOGUE_ITEMS) -> list[CatalogItem]:
    """Return the catalogue's items, the most widely bought first. ``rng`` decides the stock and nothing else."""
    chosen = _choose_items(year.items.join(_prices(year), on="item"), size)
    rows = list(chosen.iter_rows(named=True))
    stocks = _simulated_stock([row["lines"] for row in rows], rng)
    several = _types_of_several_makers(rows)
    items = [_item(row, stock, row["product_type"] in several) for row, stock in zip(rows, stocks, strict=True)]
    return told_apart(items)


def _choose_items(items: pl.DataFrame, size: int) -> pl.DataFrame:
    words = glossary()
    return (
        items.filter(
            pl.col("merchandise"),
            pl.col("product_type").is_not_null() | pl.col("product_category").is_not_null(),
            ~pl.col("product_type").fill_null("").is_in(sorted(words.excluded_types)),
            ~pl.col("product_category").fill_null("").is_in(sorted(words.excluded_categories)),
        )
        .sort(["households", "lines", "item"], descending=[True, True, False])
        .head(size)
    )


def _prices(year: ShopYear) -> pl.DataFrame:
    """Return item, price_cents and original_cents: medians of a unit's price over the last 13 weeks that it sold in.

    An item that did not sell in them is priced by the whole year; one with no paid line at all has no row.
    """
    unit = year.lines.select(
        "item",
        paid=pl.col("sales_cents") / pl.col("quantity"),
        shelf=(pl.col("sales_cents") + pl.col("shelf_discount_cents")) / pl.col("quantity"),
        discounted=pl.col("shelf_discount_cents") > 0,
        recent=pl.col("time") > year.lines["time"].max() - RECENT,  # type: ignore[operator]
    )
    used = unit.filter(pl.col("recent") | ~pl.col("recent").any().over("item"))
    medians = used.group_by("item").agg(
        pl.col("paid").median().round().cast(pl.Int64).clip(lower_bound=1).alias("price_cents"),
        pl.col("shelf").median().round().cast(pl.Int64).alias("original_cents"),
        pl.col("discounted").mean().alias("discount_share"),
    )
    usual = (pl.col("discount_share") >= USUAL_DISCOUNT_SHARE) & (
        pl.col("original_cents") > pl.col("price_cents") * (1 + SMALLEST_DISCOUNT)
    )
    return medians.select("item", "price_cents", pl.when(usual).then(pl.col("original_cents")).alias("original_cents"))


def _simulated_stock(lines: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Return units on hand: around two weeks' sales, and none for a few."""
    weekly = np.asarray(lines, dtype=np.float64) / 52.0
    wanted = 2.0 * weekly * rng.lognormal(0.0, 0.4, len(weekly)) + rng.integers(3, 12, len(weekly))
    stock = np.clip(np.rint(wanted), 1, LARGEST_STOCK).astype(np.int64)
    stock[rng.random(len(weekly)) < SOLD_OUT_SHARE] = 0
    return [int(units) for units in stock]


def _types_of_several_makers(rows: Sequence[dict[str, Any]]) -> frozenset[str | None]:
    makers: defaultdict[str | None, set[MakerName]] = defaultdict(set)
    for row in rows:
        maker = _maker(row)
        if maker is not None:
            makers[row["product_type"]].add(maker)
    return frozenset(kind for kind, names in makers.items() if len(names) > 1)


def _maker(row: dict[str, Any]) -> MakerName | None:
    if row["brand"] == "Private":
        return OWN_LABEL
    if row["maker_number"] == NO_MAKER or row["maker_share"] < MAIN_MAKER_SHARE:
        return None
    return maker_name(row["maker_number"])


def _item(row: dict[str, Any], stock: int, show_maker: bool) -> CatalogItem:
    department_raw, category_raw, kind, size_raw, brand = (row[key] for key in ITEM_KEYS)
    department = department_of(department_raw)
    category = category_of(category_raw, department)
    known = glossary().type_words(kind, category_raw)
    name = known or _name_by_rule(kind, category)
    size = size_of(size_raw, department=department_raw, category=category_raw, kind=kind)
    maker = glossary().brands.get(kind) or _maker(row)
    family = glossary().made_to_order.get(kind, "")
    return CatalogItem(
        item=row["item"],
        title=title_of(name, maker if show_maker else None, size),
        name=name,
        department=department,
        category=category,
        size=Words(size.en, size.zh),
        shipping_case=_case_of(size, size_raw, category),
        maker=maker,
        maker_number=row["maker_number"],
        own_label=brand == "Private",
        family=family,
        translated=known is not None or (kind is None and category_raw in glossary().categories),
        price_cents=row["price_cents"],
        original_cents=row["original_cents"],
        stock=max(stock, 1) if family else stock,
        households=row["households"],
        lines=row["lines"],
    )


def _case_of(size: SizeWords, size_raw: str | None, category: Category) -> Words:
    case = size_words(size_raw, liquid=False, measure=category.measure) if size.bulk else SizeWords("", "")
    return Words(case.en, case.zh)


def _name_by_rule(kind: str | None, category: Category) -> Words:
    """Return a name for a type that the glossary lacks; the Chinese one says the category and keeps the English."""
    if kind is None:
        return Words(category.names.en.lower(), category.names.zh)
    text = cleaned(kind)
    return Words(text, f"{category.names.zh} {text}")
