"""Reads the rows of an uploaded file one by one, whatever is wrong with one of them."""

import csv
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, Final

import orjson

from services.knowledge.domain.errors import ImportConfigError
from services.knowledge.domain.import_plan import CSV, MAX_COLUMNS, ImportPlan, column_places

MAX_LINE_BYTES: Final = 1024 * 1024
MAX_CELL_CHARACTERS: Final = 131_072
REPORT_EVERY_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken apart."""

    reason: str
    message: str
    raw: Any = None


Row = Sequence[str] | BadRow
Report = Callable[[int, int], None]  # rows read, bytes read


@dataclass(frozen=True, slots=True)
class Table:
    """A file as rows of text. ``places``: our field -> place in a row; ``header``: the file's own names."""

    places: dict[str, int]
    header: tuple[str, ...]
    rows: Iterator[tuple[int, Row]]


@contextmanager
def open_table(path: Path, plan: ImportPlan, fields: Sequence[str], report: Report) -> Iterator[Table]:
    """Open a CSV or NDJSON file as a table. Raises ImportConfigError for an unusable header."""
    if plan.format == CSV:
        with (
            path.open("rb") as file,
            TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
        ):
            yield _csv_table(file, text, plan, fields, report)
        return
    names = tuple(plan.columns.get(each, each) for each in fields)
    with closing(_object_rows(path, names, report)) as rows:
        yield Table({each: place for place, each in enumerate(fields)}, names, rows)


def json_lines(path: Path, report: Report) -> Iterator[tuple[int, bytes | BadRow]]:
    """Yield (row number, line) of an NDJSON file; empty lines are no rows."""
    number = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            whole = line.endswith(b"\n") or len(line) < MAX_LINE_BYTES
            while not whole:
                rest = file.readline(MAX_LINE_BYTES)
                whole = rest.endswith(b"\n") or len(rest) < MAX_LINE_BYTES
                line = b"\xff"
            text = line.strip()
            if not text:
                continue
            number += 1
            if text == b"\xff":
                yield number, BadRow("ROW_TOO_LONG", f"a line takes at most {MAX_LINE_BYTES} bytes")
            else:
                yield number, text
            if number % REPORT_EVERY_ROWS == 0:
                report(number, file.tell())
        report(number, file.tell())


def objects_of(lines: Iterator[tuple[int, bytes | BadRow]]) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Yield the JSON object of each line."""
    for number, line in lines:
        if isinstance(line, BadRow):
            yield number, line
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield number, BadRow("ROW_MALFORMED", "the line is no JSON", line.decode(errors="replace"))
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            yield number, BadRow("ROW_MALFORMED", "the line is no JSON object", line.decode(errors="replace"))


def cell_text(value: Any) -> str:
    """Return a JSON value as the text that a CSV cell would hold."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _csv_table(
    file: BufferedReader, text: TextIOWrapper, plan: ImportPlan, fields: Sequence[str], report: Report
) -> Table:
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    reader = csv.reader(text, delimiter=plan.options.get("delimiter", ","))
    try:
        header = tuple(name.strip() for name in next(reader, []))
    except csv.Error as error:
        raise ImportConfigError(f"the header cannot be read: {error}", field="columns") from error
    if not header or len(header) > MAX_COLUMNS:
        raise ImportConfigError(f"the file begins with a header of 1 to {MAX_COLUMNS} columns", field="columns")
    places = column_places(plan, header, fields)
    return Table(places, header, _csv_rows(file, reader, len(header), report))


def _csv_rows(
    file: BufferedReader, reader: Iterator[list[str]], width: int, report: Report
) -> Iterator[tuple[int, Row]]:
    number = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            number += 1
            yield number, BadRow("ROW_MALFORMED", f"the row is no CSV: {error}")
            continue
        if not row:
            continue
        number += 1
        if len(row) == width:
            yield number, row
        else:
            yield number, BadRow("ROW_SHAPE", f"the row has {len(row)} cells, the header {width}", row[:MAX_COLUMNS])
        if number % REPORT_EVERY_ROWS == 0:
            report(number, file.tell())
    report(number, file.tell())


def _object_rows(path: Path, names: Sequence[str], report: Report) -> Generator[tuple[int, Row], None, None]:
    for number, value in objects_of(json_lines(path, report)):
        yield number, value if isinstance(value, BadRow) else [cell_text(value.get(name)) for name in names]
