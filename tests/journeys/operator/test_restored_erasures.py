"""Two of a small shop are erased after a backup that is then restored over it: found nowhere, and refused when late."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.erasure import erase
from benchmarks.erasure_shop import Deployment, make_people
from benchmarks.erasure_traces import found_in_bytes
from tests.journeys.callers import Caller, eventually
from tests.journeys.platform import Platform

CUSTOMERS, ERASED = 12, 2
ERASED_LIMIT_S = 180.0


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with Deployment.started(tmp_path / "data") as started:
        yield started


def _told(platform: Platform, path: str) -> httpx.Response:
    with platform.operator() as operator:
        return operator.get(path)


def _refusal(answer: httpx.Response) -> Any:
    return answer.json().get("reason") if answer.is_error else ""


def test_who_was_erased_after_a_backup_is_found_nowhere_after_its_restore(
    deployment: Deployment, tmp_path: Path
) -> None:
    platform, people = deployment.platform, make_people(CUSTOMERS)
    erased, kept = people[:ERASED], people[ERASED:]
    deployment.load(people)
    taken = platform.zhike("backup", str(tmp_path / "backup"))
    assert taken.returncode == 0, taken.stderr
    assert found_in_bytes(tmp_path / "backup", erased), "the canaries were never in the backup"
    receipts = [deployment.erase(person) for person in erased]
    erase(deployment, erased)  # the same receipts once more, and the wait for them
    platform.down()
    restored = platform.zhike("restore", str(tmp_path / "backup"), "--force")
    assert restored.returncode == 0, restored.stderr
    assert f"{ERASED} persons were erased after this backup" in restored.stdout + restored.stderr
    assert found_in_bytes(platform.data, erased), "nothing was restored that had to be erased"

    platform.up()
    customer = f"/v1/customers/{kept[0].card}"
    assert _refusal(_told(platform, f"/v1/customers/{erased[0].card}")), "shown before they were erased again"
    eventually(
        lambda: _refusal(_told(platform, customer)) != "RESTORED_ERASURES_OPEN",
        "the erasures of the restored backup do not end",
        limit_s=ERASED_LIMIT_S,
    )
    assert {deployment.receipt(each)["state"] for each in receipts} == {"done"}
    with platform.operator() as operator:
        deployment.operator = Caller(operator, dict(operator.headers))  # its token is made anew
        deployment.settle()
        assert deployment.found_by_api(erased) == set()
        assert found_in_bytes(platform.data, erased) == set()
        assert deployment.send_late(erased) == (ERASED, ERASED)
        eventually(
            lambda: deployment.expect_all(kept) is None, "who stayed is not known any more", limit_s=ERASED_LIMIT_S
        )


def test_a_broken_off_restore_is_not_started_on_and_says_what_to_do(tmp_path: Path) -> None:
    platform = Platform.at(tmp_path / "data")
    platform.data.mkdir()
    (platform.data / ".restore-unfinished").write_bytes(b"{}")
    for command in (("up", "--detach", "--port", str(platform.port)), ("backup", str(tmp_path / "backup"))):
        refused = platform.zhike(*command)
        assert refused.returncode != 0
        assert "zhike restore FOLDER --force" in refused.stdout + refused.stderr
    assert platform.run_file() is None
