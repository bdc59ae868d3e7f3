"""A process that nobody can ask is ready when it runs."""

import asyncio

import pytest

from infra.local import health
from infra.local.health import is_ready
from infra.local.plan import Process


def _process(health: str) -> Process:
    return Process("one", (), {}, port=0, metrics_port=0, health=health)


async def test_nobody_asks_a_process_without_a_probe() -> None:
    assert await is_ready(_process(""), "127.0.0.1")


async def test_where_nobody_listens_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(host: str, port: int) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio, "open_connection", refused)
    for each in ("_grpc_ready", "_http_ready"):
        monkeypatch.setattr(health, each, None)
    assert not await is_ready(_process("grpc"), "127.0.0.1")
    assert not await is_ready(_process("http"), "127.0.0.1")
