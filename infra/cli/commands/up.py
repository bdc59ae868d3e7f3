"""``zhike up`` and ``zhike down``: start everything here, or in the background, and stop it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer

from gateway.staff.demo_file import DEMO_STAFF_FILE
from infra.cli.catalog import t
from infra.cli.commands.demo import load_demo
from infra.cli.deployment import NothingRunsError, data_directory
from infra.cli.screen import output, people
from infra.demo.carrier_secrets import carrier_setting, demo_carrier_secrets
from infra.demo.files import HOUSEHOLDS
from infra.local.log_output import LogOutput
from infra.local.plan import DEFAULT_HTTP_PORT, Plan, plan_deployment, refuse_taken_port
from infra.local.profile import Profile, profile_environment
from infra.local.run_file import read_run_file
from infra.local.supervisor import StartFailedError, Supervisor
from services.chassis.backup.marks import refuse_half_restored_files
from services.chassis.errors import ErrorKind, ZhikeError

DETACHED_START_LIMIT_S = 150.0
DETACHED_LOG_TAIL_LINES = 20
POLL_S = 0.1
DOWN_LIMIT_S = 60.0
CARRIER_SECRETS = "ZHIKE_ORDERS_CARRIER_SECRETS"


class AlreadyRunsError(ZhikeError):
    """A second start on the same data directory."""

    kind = ErrorKind.CONFLICT
    reason = "ALREADY_RUNS"


class DataDirectoryError(ZhikeError):
    """The data directory cannot be made."""

    kind = ErrorKind.INVALID
    reason = "DATA_DIRECTORY"


class StopFailedError(ZhikeError):
    """The supervisor was told to stop and still runs."""

    kind = ErrorKind.UNAVAILABLE
    reason = "STOP_FAILED"


def up(
    demo: Annotated[bool, typer.Option("--demo", help=t("up.demo"))] = False,
    detach: Annotated[bool, typer.Option("--detach", help=t("up.detach"))] = False,
    port: Annotated[
        int, typer.Option("--port", help=t("up.port"), envvar="ZHIKE_HTTP_PORT", min=1, max=65_535)
    ] = DEFAULT_HTTP_PORT,
    households: Annotated[
        int, typer.Option("--households", help=t("up.households"), min=1, max=HOUSEHOLDS)
    ] = HOUSEHOLDS,
    profile: Annotated[Profile | None, typer.Option("--profile", help=t("up.profile"))] = None,
) -> None:
    """Start the platform."""
    chosen, _ = profile_environment(profile, os.environ)
    data = data_directory()
    _refuse_second_start(data)
    _make_directory(data)
    refuse_half_restored_files(data)
    refuse_taken_port(_bind(), port)
    if detach:
        _start_detached(data, port=port, demo=demo, profile=chosen)
        if demo:
            asyncio.run(load_demo(households))
        _print_addresses(data)
        people.print(t("up.detached_hint"), style="dim")
        return
    plan = _plan(data, port=port, demo=demo, profile=chosen, log_format="console" if people.is_terminal else "json")
    asyncio.run(_run_here(plan, households=households))


def down() -> None:
    """Stop the platform."""
    data = data_directory()
    run = read_run_file(data)  # no token is needed to stop, and a start that hangs has none yet
    if run is None:
        raise NothingRunsError(t("app.nothing_runs", data=data))
    people.print(t("up.stopping"))
    try:
        supervisor = psutil.Process(run.supervisor_pid)
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(DOWN_LIMIT_S)
    except psutil.NoSuchProcess:
        pass  # it ended meanwhile
    except psutil.TimeoutExpired:
        raise StopFailedError(t("down.late", pid=run.supervisor_pid, limit=DOWN_LIMIT_S)) from None
    people.print(t("down.done"))


def supervise(port: int, profile: Profile, *, demo: bool) -> None:
    """Run the supervisor without a terminal; what ``up --detach`` starts in the background."""
    asyncio.run(_supervise_quietly(_plan(data_directory(), port=port, demo=demo, profile=profile)))


def _plan(data: Path, *, port: int, demo: bool, profile: Profile, log_format: str = "json") -> Plan:
    _, inherited = profile_environment(profile, os.environ)
    environment = {"ZHIKE_LOG_FORMAT": log_format, **inherited}
    if demo:
        environment.setdefault(CARRIER_SECRETS, carrier_setting(demo_carrier_secrets(data)))
    return plan_deployment(data, bind=_bind(), http_port=port, demo=demo, environment=environment, profile=profile)


def _bind() -> str:
    return os.environ.get("ZHIKE_BIND") or "127.0.0.1"


def _refuse_second_start(data: Path) -> None:
    run = read_run_file(data)
    if run is not None:
        raise AlreadyRunsError(t("app.already_runs", data=data, pid=run.supervisor_pid))


def _make_directory(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataDirectoryError(t("up.no_directory", data=data, reason=error.strerror or error)) from None


async def _run_here(plan: Plan, *, households: int) -> None:
    started, data, demo = time.monotonic(), plan.data, plan.demo
    supervisor = Supervisor(plan, LogOutput(data / "logs", people))
    _stop_on_signals(supervisor)
    people.print(t("up.starting", names=", ".join(each.name for each in plan.processes)))
    try:
        await _start_unless_stopped(supervisor)
        people.print(t("up.ready", seconds=time.monotonic() - started), style="bold green")
        _print_addresses(data)
        work = asyncio.ensure_future(load_demo(households)) if demo else None
        if work is not None:
            await asyncio.wait(
                {work, stop := asyncio.ensure_future(supervisor.run_until_stopped())},
                return_when=asyncio.FIRST_COMPLETED,
            )
            stop.cancel()
            if work.done():
                work.result()
                _print_addresses(data)
            else:
                work.cancel()
        people.print(t("up.stop_hint"), style="dim")
        await supervisor.run_until_stopped()
    finally:
        people.print(t("up.stopping"))
        await supervisor.stop()
        people.print(t("up.stopped"))


async def _supervise_quietly(plan: Plan) -> None:
    supervisor = Supervisor(plan, LogOutput(plan.data / "logs", None))
    _stop_on_signals(supervisor)
    try:
        await _start_unless_stopped(supervisor)
        await supervisor.run_until_stopped()
    finally:
        await supervisor.stop()


async def _start_unless_stopped(supervisor: Supervisor) -> None:
    """Start, but give up at once when somebody asks for the stop meanwhile."""
    start = asyncio.ensure_future(supervisor.start())
    stop = asyncio.ensure_future(supervisor.run_until_stopped())
    await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not start.done():
        start.cancel()
        return
    start.result()


def _stop_on_signals(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, supervisor.request_stop)


def _start_detached(data: Path, *, port: int, demo: bool, profile: Profile) -> None:
    """Start a supervisor in a session of its own and wait until it says that all is ready."""
    log = data / "logs" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "infra.cli.main", "supervise", "--port", str(port), "--profile", profile.value]
    command += ["--demo"] if demo else []
    with log.open("wb") as sink:
        background = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, env=os.environ
        )
    with people.status(t("up.starting", names=str(data))):
        while time.monotonic() - started < DETACHED_START_LIMIT_S and background.poll() is None:
            run = read_run_file(data)
            if run is not None and run.ready and run.supervisor_pid == background.pid:
                people.print(t("up.ready", seconds=time.monotonic() - started), style="bold green")
                return
            time.sleep(POLL_S)
    if background.poll() is None:
        background.send_signal(signal.SIGTERM)
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-DETACHED_LOG_TAIL_LINES:]
    raise StartFailedError("\n".join([t("up.detach_failed", log=log), *tail]))


def _print_addresses(data: Path) -> None:
    run = read_run_file(data)
    if run is None:
        return
    if run.demo:
        output.print(f"  {t('up.shop'):<20} {run.url}/shop")
    output.print(f"  {t('up.console'):<20} {run.url}/console")
    if run.demo:
        output.print(f"  {t('up.staff'):<20} {data / DEMO_STAFF_FILE}")
    output.print(f"  {t('up.api'):<20} {run.url}/docs")
    output.print(f"  {t('up.logs'):<20} {data / 'logs'}")
    output.print(f"  {t('up.data'):<20} {data}")
