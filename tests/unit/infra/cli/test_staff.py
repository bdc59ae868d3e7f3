"""``zhike staff``: on the store itself while nothing runs, through the gateway while one does."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli.commands import staff
from infra.cli.main import app
from services.chassis.documents.lock import StoreInUseError, StoreLock


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZHIKE_DATA", str(tmp_path))
    monkeypatch.delenv("ZHIKE_DOCUMENTS", raising=False)
    return tmp_path


def _run(*words: str) -> Any:
    return CliRunner().invoke(app, ["staff", *words])


def test_the_first_admin_is_made_while_nothing_runs(data: Path) -> None:
    made = _run("create", "guan")
    assert made.exit_code == 0, made.output
    assert len(made.stdout.splitlines()[0]) == 23
    listed = _run("list")
    assert "guan" in listed.stdout and "admin" in listed.stdout and "one-time-password" in listed.stdout
    again = _run("reset", "guan")
    assert again.stdout.splitlines()[0] != made.stdout.splitlines()[0]
    assert _run("create", "li", "--role", "desk", "--role", "pr", "--name", "Li Na").exit_code == 0
    assert _run("disable", "li").exit_code == 0
    assert "disabled" in _run("list").stdout
    assert _run("enable", "li").exit_code == 0


def test_a_gateway_that_holds_the_store_is_not_disturbed(data: Path) -> None:
    (data / "gateway").mkdir()
    lock = StoreLock.acquire(data / "gateway" / "process.lock")
    try:
        assert isinstance(_run("list").exception, StoreInUseError)
    finally:
        lock.release()


class FakeApi:
    asked: list[tuple[str, str, Any]] = []

    def __init__(self, _deployment: object) -> None:
        pass

    async def __aenter__(self) -> "FakeApi":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def post(self, path: str, body: Any = None) -> Any:
        self.asked.append(("POST", path, body))
        return {"id": "li", "one_time_password": "a-secret"}

    async def get(self, path: str) -> Any:
        self.asked.append(("GET", path, None))
        return {"staff": []}


def test_a_running_gateway_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeApi, "asked", [])
    monkeypatch.setattr(staff, "Api", FakeApi)
    monkeypatch.setattr(staff, "running_deployment", lambda: None)
    monkeypatch.setattr(staff, "_is_running", lambda: True)
    assert _run("create", "li", "--role", "desk").stdout.splitlines()[0] == "a-secret"
    for words in (("list",), ("reset", "li"), ("disable", "li"), ("enable", "a/b")):
        assert _run(*words).exit_code == 0
    assert FakeApi.asked == [
        ("POST", "/v1/staff", {"id": "li", "name": "li", "roles": ["desk"], "language": ""}),
        ("GET", "/v1/staff", None),
        ("POST", "/v1/staff/li:reset", None),
        ("POST", "/v1/staff/li:disable", None),
        ("POST", "/v1/staff/a%2Fb:enable", None),
    ]
