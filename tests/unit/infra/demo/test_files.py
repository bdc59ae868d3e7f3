"""The files of a load: whole, the same for the same plan, stable over reloads."""

import csv
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from infra.demo.files import HOUSEHOLDS, STAGES, DemoFiles, DemoPlan, settled_plan, write_demo_files

WRITTEN = ("products", "customers", "orders", "events", "mentions", "personas", "web_orders", "talk", "manifest")


Told = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def told() -> Told:
    """Return what the load below last told of each stage."""
    return {}


@pytest.fixture(scope="module")
def loaded(complete_journey: None, told: Told, tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoPlan, DemoFiles]:
    """Return a load of 40 households."""
    plan = DemoPlan(end_time=datetime.fromisoformat("2026-11-23T18:40:00+00:00"), households=40)
    folder = tmp_path_factory.mktemp("demo")
    return plan, write_demo_files(folder, plan, lambda stage, done, total: told.update({stage: (done, total)}))


def test_a_folder_without_a_load_leaves_the_plan_as_it_is(tmp_path: Path, now: datetime) -> None:
    plan = DemoPlan(end_time=now)
    assert settled_plan(tmp_path, plan) == plan


def test_a_folder_with_a_load_keeps_its_end_time_for_the_same_seed_only(tmp_path: Path, now: datetime) -> None:
    earlier = now - timedelta(days=40)
    manifest = {"seed": 2017, "end_time": earlier.isoformat()}
    DemoFiles.within(tmp_path).manifest.write_bytes(orjson.dumps(manifest))
    assert settled_plan(tmp_path, DemoPlan(end_time=now)).end_time == earlier
    assert settled_plan(tmp_path, DemoPlan(end_time=now, seed=1)).end_time == now


@pytest.mark.data
def test_all_files_are_there_and_the_manifest_counts_them(loaded: tuple[DemoPlan, DemoFiles]) -> None:
    _, files = loaded
    counts = files.read_manifest()["counts"]
    with files.orders.open(encoding="utf-8") as orders, files.customers.open(encoding="utf-8") as customers:
        rows = list(csv.DictReader(orders))
        assert len(list(csv.DictReader(customers))) == counts["customers"] == 40
    assert len(rows) == counts["order_lines"]
    assert len({row["order_number"] for row in rows}) == counts["orders"]
    assert files.products.read_bytes().count(b"\n") == counts["products"] == 5_927
    assert files.events.read_bytes().count(b"\n") == counts["events"] > 0
    assert files.mentions.read_bytes().count(b"\n") == counts["mentions"] > 500
    assert files.read_web_orders()
    assert files.read_talk().brands[0].id == "zhike-select"
    assert not list(files.orders.parent.glob("*.part"))


@pytest.mark.data
def test_orders_end_within_the_week_before_the_end_time(loaded: tuple[DemoPlan, DemoFiles]) -> None:
    plan, files = loaded
    with files.orders.open(encoding="utf-8") as orders:
        times = [datetime.fromisoformat(row["occurred_time"]) for row in csv.DictReader(orders)]
    assert max(times) < plan.end_time
    assert plan.end_time - max(times) < timedelta(days=9)  # 40 households shop on most days
    assert max(times) - min(times) > timedelta(days=355)


@pytest.mark.data
def test_a_reload_a_month_later_writes_the_same_bytes(loaded: tuple[DemoPlan, DemoFiles]) -> None:
    plan, files = loaded
    before = {name: getattr(files, name).read_bytes() for name in WRITTEN}
    write_demo_files(files.orders.parent, replace(plan, end_time=plan.end_time + timedelta(days=31)))
    assert {name: getattr(files, name).read_bytes() for name in WRITTEN} == before


def _plain(path: Path) -> bytes:
    """Return a file's rows without the channel, which is simulated for the latest orders of whoever is loaded."""
    return path.read_bytes().replace(b",demo,web,", b",demo,store,")


@pytest.mark.data
def test_more_households_only_add(loaded: tuple[DemoPlan, DemoFiles], tmp_path: Path) -> None:
    plan, files = loaded
    more = write_demo_files(tmp_path, replace(plan, households=60))
    for name in ("customers", "orders", "events"):
        few, many = (set(_plain(getattr(each, name)).splitlines()) for each in (files, more))
        assert few < many
    assert files.products.read_bytes() == more.products.read_bytes()


@pytest.mark.data
def test_progress_names_every_stage_and_finishes_it(loaded: tuple[DemoPlan, DemoFiles], told: Told) -> None:
    assert tuple(told) == STAGES
    assert all(done == total for done, total in told.values())


@pytest.mark.data
@pytest.mark.parametrize("households", [0, -1, HOUSEHOLDS + 1])
def test_a_number_of_households_out_of_range_is_refused(
    complete_journey: None, now: datetime, tmp_path: Path, households: int
) -> None:
    with pytest.raises(ValueError, match="between 1 and 2,469"):
        write_demo_files(tmp_path / "load", DemoPlan(end_time=now, households=households))
    assert not (tmp_path / "load").exists()
