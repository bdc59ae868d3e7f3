"""Who falls is replaced by a process that stands by with everything imported, and a start when there is none."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.local import standby
from infra.local.log_output import LogOutput
from infra.local.plan import Plan, Process
from infra.local.run_file import read_run_file
from infra.local.supervisor import Supervisor

PATIENCE_S = 60.0
SAYING = """
import os, sys, time
from pathlib import Path
if __name__ == "__main__":
    Path(os.environ["SAID"]).open("a").write(f"{os.getpid()} {sys.argv[1:]} {os.environ['WHO']}\\n")
    print("here", flush=True)
    time.sleep(600)
"""


def plan_of(folder: Path, *names: str) -> Plan:
    """Return processes of a module that writes who it is, when it is run and not when it is imported."""
    (folder / "saying.py").write_text(SAYING)
    processes = []
    for name in names:
        environment = {**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}{os.pathsep}{folder}"}
        environment |= {"WHO": name, "SAID": str(folder / f"{name}.said")}
        command = (sys.executable, "-m", "saying", "--name", name)
        processes.append(Process(name, command, environment, port=0, metrics_port=0, health=""))
    return Plan(folder / "data", "127.0.0.1", 0, demo=False, processes=tuple(processes))


async def until_said(folder: Path, name: str, times: int) -> list[str]:
    """Wait until a process was started so often, and return what its starts wrote."""
    async with asyncio.timeout(PATIENCE_S):
        while len(lines := lines_of(folder / f"{name}.said")) < times:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    return lines


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@asynccontextmanager
async def supervised(folder: Path, *names: str) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(plan_of(folder, *names), LogOutput(folder / "logs", None))
    try:
        await supervisor.start()
        yield supervisor
    finally:
        await supervisor.stop()


def pid_of(folder: Path, name: str) -> int:
    run = read_run_file(folder / "data")
    assert run is not None
    return run.pids[name]


async def standing_by(supervisor: Supervisor) -> int:
    """Wait until there is a standby, and return its pid."""
    async with asyncio.timeout(PATIENCE_S):
        while (running := supervisor.standby) is None:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
    return running


async def test_who_falls_is_replaced_by_the_standby_as_if_it_were_started_anew(tmp_path: Path) -> None:
    async with supervised(tmp_path, "one", "two") as supervisor:
        await until_said(tmp_path, "one", 1)
        warm = await standing_by(supervisor)
        os.kill(pid_of(tmp_path, "one"), signal.SIGKILL)
        said = await until_said(tmp_path, "one", 2)
        assert said[1] == f"{warm} ['--name', 'one'] one"
        assert pid_of(tmp_path, "one") == warm
        assert len(lines_of(tmp_path / "two.said")) == 1
        again = await standing_by(supervisor)
        assert again != warm
        os.kill(pid_of(tmp_path, "two"), signal.SIGKILL)
        assert (await until_said(tmp_path, "two", 2))[1].startswith(f"{again} ")
    assert (tmp_path / "logs" / "one.log").read_text().count("here") == 2


async def test_without_a_standby_it_is_started(tmp_path: Path) -> None:
    async with supervised(tmp_path, "one") as supervisor:
        await until_said(tmp_path, "one", 1)
        warm = await standing_by(supervisor)
        os.kill(warm, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            while supervisor.standby == warm:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        os.kill(pid_of(tmp_path, "one"), signal.SIGKILL)
        assert not (await until_said(tmp_path, "one", 2))[1].startswith(f"{warm} ")


async def test_the_standby_ends_with_its_supervisor(tmp_path: Path) -> None:
    async with supervised(tmp_path, "one") as supervisor:
        warm = await standing_by(supervisor)
    with pytest.raises(ProcessLookupError):
        os.kill(warm, 0)


async def test_a_standby_that_nobody_calls_ends_with_its_input() -> None:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", standby.MODULE, "json", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert running.stdin is not None
    running.stdin.close()
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await running.communicate()
    assert (said, running.returncode) == (b"", 0)


async def test_a_call_before_all_is_imported_is_obeyed_at_once(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("raise SystemExit(9)")
    environment = {**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}{os.pathsep}{tmp_path}"}
    call = standby.call_of((sys.executable, "-m", "platform"), environment)
    reading, writing = os.pipe()
    os.write(writing, call or b"")
    os.close(writing)
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        standby.MODULE,
        "endless",
        stdin=reading,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    os.close(reading)
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await running.communicate()
    assert running.returncode == 0
    assert said


def test_only_what_is_started_by_module_can_be_stood_by_for() -> None:
    assert standby.call_of((sys.executable, "-c", "pass"), {}) is None
    assert standby.call_of(("/bin/sh", "-m", "x"), {}) is None
    assert standby.call_of((sys.executable,), {}) is None
