"""Reads an uploaded file in a process of its own and writes what is to be appended, so that serving never waits for it.

Run as ``python -m services.knowledge.jobs.staging TASK``: TASK is JSON, progress comes back on standard output, and in
the folder lie ``staged`` (what to append, in order, one per line) and ``errors`` (refused rows). Orders are grouped out
of core: runs of rows go to buckets by order, each bucket is grouped in memory, all are merged by time; the largest
bucket bounds the memory.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2b
from heapq import merge
from pathlib import Path
from typing import Any, BinaryIO, Final
from zoneinfo import ZoneInfo

import orjson

from services.chassis.errors import InvalidArgumentError, ZhikeError
from services.kits.event_forms import EventRefusedError
from services.kits.rows.bad_row import BadRow
from services.kits.times import micros, time_of
from services.knowledge.domain.customer_rows import CustomerNames, UnnamedColumnError, statement_of_row
from services.knowledge.domain.errors import ImportConfigError
from services.knowledge.domain.import_plan import (
    CUSTOMER_FIELDS,
    CUSTOMERS,
    NDJSON,
    ORDER_FIELDS,
    ORDERS,
    REQUIRED_ORDER_FIELDS,
    ImportPlan,
    order_options,
)
from services.knowledge.domain.order_rows import (
    OLDEST_IMPORTED,
    OrderRows,
    OrderRun,
    RowRefusedError,
    run_from_json,
    whole_order,
)
from services.knowledge.domain.user_events import CheckedEvent, IntakeRules, check_event
from services.knowledge.jobs.staged_rows import (
    Table,
    cell_text,
    json_lines,
    json_objects,
    open_csv,
    open_table,
    unknown_member,
)
from services.knowledge.usecases.intake import RefusedForm, check_weight
from services.knowledge.wire.user_events import read_event

STAGED: Final = "staged"
ERRORS: Final = "errors"
BUCKETS: Final = 64
KEY_BYTES: Final = 20  # digits that a staged line begins with: its time, so that lines sort by it
NICENESS: Final = 5
_KEY_OFFSET: Final = 10**18  # times before 1970 sort too
DEFAULT_SHOP: Final = "main"
DEFAULT_CHANNEL: Final = "import"

Say = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class StagingTask:
    """What the process is told. ``folder`` exists and is empty."""

    kind: str
    path: str
    folder: str
    plan: Mapping[str, Any]
    now_us: int
    time_zone: str
    currency: str

    @property
    def import_plan(self) -> ImportPlan:
        return ImportPlan(**self.plan)


class Outcome:
    """Counts and refused rows, as they come."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._say = say
        self.kinds: Counter[str] = Counter()
        self.rows = 0
        self._errors: BinaryIO = (folder / ERRORS).open("wb")

    def refuse(self, row: int, reason: str, message: str, *, field: str = "", raw: Any = None) -> None:
        """Write a refused row down."""
        error = {"row": row, "reason": reason, "message": message, "field": field, "raw": raw}
        self._errors.write(orjson.dumps(error, default=str) + b"\n")

    def report(self, rows: int, done_bytes: int) -> None:
        """Tell the parent how far it is."""
        self.rows = rows
        self._say({"rows": rows, "bytes": done_bytes})

    def close(self) -> None:
        """Finish the file of refused rows."""
        self._errors.close()


def main() -> None:
    """Stage one file."""
    os.nice(NICENESS)
    task = StagingTask(**orjson.loads(sys.argv[1]))
    try:
        stage(task, _say)
    except BrokenPipeError:  # the service died; whoever runs the import anew stages it anew
        os._exit(1)


def stage(task: StagingTask, say: Say) -> None:
    """Stage one file and tell how far it is; the last word is ``done`` or ``failure``."""
    outcome = Outcome(Path(task.folder), say)
    try:
        _STAGES[task.kind](task, outcome)
    except ZhikeError as error:
        say({"failure": {"reason": error.reason, "message": error.message, "field": error.metadata.get("field", "")}})
    else:
        say({"done": True, "rows": outcome.rows, "kinds": outcome.kinds})
    finally:
        outcome.close()


def stage_orders(task: StagingTask, outcome: Outcome) -> None:
    """Group rows into orders, oldest first."""
    plan, folder = task.import_plan, Path(task.folder)
    with open_table(Path(task.path), plan, ORDER_FIELDS, outcome.report) as table:
        _bucket_runs(task, table, outcome)
    for place in range(BUCKETS):
        _group_bucket(folder, place, outcome)
    _merge_buckets(folder)


def stage_customers(task: StagingTask, outcome: Outcome) -> None:
    """Turn each row into a statement, in file order."""
    plan = task.import_plan
    with (Path(task.folder) / STAGED).open("wb") as staged:
        for number, row in _customer_rows(task, outcome):
            if isinstance(row, BadRow):
                outcome.refuse(number, row.reason, row.message, raw=row.raw)
                continue
            try:
                statement = statement_of_row(row, plan.options.get("source", ""))
            except InvalidArgumentError as error:
                outcome.refuse(number, error.reason, error.message, field=error.metadata.get("field", ""), raw=row)
                continue
            outcome.kinds["customer"] += 1
            item = {"row": number, "payload": statement.payload()}
            staged.write(_line(task.now_us, item))


def stage_events(task: StagingTask, outcome: Outcome) -> None:
    """Check each event as the API does, in file order."""
    plan = task.import_plan
    rules = IntakeRules(
        now=time_of(task.now_us),
        default_shop=plan.shop or DEFAULT_SHOP,
        default_channel=plan.channel or DEFAULT_CHANNEL,
        oldest_age=OLDEST_IMPORTED,
    )
    with (Path(task.folder) / STAGED).open("wb") as staged:
        for number, line in json_lines(Path(task.path), outcome.report):
            if isinstance(line, BadRow):
                outcome.refuse(number, line.reason, line.message, raw=line.raw)
                continue
            form = read_event(line)
            try:
                if isinstance(form, RefusedForm):
                    raise form.error
                event = check_event(form, rules)
                check_weight(event)
            except EventRefusedError as error:
                outcome.refuse(
                    number, error.reason, error.message, field=error.field, raw=line.decode(errors="replace")
                )
                continue
            outcome.kinds[event.type] += 1
            item = {"event": _event_body(event), "rows": [number], "kinds": {event.type: 1}}
            staged.write(_line(task.now_us, item))


def _bucket_runs(task: StagingTask, table: Table, outcome: Outcome) -> None:
    plan, folder = task.import_plan, Path(task.folder)
    for name in REQUIRED_ORDER_FIELDS if plan.format != NDJSON else ():
        if name not in table.places:
            raise ImportConfigError(f"the file has no column for {name}", field="columns")
    reader = OrderRows(
        table.places,
        order_options(plan, ZoneInfo(task.time_zone), task.currency),
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


def _group_bucket(folder: Path, place: int, outcome: Outcome) -> None:
    runs: dict[tuple[str, str, str], list[OrderRun]] = {}
    source = folder / f"runs-{place}"
    with source.open("rb") as file:
        for line in file:
            run = run_from_json(orjson.loads(line))
            runs.setdefault((run.head.shop, run.head.kind, run.head.number), []).append(run)
    source.unlink()
    lines = []
    for each in runs.values():
        order, refused = whole_order(each)
        for row in refused:
            outcome.refuse(row.row, row.reason, row.message, field=row.field)
        if order is not None:
            outcome.kinds.update(order.kinds)
            item = {"event": order.event, "rows": order.rows, "kinds": order.kinds}
            lines.append(_line(order.event["time_us"], item))
    lines.sort()
    with (folder / f"orders-{place}").open("wb") as file:
        file.writelines(lines)


def _merge_buckets(folder: Path) -> None:
    paths = [folder / f"orders-{place}" for place in range(BUCKETS)]
    with ExitStack() as files, (folder / STAGED).open("wb") as staged:
        staged.writelines(merge(*(files.enter_context(path.open("rb")) for path in paths)))
    for path in paths:
        path.unlink()


def _customer_rows(task: StagingTask, outcome: Outcome) -> Iterable[tuple[int, dict[str, str] | BadRow]]:
    """Yield each row's texts by field or fact. A column whose name makes no fact is refused, never left out."""
    plan, path = task.import_plan, Path(task.path)
    names = CustomerNames(plan)
    if plan.format == NDJSON:
        for number, value in json_objects(path, outcome.report):
            yield number, value if isinstance(value, BadRow) else _customer_object(value, names)
        return
    with open_csv(path, plan, CUSTOMER_FIELDS, outcome.report) as table:
        fields = names.of_header(table.header)
        for number, row in table.rows:
            if isinstance(row, BadRow):
                yield number, row
            else:
                yield number, {field: cell.strip() for field, cell in zip(fields, row, strict=True) if field}


def _customer_object(value: Mapping[str, Any], names: CustomerNames) -> dict[str, str] | BadRow:
    row: dict[str, str] = {}
    for name, each in value.items():
        try:
            field = names.field_of(name)
        except UnnamedColumnError:
            return unknown_member(name)
        if field in row:
            return BadRow("FIELD_TWICE", f"two members of the row are {field}")
        if field:
            row[field] = cell_text(each).strip()
    return row


def _event_body(event: CheckedEvent) -> dict[str, Any]:
    body = asdict(event)
    time: datetime = body.pop("time")
    return {**body, "time_us": micros(time)}


def _line(time_us: int, item: Mapping[str, Any]) -> bytes:
    return b"%0*d" % (KEY_BYTES, time_us + _KEY_OFFSET) + orjson.dumps(item) + b"\n"


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()


_STAGES: Final = {ORDERS: stage_orders, CUSTOMERS: stage_customers, "events": stage_events}

if __name__ == "__main__":
    main()
