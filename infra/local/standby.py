"""A process that has imported what every other needs and waits to become whichever of them falls.

Nine tenths of what a start costs are imports, most of them the same for all: on a small machine that is busy, seconds.
``python -m infra.local.standby MODULE…`` imports the modules one after another and waits for one line of JSON at its
input, {"module", "argv", "environment"}: then it is that process, as if started by ``python -m``. A line that comes
before all is imported is obeyed at once, so that it is never slower than a start. Without one it ends with its input.
"""

import importlib
import json
import os
import runpy
import select
import sys
from collections.abc import Mapping, Sequence

MODULE = "infra.local.standby"


def call_of(command: Sequence[str], environment: Mapping[str, str]) -> bytes | None:
    """Return the line that makes a standby run this command; None for one that is no ``python -m``."""
    python, option, *rest = (*command, "", "")
    if python != sys.executable or option != "-m" or not rest[0]:
        return None
    argv = list(command[2:])
    return json.dumps({"module": argv[0], "argv": argv, "environment": dict(environment)}).encode() + b"\n"


def main(modules: Sequence[str]) -> None:
    """Import, wait, and become what is asked for."""
    for module in modules:
        if select.select([sys.stdin], [], [], 0)[0]:
            break
        importlib.import_module(module)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    call = json.loads(line)
    os.environ.clear()
    os.environ.update(call["environment"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    sys.argv = call["argv"]
    sys.modules.pop(call["module"], None)  # it runs as __main__, once more
    runpy.run_module(call["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
