"""What rows of customers and events become, in a process beside serving (services/kits/imports/staging.py)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from services.chassis.errors import InvalidArgumentError
from services.kits.event_forms import EventRefusedError
from services.kits.imports.plan import DEFAULT_CHANNEL, DEFAULT_SHOP, NDJSON
from services.kits.imports.staging import STAGED, Outcome, Stage, StagingTask, run_stages, staged_line
from services.kits.imports.tables import cell_text, json_lines, json_objects, open_csv, unknown_member
from services.kits.rows.bad_row import BadRow
from services.kits.times import micros, time_of
from services.knowledge.domain.customer_rows import CustomerNames, UnnamedColumnError, statement_of_row
from services.knowledge.domain.import_plan import CUSTOMER_FIELDS, CUSTOMERS, EVENTS
from services.knowledge.domain.user_events import CheckedEvent, IntakeRules, check_event
from services.knowledge.usecases.intake import RefusedForm, check_weight
from services.knowledge.wire.user_events import read_event

OLDEST_IMPORTED: Final = timedelta(days=50 * 366)


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
            staged.write(staged_line(task.now_us, item))


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
            staged.write(staged_line(task.now_us, item))


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


STAGES: Final[Mapping[str, Stage]] = {CUSTOMERS: stage_customers, EVENTS: stage_events}

if __name__ == "__main__":
    run_stages(STAGES)
