"""What a request costs through gateway and service, beside a bare FastAPI hello of the same run.

    python -m benchmarks.gateway [--households 200] [--rounds 3] [--json]

Starts the platform on its real processes with a part of the demo shop, then, in rounds that take turns: FastAPI hello
(its own process, same uvicorn, uvloop and httptools), recommendations for known customers, search, similar items,
suggestions, a product, single events and batches of 500. Each line: requests a second, p50 and p99, CPU µs per request
by process (psutil), the ratio of their sum to hello's, and the same without the engine's own time, which the answers
say (for each request its median, so that what was in the engine's way does not count). Rate limits are off; keys, log
and metrics are on. The load comes from a process of its own; ``load`` is its share of a core. Events are acknowledged
durable; ``drain_s`` is how long the readers take to catch up afterwards. Run it alone: what else runs shows as context
switches.
"""

import argparse
import csv
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from benchmarks.http_load import Load, LoadProcess, LoadResult, http_request
from infra.local.plan import free_ports

CONNECTIONS = 16
DURATION_S = 4.0
SINGLE_EVENTS = 4_000  # a round; each request another event
BATCHES = 40
BATCH_EVENTS = 500
VISITORS = 200
COMMAND_LIMIT_S = 900.0
DRAIN_LIMIT_S = 300.0
QUERIES = (
    *("牛奶", "奶酪", "面包", "酸奶", "冰淇淋", "咖啡", "洗发水", "苹果", "猫粮", "啤酒"),
    *("milk", "cheese", "bread", "yogurt", "ice cream", "coffee", "shampoo", "apple", "cat food", "beer"),
    *("chesse", "mlik", "choc", "paper towels", "orange juice", "frozen pizza"),
)
PREFIXES = ("ch", "che", "mi", "br", "co", "奶", "面", "苹", "i", "fro")
NO_LIMITS = {f"ZHIKE_GATEWAY_{name}_RATE_PER_S": "0" for name in ("SHOPPER", "PUBLISHABLE", "SECRET", "LOAD", "FAILED")}
HELLO = """
import sys, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/hello")
async def hello():
    return {"hello": "world"}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False,
            log_level="warning")
"""


@dataclass(frozen=True)
class Platform:
    """What is measured. ``processes``: name to process id."""

    url: str
    hello_url: str
    processes: Mapping[str, int]
    token: str
    cards: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """One line of the table; medians over the rounds."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float]
    failed: int
    engine_us: float = 0.0
    generator_share: float = 0.0

    @property
    def total_us(self) -> float:
        return sum(self.cpu_us.values())


@contextmanager
def platform(households: int, folder: Path) -> Iterable[Platform]:
    """Start hello and the whole platform with a part of the demo shop; stop both."""
    data, (port, hello_port) = folder / "data", free_ports(2)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    environment = kept | NO_LIMITS | {"ZHIKE_DATA": str(data), "ZHIKE_LANG": "en"}
    run_zhike(environment, "up", "--detach", "--port", str(port))
    hello = subprocess.Popen([sys.executable, "-c", HELLO, str(hello_port)])
    try:
        run_zhike(environment, "demo", "load", "--households", str(households))
        run = json.loads((data / "run.json").read_text())
        token = (data / "operator.token").read_text().strip()
        pids = {**run["pids"], "hello": hello.pid}
        with (data / "demo" / "customers.csv").open(encoding="utf-8", newline="") as file:
            cards = tuple(row["card"] for row in csv.DictReader(file) if row["card"])
        yield Platform(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{hello_port}", pids, token, cards)
    finally:
        hello.terminate()
        hello.wait()
        run_zhike(environment, "down")


def run_zhike(environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "infra.cli.main", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


class Bench:
    """The loads on one platform."""

    def __init__(self, running: Platform) -> None:
        self.running = running
        self.api = httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {running.token}"})
        self.browser_key = self._key("bench-browser", kind="publishable")
        self.backend_key = self._key("bench-backend", kind="secret", scope="shop")
        self.visitors = [f"v-{secrets.token_hex(16)}" for _ in range(VISITORS)]
        self.products = self._products()
        self.customers = [f"card:{card}" for card in running.cards]

    def _key(self, name: str, **body: str) -> str:
        return str(self.api.post("/v1/keys", json={"name": name, **body}).raise_for_status().json()["key"])

    def _products(self) -> list[str]:
        found = [self.api.get("/v1/search", params={"q": query, "page_size": 20}).json() for query in QUERIES]
        return sorted({result["product"]["id"] for answer in found for result in answer["results"]})

    def _reads(self, paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(
            http_request("GET", path, {"X-Api-Key": self.browser_key, "X-Visitor-Id": visitor})
            for visitor, path in zip(self.visitors, list(paths) * (VISITORS // len(paths) + 1), strict=False)
        )

    def read_loads(self) -> dict[str, Load]:
        """Return the reads, each over many visitors."""
        searches = [f"/v1/search?q={quote(query)}&page_size=24&language=zh" for query in QUERIES]
        slots = [f"/v1/recommendations/recommended-for-you?identifier={quote(each)}" for each in self.customers]
        similar = [f"/v1/recommendations/similar-items?product_id={quote(each)}" for each in self.products[:100]]
        prefixes = [f"/v1/suggest?q={quote(prefix)}&language=en" for prefix in PREFIXES]
        products = [f"/v1/products/{quote(each, safe='')}" for each in self.products[:100]]
        reads = {"search": searches, "similar": similar, "suggest": prefixes, "product": products}
        backend = {"Authorization": f"Bearer {self.backend_key}"}
        hello = Load(self.running.hello_url, (http_request("GET", "/hello", {}),), CONNECTIONS, DURATION_S)
        return {
            "hello": hello,
            "recommendation": Load(
                self.running.url,
                tuple(http_request("GET", path, backend) for path in slots),
                CONNECTIONS,
                DURATION_S,
            ),
            **{
                name: Load(self.running.url, self._reads(paths), CONNECTIONS, DURATION_S)
                for name, paths in reads.items()
            },
        }

    def event_loads(self) -> dict[str, Load]:
        """Return the writes; every request holds events of its own."""
        headers = {"Authorization": f"Bearer {self.backend_key}"}
        single = tuple(http_request("POST", "/v1/events", headers, self._batch(1)) for _ in range(SINGLE_EVENTS))
        batched = tuple(http_request("POST", "/v1/events", headers, self._batch(BATCH_EVENTS)) for _ in range(BATCHES))
        url = self.running.url
        return {
            "events_single": Load(url, single, 64, 0.0, warmup_s=0.0, requests_limit=SINGLE_EVENTS),
            "events_batched": Load(url, batched, 4, 0.0, warmup_s=0.0, requests_limit=BATCHES),
        }

    def _batch(self, count: int) -> str:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        events = [
            {
                "id": secrets.token_hex(8),
                "type": "detail-page-view",
                "time": now,
                "visitor_id": secrets.choice(self.visitors),
                "products": [{"id": secrets.choice(self.products)}],
            }
            for _ in range(count)
        ]
        return json.dumps({"events": events})

    def measure(self, load: Load) -> tuple[LoadResult, dict[str, float]]:
        """Run a load; return what came back and the CPU µs per request of every process that worked for it."""
        processes = {name: psutil.Process(pid) for name, pid in self.running.processes.items()}
        before = {name: cpu_s(process) for name, process in processes.items()}
        result = LoadProcess(load).result()
        # The warm-up's requests cost as much as the counted ones, so they are counted here.
        answered = result.requests + result.warmed
        spent = {name: (cpu_s(process) - before[name]) / answered * 1e6 for name, process in processes.items()}
        return result, {name: round(us, 1) for name, us in spent.items() if us > 1.0}

    def drain_s(self) -> float:
        """Return how long it takes until no reader has anything left."""
        start = time.monotonic()
        while time.monotonic() - start < DRAIN_LIMIT_S:
            services = self.api.get("/v1/system", timeout=10).json()["services"]
            if not sum(reader["lag_events"] for each in services for reader in each.get("readers", [])):
                return time.monotonic() - start
            time.sleep(0.1)
        raise SystemExit(f"the readers have not caught up within {DRAIN_LIMIT_S:.0f} s")


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def median_figure(runs: Sequence[tuple[LoadResult, dict[str, float]]]) -> Figure:
    names = {name for _, cpu in runs for name in cpu}
    middle = lambda values: round(statistics.median(values), 2)  # noqa: E731
    return Figure(
        per_s=middle([result.per_s for result, _ in runs]),
        p50_ms=middle([result.p50_ms for result, _ in runs]),
        p99_ms=middle([result.p99_ms for result, _ in runs]),
        cpu_us={name: middle([cpu.get(name, 0.0) for _, cpu in runs]) for name in sorted(names)},
        failed=sum(result.failed for result, _ in runs),
        engine_us=middle([result.engine_us for result, _ in runs]),
        generator_share=middle([result.generator_share for result, _ in runs]),
    )


def measure(bench: Bench, rounds: int) -> dict[str, Any]:
    """Measure everything in rounds that take turns."""
    runs: dict[str, list[tuple[LoadResult, dict[str, float]]]] = {}
    loads = bench.read_loads()
    for _ in range(rounds):
        for name, load in loads.items():
            runs.setdefault(name, []).append(bench.measure(load))
    drains = []
    for _ in range(rounds):
        for name, load in bench.event_loads().items():
            runs.setdefault(name, []).append(bench.measure(load))
            drains.append(bench.drain_s())
    figures = {name: median_figure(each) for name, each in runs.items()}
    for name, each in runs.items():
        failure = next((result.first_failure for result, _ in each if result.failed), "")
        if failure:
            print(f"{name}: {failure}", file=sys.stderr)
    hello_us = figures["hello"].total_us
    return {
        **{name: as_json(figure, hello_us, events=event_count(name)) for name, figure in figures.items()},
        "drain_s": round(statistics.median(drains), 2),
        "connections": CONNECTIONS,
        "cores": os.cpu_count(),
    }


def event_count(name: str) -> int:
    return {"events_single": 1, "events_batched": BATCH_EVENTS}.get(name, 0)


def as_json(figure: Figure, hello_us: float, *, events: int) -> dict[str, Any]:
    return {
        "per_s": figure.per_s,
        "p50_ms": figure.p50_ms,
        "p99_ms": figure.p99_ms,
        "cpu_us": figure.cpu_us,
        "total_us": round(figure.total_us, 1),
        "ratio_to_hello": round(figure.total_us / hello_us, 2),
        "engine_us": figure.engine_us,
        "ratio_without_engine": round((figure.total_us - figure.engine_us) / hello_us, 2),
        "generator_share": figure.generator_share,
        "failed": figure.failed,
        **({"events_per_s": round(figure.per_s * events)} if events else {}),
    }


def show(result: Mapping[str, Any]) -> None:
    print(f"{'':16}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'× hello':>9}{'− engine':>9}{'load':>6}  by")
    for name, each in result.items():
        if isinstance(each, dict):
            parts = ", ".join(f"{process} {us:.0f}" for process, us in each["cpu_us"].items())
            print(
                f"{name:16}{each['per_s']:9.0f}{each['p50_ms']:9.2f}{each['p99_ms']:9.2f}{each['total_us']:9.0f}"
                f"{each['ratio_to_hello']:9.2f}{each['ratio_without_engine']:9.2f}"
                f"{each['generator_share']:6.0%}  {parts}"
                + (f"; {each['events_per_s']} events/s" if "events_per_s" in each else "")
                + (f"; {each['failed']} failed" if each["failed"] else "")
            )
    print(f"readers drained within {result['drain_s']} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--households", type=int, default=200, help="how much of the demo shop is loaded")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder,
        platform(arguments.households, Path(folder)) as running,
    ):
        result = measure(Bench(running), arguments.rounds)
    show(result)
    if arguments.json:
        print(json.dumps(result))
    return 1 if any(isinstance(each, dict) and each["failed"] for each in result.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
