"""A Ray cluster of two nodes on loopback, one core each: ``python -m tests.fakes.ray_cluster``.

Writes one JSON line, ``{"address", "client_address", "head": [pids], "worker": [pids]}``, and stops when its standard
input ends.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

STORE_BYTES = 100 * 1024 * 1024
STOP_LIMIT_S, START_ATTEMPTS = 60, 3
ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # this machine is 127.0.0.1
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class TwoNodes:
    """A started cluster: where it answers nodes and clients, and the processes of both nodes."""

    address: str
    client_address: str
    head: tuple[int, ...]
    worker: tuple[int, ...]


@contextmanager
def two_nodes(environment: dict[str, str]) -> Iterator[TwoNodes]:
    """Start a cluster in a process of its own and stop it at the end.

    Raises RuntimeError when it did not come up: Ray gives its own processes half a minute, which a machine under full
    load may exceed, so it is tried START_ATTEMPTS times.
    """
    for _ in range(START_ATTEMPTS):
        with _process(environment) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            said = next((line for line in process.stdout if line.startswith("{")), "")
            if not said:
                continue
            try:
                started = json.loads(said)
                yield TwoNodes(
                    started["address"], started["client_address"], tuple(started["head"]), tuple(started["worker"])
                )
                return
            finally:
                process.stdin.close()
                process.wait(STOP_LIMIT_S)
    raise RuntimeError("the Ray cluster did not come up")


def _process(environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.ray_cluster"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**environment, **ENVIRONMENT},
    )


def main() -> None:
    """Run until the input ends."""
    from ray.cluster_utils import Cluster

    with socket.create_server(("127.0.0.1", 0)) as probe:
        client_port = probe.getsockname()[1]
    node = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(
        initialize_head=True,
        connect=False,
        head_node_args={**node, "include_dashboard": False, "ray_client_server_port": client_port},
    )
    cluster.add_node(**node)
    pids = [
        [each.process.pid for parts in one.all_processes.values() for each in parts] for one in cluster.list_all_nodes()
    ]
    client_address = f"ray://127.0.0.1:{client_port}"
    print(
        json.dumps({"address": cluster.address, "client_address": client_address, "head": pids[0], "worker": pids[1]}),
        flush=True,
    )
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
