"""Which of the latest orders the demo takes for orders of its web shop, so that they have a way to the door.

The data knows the store alone, where goods leave with the customer. For a few dozen orders of the last days the channel
is simulated: the latest of each guest that the demo shop's page lets one be, and the latest that hold something made to
order. What was bought, when and for how much stays as the data has it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from infra.demo.products import CatalogItem

OF_A_GUEST: Final = 3
MADE_TO_ORDER: Final = 12
RECENT: Final = timedelta(days=14)  # before the year's end


def web_baskets(lines: pl.DataFrame, items: Sequence[CatalogItem], guests: Sequence[int]) -> pl.DataFrame:
    """Return household, basket, time of the chosen orders, the latest first. ``guests``: households."""
    baskets = lines.group_by("household", "basket").agg(pl.col("time").first())
    latest = baskets.sort("time", "basket", descending=True)
    own = latest.filter(pl.col("household").is_in(list(guests))).group_by("household", maintain_order=True)
    made = pl.Series("item", [item.item for item in items if item.made_to_order], dtype=pl.Int32)
    holding = lines.filter(
        pl.col("item").is_in(made.implode()) & (pl.col("time") > pl.col("time").max() - RECENT)
    ).select(pl.col("basket").unique())
    of_all = latest.join(holding, on="basket", how="semi").head(MADE_TO_ORDER)
    columns = ("household", "basket", "time")
    chosen = pl.concat([own.head(OF_A_GUEST).select(columns), of_all.select(columns)])
    return chosen.unique("basket", maintain_order=True).sort("time", "basket", descending=True)
