"""Two replicas of reputation on one MongoDB: what is heard at either is heard once, and a burst raises one alert."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from zhike.reputation.v1 import alert_service_pb2 as pb

from services.chassis.clients import Clients
from services.chassis.metrics import Metrics
from services.chassis.server import Running, running
from services.chassis.settings import ChassisSettings
from services.reputation.main import build
from services.reputation.settings import ReputationSettings
from tests.contract.reputation.conftest import TIMEOUT_S, Reputation, mention, soon
from tests.contract.reputation.test_alerts import COUNT, a_burst, a_quiet_time, alerts_of, listed, read
from tests.fakes.log_owner import owner_of

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

Pair = tuple[Reputation, Reputation]


@asynccontextmanager
async def replica(address: str, folder: Path, search: Running[ChassisSettings], seed: int) -> AsyncIterator[Reputation]:
    settings = ReputationSettings(
        own_names=("知客", "Zhike"),
        data=folder,
        documents=address,
        artifacts="gridfs",
        drain_ms=0,
        grace_ms=1_000,
        search_address=search.address,
    )
    async with running("reputation", settings, build, chance=Random(seed)) as process:
        clients = Clients(ChassisSettings(reputation_address=process.address), Metrics())
        yield Reputation(process, search, clients)
        await clients.close()


@pytest.fixture
async def pair(mongodb_deployment: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two replicas; who does which job is as the leases fall."""
    async with (
        owner_of("products", "search", tmp_path / "owners", documents="memory") as search,
        replica(mongodb_deployment, tmp_path / "1", search, 1) as one,
        replica(mongodb_deployment, tmp_path / "2", search, 2) as other,
    ):
        await asyncio.gather(one.process.become_ready(), other.process.become_ready())
        yield one, other


async def test_what_is_told_to_both_at_once_is_heard_once_at_both(pair: Pair) -> None:
    items = [mention(f"m-{number}", f"知客 第 {number} 次") for number in range(40)]
    answers = await asyncio.gather(*(each.write(*items) for each in (*pair, *pair)))
    assert [sum(answer["stored"] for answer in answers), sum(answer["duplicate"] for answer in answers)] == [40, 120]
    for each in pair:
        assert len(await each.until(40, page_size=200)) == 40


async def test_a_burst_told_to_both_raises_one_alert_which_both_show_and_either_may_take(pair: Pair) -> None:
    await a_quiet_time(pair[0])
    await asyncio.gather(*(a_burst(each) for each in pair))

    async def raised() -> list[str]:
        return [alert.id for each in pair for alert in await listed(each)]

    found = await soon(raised, lambda ids: len(ids) >= 2)
    assert len(set(found)) == 1, found
    for each in pair:
        await soon(lambda each=each: each.listed(page_size=200), lambda mentions: len(mentions) >= COUNT)
    request = pb.AcknowledgeAlertRequest(id=found[0], actor="mei", comment="on it")
    await alerts_of(pair[1]).AcknowledgeAlert(request, timeout=TIMEOUT_S)
    owners = [(await read(each, found[0])).owner for each in pair]
    assert owners == ["mei", "mei"]
    assert len(set(await raised())) == 1
