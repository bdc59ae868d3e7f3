"""A process that is forked is what executing its command makes of it, and hangs on its supervisor alone."""

import asyncio
import errno
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.launcher import Launcher, Running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every process is executed")

PATIENCE_S = 60.0
SAYING = """
import json, os, sys, time
IMPORTED_BY = os.getpid()
if __name__ == "__main__":
    import saying_part
    said = {"pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0), "argv": sys.argv[1:]}
    said |= {"who": os.environ.get("WHO"), "inherited": os.environ.get("NOT_MINE"), "part": saying_part.IMPORTED_BY}
    print(json.dumps(said), flush=True)
    if "--fail" in sys.argv:
        sys.exit(7)
    if "--raise" in sys.argv:
        raise RuntimeError("as it should")
    time.sleep(600)
"""
OWNER = """
import asyncio, os, sys
from infra.local.launcher import Launcher
async def main():
    launcher = Launcher(["saying"], os.environ)
    running = await launcher.start((sys.executable, "-m", "saying"), os.environ)
    print(running.pid, launcher.fork_server, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "saying.py").write_text(SAYING)
    (tmp_path / "saying_part.py").write_text("import os\nIMPORTED_BY = os.getpid()\n")
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(Path.cwd()), str(tmp_path)])
    return {**os.environ, "PYTHONPATH": path, "WHO": "one"}


@asynccontextmanager
async def launcher_of(environment: dict[str, str], *modules: str) -> AsyncIterator[Launcher]:
    launcher = Launcher(modules, environment | {"NOT_MINE": "of the fork server"})
    try:
        yield launcher
    finally:
        await launcher.close()


async def said_by(running: Running) -> dict[str, Any]:
    assert running.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        said: dict[str, Any] = json.loads(await running.stdout.readline())
    return said


async def killed(running: Running) -> int:
    running.send_signal(signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        return await running.wait()


def command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "saying", *arguments)


async def test_it_is_what_executing_makes_of_it_with_everything_imported(environment: dict[str, str]) -> None:
    async with launcher_of(environment, "saying", "saying_part") as launcher:
        running = await launcher.start(command("--name", "one"), environment)
        said = await said_by(running)
        assert said == {
            "pid": running.pid,
            "parent": os.getpid(),
            "session": running.pid,
            "argv": ["--name", "one"],
            "who": "one",
            "inherited": None,
            "part": launcher.fork_server,
        }
        assert " ".join(psutil.Process(running.pid).cmdline()).strip() == " ".join(command("--name", "one"))
        assert running.returncode is None
        assert await killed(running) == running.returncode == -signal.SIGKILL
        with pytest.raises(ProcessLookupError):
            running.send_signal(signal.SIGTERM)


async def test_its_exit_code_and_its_last_words_arrive(environment: dict[str, str]) -> None:
    async with launcher_of(environment, "saying") as launcher:
        failed = await launcher.start(command("--fail"), environment)
        raised = await launcher.start(command("--raise"), environment)
        async with asyncio.timeout(PATIENCE_S):
            assert await failed.wait() == 7
            assert await raised.wait() == 1
        assert raised.stdout is not None
        assert b"RuntimeError: as it should" in await raised.stdout.read()


async def test_it_outlives_the_fork_server_and_the_next_comes_from_another(environment: dict[str, str]) -> None:
    async with launcher_of(environment, "saying", "saying_part") as launcher:
        first, fallen = await launcher.start(command(), environment), launcher.fork_server
        await said_by(first)
        assert fallen is not None
        os.kill(fallen, signal.SIGKILL)
        second = await launcher.start(command(), environment)
        assert (await said_by(second))["part"] != fallen
        third = await launcher.start(command(), environment)
        assert (await said_by(third))["part"] == launcher.fork_server
        assert first.returncode is None
        for each in (first, second, third):
            await killed(each)


async def test_it_is_executed_where_the_fork_server_cannot_import(environment: dict[str, str]) -> None:
    async with launcher_of(environment, "saying", "there_is_no_such_module") as launcher:
        running = await launcher.start(command(), environment)
        assert (await said_by(running))["part"] == running.pid
        assert launcher.fork_server is None
        await killed(running)


async def test_what_is_no_module_of_the_plan_is_executed(environment: dict[str, str]) -> None:
    async with launcher_of(environment, "json") as launcher:
        running = await launcher.start(command(), environment)
        assert (await said_by(running))["part"] == running.pid
        assert launcher.fork_server is None
        await killed(running)


async def test_it_is_executed_where_the_kernel_cannot_wait_for_it(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(pid: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "pidfd_open", refused)
    async with launcher_of(environment, "saying", "saying_part") as launcher:
        running = await launcher.start(command(), environment)
        assert (await said_by(running))["part"] == running.pid
        assert launcher.fork_server is None
        assert [each.pid for each in psutil.Process().children() if _lives(each)].count(running.pid) == 1
        await killed(running)


async def test_a_start_that_is_given_up_leaves_no_process(environment: dict[str, str]) -> None:
    async with launcher_of(environment, "saying") as launcher:
        await killed(await launcher.start(command(), environment))  # its imports are made
        before = {each.pid for each in psutil.Process().children(recursive=True)}

        def left() -> set[int]:
            alive = {each.pid for each in psutil.Process().children(recursive=True) if _lives(each)}
            return alive - before - {launcher.fork_server}

        for pause_s in (0.0, 0.001, 0.005, 0.02, 0.05):
            start = asyncio.create_task(launcher.start(command(), environment))
            await asyncio.sleep(pause_s)
            start.cancel()
            with suppress(asyncio.CancelledError):
                await killed(await start)
        async with asyncio.timeout(PATIENCE_S):
            while left():  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)


async def test_all_end_with_whoever_started_them(environment: dict[str, str]) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        pids = [int(each) for each in (await owner.stdout.readline()).split()]
        owner.kill()
        await owner.wait()
        while any(psutil.pid_exists(each) for each in pids):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
