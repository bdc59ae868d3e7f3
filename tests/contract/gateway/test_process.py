"""The gateway as a process: starts without its services, stops cleanly, keeps its keys over a kill, refuses clearly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.local.plan import SERVICES, free_ports

pytestmark = pytest.mark.timeout(400)  # real processes start, and a busy machine takes its time

START_LIMIT_S = 90.0
STOP_LIMIT_S = 60.0


class GatewayProcess:
    """One start of ``python -m gateway.main``."""

    def __init__(self, data: Path, port: int, **extra: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
        addresses = {f"ZHIKE_{name.upper()}_ADDRESS": "127.0.0.1:1" for name in SERVICES}
        own = {"ZHIKE_DATA": str(data), "ZHIKE_HTTP_PORT": str(port), "ZHIKE_LOG_FORMAT": "json", **addresses, **extra}
        self.data, self.url = data, f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.main"], env=kept | own, stderr=subprocess.PIPE, text=True
        )

    def wait_until_up(self) -> "GatewayProcess":
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.process.stderr.read() if self.process.stderr else ""
            try:
                if httpx.get(f"{self.url}/healthz", trust_env=False).is_success:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the gateway did not start")

    def operator(self) -> httpx.Client:
        token = (self.data / "operator.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=10)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and what was logged."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        _, logged = self.process.communicate(timeout=STOP_LIMIT_S)
        return self.process.returncode, logged


@pytest.fixture
def started() -> Iterator[list[GatewayProcess]]:
    processes: list[GatewayProcess] = []
    yield processes
    for each in processes:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_without_its_services_and_stops_cleanly(
    tmp_path: Path, port: int, started: list[GatewayProcess], number: signal.Signals
) -> None:
    gateway = GatewayProcess(tmp_path, port).wait_until_up()
    started.append(gateway)
    with gateway.operator() as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "PARTS_MISSING")
        search = client.get("/v1/search", params={"q": "x"})
        assert (search.status_code, search.json()["reason"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(search.headers["retry-after"]) >= 1
    code, logged = gateway.end(number)
    assert code == 0
    assert '"event":"ready"' in logged and '"event":"stopped"' in logged
    assert "Traceback" not in logged


def test_keys_outlive_a_kill_and_nothing_acknowledged_is_lost(
    tmp_path: Path, port: int, started: list[GatewayProcess]
) -> None:
    gateway = GatewayProcess(tmp_path, port).wait_until_up()
    started.append(gateway)
    with gateway.operator() as client:
        key = client.post("/v1/keys", json={"name": "web", "kind": "publishable"}).json()["key"]
        gone = client.post("/v1/keys", json={"name": "old", "kind": "publishable"}).json()
        assert client.delete(f"/v1/keys/{gone['id']}").status_code == 204
    gateway.end(signal.SIGKILL)
    again = GatewayProcess(tmp_path, port).wait_until_up()
    started.append(again)
    with httpx.Client(base_url=again.url, trust_env=False) as client:
        assert client.get("/v1/keys", headers={"X-Api-Key": key}).json()["reason"] == "SCOPE_MISSING"
        assert client.get("/v1/keys", headers={"X-Api-Key": gone["key"]}).json()["reason"] == "KEY_REVOKED"
    stored = (tmp_path / "gateway" / "documents.sqlite").read_bytes()
    assert key.encode() not in stored and key.rpartition("_")[2].encode() not in stored


def test_a_second_gateway_on_the_same_data_or_port_says_so_and_exits(
    tmp_path: Path, port: int, started: list[GatewayProcess]
) -> None:
    started.append(GatewayProcess(tmp_path / "a", port).wait_until_up())
    same_data = GatewayProcess(tmp_path / "a", free_ports(1)[0])
    same_port = GatewayProcess(tmp_path / "b", port)
    started += [same_data, same_port]
    code, logged = same_data.ended()
    assert code == 3 and "STORE_IN_USE" in logged and "is in use by the process with pid" in logged
    code, logged = same_port.ended()
    assert code == 3 and f"HTTP cannot listen on 127.0.0.1:{port}" in logged


def test_a_setting_that_cannot_be_is_named_at_once(tmp_path: Path, port: int, started: list[GatewayProcess]) -> None:
    gateway = GatewayProcess(tmp_path, port, ZHIKE_GATEWAY_SHOPPER_TOKEN_LIMIT_S="7200")
    started.append(gateway)
    code, logged = gateway.ended()
    assert code == 2 and "ZHIKE_GATEWAY_SHOPPER_TOKEN_LIMIT_S" in logged


def test_a_body_without_end_is_cut_off_at_its_bound(tmp_path: Path, port: int, started: list[GatewayProcess]) -> None:
    gateway = GatewayProcess(tmp_path, port, ZHIKE_GATEWAY_BODY_LIMIT_BYTES="4096").wait_until_up()
    started.append(gateway)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            sent += 65_536
            yield b" " * 65_536

    with gateway.operator() as client:
        answer = client.post("/v1/events", content=endless(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
        assert client.get("/healthz").is_success, "the connection or another one goes on"
