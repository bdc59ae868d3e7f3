"""A real deployment for the journeys: its own data directory and port, driven by the zhike command."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from infra.local.plan import free_ports
from infra.local.run_file import RunFile, read_run_file

COMMAND_LIMIT_S = 400.0
DEMO_HOUSEHOLDS = 200


@dataclass(frozen=True)
class Platform:
    """A deployment that runs, or ran, in ``data``."""

    data: Path
    port: int
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def at(cls, data: Path) -> "Platform":
        """Return a deployment that is not started yet, on a free port."""
        return cls(data, free_ports(1)[0])

    @classmethod
    def running(cls, data: Path) -> "Platform":
        """Return a deployment that somebody else started."""
        run = read_run_file(data)
        assert run is not None, f"nothing runs in {data}"
        return cls(data, int(run.url.rpartition(":")[2]))

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    def zhike(self, *arguments: str, limit_s: float = COMMAND_LIMIT_S) -> subprocess.CompletedProcess[str]:
        """Run the command to its end and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "infra.cli.main", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def up(self, *arguments: str) -> None:
        """Start in the background; fails with the command's own words."""
        result = self.zhike("up", "--detach", "--port", str(self.port), *arguments)
        assert result.returncode == 0, result.stdout + result.stderr + self.last_log_lines()

    def down(self) -> None:
        """Stop and make sure that nothing of it is left."""
        run = self.run_file()
        if run is None:
            return
        self.zhike("down", limit_s=90)
        left = [pid for pid in run.pids.values() if psutil.pid_exists(pid)]
        assert not left, f"orphans: {left}"

    def run_file(self) -> RunFile | None:
        """Return run.json of the live deployment."""
        return read_run_file(self.data)

    def operator(self) -> httpx.Client:
        """Return an HTTP client with the operator token."""
        token = (self.data / "operator.token").read_text().strip()
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )

    def key(self, name: str, kind: str, scope: str | None = None) -> str:
        """Create a key and return its secret."""
        with self.operator() as client:
            answer = client.post("/v1/keys", json={"name": name, "kind": kind} | ({"scope": scope} if scope else {}))
        assert answer.is_success, answer.text
        return str(answer.json()["key"])

    def status(self) -> dict[str, Any]:
        """Return what ``zhike status --json`` says."""
        result = self.zhike("status", "--json")
        assert result.returncode == 0, result.stderr
        status: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return status

    def environment(self) -> dict[str, str]:
        """Return what the processes inherit: nothing of the tester's own deployment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
        return kept | {"ZHIKE_DATA": str(self.data), "ZHIKE_LANG": "en", "COLUMNS": "200"} | dict(self.settings)

    def last_log_lines(self) -> str:
        """Return the end of every log, for a failure's message."""
        parts = []
        for path in sorted((self.data / "logs").glob("*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            parts.append("\n".join([f"--- {path.name}", *lines]))
        return "\n".join(parts)
