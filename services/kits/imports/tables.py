"""Reads an uploaded file as numbered rows of text under our names, whatever is wrong with one of them."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import orjson

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import CSV, ImportPlan, check_header, column_places, unknown_names
from services.kits.rows import json_rows
from services.kits.rows.bad_row import BadRow, wrong_shape
from services.kits.rows.csv_rows import csv_dialect, csv_rows

REPORT_EVERY_ROWS: Final = 20_000

Row = Sequence[str] | BadRow
Report = Callable[[int, int], None]  # rows read, bytes read
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Table:
    """A file as rows of text. ``places``: our field -> place in a row; ``header``: the file's own names."""

    places: dict[str, int]
    header: tuple[str, ...]
    rows: Iterator[tuple[int, Row]]


@contextmanager
def open_csv(path: Path, plan: ImportPlan, fields: Sequence[str], report: Report) -> Iterator[Table]:
    """Open a CSV file; columns that are none of our fields stand in the header only. Raises ImportConfigError."""
    with path.open("rb") as file:
        rows = csv_rows(file, csv_dialect(plan.options))
        first = next(rows, None)
        if first is None:
            raise ImportConfigError("the file is empty; it begins with a header line", field="columns")
        if isinstance(first, BadRow):
            raise ImportConfigError(f"the header cannot be read: {first.message}", field="columns")
        header = tuple(name.strip() for name in first)
        check_header(plan, header)
        places = column_places(plan, header, fields)
        yield Table(places, header, _numbered(_of_width(rows, len(header)), file, report))


@contextmanager
def open_table(path: Path, plan: ImportPlan, fields: Sequence[str], report: Report) -> Iterator[Table]:
    """Open a CSV or NDJSON file that has our fields and no others. Raises ImportConfigError for an unusable header."""
    if plan.format == CSV:
        with open_csv(path, plan, fields, report) as table:
            strange = unknown_names(plan, table.header, fields)
            if strange:
                hint = "map it with --column or name it in the option ignore_columns"
                raise ImportConfigError(f"nothing says what column {strange[0][:64]!r} is: {hint}", field="columns")
            yield table
        return
    names = tuple(plan.columns.get(each, each) for each in fields)
    with closing(_object_rows(path, plan, fields, report)) as rows:
        yield Table({each: place for place, each in enumerate(fields)}, names, rows)


def json_lines(path: Path, report: Report) -> Iterator[tuple[int, bytes | BadRow]]:
    """Yield (row number, line) of an NDJSON file; empty lines are no rows."""
    with path.open("rb") as file:
        yield from _numbered(json_rows.json_lines(file), file, report)


def json_objects(path: Path, report: Report) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Yield (row number, object) of an NDJSON file."""
    for number, line in json_lines(path, report):
        yield number, json_rows.json_object(line)


def cell_text(value: Any) -> str:
    """Return a JSON value as the text that a CSV cell would hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def unknown_member(name: str) -> BadRow:
    """Return the row for an object with a member that is none of our fields."""
    message = f"nothing says what {name[:64]!r} is: map it with --column or name it in the option ignore_columns"
    return BadRow("UNKNOWN_FIELD", message)


def _numbered(rows: Iterable[T], file: BinaryIO, report: Report) -> Iterator[tuple[int, T]]:
    number = 0
    for number, row in enumerate(rows, 1):
        yield number, row
        if number % REPORT_EVERY_ROWS == 0:
            report(number, file.tell())
    report(number, file.tell())


def _of_width(rows: Iterable[list[str] | BadRow], width: int) -> Iterator[Row]:
    for row in rows:
        yield row if isinstance(row, BadRow) or len(row) == width else wrong_shape(row, width)


def _object_rows(
    path: Path, plan: ImportPlan, fields: Sequence[str], report: Report
) -> Generator[tuple[int, Row], None, None]:
    names = tuple(plan.columns.get(each, each) for each in fields)
    known = frozenset(names)
    for number, value in json_objects(path, report):
        if isinstance(value, BadRow):
            yield number, value
        elif not value.keys() <= known and (strange := unknown_names(plan, tuple(value), fields)):
            yield number, unknown_member(strange[0])
        else:
            yield number, [cell_text(value.get(name)) for name in names]
