"""``zhike dead-letters``: events that readers set aside, and having them applied after all."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.projections import chosen_projection, projection_of
from infra.cli.screen import output, people, progress_bar
from services.chassis.errors import ErrorKind, ZhikeError

PAGE_SIZE = 200
IDS_LIMIT = 100  # of one request
EXIT_STILL_DEAD = 1

app = typer.Typer(help=t("letters.help"), no_args_is_help=True)


class NothingChosenError(ZhikeError):
    """Neither ids nor all, or both."""

    kind = ErrorKind.INVALID
    reason = "NOTHING_CHOSEN"


class RedriveFailedError(ZhikeError):
    """The redrive stopped; what was not redriven stays a dead letter."""

    kind = ErrorKind.UNAVAILABLE
    reason = "REDRIVE_FAILED"


@app.command("list", help=t("letters.list"))
def list_letters(
    projection: Annotated[str, typer.Argument(help=t("letters.projection"))] = "",
    payload: Annotated[bool, typer.Option("--payload", help=t("letters.payload"))] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", help=t("letters.limit"), min=1, max=10_000)] = 100,
    json: Annotated[bool, typer.Option("--json", help=t("status.json"))] = False,
) -> None:
    """List what waits for a redrive."""
    found = asyncio.run(_list(projection, payload=payload, limit=limit))
    if json:
        output.print(orjson.dumps(found).decode(), markup=False, emoji=False)
        return
    for service in found["missing"]:
        people.print(f"[yellow]![/] {escape(t('letters.missing', service=service))}")
    if not found["dead_letters"]:
        people.print(t("letters.none"))
        return
    output.print(letter_table(found["dead_letters"]))
    if payload:
        for letter in found["dead_letters"]:
            said = letter["event"] or {"event_problem": letter["event_problem"]}
            output.print(f"{letter['id']}  {letter['message']}", markup=False, emoji=False)
            output.print(f"  {orjson.dumps(said).decode()}", markup=False, emoji=False)
    if found["more"]:
        people.print(t("letters.more", limit=limit), style="dim")


@app.command("redrive", help=t("letters.redrive"))
def redrive(
    projection: Annotated[str, typer.Argument(help=t("letters.projection"))],
    ids: Annotated[list[str] | None, typer.Argument(help=t("letters.ids"))] = None,
    all_of_it: Annotated[bool, typer.Option("--all", help=t("letters.all"))] = False,
) -> None:
    """Redrive and wait for the outcome."""
    if bool(ids) is all_of_it:
        raise NothingChosenError(t("letters.choose"))
    progress = asyncio.run(_redrive(projection, ids or []))
    counted = {name: progress.get(name, 0) for name in ("accepted", "duplicate", "rejected")}
    output.print(t("letters.redriven", **counted), markup=False)
    for error in progress.get("errors", []):
        output.print(f"  {error['field']}  {error['reason']}: {error['message']}", markup=False)
    if counted["rejected"]:
        raise typer.Exit(EXIT_STILL_DEAD)


async def _list(projection: str, *, payload: bool, limit: int) -> dict[str, Any]:
    async with Api(running_deployment()) as api:
        return await waiting_letters(api, projection, payload=payload, limit=limit)


async def waiting_letters(api: Api, projection: str, *, payload: bool, limit: int) -> dict[str, Any]:
    """Return at most ``limit`` letters, whether there are more, and the services that do not answer."""
    system = await api.get("/v1/system")
    missing = [each["service"] for each in system["services"] if not each.get("readers") and each.get("reason")]
    if projection:
        service, name = chosen_projection(system, projection)
        asked = [(service, name)]
    else:
        asked = [(each["service"], "") for each in system["services"] if each["service"] not in missing]
    letters: list[dict[str, Any]] = []
    more = False
    for service, name in asked:
        token = ""
        while len(letters) < limit:
            size = min(PAGE_SIZE, limit - len(letters))
            query: dict[str, str | int] = {"page_size": size, "payload": "true" if payload else "false"}
            query |= {key: value for key, value in (("projection", name), ("page_token", token)) if value}
            page = await api.get(f"/v1/system/{service}/dead-letters", **query)
            letters += [{"service": service, **letter} for letter in page["dead_letters"]]
            token = page["next_page_token"]
            if not token:
                break
        more = more or bool(token) or (len(letters) == limit and (service, name) != asked[-1])
    return {"dead_letters": letters, "more": more, "missing": missing}


async def _redrive(projection: str, ids: list[str]) -> dict[str, Any]:
    async with Api(running_deployment()) as api:
        with progress_bar() as bar:
            return await redrive_letters(api, projection, ids, bar=bar)


async def redrive_letters(api: Api, projection: str, ids: list[str], *, bar: Progress) -> dict[str, Any]:
    """Redrive these letters, or all of the projection, and return the counters. Raises RedriveFailedError."""
    service, name = await projection_of(api, projection)
    task = bar.add_task(t("letters.redriving", projection=name), total=None, note="")
    totals: dict[str, Any] = {"accepted": 0, "duplicate": 0, "rejected": 0, "errors": []}
    for start in range(0, max(1, len(ids)), IDS_LIMIT):

        def show(operation: dict[str, Any]) -> None:
            seen = operation.get("progress") or {}
            ended = sum(seen.get(each, 0) for each in ("accepted", "duplicate", "rejected"))
            bar.update(task, total=seen.get("rows") or None, completed=ended)

        chosen = ids[start : start + IDS_LIMIT]
        started = await api.post(f"/v1/system/{service}/projections/{name}/dead-letters:redrive", {"ids": chosen})
        operation = await api.follow_operation(started["id"], show)
        if operation.get("error"):
            raise RedriveFailedError(t("letters.failed", message=operation["error"].get("message", "")))
        progress = operation.get("progress") or {}
        for each in ("accepted", "duplicate", "rejected"):
            totals[each] += progress.get(each, 0)
        totals["errors"] += progress.get("errors", [])
    return totals


def letter_table(letters: list[dict[str, Any]]) -> Table:
    """Return the letters as a table, without what the events say."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "reader", "place", "type", "reason", "tries", "time"):
        table.add_column(
            t(f"letters.{column}"), justify="right" if column == "tries" else "left", no_wrap=column == "id"
        )
    for letter in letters:
        failed = letter["fail_time"]
        table.add_row(
            letter["id"],
            f"{letter['service']}/{letter['projection']}",
            f"{letter['log']} {letter['partition']}/{letter['seq']}",
            escape(letter["type"]),
            escape(letter["reason"]),
            str(letter["tries"]),
            datetime.fromisoformat(failed).astimezone().strftime("%Y-%m-%d %H:%M:%S") if failed else "",
        )
    return table
