"""Starts processes: forked from one that has imported everything, or executed where that cannot be."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from infra.local import fork_server
from infra.local.log_output import LINE_LIMIT_BYTES

FORK_LIMIT_S = 60.0  # the first waits for the imports


class Running(Protocol):
    """A process that was started. ``asyncio.subprocess.Process`` is one."""

    pid: int
    stdout: asyncio.StreamReader | None

    @property
    def returncode(self) -> int | None:
        """How it ended, None while it runs; -N after signal N."""

    async def wait(self) -> int:
        """Wait for its end and return ``returncode``."""

    def send_signal(self, signal: int) -> None:
        """Send it a signal. Raises ProcessLookupError when it has ended."""


class Forked:
    """A process of the fork server's, adopted by this one."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout: asyncio.StreamReader | None = stdout
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._descriptor = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._note_end)

    @property
    def returncode(self) -> int | None:
        """How it ended, None while it runs; -N after signal N."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Wait for its end and return ``returncode``."""
        return await asyncio.shield(self._ended)

    def send_signal(self, signal: int) -> None:
        """Send it a signal. Raises ProcessLookupError when it has ended."""
        if self._ended.done():
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, signal)

    def _note_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        _, status = os.waitpid(self.pid, 0)
        self._ended.set_result(os.waitstatus_to_exitcode(status))


class Launcher:
    """Starts processes that end with this one, even when it is killed."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        """``modules``: what the processes import, in the ``environment`` that they share."""
        self._modules = tuple(modules)
        self._environment = dict(environment)
        self._calls: socket.socket | None = None
        self._server: asyncio.subprocess.Process | None = None
        self._one_call = asyncio.Lock()

    @property
    def fork_server(self) -> int | None:
        """The pid of the fork server while it runs."""
        running = self._server
        return None if running is None or running.returncode is not None else running.pid

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> Running:
        """Start a process. Raises OSError."""
        if self._can_fork(command):
            async with self._one_call:
                with contextlib.suppress(OSError, TimeoutError):
                    return await asyncio.wait_for(self._forked(command, environment), FORK_LIMIT_S)
                await self._end_server()  # the next call starts another
        return await _executed(command, environment)

    async def close(self) -> None:
        """End the fork server; what was started goes on."""
        await self._end_server()

    def _can_fork(self, command: Sequence[str]) -> bool:
        return sys.platform == "linux" and tuple(command[:2]) == (sys.executable, "-m") and command[2] in self._modules

    async def _forked(self, command: Sequence[str], environment: Mapping[str, str]) -> Running:
        if self.fork_server is None or self._calls is None:
            await self._end_server()  # what is left of one that fell, or of a call that was given up
            await self._start_server()
        reading, writing = os.pipe()
        stdout = asyncio.StreamReader(LINE_LIMIT_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(reading, "rb", 0)
        )
        try:
            return self._adopted(await self._call(command, environment, writing), stdout)
        except BaseException:
            transport.close()
            raise
        finally:
            os.close(writing)

    async def _call(self, command: Sequence[str], environment: Mapping[str, str], output: int) -> int:
        """Return the pid of the new process, which is a child of this one."""
        calls = self._calls
        assert calls is not None
        call = {"command": tuple(command), "environment": dict(environment), "parent": os.getpid()}
        # Only while a fork is adopted: other orphans are not this process's to bury.
        fork_server.prctl(fork_server.PR_SET_CHILD_SUBREAPER, 1)
        try:
            socket.send_fds(calls, [json.dumps(call).encode()], [output])
            answer = await asyncio.get_running_loop().sock_recv(calls, 64)
        except asyncio.CancelledError:
            self._calls = None
            _bury_unwanted(calls)
            raise
        finally:
            fork_server.prctl(fork_server.PR_SET_CHILD_SUBREAPER, 0)
        if not answer:
            raise ConnectionResetError("the fork server ended")
        return int(answer)

    def _adopted(self, pid: int, stdout: asyncio.StreamReader) -> Forked:
        try:
            return Forked(pid, stdout)
        except OSError:  # a kernel whose processes cannot be waited for so: from now on all are executed
            self._modules = ()
            _bury(pid)
            raise

    async def _start_server(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            command = (sys.executable, "-m", fork_server.MODULE, str(theirs.fileno()), *self._modules)
            try:
                self._server = await asyncio.create_subprocess_exec(
                    *command,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    preexec_fn=_end_with_parent(),
                )
            except OSError:
                ours.close()
                raise
        self._calls = ours

    async def _end_server(self) -> None:
        if self._calls is not None:
            self._calls.close()
        self._calls = None
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                self._server.kill()
            await self._server.wait()
        self._server = None


async def _executed(command: Sequence[str], environment: Mapping[str, str]) -> Running:
    return await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=LINE_LIMIT_BYTES,
        start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then drains in order
        preexec_fn=_end_with_parent(),
    )


def _bury_unwanted(calls: socket.socket) -> None:
    """End the process that nobody waits for; one that has not answered yet finds the socket closed and ends."""
    with contextlib.suppress(OSError, ValueError):
        _bury(int(calls.recv(64)))
    calls.close()


def _bury(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _end_with_parent() -> Callable[[], Any] | None:
    """On Linux a child gets SIGTERM when the supervisor dies, even by kill -9, so that no orphan stays."""
    if sys.platform != "linux":
        return None
    return lambda: fork_server.prctl(fork_server.PR_SET_PDEATHSIG, signal.SIGTERM)
