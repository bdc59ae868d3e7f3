"""A closed-loop HTTP/1.1 client that costs little: raw protocol, prepared requests, keep-alive connections.

It runs in a process of its own (``run_load``), so that its CPU is not the measured one's. Only answers with a
Content-Length are understood; anything but the expected status is counted as failed.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import uvloop

CONNECTIONS_LIMIT = 256
ENGINE = b'"engine_us":'
_DIGITS = re.compile(rb"\d+")


@dataclass(frozen=True)
class Load:
    """``requests``: whole HTTP requests, sent in turn. ``duration_s``: after ``warmup_s``, which is not counted."""

    url: str
    requests: tuple[str, ...]
    connections: int
    duration_s: float
    warmup_s: float = 1.0
    requests_limit: int = 0  # 0: as many as fit into the time; else each request is sent once


@dataclass(frozen=True)
class LoadResult:
    """What came back. Latencies are those of the counted part.

    ``engine_us``: the mean over the requests of the median that their answers say of their engine's time; 0 when they
    say nothing. ``generator_share``: how much of one core this client itself took.
    """

    requests: int
    failed: int
    duration_s: float
    p50_ms: float
    p99_ms: float
    first_failure: str
    warmed: int = 0
    engine_us: float = 0.0
    generator_share: float = 0.0

    @property
    def per_s(self) -> float:
        return self.requests / self.duration_s


class _Connection(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last is complete."""

    def __init__(self, run: "_Run") -> None:
        self._run, self._buffer, self._sent_at = run, bytearray(), 0.0
        self._need = -1
        self._head_end = 0
        self._status = b""
        self._request = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if self._need < 0:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._status = bytes(buffer[9:12])
            head = bytes(buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._need = end + 4 + length
            self._head_end = end + 4
        if len(buffer) >= self._need:
            self._run.answered(self._request, self._status, bytes(buffer[self._head_end : self._need]), self._sent_at)
            del buffer[: self._need]
            self._need = -1
            self._next()

    def connection_lost(self, _: Exception | None) -> None:
        self._run.lost()

    def _next(self) -> None:
        request = self._run.take()
        if request is None:
            self._transport.close()
            return
        self._request = request
        self._sent_at = time.perf_counter()
        self._transport.write(request)


class _Run:
    def __init__(self, load: Load) -> None:
        self._load = load
        prepared = [request.encode() for request in load.requests]
        self._requests = cycle(prepared) if load.requests_limit == 0 else iter(prepared)
        self._open = load.connections
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        now = time.perf_counter()
        self._from = now + load.warmup_s
        self._until = self._from + load.duration_s if load.requests_limit == 0 else float("inf")
        self._last = self._from
        self.latencies: list[float] = []
        self.failed, self.first_failure, self.warmed = 0, "", 0
        self._engines: dict[bytes, list[int]] = {}

    def take(self) -> bytes | None:
        return None if time.perf_counter() >= self._until else next(self._requests, None)

    def answered(self, request: bytes, status: bytes, body: bytes, sent_at: float) -> None:
        now = time.perf_counter()
        said = body.rfind(ENGINE)
        if said >= 0:
            engine_us = int(_DIGITS.match(body, said + len(ENGINE))[0])  # type: ignore[index]
            self._engines.setdefault(request, []).append(engine_us)
        if sent_at >= self._from:
            self.latencies.append(now - sent_at)
            self._last = now
        else:
            self.warmed += 1
        if status[:1] != b"2":
            self.failed += 1
            self.first_failure = self.first_failure or f"{status.decode()} {body[:300].decode('utf-8', 'replace')}"

    def lost(self) -> None:
        self._open -= 1
        if self._open == 0 and not self._done.done():
            self._done.set_result(None)

    async def result(self) -> LoadResult:
        parts = urlsplit(self._load.url)
        loop = asyncio.get_running_loop()
        assert 0 < self._load.connections <= CONNECTIONS_LIMIT
        began, cpu_began_s = time.perf_counter(), time.process_time()
        for _ in range(self._load.connections):
            await loop.create_connection(lambda: _Connection(self), parts.hostname, parts.port)
        await self._done
        walls = sorted(self.latencies)
        at = lambda share: walls[min(len(walls) - 1, int(len(walls) * share))] * 1_000 if walls else 0.0  # noqa: E731
        duration_s = (self._last - self._from) or 1e-9
        engines = [statistics.median(each) for each in self._engines.values()]
        return LoadResult(
            requests=len(walls),
            failed=self.failed,
            duration_s=duration_s,
            p50_ms=at(0.5),
            p99_ms=at(0.99),
            first_failure=self.first_failure,
            warmed=self.warmed,
            engine_us=statistics.mean(engines) if engines else 0.0,
            generator_share=(time.process_time() - cpu_began_s) / (time.perf_counter() - began),
        )


def http_request(method: str, path: str, headers: dict[str, str], body: str = "") -> str:
    """Return a whole request as text."""
    content = f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n" if body else ""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: gateway\r\n{lines}{content}\r\n{body}"


class LoadProcess:
    """A load in a process of its own: ``start`` returns at once, ``result`` waits."""

    def __init__(self, load: Load) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.http_load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(load)))
        self._process.stdin.close()
        self._process.stdin = None

    def result(self) -> LoadResult:
        output, _ = self._process.communicate()
        return LoadResult(**json.loads(output))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    load = Load(**{**given, "requests": tuple(given["requests"])})

    async def main() -> LoadResult:
        return await _Run(load).result()

    print(json.dumps(asdict(uvloop.run(main()))))
