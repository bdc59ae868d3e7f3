"""A backup of a deployment that runs, the deployment killed, and everything that was acknowledged back again."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.callers import Caller, an_event, eventually, fresh, fresh_phone
from tests.journeys.platform import Platform

PEOPLE = 12
EVENTS_EACH = 5
BATCH = 20


def _backend(client: httpx.Client, key: str) -> Caller:
    return Caller(client, {"Authorization": f"Bearer {key}"})


def _events(phones: list[str]) -> list[dict[str, Any]]:
    return [
        an_event("detail-page-view", f"p-{number}", identifiers=[phone], channel="web")
        for phone in phones
        for number in range(EVENTS_EACH)
    ]


def _send(backend: Caller, events: list[dict[str, Any]]) -> list[str]:
    """Send events in batches and return what was said of each."""
    said: list[str] = []
    for start in range(0, len(events), BATCH):
        said += [each["status"] for each in backend.verdicts(*events[start : start + BATCH])["verdicts"]]
    return said


def _kill(platform: Platform) -> None:
    run = platform.run_file()
    assert run is not None
    for pid in (run.supervisor_pid, *run.pids.values()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    end = time.monotonic() + 60
    while platform.run_file() is not None:
        assert time.monotonic() < end
        time.sleep(0.1)


def _known(platform: Platform, phone: str) -> Any:
    with platform.operator() as operator:
        answer = operator.get(f"/v1/customers/{phone}")
    assert answer.is_success, answer.text
    found = answer.json()
    return sorted(each["identifier"] for each in found["identifiers"])


def test_what_was_acknowledged_before_a_backup_comes_back_after_a_kill(empty_shop: Platform, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    key = empty_shop.key(fresh("b-"), "secret", "shop")
    phones = [fresh_phone() for _ in range(PEOPLE)]
    before = _events(phones)
    later: list[dict[str, Any]] = []
    stop = threading.Event()
    with httpx.Client(base_url=empty_shop.url, timeout=30, trust_env=False) as client:
        backend = _backend(client, key)
        for phone in phones:
            backend.claim(phone, f"login:{fresh('u')}")
        assert set(_send(backend, before)) == {"stored"}
        eventually(lambda: _known(empty_shop, phones[-1]), "the last person is not known")
        known = {phone: _known(empty_shop, phone) for phone in phones}

        def write_on() -> None:
            while not stop.is_set():
                events = _events([fresh_phone()])
                _send(backend, events)
                later.extend(events)

        writing = threading.Thread(target=write_on)
        writing.start()
        taken = empty_shop.zhike("backup", str(backup), "--json")
        stop.set()
        writing.join(60)
    assert taken.returncode == 0, taken.stderr
    said = json.loads(taken.stdout.splitlines()[-1])
    assert said["events"] >= len(before)
    assert later, "nothing was written meanwhile"
    assert empty_shop.zhike("verify", str(backup)).returncode == 0
    running = empty_shop.zhike("restore", str(backup), "--force")
    assert running.returncode != 0
    assert "runs" in running.stderr

    _kill(empty_shop)
    kept = empty_shop.zhike("restore", str(backup))
    assert kept.returncode != 0
    restored = empty_shop.zhike("restore", str(backup), "--force")
    assert restored.returncode == 0, restored.stderr
    empty_shop.up()
    for phone in phones:
        eventually(
            lambda phone=phone: _known(empty_shop, phone) == known[phone], f"{phone} is not who they were", limit_s=60
        )  # type: ignore[misc]
    with httpx.Client(base_url=empty_shop.url, timeout=30, trust_env=False) as client:
        backend = _backend(client, key)  # the key came back as well
        assert set(_send(backend, before)) == {"duplicate"}
        assert set(_send(backend, later)) <= {"stored", "duplicate"}
    readers = [reader for service in empty_shop.status()["services"] for reader in service.get("readers", [])]
    assert readers
    assert not [reader for reader in readers if reader["dead_letters"]]
