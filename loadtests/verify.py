"""Asks the stores for what was acknowledged: ``python -m loadtests.verify mark|check FOLDER``; prints one JSON object.

Events are counted in knowledge's own log, read as every service reads it (EventLogService/Subscribe), from where it
stood before the run (``mark``). Where the log's address is not known, every acknowledged event is sent again instead:
what answers ``stored`` had been lost; this way sees no doubles. Prices are read from the product's owner and then set
back. A process of its own: gevent and gRPC do not share one.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import orjson

from infra.local.run_file import read_run_file
from loadtests.ledger import LEDGER, ORIGINALS, Kept, Ledger, compare_events, price_is_lost, read_ledger
from loadtests.users.asking import product_path
from services.chassis.clients import Clients
from services.chassis.eventlog.subscription import RemoteSource
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings

OWNER, LOG = "knowledge", "user-events"
MARK = "mark.json"
READ_LIMIT_S = 300.0
RESENT_BATCH = 500
TIMEOUT_S = 30.0


def log_address() -> str:
    """Return where the owner of the log answers, "" where nobody said: the setting, or run.json of ZHIKE_DATA."""
    named = os.environ.get("ZHIKE_KNOWLEDGE_ADDRESS", "")
    data = os.environ.get("ZHIKE_DATA", "")
    run = read_run_file(Path(data)) if data and not named else None
    return named or (run.addresses.get(OWNER, "") if run else "")


def _clients(address: str) -> Clients:
    return Clients(ChassisSettings.model_validate({"knowledge_address": address}), Metrics())


async def mark(folder: Path) -> dict[str, Any]:
    """Write down where the log stands."""
    address = log_address()
    if not address:
        return {"door": "resend"}
    clients = _clients(address)
    try:
        head = await RemoteSource(clients, OWNER, LOG).head()
    finally:
        await clients.close()
    found = {"door": "log", "generation": head.generation, "seqs": head.seqs}
    (folder / MARK).write_bytes(orjson.dumps(found))
    return found


async def check(folder: Path) -> Kept:
    """Compare the ledger with the stores."""
    ledger = read_ledger(folder / LEDGER)
    headers = {"Authorization": f"Bearer {os.environ['ZHIKE_LOAD_KEY']}"}
    with httpx.Client(base_url=os.environ["ZHIKE_URL"], headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
        address, marked = log_address(), folder / MARK
        if address and marked.exists():
            stored = await _stored(address, orjson.loads(marked.read_bytes()))
            kept = compare_events(ledger.events, stored, "log")
        else:
            kept = compare_events(ledger.events, _told_again(client, ledger), "resend")
        lost_prices = sum(price_is_lost(price, _product(client, name)) for name, price in ledger.prices.items())
        originals = folder / ORIGINALS
        if originals.exists():
            _set_back(client, orjson.loads(originals.read_bytes()))
    return replace(kept, lost=kept.lost + lost_prices, prices=len(ledger.prices))


async def _stored(address: str, marked: Mapping[str, Any]) -> Counter[str]:
    """Return how often each client id stands in the log after the mark."""
    clients = _clients(address)
    positions = dict(enumerate(marked["seqs"]))
    counts: Counter[str] = Counter()
    try:
        source = RemoteSource(clients, OWNER, LOG)
        head = dict(enumerate((await source.head()).seqs))
        async with asyncio.timeout(READ_LIMIT_S):
            if all(positions[each] >= seq for each, seq in head.items()):
                return counts
            async with aclosing(source.subscribe(generation=marked["generation"], after=positions)) as batches:
                async for batch in batches:
                    for event in batch.events:
                        if event.seq != positions[batch.partition] + 1:
                            raise RuntimeError(f"the log has a hole after {positions[batch.partition]}")
                        positions[batch.partition] = event.seq
                        counts[event.payload["id"]] += 1
                    if all(positions[each] >= seq for each, seq in head.items()):
                        return counts
    finally:
        await clients.close()
    raise RuntimeError("the log ended before its head")


def _told_again(client: httpx.Client, ledger: Ledger) -> Counter[str]:
    events, known = list(ledger.events.values()), Counter[str]()
    for start in range(0, len(events), RESENT_BATCH):
        answer = client.post("/v1/events", json={"events": events[start : start + RESENT_BATCH]}).raise_for_status()
        known.update(each["id"] for each in answer.json()["verdicts"] if each["status"] == "duplicate")
    return known


def _product(client: httpx.Client, product: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.get(product_path(product)).raise_for_status().json()
    return found


def _set_back(client: httpx.Client, originals: Mapping[str, Mapping[str, str]]) -> None:
    for path, price in originals.items():
        client.patch(path, json={"price": price}).raise_for_status()


def main() -> None:
    """Print what was found."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    found = asyncio.run(mark(folder)) if what == "mark" else asdict(asyncio.run(check(folder)))
    print(orjson.dumps(found).decode(), flush=True)


if __name__ == "__main__":
    main()
