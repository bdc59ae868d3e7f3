"""Every row of a file is accepted, a duplicate or refused by name; rows = accepted + duplicate + rejected."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from services.kits.rows.bad_row import MAX_LINE_BYTES
from services.search.domain.errors import ImportConfigError
from services.search.usecases.importing import Importing, run_import
from tests.unit.services.search.shop import Shop, row


async def imported(shop: Shop, folder: Path, content: bytes, **arguments: Any) -> Progress:
    """Run an import of ``content`` and return its counters."""
    artifacts = LocalArtifacts(folder / "artifacts")
    await artifacts.open()
    blob = await artifacts.put(content)
    settled: list[bool] = []

    async def settle() -> None:
        settled.append(True)
        await shop.settle()

    async def save(run: OperationRun) -> None:
        """Nobody looks."""

    asked = {"format": "ndjson", "shop": "main", "dry_run": False, "columns": {}, "options": {}, **arguments}
    operation = Operation(
        "search.1", "import-products", OperationState.RUNNING, {**asked, "file": blob.digest}, Progress(),
        datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    run = OperationRun(operation, save, shop.clock)
    try:
        await run_import(run, Importing(shop.store, artifacts, shop.clock, lambda: None, settle))
    finally:
        run.close()
        await artifacts.close()
    progress = run.progress
    assert progress.rows == progress.accepted + progress.duplicate + progress.rejected
    assert progress.done_bytes == progress.total_bytes == len(content)
    assert bool(settled) is not asked["dry_run"]
    return progress


def lines(*rows: Any) -> bytes:
    return b"\n".join(each if isinstance(each, bytes) else orjson.dumps(each) for each in rows)


def reasons(progress: Progress) -> list[tuple[int, str]]:
    return [(error.row, error.reason) for error in progress.errors]


async def test_ndjson_rows_are_counted_each_by_what_became_of_it(shop: Shop, tmp_path: Path) -> None:
    content = lines(
        b"\xef\xbb\xbf" + orjson.dumps(row("n1", "新品一")), b"", row("n2", "新品二", price="1.00"),
        b"{broken", [1, 2], {"id": "n3"}, row("n4", "x", price="-1"), row("n5", "y", colour="red"), b'{"id": "\xff"}',
        row("n1", "新品一"), row("n2", "新品二改"), b"  ",
    )  # fmt: skip
    progress = await imported(shop, tmp_path, content)
    assert (progress.rows, progress.accepted, progress.duplicate, progress.rejected) == (10, 3, 1, 6)
    assert progress.accepted_by_kind == {"created": 2, "changed": 1}
    assert reasons(progress) == [
        (3, "ROW_MALFORMED"),
        (4, "ROW_MALFORMED"),
        (5, "MISSING_FIELD"),
        (6, "NEGATIVE_PRICE"),
        (7, "UNKNOWN_FIELD"),
        (8, "ROW_ENCODING"),
    ]
    assert await shop.ids("新品") == ["n1", "n2"]


async def test_an_import_again_from_its_beginning_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    content = lines(*(row(f"n{number}", f"新品{number}") for number in range(450)))
    first = await imported(shop, tmp_path, content)
    again = await imported(shop, tmp_path, content)
    assert (first.accepted, again.accepted, again.duplicate) == (450, 0, 450)


async def test_a_dry_run_counts_and_writes_nothing(shop: Shop, tmp_path: Path) -> None:
    progress = await imported(shop, tmp_path, lines(row("n1", "新品"), {"id": "n2"}), dry_run=True)
    assert (progress.accepted, progress.rejected) == (1, 1)
    assert await shop.store.get("n1") is None


async def test_a_line_past_the_limit_is_refused_and_the_next_is_read(shop: Shop, tmp_path: Path) -> None:
    progress = await imported(shop, tmp_path, lines(row("n1", "长" * MAX_LINE_BYTES), row("n2", "短")))
    assert reasons(progress) == [(1, "ROW_TOO_LONG")]
    assert await shop.store.get("n2")


async def test_csv_rows_are_counted_each_by_what_became_of_it(shop: Shop, tmp_path: Path) -> None:
    content = (
        "\ufeffid,title,price,currency\r\n"
        'c1,"奶茶, 大杯",12.00,CNY\r\n'
        "c2,short\r\n"
        "c3,Tea,abc,CNY\r\n"
        'c4,"Two\nlines",1.00,CNY\r\n'
        'c5,bad"quote",1.00,CNY\r\n'
        '"c6"x,bad,1.00,CNY\r\n'
    ).encode() + b"c7,\xff\xfe,1.00,CNY\r\n\r\nc8,last,1.00,CNY"
    progress = await imported(shop, tmp_path, content, format="csv")
    assert progress.rows == 8
    assert reasons(progress) == [
        (2, "ROW_SHAPE"),
        (3, "INVALID_MONEY"),
        (6, "ROW_MALFORMED"),
        (7, "ROW_ENCODING"),
    ]
    stored = await shop.store.get("c1")
    assert stored
    assert stored.product.title == {"zh": "奶茶, 大杯"}
    assert await shop.store.get("c8")


async def test_a_mapping_and_options_read_a_foreign_file(shop: Shop, tmp_path: Path) -> None:
    progress = await imported(
        shop,
        tmp_path,
        b"SKU,Name,Preis,Lager\n7,Tee,1.50,3\n",
        format="csv",
        columns={"id": "SKU", "title": "Name", "price": "Preis"},
        options={"currency": "EUR", "ignore_columns": "Lager"},
    )
    assert progress.accepted == 1


async def test_a_quote_that_nobody_closes_swallows_no_product(shop: Shop, tmp_path: Path) -> None:
    products = "".join(f"c{number},茶 {number}\n" for number in range(300))
    progress = await imported(shop, tmp_path, f'id,title\nc-open,"Open\n{products}'.encode(), format="csv")
    assert (progress.rows, progress.accepted) == (301, 300)
    assert reasons(progress) == [(1, "ROW_MALFORMED")]


async def test_a_file_of_another_encoding_and_delimiter_is_read_by_its_options(shop: Shop, tmp_path: Path) -> None:
    content = "编号;名称;库存\nc1;奶酪;12.0\nc2;牛奶;１２\n".encode("gb18030")
    progress = await imported(
        shop,
        tmp_path,
        content,
        format="csv",
        columns={"id": "编号", "title": "名称", "available_quantity": "库存"},
        options={"encoding": "gb18030", "delimiter": ";"},
    )
    assert reasons(progress) == [(2, "INVALID_QUANTITY")]
    stored = await shop.store.get("c1")
    assert stored
    assert (stored.product.title, stored.product.available_quantity) == ({"zh": "奶酪"}, 12)


async def test_a_header_line_alone_is_no_rows(shop: Shop, tmp_path: Path) -> None:
    assert (await imported(shop, tmp_path, b"\xef\xbb\xbfid,title\r\n", format="csv")).rows == 0


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        (b"", {"format": "csv"}),
        ("编号,名称\n".encode("gb18030"), {"format": "csv"}),
        (b"id,title\n", {"format": "csv", "columns": {"title": "Name"}}),
        (b'"id,title\n', {"format": "csv"}),
        (b"id,title\n", {"format": "csv", "options": {"encoding": "utf-16"}}),
        (b"{}", {"options": {"encoding": "gb18030"}}),
        (b"id,title,colour\n1,x,red\n", {"format": "csv"}),
        (b"{}", {"options": {"nothing": "x"}}),
    ],
)
async def test_a_file_that_cannot_be_read_at_all_fails_the_operation(
    shop: Shop, tmp_path: Path, content: bytes, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ImportConfigError):
        await imported(shop, tmp_path, content, **arguments)


async def test_an_empty_ndjson_file_is_no_rows(shop: Shop, tmp_path: Path) -> None:
    assert (await imported(shop, tmp_path, b"\n\n")).rows == 0
