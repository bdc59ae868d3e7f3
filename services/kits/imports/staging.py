"""Reads an uploaded file in a process of its own and writes what is to be appended, so that serving never waits for it.

A service's own ``jobs/staging.py`` says what its kinds of rows become and is run as ``python -m MODULE TASK``: TASK is
JSON, progress comes back on standard output, and in the folder lie ``staged`` (what to append, in order, one per line)
and ``errors`` (refused rows).
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from services.chassis.errors import ZhikeError
from services.kits.imports.plan import ImportPlan

STAGED: Final = "staged"
ERRORS: Final = "errors"
KEY_BYTES: Final = 20  # digits that a staged line begins with: its time, so that lines sort by it
NICENESS: Final = 5
_KEY_OFFSET: Final = 10**18  # times before 1970 sort too

Say = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class StagingTask:
    """What the process is told. ``folder`` exists and is empty; ``rules``: what holds in the shop, by name."""

    kind: str
    path: str
    folder: str
    plan: Mapping[str, Any]
    now_us: int
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def import_plan(self) -> ImportPlan:
        return ImportPlan(**self.plan)


class Outcome:
    """Counts and refused rows, as they come."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._say = say
        self.kinds: Counter[str] = Counter()
        self.rows = 0
        self._errors: BinaryIO = (folder / ERRORS).open("wb")

    def refuse(self, row: int, reason: str, message: str, *, field: str = "", raw: Any = None) -> None:
        """Write a refused row down."""
        error = {"row": row, "reason": reason, "message": message, "field": field, "raw": raw}
        self._errors.write(orjson.dumps(error, default=str) + b"\n")

    def report(self, rows: int, done_bytes: int) -> None:
        """Tell the parent how far it is."""
        self.rows = rows
        self._say({"rows": rows, "bytes": done_bytes})

    def close(self) -> None:
        """Finish the file of refused rows."""
        self._errors.close()


Stage = Callable[[StagingTask, Outcome], None]


def run_stages(stages: Mapping[str, Stage]) -> None:
    """Be the process: stage the one file that the command line names. ``stages``: by kind of rows."""
    os.nice(NICENESS)
    task = StagingTask(**orjson.loads(sys.argv[1]))
    try:
        stage(task, _say, stages)
    except BrokenPipeError:  # the service died; whoever runs the import anew stages it anew
        os._exit(1)


def stage(task: StagingTask, say: Say, stages: Mapping[str, Stage]) -> None:
    """Stage one file and tell how far it is; the last word is ``done`` or ``failure``."""
    outcome = Outcome(Path(task.folder), say)
    try:
        stages[task.kind](task, outcome)
    except ZhikeError as error:
        say({"failure": {"reason": error.reason, "message": error.message, "field": error.metadata.get("field", "")}})
    else:
        say({"done": True, "rows": outcome.rows, "kinds": outcome.kinds})
    finally:
        outcome.close()


def staged_line(time_us: int, item: Mapping[str, Any]) -> bytes:
    """Return a line of STAGED; lines sort by their time."""
    return b"%0*d" % (KEY_BYTES, time_us + _KEY_OFFSET) + orjson.dumps(item) + b"\n"


def staged_item(line: bytes) -> dict[str, Any]:
    """Return what a line of STAGED holds."""
    item: dict[str, Any] = orjson.loads(line[KEY_BYTES:])
    return item


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()
