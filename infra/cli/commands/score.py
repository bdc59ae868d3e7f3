"""``zhike score``: recommend to every consenting customer by the model in force, into a file for a mailing."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.commands.train import Engine
from infra.cli.deployment import running_deployment
from infra.cli.screen import output, progress_bar
from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError

OWNER_ONLY = 0o600  # it names customers
COUNT_LIMIT = 100


class ScoringFailedError(ZhikeError):
    """The scoring ended with an error."""

    kind = ErrorKind.UNAVAILABLE
    reason = "SCORING_FAILED"


class ListsFileError(InvalidArgumentError):
    """The file for the lists cannot be written."""

    reason = "FILE_UNWRITABLE"


def score(
    out: Annotated[Path, typer.Option("--out", help=t("score.out"))],
    engine: Annotated[Engine, typer.Option("--engine", help=t("score.engine"))] = Engine.RAY,
    count: Annotated[int, typer.Option("--count", min=1, max=COUNT_LIMIT, help=t("score.count"))] = 20,
) -> None:
    """Score, download."""
    progress = asyncio.run(_score(out, engine, count))
    left_out = progress.get("rejected_by_reason", {})
    said = t(
        "score.done",
        customers=f"{progress.get('accepted', 0):,}",
        path=out,
        no_consent=f"{left_out.get('NO_CONSENT', 0):,}",
        no_history=f"{left_out.get('NO_HISTORY', 0):,}",
    )
    output.print(said, markup=False)


async def _score(out: Path, engine: Engine, count: int) -> dict[str, Any]:
    async with Api(running_deployment()) as api:
        with progress_bar() as bar:
            return await score_customers(api, out, engine=engine, count=count, bar=bar)


async def score_customers(api: Api, out: Path, *, engine: Engine, count: int, bar: Progress) -> dict[str, Any]:
    """Score, follow, write ``out``; returns the final progress. Raises ScoringFailedError, ListsFileError."""
    task = bar.add_task(t("score.running"), total=None, note="")

    def show(operation: dict[str, Any]) -> None:
        progress = operation.get("progress") or {}
        bar.update(task, total=progress.get("total_bytes") or None, completed=progress.get("done_bytes") or 0)

    started = await api.post("/v1/models:score", {"engine": engine.value, "count": count})
    operation = await api.follow_operation(started["id"], show)
    if operation.get("error"):
        raise ScoringFailedError(t("score.failed", message=operation["error"].get("message", "")))
    progress: dict[str, Any] = operation["progress"]
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "wb") as file:
            async for chunk in api.download(f"/v1/operations/{operation['id']}/result"):
                file.write(chunk)
    except OSError as error:
        raise ListsFileError(t("score.unwritable", path=out, reason=error.strerror)) from None
    return progress
