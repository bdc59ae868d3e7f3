"""``zhike train``: train models, judge them on what they did not see and promote them if they earn it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.screen import output, people, progress_bar
from infra.cli.tone_files import labelled_lines
from services.chassis.errors import ErrorKind, ZhikeError

CHUNK_BYTES = 256 * 1024
NDJSON = "application/x-ndjson"

app = typer.Typer(help=t("train.help"), invoke_without_command=True)


class Engine(StrEnum):
    """Where the training runs."""

    RAY = "ray"
    LOCAL = "local"


class TrainingFailedError(ZhikeError):
    """The training ended with an error."""

    kind = ErrorKind.UNAVAILABLE
    reason = "TRAINING_FAILED"


@app.callback()
def train(
    context: typer.Context,
    engine: Annotated[Engine, typer.Option("--engine", help=t("train.engine"))] = Engine.RAY,
    sweep: Annotated[bool, typer.Option("--sweep", help=t("train.sweep"))] = False,
) -> None:
    """Train, judge, promote."""
    if context.invoked_subcommand is not None:
        return
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


@app.command("tone", help=t("train.tone"))
def tone(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help=t("train.files"))],
    text_column: Annotated[str, typer.Option("--text-column", help=t("train.text_column"))] = "text",
    label_column: Annotated[str, typer.Option("--label-column", help=t("train.label_column"))] = "label",
    dry_run: Annotated[bool, typer.Option("--dry-run", help=t("train.dry_run"))] = False,
) -> None:
    """Train the tone model of mentions on labelled texts."""
    asyncio.run(_train_tone(files, text_column, label_column, dry_run=dry_run))


async def _train_tone(files: Sequence[Path], text_column: str, label_column: str, *, dry_run: bool) -> None:
    async with Api(running_deployment()) as api:
        with progress_bar() as bar:
            progress = await train_tone(api, files, text_column, label_column, dry_run=dry_run, bar=bar)
        _print_refused(progress)
        if dry_run:
            output.print(t("train.tone_dry", texts=progress["accepted"]))
            return
        model = (await api.get("/v1/tone-models"))["models"][0]
    output.print(
        t(
            "train.tone_done",
            version=model["version"],
            accuracy=model["accuracy"],
            majority=model["majority"],
            calibration=model["calibration_error"],
            decided=model["decided"],
            texts=model["texts"],
        ),
        markup=False,
    )


async def train_tone(
    api: Api, files: Sequence[Path], text_column: str, label_column: str, *, dry_run: bool, bar: Progress
) -> dict[str, Any]:
    """Send the texts, follow the training; returns its progress. Raises TrainingFailedError, UnknownColumnError."""
    task = bar.add_task(t("train.running"), total=None, note="")

    def show(operation: dict[str, Any]) -> None:
        progress = operation.get("progress") or {}
        bar.update(task, total=progress.get("total_bytes") or None, completed=progress.get("done_bytes") or 0)

    started = await api.upload(
        "/v1/tone-models:train",
        _chunks(files, text_column, label_column),
        content_type=NDJSON,
        parameters={"dry_run": "true"} if dry_run else {},
    )
    operation = await api.follow_operation(started["id"], show)
    if operation.get("error"):
        raise TrainingFailedError(t("train.failed", message=operation["error"].get("message", "")))
    progress: dict[str, Any] = operation["progress"]
    return progress


async def _chunks(files: Sequence[Path], text_column: str, label_column: str) -> AsyncIterator[bytes]:
    held = bytearray()
    for line in labelled_lines(files, text_column, label_column):
        held += line
        if len(held) >= CHUNK_BYTES:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _print_refused(progress: dict[str, Any]) -> None:
    if progress.get("rejected"):
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(progress["rejected_by_reason"].items()))
        people.print(t("train.refused", rejected=progress["rejected"], reasons=reasons), markup=False)
