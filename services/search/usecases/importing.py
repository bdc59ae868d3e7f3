"""Imports a catalogue file: every row is accepted, a duplicate, or refused with its reason; nothing is dropped."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.operation_run import OperationRun, RowError
from services.search.domain.catalog_file import CsvLayout, check_options, csv_layout, ndjson_row
from services.search.domain.errors import ImportConfigError, ProductFieldError
from services.search.domain.product import Product, product_from_json
from services.search.store.products import ProductStore
from services.search.usecases.catalog import Announce, RowOutcome, import_products

BATCH: Final = 200  # rows between two looks at other work: about 20 ms of reading
LINE_LIMIT_BYTES: Final = 1024 * 1024


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
    check_options(arguments["options"])
    number = 0
    for line in _lines(file):
        text = line.strip().removeprefix(b"\xef\xbb\xbf")
        if not text:
            continue  # an empty line is no row
        number += 1
        yield _ndjson_row(number, text, arguments)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines; one past the limit comes cut, one byte too long, with its rest skipped."""
    while line := file.readline(LINE_LIMIT_BYTES + 1):
        piece = line
        while len(piece) > LINE_LIMIT_BYTES and not piece.endswith(b"\n"):
            piece = file.readline(LINE_LIMIT_BYTES + 1)
        yield line


def _ndjson_row(number: int, text: bytes, arguments: Mapping[str, Any]) -> Row:
    if len(text) > LINE_LIMIT_BYTES:
        return Row(number, text[:1_000].decode("utf-8", "replace"), None, _row_error("LINE_TOO_LONG", LINE_LIMIT_BYTES))
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        shown = text[:1_000].decode("utf-8", "replace")
        return Row(number, shown, None, ProductFieldError("MALFORMED_JSON", f"not JSON: {error}", field="row"))
    if not isinstance(raw, dict):
        return Row(number, raw, None, ProductFieldError("MALFORMED_JSON", "a row is a JSON object", field="row"))
    return _product_row(number, raw, ndjson_row(raw, arguments["columns"], arguments["options"]), arguments["shop"])


def _csv_rows(file: BinaryIO, arguments: Mapping[str, Any]) -> Iterator[Row]:
    # A byte that is no UTF-8 becomes half a character, which the row's own check refuses by name.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    number = 0
    layout: CsvLayout | None = None
    try:
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                number += 1
                yield Row(number, "", None, ProductFieldError("MALFORMED_CSV", f"not CSV: {error}", field="row"))
                continue
            if cells is None:
                break
            if not cells:
                continue
            if layout is None:
                layout = csv_layout(cells, arguments["columns"], arguments["options"])
                continue
            number += 1
            yield _csv_row(number, cells, layout, arguments["shop"])
    finally:
        text.detach()
    if layout is None:
        raise ImportConfigError("the file has no header line", field="file")


def _csv_row(number: int, cells: list[str], layout: CsvLayout, shop: str) -> Row:
    raw = [cell.encode("utf-8", "replace").decode() for cell in cells]
    try:
        row = layout.row(cells)
    except ProductFieldError as error:
        return Row(number, raw, None, error)
    return _product_row(number, raw, row, shop)


def _product_row(number: int, raw: Any, row: Mapping[str, Any], shop: str) -> Row:
    try:
        return Row(number, raw, product_from_json(row, shop=shop))
    except ProductFieldError as error:
        return Row(number, raw, None, error)


def _row_error(reason: str, limit: int) -> ProductFieldError:
    return ProductFieldError(reason, f"a line is longer than {limit} bytes", field="row")
