"""Start to ready, the whole demo loaded, and the memory that it takes: ``python -m benchmarks.platform --json``.

Starts an empty deployment several times (stopped in between), then loads the whole demo shop once, trains the first
models with the shipped parameters, and sums the proportional set sizes of every process while Ray is stopped.
The last line of ``--json`` is {ready_s, ready_spread_s, loaded_s, orders_per_s, pss_mib, pss_total_mib, lag_events}.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.local.plan import free_ports

STARTS = 3
COMMAND_LIMIT_S = 900.0
MIB = 1024 * 1024


def zhike(data: Path, *arguments: str) -> str:
    """Run the command on a data directory of its own and return what it printed; raises on failure."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    environment = kept | {"ZHIKE_DATA": str(data), "ZHIKE_LANG": "en", "COLUMNS": "200"}
    command = [sys.executable, "-m", "infra.cli.main", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def ready_seconds(output: str) -> float:
    """Return what ``zhike up`` says of its start."""
    found = re.search(r"ready after ([0-9.]+) s", output)
    assert found, output
    return float(found.group(1))


def measure(starts: int, households: int | None) -> dict[str, object]:
    """Measure; ``households`` None is the whole demo shop."""
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        data = Path(folder) / "data"
        port = str(free_ports(1)[0])
        ready = []
        for _ in range(starts):
            ready.append(ready_seconds(zhike(data, "up", "--detach", "--port", port)))
            zhike(data, "down")
        zhike(data, "up", "--detach", "--port", port)
        try:
            started = time.monotonic()
            zhike(data, "demo", "load", *(["--households", str(households)] if households else []))
            loaded_s = time.monotonic() - started
            status = json.loads(zhike(data, "status", "--json").splitlines()[-1])
            counts = json.loads((data / "demo" / "manifest.json").read_text())["counts"]
        finally:
            zhike(data, "down")
    lag = sum(reader["lag_events"] for service in status["services"] for reader in service["readers"])
    pss = {name: round(value / MIB) for name, value in status["pss_bytes"].items()}
    return {
        "ready_s": round(statistics.median(ready), 2),
        "ready_spread_s": [round(min(ready), 2), round(max(ready), 2)],
        "loaded_s": round(loaded_s, 1),
        "orders": counts["orders"],
        "orders_per_s": round(counts["orders"] / loaded_s),
        "pss_mib": pss,
        "pss_total_mib": sum(pss.values()),
        "lag_events": lag,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--households", type=int, default=None, help="a part of the demo shop")
    arguments = parser.parse_args()
    result = measure(arguments.starts, arguments.households)
    for name, value in result.items():
        print(f"{name:<18} {value}")
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
