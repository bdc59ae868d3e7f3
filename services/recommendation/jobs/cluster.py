"""A Ray cluster that others run: how its address reads, whether it answers, whether its nodes run this code.

Nothing is uploaded to a cluster: its nodes have this package installed, as the same image gives them. A node with other
code or other numeric libraries would give other results without a word, so each task first compares fingerprints.
"""

import hashlib
import platform
import socket
import threading
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import services.recommendation
from services.recommendation.domain.cluster_address import CLIENT_SCHEME, host_and_port
from services.recommendation.domain.errors import ClusterUnreachableError

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
LOOPBACK_ONLY: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # Ray then calls this machine 127.0.0.1
CONNECT_LIMIT_S: Final = 3.0
WATCH_INTERVAL_S: Final = 1.0
MISSES_LIMIT: Final = 5  # in a row; then the cluster is gone
NUMERIC: Final = ("numpy", "scipy", "implicit", "threadpoolctl", "ray")


def answers(host: str, port: int, *, limit_s: float = CONNECT_LIMIT_S) -> bool:
    """Tell whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=limit_s):
            return True
    except OSError:
        return False


def require_cluster(address: str) -> dict[str, str]:
    """Return what the environment must say for Ray to find ``address``. Raises ClusterUnreachableError.

    Ray itself would try for a minute and more before it says so. It also replaces a loopback address by that of the
    machine's network, where a head that was bound to loopback does not listen.
    """
    where = host_and_port(address)
    if where is None:
        return {}
    if not answers(*where):
        raise ClusterUnreachableError(f"no Ray cluster answers at {address}", address=address)
    loopback = where[0] in LOOPBACK and not address.startswith(CLIENT_SCHEME)
    return LOOPBACK_ONLY if loopback and not answers(_outward_host(), where[1]) else {}


@cache
def fingerprint() -> str:
    """Return the hash of everything here that a result depends on: this package's code and the numeric libraries."""
    hashed = hashlib.sha256(platform.python_version().encode())
    for name in NUMERIC:
        hashed.update(f"\n{name} {version(name)}".encode())
    for folder in services.recommendation.__path__:
        for path in sorted(Path(folder).rglob("*.py")):
            hashed.update(f"\n{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return hashed.hexdigest()


class ClusterWatch:
    """Calls ``on_lost`` from a thread of its own once the address took no connection MISSES_LIMIT times in a row.

    Ray ends a process whose cluster went away, without a word, or lets it wait for ever for one that is cut off.
    """

    def __init__(
        self,
        asks: Callable[[], bool],
        on_lost: Callable[[], None],
        *,
        interval_s: float = WATCH_INTERVAL_S,
    ) -> None:
        self._asks, self._on_lost, self._interval_s = asks, on_lost, interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ray-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; ``on_lost`` is not called any more."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        misses = 0
        while not self._stopped.wait(self._interval_s):
            misses = 0 if self._asks() else misses + 1
            if misses >= MISSES_LIMIT and not self._stopped.is_set():
                self._on_lost()
                return


def _outward_host() -> str:
    """Return this machine's address as others see it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address of nobody
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
