"""Event intake through the gateway on one document store: the real processes, single events and batches of 500.

Only knowledge, which owns the log of events, has the store that is measured; all else stays embedded and alike.
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from benchmarks.gateway import NO_LIMITS, run_zhike
from benchmarks.http_load import Load, LoadProcess, http_request
from infra.local.plan import free_ports

SINGLE_EVENTS = 3_000
BATCHES = 30
BATCH_EVENTS = 500
VISITORS = 200


def measure_intake(documents: str, folder: Path) -> dict[str, dict[str, float]]:
    """Start the platform, knowledge on ``documents`` (a ZHIKE_DOCUMENTS); return events a second, p50 and p99."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    (port,) = free_ports(1)
    environment = (
        kept | NO_LIMITS | {"ZHIKE_DATA": str(folder), "ZHIKE_LANG": "en", "ZHIKE_KNOWLEDGE_DOCUMENTS": documents}
    )
    run_zhike(environment, "up", "--detach", "--port", str(port))
    try:
        return _loads(f"http://127.0.0.1:{port}", (folder / "operator.token").read_text().strip())
    finally:
        run_zhike(environment, "down")


def _loads(url: str, token: str) -> dict[str, dict[str, float]]:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as api:
        body = {"name": "bench", "kind": "secret", "scope": "shop"}
        key = str(api.post("/v1/keys", json=body).raise_for_status().json()["key"])
    headers = {"Authorization": f"Bearer {key}"}
    visitors = [f"v-{secrets.token_hex(16)}" for _ in range(VISITORS)]
    plans = {"intake_single": (SINGLE_EVENTS, 1, 64), "intake_batched": (BATCHES, BATCH_EVENTS, 4)}
    figures = {}
    for name, (requests, size, connections) in plans.items():
        texts = tuple(http_request("POST", "/v1/events", headers, _batch(size, visitors)) for _ in range(requests))
        result = LoadProcess(Load(url, texts, connections, 0.0, warmup_s=0.0, requests_limit=requests)).result()
        if result.failed:
            raise SystemExit(f"{name}: {result.failed} of {requests} requests failed")
        figures[name] = _figure(result.per_s * size, result.p50_ms, result.p99_ms)
    return figures


def _figure(per_s: float, p50_ms: float, p99_ms: float) -> dict[str, float]:
    return {"events_per_s": round(per_s), "p50_ms": round(p50_ms, 2), "p99_ms": round(p99_ms, 2)}


def _batch(count: int, visitors: list[str]) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    events: list[Mapping[str, object]] = [
        {
            "id": secrets.token_hex(8),
            "type": "detail-page-view",
            "time": now,
            "visitor_id": secrets.choice(visitors),
            "products": [{"id": f"p-{secrets.randbelow(5_000)}"}],
        }
        for _ in range(count)
    ]
    return json.dumps({"events": events})
