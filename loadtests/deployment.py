"""The platform that a run loads: one that runs already (ZHIKE_URL), or one of its own on a temporary data directory."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra.local.plan import free_ports
from infra.local.run_file import read_run_file

HOUSEHOLDS = 200
COMMAND_LIMIT_S = 600.0
TIMEOUT_S = 30.0
# A load key has no limit of its own; where a shape goes beyond what is meant to be served, the platform's own limit is
# what it is about: twice the usual load is served, the rest is told when to come back.
SHEDDING: Mapping[str, str] = {"ZHIKE_GATEWAY_LOAD_RATE_PER_S": "200", "ZHIKE_GATEWAY_SECRET_BURST": "200"}


class DeploymentError(Exception):
    """There is nothing to load, or nobody who may."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send what, as whom. ``data``: its data directory, None where it is elsewhere."""

    url: str
    load_key: str
    staff_key: str
    data: Path | None


@contextmanager
def target(*, run: str, sheds: bool) -> Iterator[Target]:
    """Yield what ZHIKE_URL names, or a fresh platform with a small demo that is stopped in the end.

    Raises DeploymentError.
    """
    url = os.environ.get("ZHIKE_URL", "")
    if not url:
        with own_platform(SHEDDING if sheds else {}) as own, _keys(_url_of(own), own, run) as keys:
            yield Target(_url_of(own), keys["load"], keys["staff"], own)
        return
    given = {scope: os.environ.get(f"ZHIKE_LOAD_{name}KEY", "") for scope, name in (("load", ""), ("staff", "STAFF_"))}
    data = Path(os.environ["ZHIKE_DATA"]) if os.environ.get("ZHIKE_DATA") else None
    if given["load"]:
        yield Target(url, given["load"], given["staff"], data)
        return
    if data is None:
        raise DeploymentError("ZHIKE_URL needs ZHIKE_LOAD_KEY (a secret key of scope load), or ZHIKE_DATA to make one")
    with _keys(url, data, run) as keys:
        yield Target(url, keys["load"], keys["staff"], data)


@contextmanager
def own_platform(settings: Mapping[str, str]) -> Iterator[Path]:
    """Start a platform with a part of the demo shop in a temporary folder; stop it and remove the folder after."""
    with tempfile.TemporaryDirectory(prefix="zhike-load-") as folder:
        data = Path(folder) / "data"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
        environment = {**kept, "ZHIKE_LOG_LEVEL": "warning", **settings, "ZHIKE_DATA": str(data)}
        try:
            _zhike(environment, "up", "--detach", "--port", str(free_ports(1)[0]))
            _zhike(environment, "demo", "load", "--households", str(HOUSEHOLDS), "--engine", "local")
            yield data
        finally:
            if read_run_file(data) is not None:
                _zhike(environment, "down")


def _zhike(environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "infra.cli.main", *arguments]
    done = subprocess.run(command, env=dict(environment), timeout=COMMAND_LIMIT_S, check=False)
    if done.returncode != 0:
        raise DeploymentError(f"zhike {' '.join(arguments)} failed")


def _url_of(data: Path) -> str:
    run = read_run_file(data)
    if run is None:
        raise DeploymentError(f"nothing runs in {data}")
    return run.url


@contextmanager
def _keys(url: str, data: Path, run: str) -> Iterator[dict[str, str]]:
    """Make the run's keys as the operator, and take them back after."""
    token = (data / "operator.token").read_text(encoding="ascii").strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as operator:
        made: dict[str, Any] = {}
        try:
            for scope in ("load", "staff"):
                body = {"name": f"{run}-{scope}", "kind": "secret", "scope": scope}
                made[scope] = operator.post("/v1/keys", json=body).raise_for_status().json()
            yield {scope: key["key"] for scope, key in made.items()}
        finally:
            for key in made.values():
                operator.delete(f"/v1/keys/{key['id']}")
