"""``zhike train``: train models, judge them on held-out weeks and promote them if they earn it."""

import asyncio
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.progress import Progress

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.screen import output, progress_bar
from services.chassis.errors import ErrorKind, ZhikeError


class Engine(StrEnum):
    """Where the training runs."""

    RAY = "ray"
    LOCAL = "local"


class TrainingFailedError(ZhikeError):
    """The training ended with an error."""

    kind = ErrorKind.UNAVAILABLE
    reason = "TRAINING_FAILED"


def train(
    engine: Annotated[Engine, typer.Option("--engine", help=t("train.engine"))] = Engine.RAY,
    sweep: Annotated[bool, typer.Option("--sweep", help=t("train.sweep"))] = False,
) -> None:
    """Train, judge, promote."""
    model = asyncio.run(_train(engine, sweep=sweep))
    output.print(t("train.done", version=model.get("version", "?"), verdict=model.get("verdict", "")), markup=False)


async def _train(engine: Engine, *, sweep: bool) -> dict[str, Any]:
    async with Api(running_deployment()) as api:
        with progress_bar() as bar:
            return await train_models(api, engine, sweep=sweep, bar=bar)


async def train_models(api: Api, engine: Engine, *, sweep: bool, bar: Progress) -> dict[str, Any]:
    """Start a training and follow it; returns the newest model version. Raises TrainingFailedError."""
    task = bar.add_task(t("train.running"), total=None, note="")

    def show(operation: dict[str, Any]) -> None:
        progress = operation.get("progress", {})
        bar.update(
            task,
            total=progress.get("total_bytes") or None,  # steps, where no bytes are counted
            completed=progress.get("done_bytes") or 0,
        )

    started = await api.post("/v1/models:train", {"engine": engine.value, "sweep": sweep})
    operation = await api.follow_operation(started["id"], show)
    if operation.get("error"):
        raise TrainingFailedError(t("train.failed", message=operation["error"].get("message", "")))
    models = (await api.get("/v1/models", page_size=1))["models"]
    return dict(models[0]) if models else {}
