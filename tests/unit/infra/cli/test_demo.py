"""Waiting for the readers: of a service that is away none is shown, and none shown is not none behind."""

from io import StringIO
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress

from infra.cli.api import Api
from infra.cli.commands.demo import wait_for_readers
from infra.cli.deployment import Deployment
from infra.local.run_file import RunFile


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

    deployment = Deployment(Path(), RunFile(1, 0.0, "http://zhike", False, {}, {}, {}, True), "op_token")
    async with Api(deployment, transport=httpx.MockTransport(answer)) as api:
        await wait_for_readers(api, Progress(console=Console(file=StringIO())), pause_s=0)
    assert len(asked) == len(answers)
