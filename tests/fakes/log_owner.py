"""A service that does nothing but keep a log, for those who follow it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.chassis.server import Running, Runtime, Service, running
from services.chassis.settings import ChassisSettings


@asynccontextmanager
async def owner_of(
    log: str, name: str, folder: Path, *, documents: str = "sqlite"
) -> AsyncIterator[Running[ChassisSettings]]:
    """Keep ``log`` as the service ``name`` would."""

    async def own(runtime: Runtime[ChassisSettings]) -> Service:
        runtime.event_log(log)
        return Service(servicers=[])

    settings = ChassisSettings(data=folder, documents=documents, drain_ms=0)
    async with running(name, settings, own) as process:
        await process.become_ready()
        yield process
