"""How soon who watches an order sees it move: ``python -m benchmarks.orders_live [--seconds 30] [--json]``.

The whole platform stands. 500 orders are watched by 500 server-sent event streams, each through a link of its own;
facts are told one by one, 100 a second, each of one order, through the same gateway. 20 times a stream is broken off
and comes again with Last-Event-ID. A fact's time is from before its POST until its stream holds the whole event. Those
whose stream was away meanwhile are counted apart: they are told again, none twice, none lost.

- p50_ms, p95_ms, p99_ms, max_ms: over facts whose stream stood; post_p95_ms: the POST's own answer.
- lost, doubled: facts that a stream never told, or told twice; replayed: those told after a reconnect.
- cpu_share: of one core, by process, meanwhile; load: the machine's load average at the end, for others may use it too.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import uvloop

from infra.local.plan import free_ports

ORDERS = 500
EVENTS_PER_S = 100
RECONNECTS = 20
AWAY_S = (0.05, 0.5)
SETTLE_S, LOOK_S = 10.0, 0.05
SENDERS = 24
COMMAND_LIMIT_S = 300
LINE_LIMIT_BYTES = 4 * 1024 * 1024
_TOLD = re.compile(rb'"text":"live-(\d+)"')


@dataclass
class Run:
    """What was sent and what was told."""

    sent_at: dict[int, float] = field(default_factory=dict)
    answered_at: dict[int, float] = field(default_factory=dict)
    told_at: dict[int, float] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)  # facts whose stream was away when they were sent
    doubled: Counter[int] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


class Watcher:
    """One browser: a raw stream that reads on until it is broken off, and comes again with the last id that it saw."""

    def __init__(self, url: str, order_id: str, token: str, run: Run) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._path = f"/v1/orders/{order_id}/stream?access_token={token}"
        self._run, self._last_id = run, ""
        self._task: asyncio.Task[None] | None = None
        self.stands = asyncio.Event()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._read())
        await asyncio.wait_for(self.stands.wait(), 30)

    async def break_off(self, away_s: float) -> None:
        """Drop the connection as a phone that loses its network does, and come again."""
        self.stands.clear()
        await self.stop()
        await asyncio.sleep(away_s)
        await self.start()

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _read(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=LINE_LIMIT_BYTES)
        try:
            place = f"Last-Event-ID: {self._last_id}\r\n" if self._last_id else ""
            writer.write(f"GET {self._path} HTTP/1.1\r\nHost: bench\r\n{place}\r\n".encode())
            status = await reader.readline()
            assert b" 200 " in status, status
            event = b""
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    event = line[7:].strip()
                elif line.startswith(b"data: ") and event == b"fact":
                    self._note(line)
                elif line.startswith(b"id: "):
                    self._last_id = line[4:].strip().decode()
                    if event == b"order":
                        self.stands.set()
        finally:
            writer.transport.abort()

    def _note(self, line: bytes) -> None:
        found = _TOLD.search(line)
        if found is None:
            return
        number = int(found[1])
        if number in self._run.told_at:
            self._run.doubled[number] += 1
        else:
            self._run.told_at[number] = time.perf_counter()


@contextmanager
def platform(folder: Path) -> Iterator[tuple[str, str, Mapping[str, int]]]:
    """Start the whole platform, empty; yield its address, the operator's token and its process ids; stop it."""
    data, port = folder / "data", free_ports(1)[0]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    environment = kept | {"ZHIKE_DATA": str(data), "ZHIKE_LANG": "en"}
    _zhike(environment, "up", "--detach", "--port", str(port))
    try:
        run = json.loads((data / "run.json").read_text())
        yield f"http://127.0.0.1:{port}", (data / "operator.token").read_text().strip(), run["pids"]
    finally:
        _zhike(environment, "down")


def _zhike(environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "infra.cli.main", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


async def place_orders(api: httpx.AsyncClient) -> dict[str, str]:
    """Place the orders with a parcel each, and return a link's token for each order's id."""
    now = datetime.now(UTC).isoformat()
    events: list[dict[str, Any]] = []
    for number in range(ORDERS):
        order = {"number": f"live-{number}"}
        events += [
            {"type": "order-placed", "time": now, "id": f"o{number}", "order": order, "products": [{"id": "p-1"}]},
            {
                "type": "shipment-created", "time": now, "id": f"s{number}", "order": order,
                "shipment": {"carrier": "live", "tracking_number": f"L{number}"},
            },
        ]  # fmt: skip
    ids: dict[str, None] = {}
    for start in range(0, len(events), 500):
        answer = await api.post("/v1/orders/events", json={"events": events[start : start + 500]})
        answer.raise_for_status()
        for verdict in answer.json()["verdicts"]:
            assert verdict["status"] == "stored", verdict
            ids[verdict["order_id"]] = None
    tokens: dict[str, str] = {}
    for order_id in ids:
        for _ in range(200):  # a moment after the answer the order can be read
            answer = await api.post(f"/v1/orders/{order_id}/access-tokens", json={})
            if answer.status_code != 404:
                break
            await asyncio.sleep(0.05)
        answer.raise_for_status()
        tokens[order_id] = answer.json()["token"]
    return tokens


async def tell(api: httpx.AsyncClient, run: Run, watchers: list[Watcher], seconds: float, rng: Random) -> None:
    """Tell facts at the rate, whatever the answers take."""
    begin, count, telling = time.perf_counter(), int(seconds * EVENTS_PER_S), set[asyncio.Task[None]]()
    room = asyncio.Semaphore(SENDERS)
    for number in range(count):
        await asyncio.sleep(max(0.0, begin + number / EVENTS_PER_S - time.perf_counter()))
        await room.acquire()
        place = rng.randrange(ORDERS)
        task = asyncio.create_task(_tell_one(api, run, number, place, stands=watchers[place].stands.is_set()))
        telling.add(task)
        task.add_done_callback(lambda done: (telling.discard(done), room.release()))
    await asyncio.gather(*telling)


async def _tell_one(api: httpx.AsyncClient, run: Run, number: int, place: int, *, stands: bool) -> None:
    fact = {
        "type": "shipment-in-transit", "time": datetime.now(UTC).isoformat(), "id": f"f{number}",
        "order": {"number": f"live-{place}"}, "text": f"live-{number}",
        "shipment": {"carrier": "live", "tracking_number": f"L{place}"},
    }  # fmt: skip
    if not stands:
        run.away.add(number)
    run.sent_at[number] = time.perf_counter()
    answer = await api.post("/v1/orders/events", json={"events": [fact]})
    if answer.is_success and answer.json()["stored"] == 1:
        run.answered_at[number] = time.perf_counter()
    else:
        run.refused.append(answer.text[:200])


async def break_streams(watchers: list[Watcher], seconds: float, rng: Random) -> int:
    """Break streams off over the time, one after the other."""
    for _ in range(RECONNECTS):
        await asyncio.sleep(seconds * 0.9 / RECONNECTS)
        await rng.choice(watchers).break_off(rng.uniform(*AWAY_S))
    return RECONNECTS


async def measure(url: str, token: str, seconds: float, pids: Mapping[str, int]) -> dict[str, Any]:
    rng, run = Random(5), Run()
    limits = httpx.Limits(max_connections=SENDERS)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=60, trust_env=False) as api:
        tokens = await place_orders(api)
        watchers = [Watcher(url, order_id, text, run) for order_id, text in tokens.items()]
        for start in range(0, ORDERS, 50):
            await asyncio.gather(*(each.start() for each in watchers[start : start + 50]))
        before = {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in pids.items()}
        begin = time.perf_counter()
        _, reconnects = await asyncio.gather(
            tell(api, run, watchers, seconds, rng), break_streams(watchers, seconds, Random(6))
        )
        lasted = time.perf_counter() - begin
        shares = {
            name: round((sum(psutil.Process(pid).cpu_times()[:2]) - before[name]) / lasted, 2)
            for name, pid in pids.items()
        }
        for _ in range(round(SETTLE_S / LOOK_S)):
            if len(run.told_at) >= len(run.answered_at):
                break
            await asyncio.sleep(LOOK_S)
        await asyncio.gather(*(each.stop() for each in watchers))
    return report(run, reconnects) | {"cpu_share": shares, "load": round(os.getloadavg()[0], 1)}


def report(run: Run, reconnects: int) -> dict[str, Any]:
    standing = sorted(
        (run.told_at[number] - sent) * 1_000
        for number, sent in run.sent_at.items()
        if number in run.told_at and number not in run.away
    )
    posts = sorted((run.answered_at[number] - run.sent_at[number]) * 1_000 for number in run.answered_at)
    return {
        "streams": ORDERS,
        "events": len(run.sent_at),
        "events_per_s": round(len(run.sent_at) / (max(run.sent_at.values()) - min(run.sent_at.values())), 1),
        "reconnects": reconnects,
        "p50_ms": round(statistics.median(standing), 1),
        "p95_ms": round(quantile(standing, 0.95), 1),
        "p99_ms": round(quantile(standing, 0.99), 1),
        "max_ms": round(standing[-1], 1),
        "post_p95_ms": round(quantile(posts, 0.95), 1),
        "lost": len(run.answered_at.keys() - run.told_at.keys()),
        "doubled": sum(run.doubled.values()),
        "replayed": len(run.away & run.told_at.keys()),
        "refused": len(run.refused),
        "first_refusal": run.refused[0] if run.refused else "",
    }


def quantile(ascending: list[float], share: float) -> float:
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, platform(Path(folder)) as (url, token, pids):
        result = uvloop.run(measure(url, token, arguments.seconds, pids))
    for name, value in result.items():
        print(f"{name:>16}  {value}")
    holds = result["p95_ms"] <= 250 and not (result["lost"] or result["doubled"] or result["refused"])
    if arguments.json:
        print(json.dumps({"benchmark": "orders_live", "holds": holds, **result}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
