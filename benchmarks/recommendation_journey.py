"""Complete Journey for benchmarks.recommendation: the demo catalogue's lines of the whole year as interactions."""

import numpy as np
import polars as pl

from infra.demo.catalog import build_catalog
from infra.demo.extra import DemoExtraMissingError, data_folder, require_demo_extra
from infra.demo.source import read_shop_year
from services.recommendation.domain.interactions import Interactions, Kind

CATALOGUE_SEED = 1


def read_journey() -> Interactions | None:
    """Return every cleaned line of a demo product; households are persons. None without the demo extra."""
    try:
        require_demo_extra()
    except DemoExtraMissingError:
        return None
    year = read_shop_year(data_folder())
    chosen = [item.id for item in build_catalog(year, rng=np.random.default_rng(CATALOGUE_SEED))]
    wanted = pl.format("p{}", pl.col("item")).is_in(chosen)
    lines = year.lines.filter(wanted)
    persons, person = np.unique(lines["household"].to_numpy(), return_inverse=True)
    items, item = np.unique(lines["item"].to_numpy(), return_inverse=True)
    baskets, basket = np.unique(lines["basket"].to_numpy(), return_inverse=True)
    return Interactions(
        person=person.astype(np.int32),
        item=item.astype(np.int32),
        time_s=lines["time"].dt.epoch("s").to_numpy().astype(np.int64),
        kind=np.full(len(item), Kind.PURCHASE, dtype=np.uint8),
        basket=basket.astype(np.int32),
        quantity=lines["quantity"].to_numpy().astype(np.float32),
        persons=len(persons),
        items=len(items),
        baskets=len(baskets),
    )
