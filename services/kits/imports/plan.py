"""How an imported file is to be read: its format, which column is which field, and the options of the importer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.kits.imports.errors import ImportConfigError
from services.kits.rows.csv_rows import DIALECT_OPTIONS, csv_dialect

CSV: Final = "csv"
NDJSON: Final = "ndjson"
DEFAULT_SHOP: Final = "main"
DEFAULT_CHANNEL: Final = "import"

MAX_COLUMNS: Final = 200
COLUMNS_SHOWN: Final = 20  # of a file, in an error
ALL_OTHERS: Final = "*"  # in ignore_columns


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """An import as it was asked for. ``columns``: our field -> the file's column."""

    format: str
    shop: str = ""
    channel: str = ""
    dry_run: bool = False
    owner: str = ""
    synthetic: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


def check_options(kind: str, plan: ImportPlan, known: Collection[str]) -> None:
    """Raise ImportConfigError for options that this importer does not have: one misspelt would be without effect."""
    unknown = sorted(plan.options.keys() - set(known))
    if unknown:
        names = ", ".join(sorted(known)) or "none"
        raise ImportConfigError(f"{kind} have no option {unknown[0]}; they have: {names}", field="options")
    if plan.format == NDJSON and (strange := sorted(plan.options.keys() & DIALECT_OPTIONS)):
        raise ImportConfigError(f"the option {strange[0]} is for CSV", field="options")
    try:
        csv_dialect(plan.options)
    except ValueError as error:
        raise ImportConfigError(str(error), field="options") from error


def check_fields(kind: str, plan: ImportPlan, known: Sequence[str]) -> None:
    """Raise ImportConfigError where a column is mapped to a field that there is not."""
    strange = sorted(plan.columns.keys() - set(known))
    if strange:
        raise ImportConfigError(f"{kind} have no field {strange[0]}; they have: {', '.join(known)}", field="columns")


def check_header(plan: ImportPlan, header: Sequence[str]) -> None:
    """Raise ImportConfigError: no name or too many, a name twice, a mapped column that the file lacks."""
    names = [name for name in header if name]
    if not names or len(header) > MAX_COLUMNS:
        raise ImportConfigError(f"the file begins with a header of 1 to {MAX_COLUMNS} columns", field="columns")
    if len(set(names)) < len(names):
        raise ImportConfigError("the header names a column twice", field="columns")
    for field_name, column in sorted(plan.columns.items()):
        if column not in names:
            there = ", ".join(name[:64] for name in names[:COLUMNS_SHOWN])
            raise ImportConfigError(
                f"the file has no column {column[:64]!r} for {field_name}; it has: {there}", field="columns"
            )


def column_places(plan: ImportPlan, header: Sequence[str], fields: Sequence[str]) -> dict[str, int]:
    """Return where each of our fields stands in the file's header, of those that it has."""
    places = {name: place for place, name in enumerate(header) if name}
    columns = {each: plan.columns.get(each, each) for each in fields}
    return {each: places[column] for each, column in columns.items() if column in places}


def ignored_columns(plan: ImportPlan) -> frozenset[str]:
    """Return what the option ignore_columns names; ALL_OTHERS in it stands for whatever is not ours."""
    return frozenset(name.strip() for name in plan.options.get("ignore_columns", "").split(","))


def unknown_names(plan: ImportPlan, names: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Return which of a file's names are none of our fields, by themselves or mapped, nor to be ignored."""
    ignored = ignored_columns(plan)
    if ALL_OTHERS in ignored:
        return []
    known = ignored | {plan.columns.get(each, each) for each in fields}
    return [name for name in names if name and name not in known]
