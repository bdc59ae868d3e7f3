"""A load-tester's short smoke on the real platform: it holds, is breached, is void, and teaches nothing."""

import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtests.__main__ import EXIT_NOT_RUN
from loadtests.gates import EXIT_BREACHED, EXIT_HELD, EXIT_VOID
from loadtests.ledger import LEDGER, read_ledger
from loadtests.run import GATES
from tests.journeys.callers import Shop, eventually
from tests.journeys.platform import Platform

ROOT = Path(__file__).resolve().parents[3]
SHORTEN = "10"  # of a minute
BOARD_INTERVAL_S = 6.0  # what is popular is counted anew every five
LATE_MS = 60_000  # no timing in a test: this machine may be doing anything


def gates_file(folder: Path, *, cpu_share_max: float = 100.0, p95_ms: float = LATE_MS) -> Path:
    """Write gates like the real ones, with other limits of time."""
    content: dict[str, Any] = yaml.safe_load(GATES.read_text(encoding="utf-8"))
    smoke = content["shapes"]["smoke"]
    smoke["requests_min"] = 600
    smoke["routes"] = {route: {"p95_ms": p95_ms} for route in ("search", "recommendation", "events", "event-batch")}
    path = folder / "gates.yaml"
    path.write_text(yaml.safe_dump({"generator": {"cpu_share_max": cpu_share_max}, "shapes": {"smoke": smoke}}))
    return path


def smoke(
    platform: Platform, folder: Path, gates: Path, shape: str = "smoke", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a shape against a platform that runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    environment |= {"ZHIKE_URL": platform.url, "COLUMNS": "200", **settings}
    report = folder / "report"
    command = [sys.executable, "-m", "loadtests", "--shape", shape, "--shorten", SHORTEN, "--gates", str(gates)]
    command += ["--report", str(report)]
    return subprocess.run(
        [*command, "--edits"], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


def test_a_smoke_holds_and_every_acknowledgement_is_found_once(demo_shop: Platform, shop: Shop, tmp_path: Path) -> None:
    eventually(lambda: not any(_lags(shop)), "readers do not catch up", limit_s=60)
    time.sleep(BOARD_INTERVAL_S)  # what others bought is counted by then
    board = shop.browser().slots("popular", page_size=50)
    edited_before = _prices(shop)
    done = smoke(demo_shop, tmp_path, gates_file(tmp_path), ZHIKE_DATA=str(demo_shop.data))
    assert done.returncode == EXIT_HELD, done.stdout + done.stderr
    for said in ("HELD", "0 lost, 0 doubled (asked by the way of: log)", "generator", "requests/s"):
        assert said in done.stdout
    assert "<html" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")[:2_000]
    ledger = read_ledger(tmp_path / "report" / LEDGER)
    assert len(ledger.events) > 100
    eventually(lambda: not any(_lags(shop)), "readers do not catch up", limit_s=60)
    assert shop.browser().slots("popular", page_size=50) == board, "a load test moved what is popular"
    cards = {name for event in ledger.events.values() for name in event.get("identifiers", ())}
    assert shop.desk.refused("GET", f"/v1/customers/{sorted(cards)[0]}")["status"] == 404, "it is in nobody's profile"
    assert _prices(shop) == edited_before, "edited prices are set back"
    keys = [key for key in shop.operator.get("/v1/keys")["keys"] if key["name"].startswith("load-")]
    assert all(key["revoke_time"] for key in keys)


def test_a_gate_that_cannot_hold_ends_the_run_with_a_breach(demo_shop: Platform, tmp_path: Path) -> None:
    gates = gates_file(tmp_path, p95_ms=0.001)
    done = smoke(demo_shop, tmp_path, gates, ZHIKE_DATA=str(demo_shop.data))
    assert done.returncode == EXIT_BREACHED, done.stdout + done.stderr
    assert "BREACHED" in done.stdout


def test_a_generator_that_is_too_busy_makes_the_run_void(demo_shop: Platform, tmp_path: Path) -> None:
    gates = gates_file(tmp_path, cpu_share_max=0.000001)
    done = smoke(demo_shop, tmp_path, gates, ZHIKE_DATA=str(demo_shop.data))
    assert done.returncode == EXIT_VOID, done.stdout + done.stderr
    assert "VOID" in done.stdout


def test_from_elsewhere_with_a_key_alone_acknowledgements_are_told_again(
    demo_shop: Platform, shop: Shop, tmp_path: Path
) -> None:
    gates = gates_file(tmp_path)
    done = smoke(demo_shop, tmp_path, gates, ZHIKE_LOAD_KEY=shop.keys["load"], ZHIKE_LOAD_STAFF_KEY=shop.keys["staff"])
    assert done.returncode == EXIT_HELD, done.stdout + done.stderr
    assert "0 lost, 0 doubled (asked by the way of: resend)" in done.stdout


def test_a_spike_is_refused_politely_and_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    limits = (("ZHIKE_GATEWAY_LOAD_RATE_PER_S", "150"), ("ZHIKE_GATEWAY_SECRET_BURST", "150"))
    platform = replace(Platform.at(tmp_path / "data"), settings=limits)
    spike = {"requests_min": 1, "failure_ratio_max": 0, "shed_min": 100, "lost_max": 0, "doubled_max": 0}
    spike |= {"recovery_s_max": math.inf, "recovered_p95_ms": LATE_MS}
    gates = tmp_path / "gates.yaml"
    gates.write_text(yaml.safe_dump({"generator": {"cpu_share_max": 100.0}, "shapes": {"spike": spike}}))
    try:
        platform.up()
        done = smoke(platform, tmp_path, gates, "spike", ZHIKE_DATA=str(platform.data))
    finally:
        platform.down()
    assert done.returncode == EXIT_HELD, done.stdout + done.stderr
    for said in ("x search: 429", "after the peak", "0 lost, 0 doubled (asked by the way of: log)"):
        assert said in done.stdout


@pytest.mark.parametrize(("settings", "said"), [({}, "ZHIKE_LOAD_KEY"), ({"ZHIKE_LOAD_KEY": "sk_x_y"}, "KEY_UNKNOWN")])
def test_who_may_not_load_is_told_so(demo_shop: Platform, tmp_path: Path, settings: dict[str, str], said: str) -> None:
    done = smoke(demo_shop, tmp_path, gates_file(tmp_path), **settings)
    assert done.returncode == EXIT_NOT_RUN
    assert said in done.stdout


def _prices(shop: Shop) -> dict[str, str]:
    found = shop.backend("load").search("", page_size=100, order_by="price")["results"]
    ids = sorted(each["product"]["id"] for each in found)[:20]
    return {each: shop.backend("load").get(f"/v1/products/{each}")["price"]["amount"] for each in ids}


def _lags(shop: Shop) -> list[bool]:
    system = shop.operator.get("/v1/system")
    return [reader["lag_events"] > 0 for service in system["services"] for reader in service["readers"]]
