"""Reads labelled texts out of an operator's files into the form that the service takes: NDJSON of text, label, data.

A row that cannot be taken apart goes along as it is, so that the service counts and names it like any other.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from infra.cli.catalog import t
from infra.cli.import_call import FileFormat, format_of
from services.chassis.errors import ErrorKind, ZhikeError
from services.kits.rows.bad_row import BadRow
from services.kits.rows.csv_rows import CsvDialect, csv_rows
from services.kits.rows.json_rows import json_lines, json_object

BYTE_ORDER_MARK = "\ufeff"


class UnknownColumnError(ZhikeError):
    """A file without the column that was asked for."""

    kind = ErrorKind.INVALID
    reason = "UNKNOWN_COLUMN"


def labelled_lines(files: Sequence[Path], text_column: str, label_column: str) -> Iterator[bytes]:
    """Yield a line for each row of every file. Raises UnknownColumnError, UnknownFormatError."""
    for path in files:
        rows = _csv_rows if format_of(path) is FileFormat.CSV else _ndjson_rows
        for row in rows(path, text_column, label_column):
            if isinstance(row, BadRow):
                yield orjson.dumps([row.raw], default=str, option=orjson.OPT_APPEND_NEWLINE)
            else:
                yield orjson.dumps({**row, "data": path.name}, option=orjson.OPT_APPEND_NEWLINE)


def _csv_rows(path: Path, text_column: str, label_column: str) -> Iterator[dict[str, Any] | BadRow]:
    with path.open("rb") as file:
        rows = csv_rows(file, CsvDialect())
        header = next(rows, None)
        if header is None:
            return
        names = [] if isinstance(header, BadRow) else [name.lstrip(BYTE_ORDER_MARK).strip() for name in header]
        places = [_place(path, names, column) for column in (text_column, label_column)]
        for row in rows:
            if isinstance(row, BadRow) or len(row) != len(names):
                yield row if isinstance(row, BadRow) else BadRow("ROW_SHAPE", "another number of cells", row)
            else:
                yield {"text": row[places[0]], "label": row[places[1]]}


def _ndjson_rows(path: Path, text_column: str, label_column: str) -> Iterator[dict[str, Any] | BadRow]:
    with path.open("rb") as file:
        for line in json_lines(file):
            row = json_object(line)
            if isinstance(row, BadRow):
                yield row
            else:
                yield {"text": row.get(text_column), "label": row.get(label_column)}


def _place(path: Path, names: Sequence[str], column: str) -> int:
    if column not in names:
        raise UnknownColumnError(t("train.no_column", name=path.name, column=column, known=", ".join(names)))
    return names.index(column)
