"""A process that nobody can ask is ready when it runs."""

from infra.local.health import is_ready
from infra.local.plan import Process


def _process(health: str) -> Process:
    return Process("one", (), {}, port=0, metrics_port=0, health=health)


async def test_nobody_asks_a_process_without_a_probe() -> None:
    assert await is_ready(_process(""), "127.0.0.1")
