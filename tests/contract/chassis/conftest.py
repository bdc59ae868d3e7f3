"""An echo service started in this process on free ports, and clients to it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from random import Random

import pytest

from services.chassis.clients import Clients
from services.chassis.logs import configure_logs, reset_logs
from services.chassis.metrics import Metrics
from services.chassis.server import Running, Runtime, Service, running
from services.chassis.settings import ChassisSettings
from tests.fakes.echo_service import EchoServicer, add_echo_servicer


@dataclass(frozen=True, slots=True)
class Echo:
    """The started service and the two ends of it."""

    process: Running[ChassisSettings]
    servicer: EchoServicer
    clients: Clients
    metrics: Metrics  # the client's


def settings_in(folder: Path, **changes: object) -> ChassisSettings:
    """Return settings of a process that drains at once."""
    return ChassisSettings(data=folder, documents="memory", drain_ms=0, **changes)


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[Echo]:
    servicer = EchoServicer()

    async def build(_: Runtime[ChassisSettings]) -> Service:
        return Service(servicers=[(add_echo_servicer, servicer)])

    async with running("search", settings_in(tmp_path), build, chance=Random(1)) as process:
        await process.become_ready()
        metrics = Metrics()
        clients = Clients(ChassisSettings(search_address=process.address), metrics, chance=Random(1))
        yield Echo(process, servicer, clients, metrics)
        servicer.release.set()
        await clients.close()


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """Write log lines as production does, into memory."""
    lines = StringIO()
    configure_logs("search", log_format="json", stream=lines, for_good=False)
    yield lines
    reset_logs()
