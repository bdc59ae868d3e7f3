"""How a process that computes lives beside the service that started it: JSON lines tell how far it is, and it ends
with the service and with the cluster that it works on.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from services.chassis.errors import ZhikeError
from services.recommendation.domain.cluster_address import host_and_port
from services.recommendation.domain.errors import ClusterLostError
from services.recommendation.domain.model import EngineName
from services.recommendation.jobs.cluster import ClusterWatch, answers

NICENESS = 10  # serving goes first
PARENT_CHECK_INTERVAL_S = 0.5
EXIT_REFUSED = 4


def follow_parent() -> None:
    """End this process and its children when whoever started it is gone: an orphan would train for nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_INTERVAL_S)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@contextmanager
def watched(engine: str, address: str) -> Iterator[None]:
    """Say so and end this process when the cluster at ``address`` goes away: no call to Ray would return."""
    where = host_and_port(address)
    if engine != EngineName.RAY or where is None:
        yield
        return

    def lost() -> None:
        say_error(ClusterLostError(f"the Ray cluster at {address} went away", address=address))
        os._exit(EXIT_REFUSED)

    say({"cluster": address})
    watch = ClusterWatch(lambda: answers(*where), lost)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


def say_error(error: ZhikeError) -> None:
    """Tell why this process ends without a result."""
    say({"error": {"reason": error.reason, "message": error.message, "metadata": error.metadata}})


def say(line: dict[str, Any]) -> None:
    """Tell one line."""
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()
