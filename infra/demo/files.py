"""The way into the demo shop's data: what to load, the files that come of it, and the manifest beside them.

Imports nothing of the extra ``demo`` until it has looked whether it is there, so that its absence has a clear error.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import orjson

from infra.demo.extra import require_demo_extra
from infra.demo.talk import Talk, talk_from_json

DEMO_SEED: Final = 2017
DEMO_SHOP: Final = "demo"
HOUSEHOLDS: Final = 2_469
STAGES: Final = ("reading", "products", "customers", "orders", "events", "mentions")

# Told of the stage, how much of it is done and how much there is.
StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What to load. ``households`` None: all of them. ``end_time``: the demo's year ends within the week before it."""

    end_time: datetime
    households: int | None = None
    seed: int = DEMO_SEED
    shop: str = DEMO_SHOP


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the files of a load are: five in the order in which they are to be imported, and four that tell of them.

    ``personas``: the guests that the demo shop's page offers to be; ``web_orders``: ids of the orders whose way to the
    door is simulated; ``talk``: who is spoken of in the mentions.
    """

    products: Path
    customers: Path
    orders: Path
    events: Path
    mentions: Path
    personas: Path
    web_orders: Path
    talk: Path
    manifest: Path

    @classmethod
    def within(cls, folder: Path) -> "DemoFiles":
        """Return the files' places within ``folder``; they need not exist."""
        return cls(
            products=folder / "products.ndjson",
            customers=folder / "customers.csv",
            orders=folder / "orders.csv",
            events=folder / "events.ndjson",
            mentions=folder / "mentions.ndjson",
            personas=folder / "personas.json",
            web_orders=folder / "web-orders.json",
            talk=folder / "talk.json",
            manifest=folder / "manifest.json",
        )

    def read_web_orders(self) -> list[str]:
        """Return the ids of the orders whose way to the door is simulated, the latest first. Raises OSError if none."""
        found: list[str] = orjson.loads(self.web_orders.read_bytes())
        return found

    def read_talk(self) -> Talk:
        """Return who is spoken of. Raises OSError if there is no load."""
        return talk_from_json(orjson.loads(self.talk.read_bytes()))

    def read_manifest(self) -> dict[str, Any]:
        """Return what the load holds: counts, lines left out by reason, seed, time shift. Raises OSError if none."""
        manifest: dict[str, Any] = orjson.loads(self.manifest.read_bytes())
        return manifest


def no_progress(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def write_demo_files(folder: Path, plan: DemoPlan, progress: StageProgress = no_progress) -> DemoFiles:
    """Write the demo shop's files into ``folder`` (made if need be) and return them; about 5 CPU-seconds.

    A folder that holds a load of the same seed keeps its end time: the same orders come again with the same times, and
    importing them twice counts them once. Raises DemoExtraMissingError, ValueError (households out of range).
    """
    require_demo_extra()
    if plan.households is not None and not 1 <= plan.households <= HOUSEHOLDS:
        raise ValueError(f"households must be between 1 and {HOUSEHOLDS:,}")
    writing = import_module("infra.demo.writing")  # needs the extra, which is here now
    folder.mkdir(parents=True, exist_ok=True)
    files: DemoFiles = writing.write_files(DemoFiles.within(folder), settled_plan(folder, plan), progress)
    return files


def demo_burst(files: DemoFiles, now: datetime) -> list[dict[str, Any]]:
    """Return a bad quarter of an hour of the demo's own label that ends in the last closed bucket."""
    mentions = import_module("infra.demo.mentions")  # needs numpy, which other commands do without
    seed = files.read_manifest()["seed"]
    said: list[dict[str, Any]] = mentions.burst_mentions(files.read_talk(), mentions.chance(seed), now=now)
    return said


def settled_plan(folder: Path, plan: DemoPlan) -> DemoPlan:
    """Return the plan with the end time of the load that the folder already holds, if it is one of the same seed."""
    try:
        manifest = DemoFiles.within(folder).read_manifest()
    except FileNotFoundError:
        return plan
    if manifest["seed"] != plan.seed:
        return plan
    return replace(plan, end_time=datetime.fromisoformat(manifest["end_time"]))
