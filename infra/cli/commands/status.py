"""``zhike status`` and ``zhike logs``: what runs and what it says."""

import asyncio
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import orjson
import psutil
import typer
from rich.markup import escape
from rich.table import Table

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import Deployment, data_directory, running_deployment
from infra.cli.screen import output, people
from infra.local import fork_server
from infra.local.run_file import RunFile
from services.chassis.errors import ErrorKind, ZhikeError

BYTES_PER_MIB = 1024 * 1024
FOLLOW_PAUSE_S = 0.3


class UnknownProcessError(ZhikeError):
    """A process name that the deployment does not have."""

    kind = ErrorKind.NOT_FOUND
    reason = "UNKNOWN_PROCESS"


def status(json: Annotated[bool, typer.Option("--json", help=t("status.json"))] = False) -> None:
    """Show how the deployment stands."""
    deployment = running_deployment()
    system = asyncio.run(_system(deployment))
    memory = {name: _pss_bytes(pid) for name, pid in {**deployment.run.pids, **_fork_server(deployment.run)}.items()}
    if json:
        facts = {"url": deployment.run.url, "pss_bytes": memory, "pss_total_bytes": sum(memory.values()), **system}
        output.print(orjson.dumps(facts).decode(), markup=False)
        return
    output.print(_process_table(deployment, system, memory))
    output.print(_reader_table(system))
    for process, part, cause in _degraded(system):
        people.print(f"[bold red]![/] {escape(t('status.degraded', process=process, part=part, cause=cause))}")
    waiting = sum(reader["dead_letters"] for each in system["services"] for reader in each.get("readers", []))
    if waiting:
        people.print(f"[bold red]![/] {escape(t('status.dead_hint', count=waiting))}")


def logs(
    name: Annotated[str, typer.Argument()] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help=t("logs.follow"))] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help=t("logs.lines"), min=1, max=10_000)] = 50,
) -> None:
    """Show log lines."""
    files = {path.stem: path for path in sorted((data_directory() / "logs").glob("*.log"))}
    if name and name not in files:
        raise UnknownProcessError(t("logs.unknown", name=name, names=", ".join(files)))
    chosen = {name: files[name]} if name else files
    for each, path in chosen.items():
        for line in _tail(path, lines):
            _show(each, line)
    if follow:
        _follow(chosen)


async def _system(deployment: Deployment) -> dict[str, Any]:
    async with Api(deployment) as api:
        answer: dict[str, Any] = await api.get("/v1/system")
        return answer


def _process_table(deployment: Deployment, system: dict[str, Any], memory: dict[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("process", "state", "address", "pid", "memory"):
        table.add_column(t(f"status.{column}"), justify="right" if column in {"pid", "memory"} else "left")
    ready = {each["service"]: each.get("ready", False) for each in system.get("services", [])}
    ready["gateway"] = True
    for name, address in deployment.run.addresses.items():
        state = f"[green]{t('status.ready')}" if ready.get(name) else f"[red]{t('status.away')}"
        pid = deployment.run.pids.get(name, 0)
        table.add_row(name, state, address, str(pid), f"{memory.get(name, 0) / BYTES_PER_MIB:,.0f} MiB")
    for name, pid in _fork_server(deployment.run).items():
        table.add_row(name, "", "", str(pid), f"{memory.get(name, 0) / BYTES_PER_MIB:,.0f} MiB")
    return table


def _degraded(system: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what processes must do without: process, part, cause."""
    told = {each["service"]: each.get("degraded", {}) for each in system.get("services", [])}
    told["gateway"] = system.get("gateway", {}).get("degraded", {})
    return [(process, part, cause) for process, parts in told.items() for part, cause in sorted(parts.items())]


def _reader_table(system: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("reader", "log", "lag", "behind", "dead"):
        table.add_column(t(f"status.{column}"), justify="left" if column in {"reader", "log"} else "right")
    for service in system.get("services", []):
        for reader in service.get("readers", []):
            table.add_row(
                f"{service['service']}/{reader['projection']}",
                reader["log"],
                f"{reader['lag_events']:,}",
                f"{reader['staleness_s']:.1f}",
                f"[red]{reader['dead_letters']:,}" if reader["dead_letters"] else "0",
            )
    return table


def _fork_server(run: RunFile) -> dict[str, int]:
    """Return the process that the others are forked from, where there is one."""
    with suppress(psutil.Error):
        for each in psutil.Process(run.supervisor_pid).children():
            if fork_server.MODULE in each.cmdline():
                return {"fork-server": each.pid}
    return {}


def _pss_bytes(pid: int) -> int:
    """Return a process's proportional set size together with its children's; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(int(getattr(each.memory_full_info(), "pss", 0)) for each in family)
    except psutil.Error:
        return 0


def _tail(path: Path, count: int) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]


def _follow(files: dict[str, Path]) -> None:
    """Show what is appended until Ctrl-C."""
    offsets = {name: path.stat().st_size for name, path in files.items()}
    while True:
        time.sleep(FOLLOW_PAUSE_S)
        for name, path in files.items():
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(offsets[name] if size >= offsets[name] else 0)
                for line in file.read().decode("utf-8", "replace").splitlines():
                    _show(name, line)
                offsets[name] = file.tell()


def _show(name: str, line: str) -> None:
    output.print(f"[cyan]{name:<14}[/cyan]", end="")
    output.print(line, markup=False)
