"""Imports a catalogue file: every row is accepted, a duplicate, or refused with its reason; nothing is dropped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.operation_run import OperationRun, RowError
from services.kits.rows.bad_row import BadRow
from services.kits.rows.csv_rows import csv_dialect, csv_rows
from services.kits.rows.json_rows import json_lines, json_object
from services.search.domain.catalog_file import CsvLayout, check_options, csv_layout, ndjson_row
from services.search.domain.errors import ImportConfigError, ProductFieldError
from services.search.domain.product import Product, product_from_json
from services.search.store.products import ProductStore
from services.search.usecases.catalog import Announce, RowOutcome, import_products

BATCH: Final = 200  # rows between two looks at other work: about 20 ms of reading


@dataclass(frozen=True, slots=True)
class Importing:
    """What an import needs."""

    store: ProductStore
    artifacts: ArtifactStore
    clock: Clock
    announce: Announce
    settled: Callable[[], Awaitable[None]]  # returns when what was announced can be found


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: a product, or why it is none. ``raw`` is what the row said."""

    number: int
    raw: Any
    product: Product | None
    error: ProductFieldError | None = None


async def run_import(run: OperationRun, importing: Importing) -> None:
    """Do the work of one import operation. Running it again from its beginning changes nothing that it did.

    Arguments: ``file`` (digest), ``format`` (ndjson or csv), ``shop``, ``dry_run``, ``columns``, ``options``.
    Raises ImportConfigError when no row can be read.
    """
    arguments = run.arguments
    path = await importing.artifacts.open_path(arguments["file"])
    run.progress.total_bytes = path.stat().st_size
    batch: list[Row] = []
    taken: set[str] = set()
    with path.open("rb") as file:
        for row in _rows(file, arguments):
            run.progress.rows += 1
            if row.product is None:
                _reject(run, row)
            else:
                if row.product.id in taken:  # the later row of a product comes after the earlier one, not beside it
                    await _write(run, batch, importing)
                    taken.clear()
                batch.append(row)
                taken.add(row.product.id)
            if len(batch) >= BATCH or run.progress.rows % BATCH == 0:
                await _write(run, batch, importing)
                taken.clear()
                run.progress.done_bytes = file.tell()
                await run.report()
                await asyncio.sleep(0)
        await _write(run, batch, importing)
    if not arguments["dry_run"]:
        await importing.settled()
    run.progress.done_bytes = run.progress.total_bytes


async def _write(run: OperationRun, batch: list[Row], importing: Importing) -> None:
    """Write the batch, count it, and empty it."""
    products = [row.product for row in batch if row.product is not None]
    if products:
        dry_run = bool(run.arguments["dry_run"])
        outcomes = await import_products(
            importing.store, products, importing.clock, importing.announce, dry_run=dry_run
        )
        for outcome in outcomes:
            if outcome is RowOutcome.DUPLICATE:
                run.progress.duplicate += 1
            else:
                run.progress.accept(outcome.value)
    batch.clear()


def _reject(run: OperationRun, row: Row) -> None:
    error = row.error
    if error is not None:
        run.reject(RowError(row.number, error.reason, error.message, error.field), row.raw)


def _rows(file: BinaryIO, arguments: Mapping[str, Any]) -> Iterator[Row]:
    if arguments["format"] == "csv":
        return _csv_rows(file, arguments)
    return _ndjson_rows(file, arguments)


def _ndjson_rows(file: BinaryIO, arguments: Mapping[str, Any]) -> Iterator[Row]:
    check_options(arguments["format"], arguments["options"])
    for number, line in enumerate(json_lines(file), 1):
        raw = json_object(line)
        if isinstance(raw, BadRow):
            yield _bad_row(number, raw)
        else:
            row = ndjson_row(raw, arguments["columns"], arguments["options"])
            yield _product_row(number, raw, row, arguments["shop"])


def _csv_rows(file: BinaryIO, arguments: Mapping[str, Any]) -> Iterator[Row]:
    options = arguments["options"]
    check_options(arguments["format"], options)
    rows = csv_rows(file, csv_dialect(options))
    header = next(rows, None)
    if header is None:
        raise ImportConfigError("the file has no header line", field="file")
    if isinstance(header, BadRow):
        raise ImportConfigError(f"the header cannot be read: {header.message}", field="file")
    layout = csv_layout(header, arguments["columns"], options)
    for number, cells in enumerate(rows, 1):
        if isinstance(cells, BadRow):
            yield _bad_row(number, cells)
        else:
            yield _csv_row(number, cells, layout, arguments["shop"])


def _csv_row(number: int, cells: list[str], layout: CsvLayout, shop: str) -> Row:
    try:
        row = layout.row(cells)
    except ProductFieldError as error:
        return Row(number, cells, None, error)
    return _product_row(number, cells, row, shop)


def _product_row(number: int, raw: Any, row: Mapping[str, Any], shop: str) -> Row:
    try:
        return Row(number, raw, product_from_json(row, shop=shop))
    except ProductFieldError as error:
        return Row(number, raw, None, error)


def _bad_row(number: int, row: BadRow) -> Row:
    return Row(number, row.raw, None, ProductFieldError(row.reason, row.message, field="row"))
