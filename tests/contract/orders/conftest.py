"""Orders as a process of its own port on every document store, and a gateway process in front of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from zhike.orders.v1 import order_pb2, order_service_pb2_grpc
from zhike.orders.v1 import order_service_pb2 as pb

from infra.local.plan import free_ports
from services.chassis.clients import Clients
from services.chassis.metrics import Metrics
from services.chassis.server import Running, running
from services.chassis.settings import ChassisSettings
from services.orders.main import build
from services.orders.settings import OrdersSettings

TIMEOUT_S = 30.0
START_LIMIT_S = 90.0
WRITER = pb.Writer(owner="key", default_shop="main", default_channel="web")


@dataclass
class Shop:
    """A started orders service and calls to it."""

    process: Running[OrdersSettings]
    clients: Clients

    @property
    def stub(self) -> order_service_pb2_grpc.OrderServiceStub:
        return order_service_pb2_grpc.OrderServiceStub(self.clients.channel("orders"))

    async def tell(self, *events: dict[str, Any]) -> list[dict[str, Any]]:
        """Write facts; return their verdicts."""
        request = pb.WriteOrderEventsRequest(json=orjson.dumps({"events": events}), writer=WRITER)
        verdicts: list[dict[str, Any]] = orjson.loads(
            (await self.stub.WriteOrderEvents(request, timeout=TIMEOUT_S)).json
        )["verdicts"]
        return verdicts

    async def read(self, order_id: str, seq: int = 0) -> order_pb2.Order:
        """Read an order once it holds the fact of a number."""
        request = pb.BatchGetOrdersRequest(ids=[order_id], at_least={order_id: seq}, view=pb.ORDER_VIEW_SHOP)
        return (await self.stub.BatchGetOrders(request, timeout=TIMEOUT_S)).orders[0]


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def placing(number: str = "7", **fields: Any) -> dict[str, Any]:
    products = [{"id": "p-1", "quantity": 2, "price": {"amount": "10.00", "currency": "CNY"}}]
    return {
        "type": "order-placed", "id": f"placed-{number}", "time": ago(60), "order": {"number": number},
        "products": products, "identifiers": ["card:1000231"], **fields,
    }  # fmt: skip


def fact(type_: str, name: str, *, minutes: float = 30, number: str = "7", **fields: Any) -> dict[str, Any]:
    return {"type": type_, "id": name, "time": ago(minutes), "order": {"number": number}, **fields}


OpenShop = Callable[[], Any]


@pytest.fixture
def open_shop(tmp_path: Path) -> OpenShop:
    """Start orders on the test's directory; again after it was stopped too."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Shop]:
        settings = OrdersSettings(data=tmp_path, documents="sqlite", drain_ms=0, search_address="127.0.0.1:1")
        async with running("orders", settings, build) as process:
            clients = Clients(ChassisSettings(orders_address=process.address), Metrics())
            await process.become_ready()
            yield Shop(process, clients)
            await clients.close()

    return opened


@dataclass
class Processes:
    """Orders and the gateway as processes."""

    data: Path
    url: str
    gateway: subprocess.Popen[bytes]
    orders: subprocess.Popen[bytes]
    environment: dict[str, str]

    def operator(self) -> httpx.Client:
        token = (self.data / "operator.token").read_text().strip()
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=TIMEOUT_S
        )

    def restart_orders(self) -> None:
        """Kill orders and start it again on the same port."""
        self.orders.kill()
        self.orders.wait()
        self.orders = start("services.orders.main", self.environment, self.data / "orders.log")

    def stop_gateway(self) -> int:
        self.gateway.send_signal(signal.SIGTERM)
        return self.gateway.wait(START_LIMIT_S)


def start(module: str, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=output, stderr=output)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Both, ready."""
    orders_port, http_port = free_ports(2)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    addresses = {
        f"ZHIKE_{name}_ADDRESS": "127.0.0.1:1" for name in ("KNOWLEDGE", "SEARCH", "RECOMMENDATION", "REPUTATION")
    }
    environment = kept | addresses | {
        "ZHIKE_DATA": str(tmp_path), "ZHIKE_HTTP_PORT": str(http_port), "ZHIKE_LOG_FORMAT": "json",
        "ZHIKE_ORDERS_PORT": str(orders_port), "ZHIKE_ORDERS_ADDRESS": f"127.0.0.1:{orders_port}",
    }  # fmt: skip
    made = Processes(
        tmp_path,
        f"http://127.0.0.1:{http_port}",
        start("gateway.main", environment, tmp_path / "gateway.log"),
        start("services.orders.main", environment, tmp_path / "orders.log"),
        environment,
    )
    try:
        _until_up(made)
        yield made
    finally:
        for process in (made.gateway, made.orders):
            process.kill()
            process.wait()


def _until_up(made: Processes) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        logs = [(made.data / name).read_text() for name in ("gateway.log", "orders.log")]
        assert made.gateway.poll() is None and made.orders.poll() is None, "\n".join(logs)
        if all('"event":"ready"' in log for log in logs):
            return
        time.sleep(0.05)
    raise AssertionError("they did not start")


@contextmanager
def streaming(url: str, headers: dict[str, str]) -> Iterator[Iterator[str]]:
    """Open a stream; yield its lines."""
    with (
        httpx.Client(trust_env=False, timeout=TIMEOUT_S) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        yield response.iter_lines()
