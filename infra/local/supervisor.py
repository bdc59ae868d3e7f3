"""Runs a plan: readiness-gated start, restart after a crash, clean stop, no orphans."""

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass, field

from infra.local.health import wait_until_ready
from infra.local.launcher import Launcher, Running
from infra.local.log_output import LogOutput
from infra.local.plan import Plan, Process, refuse_taken_port
from infra.local.restarts import CrashHistory
from infra.local.run_file import RunFile, own_start_time, remove_run_file, write_run_file
from services.chassis.backup.marks import refuse_half_restored_files
from services.chassis.documents.lock import StoreInUseError, StoreLock
from services.chassis.errors import ErrorKind, ZhikeError

LOCK_FILE = "supervisor.lock"
READY_LIMIT_S = 120.0
STOP_LIMIT_S = 15.0
LAST_LINES_LIMIT_S = 1.0


class StartFailedError(ZhikeError):
    """A process did not become ready; its log says why."""

    kind = ErrorKind.UNAVAILABLE
    reason = "START_FAILED"


class AlreadySupervisedError(ZhikeError):
    """Another supervisor runs, or starts at this moment, on the same data directory."""

    kind = ErrorKind.CONFLICT
    reason = "ALREADY_RUNS"


@dataclass
class _Child:
    """A process of the plan while it runs."""

    process: Process
    running: Running | None = None
    output: asyncio.Task[None] | None = None
    history: CrashHistory = field(default_factory=CrashHistory)
    ever_ready: bool = False
    is_ready: bool = False  # since it was last started


class Supervisor:
    """Starts the plan's processes and keeps them up until ``stop``."""

    def __init__(self, plan: Plan, output: LogOutput) -> None:
        self._plan = plan
        self._output = output
        self._children = {each.name: _Child(each) for each in plan.processes}
        self._launcher = Launcher(plan.modules, plan.processes[0].environment if plan.processes else {})
        self._stopping = asyncio.Event()
        self._guards: list[asyncio.Task[None]] = []
        self._ready = False
        self._lock: StoreLock | None = None

    async def start(self) -> None:
        """Start everything in order and return when all of it is ready.

        Raises AlreadySupervisedError, RestoreUnfinishedError, PortTakenError, StartFailedError.
        """
        # This process asks over gRPC how others stand while it starts more of them; gRPC's fork handlers would crash
        # such a child before its exec. The variable is read when gRPC first starts.
        os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
        data = self._plan.data
        data.mkdir(parents=True, exist_ok=True)
        try:
            self._lock = StoreLock.acquire(data / LOCK_FILE)
        except StoreInUseError as error:
            raise AlreadySupervisedError(f"another supervisor runs in {data}: {error.message}") from error
        refuse_half_restored_files(data)
        refuse_taken_port(self._plan.bind, self._plan.http_port)
        self._write_run_file()
        try:
            await asyncio.wait_for(self._start_in_order(), READY_LIMIT_S)
        except TimeoutError:
            waiting = sorted(name for name, child in self._children.items() if not child.ever_ready)
            raise StartFailedError(
                f"not ready after {READY_LIMIT_S:.0f} s: {', '.join(waiting)}; see {self._output.path(waiting[0])}"
            ) from None
        self._ready = True
        self._write_run_file()

    async def run_until_stopped(self) -> None:
        """Keep the processes up until ``request_stop``."""
        await self._stopping.wait()

    def request_stop(self) -> None:
        """Ask for the stop; a signal handler may call this."""
        self._stopping.set()

    async def stop(self) -> None:
        """Drain: the gateway first, then the services; whoever does not end in time is killed."""
        self._stopping.set()
        for guard in self._guards:
            guard.cancel()
        await asyncio.gather(*self._guards, return_exceptions=True)
        gateways = [child for child in self._children.values() if child.process.after]
        services = [child for child in self._children.values() if not child.process.after]
        for wave in (gateways, services):
            await asyncio.gather(*(self._end(child) for child in wave))
        await self._launcher.close()
        if self._lock is not None:  # without it run.json is another's
            remove_run_file(self._plan.data)
            self._lock.release()

    async def _start_in_order(self) -> None:
        started: set[str] = set()
        while len(started) < len(self._children):
            wave = [
                child
                for name, child in self._children.items()
                if name not in started and started.issuperset(child.process.after)
            ]
            await asyncio.gather(*(self._start_one(child) for child in wave))
            started.update(child.process.name for child in wave)

    async def _start_one(self, child: _Child) -> None:
        await self._spawn(child)
        ready = asyncio.ensure_future(wait_until_ready(child.process, self._plan.host))
        assert child.running is not None
        ended = asyncio.ensure_future(child.running.wait())
        done, pending = await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            each.cancel()
        if ready not in done:
            name = child.process.name
            raise StartFailedError(
                f"{name} ended with {ended.result()} before it was ready; see {self._output.path(name)}"
            )
        child.ever_ready = child.is_ready = True
        self._guards.append(asyncio.create_task(self._keep_up(child), name=f"keep {child.process.name} up"))

    async def _keep_up(self, child: _Child) -> None:
        """Start the process again whenever it ends by itself."""
        while not self._stopping.is_set():
            assert child.running is not None
            noting = asyncio.create_task(self._note_ready(child))
            code = await child.running.wait()
            noting.cancel()
            if self._stopping.is_set():
                return
            child.history = child.history.with_crash(time.monotonic(), was_ready=child.is_ready)
            pause_s = child.history.pause_s
            later = f" in {pause_s:g} s" if pause_s else ""
            self._output.say(f"{child.process.name} ended with {code}; starting it again{later}", style="bold red")
            await asyncio.sleep(pause_s)
            try:
                await self._spawn(child)
                self._write_run_file()
            except OSError as error:  # a full disk, no memory: whoever did not start counts as crashed again
                self._output.say(f"{child.process.name}: {error.strerror or error}", style="bold red")

    async def _note_ready(self, child: _Child) -> None:
        if not child.is_ready:
            await wait_until_ready(child.process, self._plan.host)
        child.is_ready = True

    async def _spawn(self, child: _Child) -> None:
        await _ended_soon(child.output)  # one that goes on keeps what the children of the process still say
        process, child.is_ready = child.process, False
        child.running = await self._launcher.start(process.command, process.environment)
        assert child.running.stdout is not None
        child.output = asyncio.create_task(self._output.follow(process.name, child.running.stdout))

    async def _end(self, child: _Child) -> None:
        running = child.running
        if running is None:
            return
        if running.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                running.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(running.wait(), STOP_LIMIT_S)
            except TimeoutError:
                self._output.say(f"{child.process.name} did not stop in {STOP_LIMIT_S:.0f} s; killed", style="bold red")
                running.send_signal(signal.SIGKILL)
                await running.wait()
        if child.output is not None and not await _ended_soon(child.output):
            child.output.cancel()

    def _write_run_file(self) -> None:
        children, host = self._children.values(), self._plan.host
        asked = [each.process for each in children if each.process.health]
        run = RunFile(
            supervisor_pid=os.getpid(),
            started=own_start_time(),
            url=self._plan.url,
            demo=self._plan.demo,
            addresses={each.name: f"{host}:{each.port}" for each in asked},
            metrics={each.name: f"{host}:{each.metrics_port}" for each in asked},
            pids={each.process.name: each.running.pid for each in children if each.running is not None},
            ready=self._ready,
            profile=self._plan.profile.value,
            receiver=self._plan.receiver,
        )
        write_run_file(self._plan.data, run)


async def _ended_soon(output: asyncio.Task[None] | None) -> bool:
    """Wait for the last lines of a process that ended. Children of its own may hold its output open for ever."""
    if output is None:
        return True
    done, _ = await asyncio.wait({output}, timeout=LAST_LINES_LIMIT_S)
    return bool(done)
