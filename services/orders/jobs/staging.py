"""What rows of orders become, in a process beside serving (services/kits/imports/staging.py).

Orders are grouped out of core: runs of rows go to buckets by order, each bucket is grouped in memory, all are merged by
time; the largest bucket bounds the memory.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from hashlib import blake2b
from heapq import merge
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import DEFAULT_CHANNEL, DEFAULT_SHOP, NDJSON
from services.kits.imports.staging import STAGED, Outcome, Stage, StagingTask, run_stages, staged_line
from services.kits.imports.tables import Table, open_table
from services.kits.rows.bad_row import BadRow
from services.kits.times import time_of
from services.orders.domain.import_plan import ORDER_FIELDS, ORDERS, REQUIRED_ORDER_FIELDS, order_options
from services.orders.domain.order_rows import OrderRows, OrderRun, RowRefusedError, run_from_json, whole_order

BUCKETS: Final = 64
TIME_ZONE, CURRENCY = "time_zone", "currency"  # the rules of a staging task


def stage_orders(task: StagingTask, outcome: Outcome) -> None:
    """Group rows into orders, oldest first."""
    plan, folder = task.import_plan, Path(task.folder)
    with open_table(Path(task.path), plan, ORDER_FIELDS, outcome.report) as table:
        _bucket_runs(task, table, outcome)
    for place in range(BUCKETS):
        _group_bucket(folder, place, outcome, synthetic=plan.synthetic)
    _merge_buckets(folder)


def _bucket_runs(task: StagingTask, table: Table, outcome: Outcome) -> None:
    plan, folder = task.import_plan, Path(task.folder)
    for name in REQUIRED_ORDER_FIELDS if plan.format != NDJSON else ():
        if name not in table.places:
            raise ImportConfigError(f"the file has no column for {name}", field="columns")
    reader = OrderRows(
        table.places,
        order_options(plan, ZoneInfo(task.rules[TIME_ZONE]), task.rules[CURRENCY]),
        shop=plan.shop or DEFAULT_SHOP,
        channel=plan.channel or DEFAULT_CHANNEL,
        now=time_of(task.now_us),
    )
    with ExitStack() as files:
        buckets = [files.enter_context((folder / f"runs-{place}").open("wb")) for place in range(BUCKETS)]
        for run in _runs(table, reader, outcome):
            if run is not None and run.rows:
                buckets[_bucket_of(run)].write(orjson.dumps(run.as_json()) + b"\n")


def _runs(table: Table, reader: OrderRows, outcome: Outcome) -> Iterator[OrderRun | None]:
    for number, row in table.rows:
        if isinstance(row, BadRow):
            outcome.refuse(number, row.reason, row.message, raw=row.raw)
            continue
        try:
            run = reader.take(row, number)
        except RowRefusedError as error:
            outcome.refuse(number, error.reason, error.message, field=error.field, raw=list(row))
            run = error.ended
        if run is not None:
            yield run
    yield reader.close()


def _bucket_of(run: OrderRun) -> int:
    name = f"{run.head.shop}\n{run.head.kind}\n{run.head.number}"
    return blake2b(name.encode(errors="surrogateescape"), digest_size=4).digest()[0] % BUCKETS


def _group_bucket(folder: Path, place: int, outcome: Outcome, *, synthetic: bool) -> None:
    runs: dict[tuple[str, str, str], list[OrderRun]] = {}
    source = folder / f"runs-{place}"
    with source.open("rb") as file:
        for line in file:
            run = run_from_json(orjson.loads(line))
            runs.setdefault((run.head.shop, run.head.kind, run.head.number), []).append(run)
    source.unlink()
    lines = []
    for each in runs.values():
        order, refused = whole_order(each, synthetic=synthetic)
        for row in refused:
            outcome.refuse(row.row, row.reason, row.message, field=row.field)
        if order is not None:
            outcome.kinds.update(order.kinds)
            item = {"time_us": order.time_us, "payload": order.payload, "rows": order.rows, "kinds": order.kinds}
            lines.append(staged_line(order.time_us, item))
    lines.sort()
    with (folder / f"orders-{place}").open("wb") as file:
        file.writelines(lines)


def _merge_buckets(folder: Path) -> None:
    paths = [folder / f"orders-{place}" for place in range(BUCKETS)]
    with ExitStack() as files, (folder / STAGED).open("wb") as staged:
        staged.writelines(merge(*(files.enter_context(path.open("rb")) for path in paths)))
    for path in paths:
        path.unlink()


STAGES: Final[Mapping[str, Stage]] = {ORDERS: stage_orders}

if __name__ == "__main__":
    run_stages(STAGES)
