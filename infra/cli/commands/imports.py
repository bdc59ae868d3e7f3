"""``zhike import``: products, customers, orders, events and mentions out of files, by the door of any shop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.import_call import FileFormat, format_of, import_parameters
from infra.cli.screen import output, people, progress_bar
from services.chassis.errors import ErrorKind, ZhikeError

CHUNK_BYTES = 256 * 1024
SHOWN_ERRORS = 10
REJECTED_EXIT_CODE = 1
INTERRUPTED_EXIT_CODE = 130
CONFIG_REASON = "IMPORT_CONFIG"  # the services' word for a file or mapping that cannot be read at all

app = typer.Typer(help=t("import.help"), no_args_is_help=True)


class ImportRefusedError(ZhikeError):
    """The file cannot be read as it was asked for: its header, its mapping, an option."""

    kind = ErrorKind.INVALID
    reason = "IMPORT_REFUSED"


class ImportFailedError(ZhikeError):
    """The import ended with a fault of the platform's."""

    kind = ErrorKind.INTERNAL
    reason = "IMPORT_FAILED"


class ErrorFileError(ZhikeError):
    """The file for refused rows cannot be written; said before anything is imported."""

    kind = ErrorKind.INVALID
    reason = "ERROR_FILE"


@dataclass(frozen=True, slots=True)
class ImportCall:
    """One call of the command. ``errors``: where refused rows go."""

    resource: str
    file: Path
    file_format: FileFormat
    parameters: dict[str, str]
    errors: Path | None = None


File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help=t("import.file"))]
Columns = Annotated[list[str], typer.Option("--column", "-c", help=t("import.column"))]
Options = Annotated[list[str], typer.Option("--option", "-o", help=t("import.option"))]
Mapping = Annotated[Path | None, typer.Option("--mapping", exists=True, dir_okay=False, help=t("import.mapping"))]
Format = Annotated[FileFormat | None, typer.Option("--format", help=t("import.format"))]
DryRun = Annotated[bool, typer.Option("--dry-run", help=t("import.dry_run"))]
Errors = Annotated[Path | None, typer.Option("--errors", help=t("import.errors"))]
Shop = Annotated[str, typer.Option("--shop", help=t("import.shop"))]
Channel = Annotated[str, typer.Option("--channel", help=t("import.channel"))]
Synthetic = Annotated[bool, typer.Option("--synthetic", help=t("import.synthetic"))]
Json = Annotated[bool, typer.Option("--json", help=t("status.json"))]


def _command(resource: str) -> None:
    @app.command(resource, help=t(f"import.{resource}"))
    def run(
        file: File,
        *,
        column: Columns = [],  # noqa: B006 - Typer copies it
        option: Options = [],  # noqa: B006
        mapping: Mapping = None,
        file_format: Format = None,
        dry_run: DryRun = False,
        errors: Errors = None,
        shop: Shop = "",
        channel: Channel = "",
        synthetic: Synthetic = False,
        json: Json = False,
    ) -> None:
        asked = {
            "shop": shop,
            "channel": channel,
            "dry_run": "true" if dry_run else "",
            "synthetic": "true" if synthetic else "",
        }
        parameters = import_parameters(column, option, mapping) | {name: text for name, text in asked.items() if text}
        call = ImportCall(resource, file, file_format or format_of(file), parameters, errors)
        try:
            progress = asyncio.run(_run(call))
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED_EXIT_CODE) from None
        if json:
            output.print_json(data=progress)
        else:
            _print_summary(progress)
        raise typer.Exit(exit_code(progress))


for _resource in ("products", "customers", "orders", "events", "mentions"):
    _command(_resource)


def exit_code(progress: dict[str, Any]) -> int:
    """Return 1 when a row was refused."""
    return REJECTED_EXIT_CODE if progress.get("rejected") else 0


async def run_import(api: Api, call: ImportCall, *, bar: Progress, task: TaskID) -> dict[str, Any]:
    """Import a file and write the refused rows where they were asked for; returns the final progress.

    The error file is there afterwards whatever happened, empty where no row was refused. Raises ErrorFileError,
    ImportRefusedError, ImportFailedError, ApiProblem, GatewayAwayError.
    """
    with ExitStack() as files:
        errors = None if call.errors is None else files.enter_context(_error_file(call.errors))
        progress = await import_file(
            api, call.resource, call.file, call.parameters, bar=bar, task=task, file_format=call.file_format
        )
        if errors is not None and progress.get("rejected"):
            async for chunk in api.download(f"/v1/operations/{progress['operation']}/errors"):
                errors.write(chunk)
        return progress


async def import_file(
    api: Api,
    resource: str,
    path: Path,
    parameters: dict[str, str],
    *,
    bar: Progress,
    task: TaskID,
    file_format: FileFormat | None = None,
) -> dict[str, Any]:
    """Upload a file and follow its import; returns the final progress.

    Raises ImportRefusedError, ImportFailedError, ApiProblem, GatewayAwayError.
    """
    size = path.stat().st_size  # noqa: ASYNC240 - a local file
    bar.update(task, description=f"{t('import.uploading')} {resource}", total=size, completed=0)

    async def chunks() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
                bar.advance(task, len(chunk))

    def show(operation: dict[str, Any]) -> None:
        progress = operation.get("progress") or {}
        bar.update(
            task,
            description=f"{t('import.reading')} {resource}",
            completed=progress.get("done_bytes", 0),
            note=f"{progress.get('rows', 0):,} {t('import.rows')}",
        )

    content_type = (file_format or format_of(path)).content_type
    started = await api.upload(f"/v1/{resource}:import", chunks(), content_type=content_type, parameters=parameters)
    bar.reset(task, total=size)  # a full bar has stopped its clock
    try:
        operation = await api.follow_operation(started["id"], show)
    except asyncio.CancelledError:
        people.print(t("import.goes_on", operation=started["id"]))
        raise
    _raise_failure(operation.get("error"))
    bar.update(task, completed=size)
    progress: dict[str, Any] = operation["progress"] | {"operation": operation["id"]}
    return progress


def _raise_failure(error: dict[str, Any] | None) -> None:
    if not error:
        return
    message = t("import.failed", message=error.get("message", ""))
    raise ImportRefusedError(message) if error.get("reason") == CONFIG_REASON else ImportFailedError(message)


async def _run(call: ImportCall) -> dict[str, Any]:
    async with Api(running_deployment()) as api:
        with progress_bar() as bar:
            progress = await run_import(api, call, bar=bar, task=bar.add_task(call.resource, total=None, note=""))
    if call.errors is not None and progress.get("rejected"):
        people.print(t("import.errors_written", count=f"{progress['rejected']:,}", path=call.errors))
    return progress


def _error_file(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise ErrorFileError(t("import.errors_unwritable", path=path, reason=error.strerror)) from None


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
