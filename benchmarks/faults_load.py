"""The mixed load of the fault benchmark: a shop's pages and its events through the gateway, and what became of each."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import orjson

from benchmarks.durability import Tally, Writer

REFUSED_LIMIT_S = 5.0  # a client says it again so long while nobody listens at the gateway
READ_LIMIT_S = 6.0
RETRY_PAUSE_S = 0.05
READ_PAUSE_S = (0.05, 0.15)
QUERIES = ("茶", "牛奶", "lamp", "green tea", "milk", "cup", "杯子", "")
VISITORS = 200
PRODUCTS = 300
# Which processes a read passes through.
PATHS: Mapping[str, frozenset[str]] = {
    "search": frozenset({"gateway", "search"}),
    "product": frozenset({"gateway", "search"}),
    "recommendation": frozenset({"gateway", "recommendation"}),
}


@dataclass(frozen=True, slots=True)
class Read:
    """One page that was asked for; times of the event loop. ``fallback``: it stood in for a dead service."""

    route: str
    begin: float
    end: float
    status: int  # 0: nobody listened for REFUSED_LIMIT_S
    reason: str = ""
    fallback: str = ""

    @property
    def failed(self) -> bool:
        return self.status == 0 or self.status >= 500 or self.end - self.begin > READ_LIMIT_S


@dataclass
class Reads:
    """Every read, and what was answered that no read may be answered."""

    all: list[Read] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)


def product_rows() -> bytes:
    """Return a small catalogue as an import takes it."""
    words = (("绿茶", "green tea"), ("牛奶", "milk"), ("台灯", "lamp"), ("杯子", "cup"))
    rows = [
        {
            "id": f"p-{number}",
            "title": {"zh": f"{words[number % 4][0]} {number}", "en": f"{words[number % 4][1]} {number}"},
            "price": {"amount": f"{5 + number % 90}.90", "currency": "CNY"},
            "available_quantity": 50,
        }
        for number in range(PRODUCTS)
    ]
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


class Shopper:
    """Reads pages one after another, as different visitors."""

    def __init__(self, client: httpx.AsyncClient, key: str, rng: Random, reads: Reads) -> None:
        self._client, self._key, self._rng, self._reads = client, key, rng, reads

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.read()
            await asyncio.sleep(self._rng.uniform(*READ_PAUSE_S))

    async def read(self) -> None:
        """Read one page and note what became of it."""
        rng = self._rng
        route = rng.choice(sorted(PATHS))
        path, query = self._page(route)
        headers = {"X-Api-Key": self._key, "X-Visitor-Id": f"v-{rng.randrange(VISITORS):022}"}
        now = asyncio.get_running_loop().time
        begin, answer = now(), None
        while answer is None and now() - begin < REFUSED_LIMIT_S:
            try:
                answer = await self._client.get(path, params=query, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(RETRY_PAUSE_S)
        if answer is None:
            self._reads.all.append(Read(route, begin, now(), 0, "GATEWAY_REFUSED"))
            return
        body = orjson.loads(answer.content)
        if 400 <= answer.status_code < 500:
            self._reads.wrong[f"{route} {answer.status_code} {body.get('reason')}"] += 1
        self._reads.all.append(
            Read(route, begin, now(), answer.status_code, str(body.get("reason", "")), _fallback_in(body))
        )

    def _page(self, route: str) -> tuple[str, dict[str, Any]]:
        rng = self._rng
        if route == "product":
            return f"/v1/products/p-{rng.randrange(PRODUCTS)}", {}
        if route == "search":
            return "/v1/search", {"q": rng.choice(QUERIES), "language": rng.choice(("zh", "en"))}
        place = rng.choice(("recommended-for-you", "similar-items", "popular"))
        return f"/v1/recommendations/{place}", {"product_id": f"p-{rng.randrange(PRODUCTS)}", "language": "zh"}


def _fallback_in(body: Mapping[str, Any]) -> str:
    if body.get("stale"):
        return "stale-page"
    return "popular" if body.get("fallback_reason") == "RECOMMENDATION_UNAVAILABLE" else ""


class GatewayWriter(Writer):
    """Sends its batches through the gateway and repeats each until it is acknowledged."""

    def __init__(
        self, number: int, client: httpx.AsyncClient, key: str, *, rng: Random, tally: Tally, events_per_s: float = 0.0
    ) -> None:
        super().__init__(number, None, rng, tally)
        self._client, self._key = client, key
        self._events_per_s, self._free_at = events_per_s, 0.0

    async def _write(self, batch: Sequence[Mapping[str, object]]) -> None:
        await self._acknowledged(batch)
        if self._events_per_s:
            now = asyncio.get_running_loop().time()
            # What was missed while nobody answered is not made up for: the rate is a shop's, not a debt.
            self._free_at = max(self._free_at, now - 1.0) + len(batch) / self._events_per_s
            await asyncio.sleep(max(0.0, self._free_at - now))

    async def _acknowledged(self, batch: Sequence[Mapping[str, object]]) -> None:
        content = orjson.dumps({"events": batch})
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        while True:
            try:
                answer = await self._client.post("/v1/events", content=content, headers=headers)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                break
            if answer is not None and answer.status_code not in {429, 503, 504}:
                raise RuntimeError(f"events were answered {answer.status_code}: {answer.text[:300]}")
            self._tally.retried += 1
            await asyncio.sleep(RETRY_PAUSE_S)
        for verdict in orjson.loads(answer.content)["verdicts"]:
            if verdict["status"] in {"stored", "duplicate"}:
                self._tally.acknowledged.add(verdict["id"])
            else:
                self._tally.refused[str(verdict.get("error"))] += 1
