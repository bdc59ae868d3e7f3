"""A server of MongoDB's protocol that a test may stop, kill and start again (found by ZHIKE_MONGO_WIRE)."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.conftest import missing

WIRE_VARIABLE = "ZHIKE_MONGO_WIRE"
STOPPED_WITHIN_S = 30


class WireServer:
    """One server on one port. What it acknowledged outlives it in ``folder``'s journal."""

    def __init__(self, folder: Path, *, options: str = "") -> None:
        place = os.environ.get(WIRE_VARIABLE, "")
        if not place:
            missing(f"a server of MongoDB's protocol that {WIRE_VARIABLE} names")
        self._start_script = Path(place, "with-mongo-wire.sh")
        self._folder, self._options = folder, options
        self._process: subprocess.Popen[str] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when the server answers."""
        environment = {
            **os.environ,
            "MONGO_WIRE_PORT": str(self.port),
            "MONGO_WIRE_OPTS": f"-Djournal={self._folder / 'journal'} -Xmx512m {self._options}",
            "TMPDIR": str(self._folder),
        }
        self._process = subprocess.Popen(
            [self._start_script, "sh", "-c", "echo started; exec sleep 3600"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line == "started\n", "the server did not start"

    def kill(self) -> None:
        """End it at once, as a crash does; silent when it does not run."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hold its connections and answer nothing; return when no thread of it runs any more."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while self._process is not None and not _is_stopped(self._process.pid):
            assert time.monotonic() < deadline, "the server did not stop"
            time.sleep(0.001)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)  # the group is ours: the script, the server and the sleep


def _is_stopped(group: int) -> bool:
    """Whether every thread of a process group is stopped: a signal that was sent is not one that was taken."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) != group:
                continue
            states = [status.read_text().rpartition(")")[2].split()[0] for status in process.glob("task/*/stat")]
        except (OSError, IndexError):  # it ended meanwhile
            continue
        if any(state not in "TZX" for state in states):
            return False
    return True
