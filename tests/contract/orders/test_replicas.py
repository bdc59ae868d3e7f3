"""Two replicas of orders on one MongoDB: facts told at either are one history at both, and a promise is made once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from zhike.orders.v1 import order_pb2

from services.chassis.clients import Clients
from services.chassis.metrics import Metrics
from services.chassis.server import Running, running
from services.chassis.settings import ChassisSettings
from services.orders.main import build
from services.orders.settings import OrdersSettings
from tests.contract.orders.conftest import Shop, ago, fact, placing
from tests.fakes.log_owner import owner_of
from tests.fakes.replicas import holding

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

SOON_S = 60.0
READING = ("follow-orders", "follow-order-products")
REST = ("promises", "order-webhooks")


async def soon(ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """Ask until the answer holds; what another replica does is seen a moment later."""
    async with asyncio.timeout(SOON_S):
        while True:
            answer = await ask()
            if holds(answer):
                return answer
            await asyncio.sleep(0.05)


@asynccontextmanager
async def replica(
    address: str, folder: Path, search: Running[ChassisSettings], seed: int, *held: str
) -> AsyncIterator[Shop]:
    settings = OrdersSettings(
        data=folder, documents=address, artifacts="gridfs", drain_ms=0, search_address=search.address
    )
    async with running("orders", settings, holding(build, *held), chance=Random(seed)) as process:
        clients = Clients(ChassisSettings(orders_address=process.address), Metrics())
        yield Shop(process, clients)
        await clients.close()


@pytest.fixture
async def shops(mongodb_deployment: str, tmp_path: Path) -> AsyncIterator[tuple[Shop, Shop]]:
    """Two replicas: one reads the logs, the other keeps the promises."""
    async with (
        owner_of("products", "search", tmp_path / "owners", documents="memory") as search,
        replica(mongodb_deployment, tmp_path / "1", search, 1, *READING) as reading,
        replica(mongodb_deployment, tmp_path / "2", search, 2, *REST) as resting,
    ):
        await asyncio.gather(reading.process.become_ready(), resting.process.become_ready())
        yield reading, resting


async def test_facts_told_at_either_are_one_history_at_both(shops: tuple[Shop, Shop]) -> None:
    (placed,) = await shops[0].tell(placing())
    (paid,) = await shops[1].tell(fact("payment-captured", "paid", minutes=59))
    assert placed["order_id"] == paid["order_id"]
    orders = [await shop.read(placed["order_id"], seq=2) for shop in shops]
    told = [
        [(event.type, event.seq) for event in order.events if not event.type.startswith("promise")] for order in orders
    ]
    assert told[0] == told[1] == [("order-placed", 1), ("payment-captured", 2)]


async def test_one_fact_told_at_both_at_once_is_kept_once(shops: tuple[Shop, Shop]) -> None:
    facts = [placing(), *(fact("stage-entered", f"s{n}", minutes=50 - n, line=1, stage=f"step-{n}") for n in range(20))]
    answers = await asyncio.gather(*(shop.tell(*facts) for shop in (*shops, *shops)))
    for verdicts in zip(*answers, strict=True):
        assert len({(each["order_id"], each["event_id"]) for each in verdicts}) == 1, verdicts
        assert sorted(each["status"] for each in verdicts) == ["duplicate"] * 3 + ["stored"], verdicts
    orders = [await shop.read(answers[0][0]["order_id"], seq=21) for shop in shops]
    assert [[event.type for event in order.events].count("stage-entered") for order in orders] == [20, 20]


async def test_a_promise_is_made_once_and_read_at_both(shops: tuple[Shop, Shop]) -> None:
    (placed,) = await shops[0].tell(placing(time=ago(0)))

    def promised(order: order_pb2.Order) -> bool:
        return len(order.promise.versions) == 1

    for shop in shops:
        await soon(lambda shop=shop: shop.read(placed["order_id"]), promised)
