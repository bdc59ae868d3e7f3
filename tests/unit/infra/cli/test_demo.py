"""Loading the demo: waiting for readers, having brands watched, orders brought, and one bad quarter of an hour."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from rich.console import Console
from rich.progress import Progress

from gateway.demo_shop.tray import Ticket, Tray
from infra.cli.api import Api
from infra.cli.commands import demo
from infra.cli.commands.demo import let_it_burst, send_web_orders, stage_scenes, wait_for_readers, watch_brands
from infra.cli.deployment import Deployment
from infra.demo.files import DemoFiles
from infra.demo.scenes import SCENES as DEMO_SCENES
from infra.demo.talk import MARKET, Talk, talk_to_json
from infra.local.run_file import RunFile

DEPLOYMENT = Deployment(Path(), RunFile(1, 0.0, "http://zhike", False, {}, {}, {}, True), "op_token")


def _service(name: str, *lags: int) -> dict[str, Any]:
    readers = [{"projection": f"{name}-{place}", "lag_events": lag} for place, lag in enumerate(lags)]
    return {"service": name, "ready": True, "readers": readers}


async def test_it_waits_for_a_service_that_restarts_and_for_every_reader() -> None:
    away = {"service": "search", "ready": False, "reason": "SERVICE_UNAVAILABLE"}
    answers = [
        {"ready": False, "services": [_service("knowledge", 0), away]},
        {"ready": True, "services": [_service("knowledge", 0), _service("search", 3, 0)]},
        {"ready": True, "services": [_service("knowledge", 0), _service("search", 0, 0)]},
    ]
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=answers[len(asked) - 1])

    async with Api(DEPLOYMENT, transport=httpx.MockTransport(answer)) as api:
        await wait_for_readers(api, Progress(console=Console(file=StringIO())), pause_s=0)
    assert len(asked) == len(answers)


def _files(folder: Path) -> DemoFiles:
    files = DemoFiles.within(folder)
    files.talk.write_bytes(orjson.dumps(talk_to_json(Talk("demo", "simulated", (MARKET,)))))
    files.manifest.write_bytes(orjson.dumps({"seed": 2017}))
    files.web_orders.write_bytes(orjson.dumps(["o-2", "o-1"]))
    return files


async def test_brands_are_watched_and_what_is_said_of_them_at_last_comes_in_one_batch(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    async with Api(DEPLOYMENT, transport=httpx.MockTransport(answer)) as api:
        await watch_brands(api, _files(tmp_path))
        await let_it_burst(api, _files(tmp_path))
    watched, said = asked
    assert (watched.method, watched.url.path) == ("PUT", f"/v1/brands/{MARKET.id}")
    mentions = orjson.loads(said.content)["mentions"]
    assert 10 < len(mentions) <= 500
    assert all(MARKET.en in each["text"] or MARKET.zh in each["text"] for each in mentions)


def test_the_latest_orders_go_to_the_workshop_as_long_as_they_take_in_life(tmp_path: Path) -> None:
    send_web_orders(tmp_path, _files(tmp_path))
    tray = Tray(tmp_path)
    assert [tray.ticket(order_id) for order_id in tray.orders()] == [Ticket("o-1", None), Ticket("o-2", None)]


async def test_scenes_are_staged_once_and_those_that_are_known_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[httpx.Request] = []
    files = DemoFiles.within(tmp_path)
    names = ("milk", "bread", "tomatoes", "cheese", "gone")
    rows = [
        {"id": name, "title": {"en": name}, "availability": "out-of-stock" if name == "gone" else "in-stock"}
        for name in names
    ]
    files.products.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    drawn = [replace(scene, draw=lambda: b"a picture") for scene in DEMO_SCENES]
    monkeypatch.setattr(demo, "DEMO_SCENES", drawn)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        path = request.url.path
        if request.method == "GET" and path == "/v1/scenes":
            return httpx.Response(200, json={"scenes": [{"name": "baking"}]})
        return httpx.Response(201, json={"id": "scn-1" if path == "/v1/scenes" else "m"})

    async with Api(DEPLOYMENT, transport=httpx.MockTransport(answer)) as api:
        await stage_scenes(api, files)
    posts = [request for request in asked if request.method == "POST"]
    paths = [request.url.path for request in posts]
    assert paths == ["/v1/media", "/v1/scenes", "/v1/scenes/scn-1:publish"] * 2
    draft = orjson.loads(posts[1].content)
    assert (draft["name"], draft["request_id"], draft["media_id"]) == ("breakfast", "demo-scene-breakfast", "m")
    assert [spot["product_id"] for spot in draft["hotspots"]] == ["milk", "bread"]
    assert not [request for request in asked if "search" in request.url.path]
