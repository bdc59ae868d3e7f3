"""Owns the file forms of a catalogue: what a row of NDJSON or CSV says in the public product form.

CSV columns: ``id``, ``title`` (``title.zh``, ``title.en``), ``description`` (the same), ``categories`` (the same;
several parted by ``|``), ``brands``, ``price`` and ``original_price`` (decimal text) with ``currency``,
``available_quantity``, ``availability``, ``tags``, ``uri``, ``images``, ``shop``, ``withdrawn``, ``attributes.<name>``.
A file with names of its own comes with a mapping from ours to its; a column that nobody names is refused, not dropped.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.kits.rows.bad_row import ROW_SHAPE
from services.kits.rows.csv_rows import DIALECT_OPTIONS, csv_dialect
from services.search.domain.errors import ImportConfigError, ProductFieldError
from services.search.domain.product import FIELDS

CSV: Final = "csv"
COLUMNS_LIMIT: Final = 256
COLUMNS_SHOWN: Final = 20  # of a file, in an error
LIST_SEPARATOR: Final = "|"
OPTIONS: Final = frozenset({"currency", "list_separator", "ignore_columns"}) | DIALECT_OPTIONS
CSV_OPTIONS: Final = DIALECT_OPTIONS | {"list_separator"}  # that mean nothing to NDJSON
_LANGUAGE_FIELDS: Final = ("title", "description", "categories")
_LISTS: Final = frozenset({"brands", "tags", "images"})
_PRICES: Final = ("price", "original_price")
_NOT_READ: Final = frozenset({"version", "update_time"})
_CSV_FIELDS: Final = (
    (FIELDS - {"attributes"})
    | {f"{name}.{language}" for name in _LANGUAGE_FIELDS for language in ("zh", "en")}
    | {"currency"}
)
_ATTRIBUTE: Final = "attributes."
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}(\.0)?")  # tables that hold empty cells write whole numbers with a point
_FLAGS: Final = {"true": True, "1": True, "yes": True, "是": True, "false": False, "0": False, "no": False, "否": False}


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """Which of our fields stands in which column of a file (None: ignored)."""

    fields: tuple[str | None, ...]
    currency: str
    list_separator: str

    def row(self, cells: Sequence[str]) -> dict[str, Any]:
        """Return the public form of a record. Raises ProductFieldError when it has not the header's cells."""
        if len(cells) != len(self.fields):
            message = f"the row has {len(cells)} cells, the header {len(self.fields)}"
            raise ProductFieldError(ROW_SHAPE, message, field="row")
        named = {name: cell.strip() for name, cell in zip(self.fields, cells, strict=True) if name and cell.strip()}
        row: dict[str, Any] = {}
        for name, cell in named.items():
            if name.startswith(_ATTRIBUTE):
                row.setdefault("attributes", {})[name.removeprefix(_ATTRIBUTE)] = self._split(cell)
            elif name not in _PRICES and name != "currency" and name.partition(".")[0] not in _LANGUAGE_FIELDS:
                row[name] = self._value(name, cell)
        for name in _PRICES:
            if name in named:
                row[name] = {"amount": named[name], "currency": named.get("currency", self.currency)}
        for name in _LANGUAGE_FIELDS[:2]:
            texts = _by_language(named, name)
            if texts:
                row[name] = texts
        categories = self._categories(named)
        if categories:
            row["categories"] = categories
        return row

    def _value(self, name: str, cell: str) -> Any:
        if name in _LISTS:
            return self._split(cell)
        if name == "available_quantity":
            return _number(cell, name)
        return _flag(cell, name) if name == "withdrawn" else cell

    def _split(self, cell: str) -> list[str]:
        return [part.strip() for part in cell.split(self.list_separator) if part.strip()]

    def _categories(self, named: Mapping[str, str]) -> list[Any]:
        """Return the categories; with both languages, the n-th path of one is the n-th of the other."""
        texts = {language: self._split(named.get(f"categories.{language}", "")) for language in ("zh", "en")}
        longest = max(len(paths) for paths in texts.values())
        joined = [
            {language: paths[place] for language, paths in texts.items() if place < len(paths)}
            for place in range(longest)
        ]
        return [*joined, *self._split(named.get("categories", ""))]


def csv_layout(header: Sequence[str], columns: Mapping[str, str], options: Mapping[str, str]) -> CsvLayout:
    """Return how to read a file with this header. Raises ImportConfigError."""
    check_options(CSV, options)
    check_columns(columns)
    names = [name.strip() for name in header]
    if not any(names) or len(names) > COLUMNS_LIMIT or len(set(names)) < len(names):
        raise ImportConfigError(f"the header is empty, repeats a column or has more than {COLUMNS_LIMIT}", field="file")
    for name, theirs in sorted(columns.items()):
        if theirs not in names:
            there = ", ".join(each[:64] for each in names[:COLUMNS_SHOWN])
            raise ImportConfigError(
                f"the file has no column {theirs[:64]!r} for {name}; it has: {there}", field="columns"
            )
    ours = {theirs: name for name, theirs in columns.items()}
    ignored = _ignored(options)
    fields = [_field_of(name, ours, ignored, columns) for name in names]
    if "id" not in fields:
        raise ImportConfigError("no column holds the product's id", field="columns")
    return CsvLayout(tuple(fields), options.get("currency", ""), options.get("list_separator", LIST_SEPARATOR))


def check_options(file_format: str, options: Mapping[str, str]) -> None:
    """Raise ImportConfigError for an option that products do not have, or not in this format."""
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise ImportConfigError(
            f"no option {unknown[0][:64]!r}; there are {', '.join(sorted(OPTIONS))}", field="options"
        )
    strange = sorted(set(options) & CSV_OPTIONS) if file_format != CSV else []
    if strange:
        raise ImportConfigError(f"the option {strange[0]} is for CSV", field="options")
    try:
        csv_dialect(options)
    except ValueError as error:
        raise ImportConfigError(str(error), field="options") from error
    if not options.get("list_separator", LIST_SEPARATOR):
        raise ImportConfigError("list_separator is empty", field="options")


def check_columns(columns: Mapping[str, str]) -> None:
    """Raise ImportConfigError for a mapping of a field that products do not have."""
    unknown = sorted(name for name in columns if not _is_field(name))
    if unknown:
        known = ", ".join(sorted(_CSV_FIELDS - _NOT_READ))
        raise ImportConfigError(
            f"products have no field {unknown[0][:64]!r}; they have: {known}, attributes.<name>", field="columns"
        )


def ndjson_row(row: Mapping[str, Any], columns: Mapping[str, str], options: Mapping[str, str]) -> Mapping[str, Any]:
    """Return an NDJSON row with our field names; a price that is bare text takes the option ``currency``."""
    ours = {theirs: name for name, theirs in columns.items()}
    ignored = _ignored(options)
    named = {
        ours.get(name, name): value
        for name, value in row.items()
        if name in ours or not (name in ignored or ("*" in ignored and name not in FIELDS))
    }
    currency = options.get("currency", "")
    for name in _PRICES:
        if currency and isinstance(named.get(name), str):
            named[name] = {"amount": named[name], "currency": currency}
    return named


def _field_of(name: str, ours: Mapping[str, str], ignored: frozenset[str], columns: Mapping[str, str]) -> str | None:
    if name in ours:
        return ours[name]
    if name in ignored or name in _NOT_READ:
        return None
    if name in columns or not _is_field(name):  # a name of ours that the mapping finds in another column
        if "*" in ignored:
            return None
        hint = "map it or name it in the option ignore_columns"
        raise ImportConfigError(f"nothing says what column {name[:64]!r} is; {hint}", field="columns")
    return name


def _ignored(options: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name.strip() for name in options.get("ignore_columns", "").split(","))


def _is_field(name: str) -> bool:
    return name in _CSV_FIELDS or (name.startswith(_ATTRIBUTE) and len(name) > len(_ATTRIBUTE))


def _by_language(named: Mapping[str, str], name: str) -> dict[str, str] | str | None:
    texts = {language: named[f"{name}.{language}"] for language in ("zh", "en") if f"{name}.{language}" in named}
    return texts or named.get(name)


def _number(cell: str, name: str) -> int:
    if not _WHOLE.fullmatch(cell):
        raise ProductFieldError(
            "INVALID_QUANTITY", f"{name} is a whole number from -1 (not kept), in digits 0-9", field=name
        )
    return int(cell.removesuffix(".0"))


def _flag(cell: str, name: str) -> bool:
    said = _FLAGS.get(cell.lower())
    if said is None:
        raise ProductFieldError("INVALID_FLAG", f"{name} is true or false", field=name)
    return said
