"""From a cake on the page to the door: promised before it is bought, made, late, told, carried by an unruly carrier."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from infra.demo.carrier_calls import CARRIERS
from infra.demo.carrier_secrets import carrier_setting, demo_carrier_secrets
from infra.demo.fulfilment import DemoLine, DemoOrder, Plan, fulfilment
from infra.demo.playing import Player
from tests.journeys.callers import Caller, eventually, fresh, problem_of
from tests.journeys.platform import Platform

CAKE = {
    "id": "cake-1",
    "title": {"en": "Birthday cake", "zh": "生日蛋糕"},
    "price": {"amount": "29.00", "currency": "USD"},
    "tags": ["made-to-order"],
    "attributes": {"production_family": ["cakes"]},
}
PACE = 20_000.0  # four days of life in about 15 s


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Return a shop that sells one cake and has set up the simulated carriers."""
    data = tmp_path_factory.mktemp("bakery") / "data"
    made = Platform.at(data)
    carriers = carrier_setting(demo_carrier_secrets(data))
    platform = Platform(data, made.port, (("ZHIKE_ORDERS_CARRIER_SECRETS", carriers),))
    try:
        platform.up()
        yield platform
    finally:
        platform.down()


@pytest.fixture(scope="module")
def baker(bakery: Platform) -> Iterator[Caller]:
    with bakery.operator() as client:
        caller = Caller(client)
        imported = client.post(
            "/v1/products:import",
            content=orjson.dumps(CAKE) + b"\n",
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert imported.is_success, imported.text
        eventually(
            lambda: caller.get("/v1/products/cake-1/promise")["available"], "the cake has no promise", limit_s=60
        )
        yield caller


def test_a_cake_is_promised_before_it_is_bought(baker: Caller) -> None:
    one = baker.get("/v1/products/cake-1/promise", quantity=1)
    ten = baker.get("/v1/products/cake-1/promise", quantity=10, destination="US-OH")
    assert one["made_to_order"]
    assert one["estimate"]["earliest_time"] <= one["estimate"]["likely_time"] <= one["estimate"]["latest_time"]
    assert one["estimate"]["likely_time"] < ten["estimate"]["likely_time"]
    assert one["estimate"]["confidence"] == "low"
    assert "few-observations" in {reason["reason"] for reason in one["estimate"]["reasons"]}
    assert problem_of(baker.send("GET", "/v1/products/none/promise"))["reason"] == "PRODUCT_UNKNOWN"


@pytest.mark.parametrize("carrier", [name for name, _ in CARRIERS])
def test_an_order_goes_to_the_door_with_one_delay_told(bakery: Platform, baker: Caller, carrier: str) -> None:
    number = fresh("1")
    placed = datetime.now(UTC)
    told = baker.post(
        "/v1/orders",
        {"number": number, "time": placed.isoformat(), "products": [{"id": "cake-1", "quantity": 1}]},
    )
    order = f"/v1/orders/{told['id']}"
    first = eventually(lambda: baker.get(order)["promise"], "nothing was promised")
    assert first["versions"][0]["cause_type"] == "order-placed"
    plan = Plan(pace=PACE, late_by=timedelta(days=30), carrier=carrier)
    steps = fulfilment(DemoOrder("main", number, placed, (DemoLine(1, 1, "cakes"),)), np.random.default_rng(7), plan)
    asyncio.run(play(bakery, steps))
    arrived = eventually(lambda: at_the_door(baker, order), "the order did not arrive")
    (notice,) = arrived["promise"]["notices"]
    assert (notice["slip"], notice["late"], notice["broken_time"]) == (1, False, first["held_time"])
    assert notice["words"]["zh"].startswith("抱歉")
    assert arrived["promise"]["held_time"] == notice["promised_time"]
    assert arrived["lines"][0]["progress"]["share"] == 1.0
    assert arrived["lines"][0]["delivered"] == 1
    assert not [remark for remark in arrived["remarks"] if remark["reason"] == "SHIPMENT_UNKNOWN"]
    versions = arrived["promise"]["versions"]
    assert [version["number"] for version in versions] == list(range(1, len(versions) + 1))


def test_a_call_that_is_not_its_senders_is_refused(baker: Caller) -> None:
    body = b'{"msg": {"tracking_number": "1", "checkpoints": []}}'
    headers = {"Content-Type": "application/json", "aftership-hmac-sha256": "AAAA"}
    refused = problem_of(
        httpx.post(f"{baker.client.base_url}/v1/carriers/aftership/webhook", content=body, headers=headers)
    )
    assert (refused["status"], refused["reason"]) == (401, "CARRIER_SIGNATURE")
    unknown = problem_of(
        httpx.post(f"{baker.client.base_url}/v1/carriers/dragon/webhook", content=body, headers=headers)
    )
    assert unknown["reason"] == "CARRIER_NOT_FOUND"


def at_the_door(baker: Caller, order: str) -> Any:
    found = baker.get(order)
    return found if found["headline"] == "delivered" and found["promise"]["notices"] else None


async def play(bakery: Platform, steps: Any) -> None:
    token = (bakery.data / "operator.token").read_text().strip()
    async with httpx.AsyncClient(base_url=bakery.url, trust_env=False, timeout=30) as client:

        async def post(path: str, body: bytes, headers: Mapping[str, str], *, as_shop: bool) -> int:
            shop = {"Authorization": f"Bearer {token}"} if as_shop else {}
            return (await client.post(path, content=body, headers={**headers, **shop})).status_code

        player = Player(post, demo_carrier_secrets(Path(bakery.data)), lambda: datetime.now(UTC), asyncio.sleep)
        assert await player.play(steps) == len(steps)
