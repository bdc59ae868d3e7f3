"""run.json in the data directory: what runs, where it answers, who supervises it."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import psutil

RUN_FILE = "run.json"
SAME_PROCESS_S = 1.0


@dataclass(frozen=True, slots=True)
class RunFile:
    """The content of run.json. ``started`` is the supervisor's creation time: a recycled pid is not ours.

    ``receiver``: host:port of the demo, to which webhooks may go.
    """

    supervisor_pid: int
    started: float
    url: str
    demo: bool
    addresses: dict[str, str]
    metrics: dict[str, str]
    pids: dict[str, int]
    ready: bool
    profile: str = "embedded"
    receiver: str = ""

    def alive(self) -> bool:
        """Tell whether the supervisor that wrote the file still runs."""
        try:
            created = float(psutil.Process(self.supervisor_pid).create_time())
        except psutil.NoSuchProcess:
            return False
        return abs(created - self.started) < SAME_PROCESS_S


def own_start_time() -> float:
    """Return this process's creation time in seconds since 1970."""
    return float(psutil.Process(os.getpid()).create_time())


def write_run_file(data: Path, run: RunFile) -> None:
    """Replace run.json in one step, so that a reader never sees half of it."""
    data.mkdir(parents=True, exist_ok=True)
    temporary = data / f".{RUN_FILE}.{os.getpid()}"
    temporary.write_bytes(orjson.dumps(asdict(run), option=orjson.OPT_INDENT_2))
    temporary.replace(data / RUN_FILE)


def read_run_file(data: Path) -> RunFile | None:
    """Return what run.json says of a deployment that is alive, else None."""
    try:
        run = RunFile(**orjson.loads((data / RUN_FILE).read_bytes()))
    except (FileNotFoundError, NotADirectoryError, orjson.JSONDecodeError, TypeError):
        return None
    return run if run.alive() else None


def remove_run_file(data: Path) -> None:
    """Forget the deployment."""
    (data / RUN_FILE).unlink(missing_ok=True)
