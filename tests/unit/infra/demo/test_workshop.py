"""The simulated workshop: every order in the tray comes to the door, told through the doors of the API, late once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.demo_shop.tray import Ticket, Tray
from infra.demo.carrier_secrets import demo_carrier_secrets
from infra.demo.playing import TRIES
from infra.demo.workshop import SLIP, Workshop
from tests.fakes.clock import START_TIME, ManualClock

ORDER_ID = "o-1"
PROMISED = START_TIME + timedelta(days=4)
LINES = [
    {"number": 1, "product_id": "cake", "quantity": 1, "is_charge": False},
    {"number": 2, "product_id": "milk", "quantity": 2, "is_charge": False},
    {"number": 3, "product_id": "postage", "quantity": 1, "is_charge": True},
]


class Platform:
    """What a workshop sees of the platform. ``away``: so many calls are answered 503 first."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.away = clock, 0
        self.told: list[tuple[datetime, str, Any]] = []
        self.lines: list[dict[str, Any]] = LINES
        self.placed = START_TIME
        self.state = "paid"
        self.refuse = ""

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if self.away > 0:
            self.away -= 1
            return httpx.Response(503, json={})
        if self.refuse and path.startswith(self.refuse):
            return httpx.Response(400, json={"reason": "NO"})
        if path.startswith("/v1/products/"):
            made = path.endswith("cake")
            return httpx.Response(200, json={"attributes": {"production_family": ["cakes"]} if made else {}})
        if request.method == "GET":
            return httpx.Response(200, json=self._order()) if path.endswith(ORDER_ID) else httpx.Response(404, json={})
        is_carrier = path.startswith("/v1/carriers/")
        assert ("Authorization" in request.headers) is not is_carrier
        self.told.append((self.clock.now(), path, None if is_carrier else orjson.loads(request.content)))
        return httpx.Response(200, json={})

    def facts(self) -> list[dict[str, Any]]:
        return [fact for _, path, body in self.told if path == "/v1/orders/events" for fact in body["events"]]

    def paths(self) -> set[str]:
        return {path.partition("/v1/")[2].partition("/")[0] for _, path, _ in self.told}

    def _order(self) -> dict[str, Any]:
        version = {"estimate": {"promise_time": PROMISED.isoformat()}}
        return {
            "id": ORDER_ID,
            "shop": "demo",
            "number": "W-1",
            "place_time": self.placed.isoformat(),
            "lines": self.lines,
            "promise": {"versions": [version]},
            "payment": {"state": self.state, "total": {"amount": "9.00", "currency": "USD"}},
        }


@asynccontextmanager
async def _working(tmp_path: Path, *, carriers: bool = True) -> AsyncIterator[tuple[Workshop, Platform, Tray]]:
    clock, tray = ManualClock(), Tray(tmp_path)
    platform = Platform(clock)

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    transport, headers = httpx.MockTransport(platform.answer), {"Authorization": "Bearer op"}
    async with httpx.AsyncClient(transport=transport, base_url="http://zhike", headers=headers) as client:
        secrets = demo_carrier_secrets(tmp_path) if carriers else {}
        yield Workshop(client, tray, secrets, clock, sleep=sleep), platform, tray


async def test_an_order_is_made_packed_and_brought_within_its_seconds(tmp_path: Path) -> None:
    async with _working(tmp_path) as (workshop, platform, tray):
        tray.put(Ticket(ORDER_ID, seconds=30.0))
        await workshop.see_to(ORDER_ID)
    assert {"orders", "shipments", "carriers"} == platform.paths()
    times = [time for time, _, _ in platform.told]
    assert times == sorted(times)
    assert times[-1] - START_TIME <= timedelta(seconds=31)
    packed = next(time for time, path, _ in platform.told if path == "/v1/shipments")
    assert 0.4 < (packed - START_TIME) / (times[-1] - START_TIME) < 0.7  # somebody can see it being made
    assert {fact["line"] for fact in platform.facts()} == {1}  # milk is in stock, postage is no goods
    assert all(fact["raw"] == {"simulated": True} for fact in platform.facts())
    assert tray.orders() == []


async def test_what_is_made_to_order_is_announced_late_once_after_what_was_promised(tmp_path: Path) -> None:
    async with _working(tmp_path) as (workshop, platform, tray):
        tray.put(Ticket(ORDER_ID, seconds=30.0))
        await workshop.see_to(ORDER_ID)
    (late,) = [fact for fact in platform.facts() if "expected_time" in fact]
    expected = datetime.fromisoformat(late["expected_time"])
    assert timedelta(0) <= expected - (PROMISED + SLIP) <= timedelta(seconds=30)


@pytest.mark.parametrize(("ticket", "makes"), [(Ticket(ORDER_ID, 30.0, False), True), (Ticket(ORDER_ID, 30.0), False)])
async def test_what_is_in_stock_or_told_to_be_in_time_is_not_late(tmp_path: Path, ticket: Ticket, makes: bool) -> None:
    async with _working(tmp_path) as (workshop, platform, tray):
        platform.lines = LINES if makes else LINES[1:]
        tray.put(ticket)
        await workshop.see_to(ORDER_ID)
    assert not [fact for fact in platform.facts() if "expected_time" in fact]
    assert "carriers" in platform.paths()


async def test_an_order_from_before_is_told_at_once_paid_and_as_long_as_in_life(tmp_path: Path) -> None:
    async with _working(tmp_path) as (workshop, platform, tray):
        platform.placed, platform.state = START_TIME - timedelta(days=60), "unpaid"
        tray.put(Ticket(ORDER_ID, seconds=None))
        await workshop.see_to(ORDER_ID)
    assert platform.clock.now() == START_TIME
    facts = platform.facts()
    assert facts[0]["type"] == "payment-captured"
    assert datetime.fromisoformat(facts[-1]["time"]) - platform.placed > timedelta(hours=1)
    assert sum(path == "/v1/orders/events" for _, path, _ in platform.told) == 1


async def test_the_same_order_is_told_alike_after_a_restart(tmp_path: Path) -> None:
    told = []
    for folder in ("one", "two"):
        async with _working(tmp_path / folder) as (workshop, platform, tray):
            tray.put(Ticket(ORDER_ID, seconds=30.0))
            await workshop.see_to(ORDER_ID)
        told.append([body for _, _, body in platform.told])
    assert told[0] == told[1]


async def test_while_the_platform_is_away_the_order_waits_in_the_tray(tmp_path: Path) -> None:
    async with _working(tmp_path) as (workshop, platform, tray):
        tray.put(Ticket(ORDER_ID, seconds=30.0))
        platform.away = 1_000
        await workshop.see_to(ORDER_ID)
        assert (tray.orders(), platform.told) == ([ORDER_ID], [])
        platform.away = TRIES - 1
        await workshop.see_to(ORDER_ID)
        assert tray.orders() == []
    assert "carriers" in platform.paths()


async def test_an_order_that_is_refused_stands_in_nobodys_way(tmp_path: Path) -> None:
    async with _working(tmp_path) as (workshop, platform, tray):
        platform.refuse = "/v1/shipments"
        tray.put(Ticket(ORDER_ID, seconds=30.0))
        await workshop.see_to(ORDER_ID)
    assert tray.orders() == []


async def test_without_a_carrier_the_order_is_made_and_stays_in_the_shop(tmp_path: Path) -> None:
    async with _working(tmp_path, carriers=False) as (workshop, platform, tray):
        tray.put(Ticket(ORDER_ID, seconds=30.0))
        await workshop.see_to(ORDER_ID)
    assert platform.paths() == {"orders"}


async def test_it_looks_again_and_again_and_sees_to_each_order_once(tmp_path: Path) -> None:
    async with _working(tmp_path) as (workshop, platform, tray):
        tray.put(Ticket(ORDER_ID, seconds=30.0))
        work = asyncio.ensure_future(workshop.run())
        async with asyncio.timeout(10):
            while tray.orders():  # noqa: ASYNC110 - what it waits for looks by itself
                await asyncio.sleep(0.01)
        work.cancel()
        await asyncio.wait({work})
    assert sum(path == "/v1/shipments" for _, path, _ in platform.told) == 1
