"""``zhike import``: products, customers, orders and events out of files, through the same door as any shop's."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.screen import output, people, progress_bar
from services.chassis.errors import ErrorKind, ZhikeError

CHUNK_BYTES = 256 * 1024
SHOWN_ERRORS = 10
REJECTED_EXIT_CODE = 1

app = typer.Typer(help=t("import.help"), no_args_is_help=True)


class BadPairError(ZhikeError):
    """A --column or --option that is not name=value."""

    kind = ErrorKind.INVALID
    reason = "BAD_PAIR"


class ImportFailedError(ZhikeError):
    """The import ended with an error of its own."""

    kind = ErrorKind.INVALID
    reason = "IMPORT_FAILED"


File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help=t("import.file"))]
Columns = Annotated[list[str], typer.Option("--column", "-c", help=t("import.column"))]
Options = Annotated[list[str], typer.Option("--option", "-o", help=t("import.option"))]
Mapping = Annotated[Path | None, typer.Option("--mapping", exists=True, dir_okay=False, help=t("import.mapping"))]
DryRun = Annotated[bool, typer.Option("--dry-run", help=t("import.dry_run"))]
Errors = Annotated[Path | None, typer.Option("--errors", help=t("import.errors"))]
Shop = Annotated[str, typer.Option("--shop", help=t("import.shop"))]
Synthetic = Annotated[bool, typer.Option("--synthetic", help=t("import.synthetic"))]
Json = Annotated[bool, typer.Option("--json", help=t("status.json"))]


def _command(resource: str) -> None:
    @app.command(resource, help=t(f"import.{resource}"))
    def run(
        file: File,
        column: Columns = [],  # noqa: B006 - Typer copies it
        option: Options = [],  # noqa: B006
        mapping: Mapping = None,
        dry_run: DryRun = False,
        errors: Errors = None,
        shop: Shop = "",
        synthetic: Synthetic = False,
        json: Json = False,
    ) -> None:
        parameters = _parameters(column, option, mapping) | ({"shop": shop} if shop else {})
        parameters |= {"dry_run": "true"} if dry_run else {}
        parameters |= {"synthetic": "true"} if synthetic else {}
        progress = asyncio.run(_import(resource, file, parameters, errors))
        if json:
            output.print_json(data=progress)
        else:
            _print_summary(progress)
        raise typer.Exit(REJECTED_EXIT_CODE if progress.get("rejected") else 0)


for _resource in ("products", "customers", "orders", "events"):
    _command(_resource)


async def import_file(
    api: Api, resource: str, path: Path, parameters: dict[str, str], *, bar: Progress, task: TaskID
) -> dict[str, Any]:
    """Upload a file and follow its import; returns the final progress. Raises ImportFailedError, ApiProblem."""
    size = path.stat().st_size  # noqa: ASYNC240 - a local file
    bar.update(task, description=f"{t('import.uploading')} {resource}", total=size, completed=0)

    async def chunks() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
                bar.advance(task, len(chunk))

    def show(operation: dict[str, Any]) -> None:
        progress = operation.get("progress", {})
        bar.update(
            task,
            description=f"{t('import.reading')} {resource}",
            completed=progress.get("done_bytes", 0),
            note=f"{progress.get('rows', 0):,} {t('import.rows')}",
        )

    content_type = "text/csv" if path.suffix == ".csv" else "application/x-ndjson"
    started = await api.upload(f"/v1/{resource}:import", chunks(), content_type=content_type, parameters=parameters)
    bar.reset(task, total=size)  # a full bar has stopped its clock
    operation = await api.follow_operation(started["id"], show)
    if operation.get("error"):
        raise ImportFailedError(t("import.failed", message=operation["error"].get("message", "")))
    bar.update(task, completed=size)
    progress: dict[str, Any] = operation["progress"] | {"operation": operation["id"]}
    return progress


async def _import(resource: str, path: Path, parameters: dict[str, str], errors: Path | None) -> dict[str, Any]:
    async with Api(running_deployment()) as api:
        with progress_bar() as bar:
            task = bar.add_task(resource, total=None, note="")
            progress = await import_file(api, resource, path, parameters, bar=bar, task=task)
        if errors is not None and progress.get("rejected"):
            with errors.open("wb") as file:
                async for chunk in api.download(f"/v1/operations/{progress['operation']}/errors"):
                    file.write(chunk)
            people.print(t("import.errors_written", count=f"{progress['rejected']:,}", path=errors))
        return progress


def _parameters(columns: Sequence[str], options: Sequence[str], mapping: Path | None) -> dict[str, str]:
    """Turn columns, options and the mapping file into query parameters; the command line wins."""
    parameters: dict[str, str] = {}
    if mapping is not None:
        tree = tomllib.loads(mapping.read_text(encoding="utf-8"))
        for kind, section in (("column", "columns"), ("option", "options")):
            parameters |= {f"{kind}.{name}": str(value) for name, value in tree.get(section, {}).items()}
    for kind, pairs in (("column", columns), ("option", options)):
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not (name and equals):
                raise BadPairError(t("import.bad_pair", pair=pair))
            parameters[f"{kind}.{name}"] = value
    return parameters


def _print_summary(progress: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for name in ("rows", "accepted", "duplicate", "rejected"):
        table.add_row(t(f"import.{name}"), f"{progress.get(name, 0):,}")
    for kind, count in sorted(progress.get("accepted_by_kind", {}).items()):
        table.add_row(f"  {kind}", f"{count:,}")
    for reason, count in sorted(progress.get("rejected_by_reason", {}).items()):
        table.add_row(f"  [red]{reason}", f"{count:,}")
    output.print(table)
    refused = progress.get("errors", [])[:SHOWN_ERRORS]
    if refused:
        output.print(f"\n[bold]{t('import.first_errors')}")
    for error in refused:
        output.print(f"  {error['row']:>9}  {error['reason']}  {error['message']}", markup=False)
