"""Starts that cannot go well: each says why, and harms nothing that runs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from tests.journeys.callers import eventually
from tests.journeys.platform import Platform

CONFLICT = 75
USAGE = {2, 64}


def test_a_port_that_is_taken_is_refused_and_whoever_has_it_answers_on(demo_shop: Platform, tmp_path: Path) -> None:
    other = Platform(tmp_path / "data", demo_shop.port)
    refused = other.zhike("up", "--detach", "--port", str(demo_shop.port))
    assert refused.returncode == CONFLICT, refused.stdout + refused.stderr
    assert str(demo_shop.port) in refused.stderr
    assert other.run_file() is None
    with demo_shop.operator() as client:
        assert client.get("/v1/keys").is_success


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ({"ZHIKE_HTTP_PORT": "abc"}, USAGE),
        ({"ZHIKE_BIND": "::1"}, USAGE),
        ({"ZHIKE_BIND": "203.0.113.7"}, USAGE),
        ({"ZHIKE_DATA": "/proc/zhike"}, USAGE),
        ({"ZHIKE_DEFAULT_CONSENT": "perhaps"}, {69}),
        ({"ZHIKE_SHOP_TIME_ZONE": "Mars/Olympus"}, {69}),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_named_and_leave_nothing_running(
    tmp_path: Path, settings: dict[str, str], codes: set[int]
) -> None:
    platform = replace(Platform.at(tmp_path / "data"), settings=tuple(settings.items()))
    port = () if "ZHIKE_HTTP_PORT" in settings else ("--port", str(platform.port))
    result = platform.zhike("up", "--detach", *port)
    assert result.returncode in codes, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()
    assert platform.run_file() is None


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no directory", encoding="utf-8")
    platform = Platform.at(file)
    for command in (["up", "--detach", "--port", str(platform.port)], ["status"], ["down"]):
        result = platform.zhike(*command)
        assert result.returncode not in {0, 1}, command
        assert "Traceback" not in result.stderr
    assert file.read_text(encoding="utf-8") == "no directory"


def test_of_two_starts_at_once_one_wins_and_can_be_stopped_on_whatever_address_it_listens(tmp_path: Path) -> None:
    platform = replace(Platform.at(tmp_path / "data"), settings=(("ZHIKE_BIND", "127.0.0.2"),))
    arguments = ("up", "--detach", "--port", str(platform.port))
    with ThreadPoolExecutor(2) as both:
        results = list(both.map(lambda _: platform.zhike(*arguments), range(2)))
    try:
        assert sorted(result.returncode == 0 for result in results) == [False, True], results
        run = platform.run_file()
        assert run is not None
        assert run.url == f"http://127.0.0.2:{platform.port}"
        assert httpx.get(f"{run.url}/readyz", trust_env=False, timeout=30).is_success
        assert platform.zhike("status").returncode == 0
    finally:
        stopped = platform.zhike("down")
    assert stopped.returncode == 0, stopped.stderr
    eventually(lambda: not any(psutil.pid_exists(pid) for pid in run.pids.values()), "a process is left")
