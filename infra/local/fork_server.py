"""The process that the platform's processes are forked from, with everything imported already.

Nine tenths of what a start costs are imports, most of them the same for all: on a small machine that is busy, seconds.
``python -m infra.local.fork_server FD MODULE…`` imports the modules and then reads calls from the socket FD, each with
the descriptor that the new process writes to: {"command", "environment", "parent"}. It forks twice, so that ``parent``,
a subreaper, adopts the new process, whose life then hangs on the parent's alone and no longer on this one's. The new
process answers with its pid and is from then on what ``python -m`` would have made of the command. It shares with all
others the memory of what they imported. Without calls this process ends with its socket.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from setproctitle import setproctitle

MODULE = "infra.local.fork_server"
CALL_LIMIT_BYTES = 128 * 1024
ADOPTION_LIMIT_S = 5.0
ADOPTION_PAUSE_S = 0.001
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def prctl(option: int, value: int) -> None:
    """Call Linux's prctl. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def serve(calls: socket.socket) -> dict[str, Any] | None:
    """Fork for every call. Return in each new process its call, and in this one None when nobody can call any more."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(calls, CALL_LIMIT_BYTES, 1)
        if not message:
            return None
        call: dict[str, Any] = json.loads(message)
        between = os.fork()
        if between == 0:
            if os.fork() != 0:
                os._exit(0)  # orphans the new process
            _await_adoption(call["parent"])
            _take_over(descriptors[0])
            calls.send(str(os.getpid()).encode())
            calls.close()
            return call
        os.close(descriptors[0])
        os.waitpid(between, 0)


def _await_adoption(parent: int) -> None:
    """End with the parent from now on; end at once when it has not adopted this process."""
    last = time.monotonic() + ADOPTION_LIMIT_S
    while os.getppid() != parent:
        if time.monotonic() > last:
            os._exit(1)
        time.sleep(ADOPTION_PAUSE_S)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before it could be said
        os._exit(1)


def _take_over(output: int) -> None:
    os.setsid()  # Ctrl-C reaches the supervisor alone, which then drains in order
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, place in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, place)
    os.close(nothing)
    os.close(output)
    # Those of before remember what stood in their place, whether it can be sought in and the like.
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", errors="backslashreplace", closefd=False)  # type: ignore[misc]


def become(command: Sequence[str], environment: dict[str, str]) -> None:
    """Be what ``python -m`` makes of the command."""
    module = command[2]
    setproctitle(" ".join(command))  # before the environment goes, behind whose place in memory it finds its own
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *command[3:]]
    sys.modules.pop(module, None)  # it runs as __main__, once more
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main(arguments: Sequence[str]) -> None:
    """Import, then fork until nobody calls any more."""
    calls = socket.socket(fileno=int(arguments[0]))
    for module in arguments[1:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a new process would write to, and so copy, every page of what is shared
    call = serve(calls)
    if call is not None:
        become(call["command"], call["environment"])


if __name__ == "__main__":
    main(sys.argv[1:])
