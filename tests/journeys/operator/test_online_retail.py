"""A real shop's year of invoices through ``zhike import orders``: every one of 541,909 rows is accounted for."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.operator.online_retail import MAPPING, ROWS, OnlineRetail
from tests.journeys.platform import Platform

REFUSED = ("QUANTITY_NOT_POSITIVE", "MONEY_NEGATIVE")
KINDS = ("order-line", "anonymous-order", "return", "charge")
SEED = 541_909
CUSTOMERS_COMPARED = 20
SAMPLED_INVOICES = 5_000
READ_LIMIT_S = 120.0
PAUSE_S = 0.05


@dataclass(frozen=True)
class Run:
    """One call of the command: what it said, its exit code, and how many events the log held after it."""

    progress: dict[str, Any]
    exit_code: int
    events: int


@dataclass(frozen=True)
class Retail:
    """The file imported three times, one after the other."""

    data: OnlineRetail
    platform: Platform
    dry: Run
    first: Run
    again: Run
    errors: list[dict[str, Any]]


@pytest.fixture(scope="module")
def retail(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retail]:
    """Import the whole file on a deployment of its own: dry, for real, and again."""
    data = OnlineRetail.within(test_data)
    folder = tmp_path_factory.mktemp("online-retail")
    file, errors = folder / "online_retail.csv", folder / "errors.ndjson"
    data.write_csv(file)
    platform = Platform.at(folder / "data")
    try:
        platform.up()
        dry = _imported(platform, file, "--dry-run", "--errors", str(errors))
        first = _imported(platform, file)
        again = _imported(platform, file)
        refused = [json.loads(line) for line in errors.read_text(encoding="utf-8").splitlines()]
        yield Retail(data, platform, dry, first, again, refused)
    finally:
        platform.down()


def _imported(platform: Platform, file: Path, *arguments: str) -> Run:
    result = platform.zhike("import", "orders", str(file), "--mapping", str(MAPPING), "--json", *arguments)
    assert result.stdout, result.stderr + platform.last_log_lines()
    _wait_until_read(platform)
    return Run(json.loads(result.stdout), result.returncode, _facts_read(platform, "knowledge")["events"])


def _facts_read(platform: Platform, name: str) -> dict[str, int]:
    """Return how many order facts there were since a service started, and how many of them it has not read yet."""
    end = time.monotonic() + READ_LIMIT_S
    with platform.operator() as client:
        while True:
            for service in client.get("/v1/system").json()["services"]:
                for reader in service.get("readers", ()) if service["service"] == name else ():
                    if reader["log"] == "order-events":
                        return {"events": reader["applied"] + reader["lag_events"], "lag": reader["lag_events"]}
            assert time.monotonic() < end, f"{name} does not say how it stands within {READ_LIMIT_S:.0f} s"
            time.sleep(PAUSE_S)


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + READ_LIMIT_S
    while not condition():
        assert time.monotonic() < end, f"not within {READ_LIMIT_S:.0f} s: {what}"
        time.sleep(PAUSE_S)


def _wait_until_read(platform: Platform) -> None:
    """Wait until knowledge has read what orders has, and both stand at the head."""

    def is_read() -> bool:
        owner, reader = _facts_read(platform, "orders"), _facts_read(platform, "knowledge")
        return owner == reader and not owner["lag"]

    _wait_until(is_read, "orders are read")


def _orders_known(platform: Platform) -> int:
    with platform.operator() as client:
        (knowledge,) = [each for each in client.get("/v1/system").json()["services"] if each["service"] == "knowledge"]
    return int(knowledge["facts"]["orders"])


@pytest.mark.data
@pytest.mark.slow
def test_every_row_is_accepted_there_already_or_refused(retail: Retail) -> None:
    for run in (retail.dry, retail.first, retail.again):
        progress = run.progress
        assert progress["rows"] == ROWS
        assert progress["rows"] == progress["accepted"] + progress["duplicate"] + progress["rejected"]
        assert progress["rejected"] == sum(progress["rejected_by_reason"].values())
        assert progress["accepted"] == sum(progress["accepted_by_kind"].values())
        assert progress["done_bytes"] == progress["total_bytes"]


@pytest.mark.data
@pytest.mark.slow
def test_rows_count_as_what_the_data_says_that_they_are(retail: Retail) -> None:
    counted = retail.data.counted()
    for run in (retail.dry, retail.first):
        assert run.progress["accepted_by_kind"] == {kind: counted[kind] for kind in KINDS}
        assert run.progress["rejected_by_reason"] == {reason: counted[reason] for reason in REFUSED}
        assert run.progress["accepted"] >= 0.99 * ROWS
        assert run.progress["duplicate"] == 0


@pytest.mark.data
@pytest.mark.slow
def test_the_error_file_holds_each_refused_row_with_its_number_its_reason_and_what_it_said(retail: Retail) -> None:
    for reason in REFUSED:
        assert {each["row"] for each in retail.errors if each["reason"] == reason} == retail.data.rows_expected_to_be(
            reason
        )
    assert len(retail.errors) == retail.dry.progress["rejected"]
    invoices = retail.data.lines["InvoiceNo"]
    for each in retail.errors:
        assert each["raw"][0] == invoices[each["row"] - 1]
        assert each["message"]
        assert each["field"] in {"quantity", "unit_price"}


@pytest.mark.data
@pytest.mark.slow
def test_a_dry_run_writes_nothing_the_import_one_event_for_each_order_and_a_second_import_nothing(
    retail: Retail,
) -> None:
    assert retail.dry.events == 0
    assert retail.first.events == retail.data.orders()
    assert retail.again.events == retail.first.events
    assert retail.again.progress["accepted"] == 0
    assert retail.again.progress["duplicate"] == retail.first.progress["accepted"]
    assert retail.again.progress["rejected"] == retail.first.progress["rejected"]


@pytest.mark.data
@pytest.mark.slow
def test_the_exit_code_says_that_rows_were_refused(retail: Retail) -> None:
    assert [run.exit_code for run in (retail.dry, retail.first, retail.again)] == [1, 1, 1]


@pytest.mark.data
@pytest.mark.slow
def test_customers_have_bought_what_the_data_says_less_what_they_returned(retail: Retail) -> None:
    _wait_until_read(retail.platform)
    chosen = random.Random(SEED).sample(retail.data.customers(), CUSTOMERS_COMPARED)
    with retail.platform.operator() as client:
        for number in chosen:
            purchases = client.get(f"/v1/customers/card:{number}").json()["purchases"]
            expected = retail.data.spend(number)
            assert purchases["orders"] == expected.orders, number
            assert round(float(purchases["spend"]["amount"]) * 100) == expected.pence, number
            assert purchases["spend"]["currency"] == "GBP"


@pytest.mark.data
@pytest.mark.slow
def test_a_file_without_the_mapped_columns_imports_nothing_and_says_which_it_has(
    retail: Retail, tmp_path: Path
) -> None:
    file = tmp_path / "renamed.csv"
    file.write_text("Invoice,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Description,Country\n", "utf-8")
    result = retail.platform.zhike("import", "orders", str(file), "--mapping", str(MAPPING))
    assert result.returncode == 64
    assert "no column 'InvoiceNo' for order_number; it has: Invoice, StockCode" in " ".join(result.stderr.split())
    unknown = retail.platform.zhike("import", "orders", str(file), "--column", "colour=Invoice")
    assert unknown.returncode == 64
    assert "orders have no field colour; they have: order_number" in " ".join(unknown.stderr.split())


@pytest.mark.data
@pytest.mark.slow
def test_an_import_whose_service_is_killed_goes_on_and_neither_loses_nor_doubles_an_order(
    test_data: Path, empty_shop: Platform, tmp_path: Path
) -> None:
    sample = OnlineRetail.within(test_data).sample(SAMPLED_INVOICES, SEED)
    sample.write_csv(tmp_path / "sample.csv")
    call = ["import", "orders", str(tmp_path / "sample.csv"), "--mapping", str(MAPPING), "--json"]
    with ThreadPoolExecutor(1) as threads:
        command = threads.submit(empty_shop.zhike, *call)
        _wait_until(lambda: _facts_read(empty_shop, "knowledge")["events"] > 0, "orders are being written")
        run = empty_shop.run_file()
        assert run is not None
        os.kill(run.pids["orders"], signal.SIGKILL)
        assert not command.done(), "the import was over before its service was killed"
        result = command.result()
    assert result.stdout, result.stderr + empty_shop.last_log_lines()
    progress = json.loads(result.stdout)
    counted = sample.counted()
    refused = sum(counted.get(reason, 0) for reason in REFUSED)
    assert progress["rows"] == len(sample.lines)
    assert progress["rejected"] == refused
    assert progress["accepted"] + progress["duplicate"] == len(sample.lines) - refused
    assert progress["duplicate"] > 0, "what was written before the kill is met again"
    _wait_until(lambda: _orders_known(empty_shop) >= sample.orders(), "knowledge has every order")
    again = json.loads(empty_shop.zhike(*call).stdout)
    assert (again["accepted"], again["duplicate"]) == (0, len(sample.lines) - refused)
    assert _orders_known(empty_shop) == sample.orders()
