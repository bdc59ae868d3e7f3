"""Starting, crashing, starting twice and stopping, on the real processes."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil

from infra.local.plan import GATEWAY, SERVICES
from tests.journeys.platform import Platform

RESTART_LIMIT_S = 30.0


def _wait(condition, what: str, limit_s: float = RESTART_LIMIT_S) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"not within {limit_s:.0f} s: {what}"
        time.sleep(0.2)


def test_a_deployment_starts_answers_restarts_what_crashes_and_stops_without_orphans(empty_shop: Platform) -> None:
    run = empty_shop.run_file()
    assert run is not None
    assert run.ready
    assert set(run.pids) == {*SERVICES, GATEWAY}
    with empty_shop.operator() as client:
        assert client.get("/readyz").status_code == 200
        os.kill(run.pids["search"], signal.SIGKILL)

        def back() -> bool:
            now = empty_shop.run_file()
            ready = client.get("/readyz").status_code == 200
            return bool(ready and now and now.pids["search"] != run.pids["search"])

        _wait(back, "search is back")
    status = json.loads(empty_shop.zhike("status", "--json").stdout.splitlines()[-1])
    forked = {"fork-server"} if sys.platform == "linux" else set()
    assert {name for name, pss in status["pss_bytes"].items() if pss} == {*SERVICES, GATEWAY, *forked}
    family = [each.pid for each in psutil.Process(run.supervisor_pid).children(recursive=True)]
    assert len(family) >= len(run.pids) + len(forked)
    empty_shop.down()
    assert empty_shop.run_file() is None
    assert not [pid for pid in (*run.pids.values(), *family) if psutil.pid_exists(pid)]


def test_a_second_start_on_the_same_data_directory_is_refused_and_harms_nothing(empty_shop: Platform) -> None:
    second = empty_shop.zhike("up", "--detach", "--port", str(empty_shop.port + 1))
    assert second.returncode == 75
    assert "already runs" in second.stderr
    with empty_shop.operator() as client:
        assert client.get("/readyz").status_code == 200


def test_no_process_outlives_a_supervisor_that_was_killed(empty_shop: Platform) -> None:
    run = empty_shop.run_file()
    assert run is not None
    os.kill(run.supervisor_pid, signal.SIGKILL)
    _wait(lambda: not [pid for pid in run.pids.values() if psutil.pid_exists(pid)], "every process has ended")
    empty_shop.up()


def test_commands_without_a_deployment_say_so(tmp_path) -> None:  # type: ignore[no-untyped-def]
    nothing = Platform.at(tmp_path)
    for command in (["status"], ["down"], ["keys", "list"], ["tour"]):
        result = nothing.zhike(*command)
        assert result.returncode == 69, command
        assert "Nothing runs" in result.stderr


def test_ctrl_c_drains_and_leaves_no_orphan(tmp_path) -> None:  # type: ignore[no-untyped-def]
    platform = Platform.at(tmp_path)
    command = [sys.executable, "-m", "infra.cli.main", "up", "--port", str(platform.port)]
    with subprocess.Popen(
        command, env=platform.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as foreground:
        assert foreground.stdout is not None
        said: list[bytes] = []
        for line in foreground.stdout:
            said.append(line)
            if b"Ctrl-C" in line:
                break
        run = platform.run_file()
        assert run is not None, b"".join(said)
        foreground.send_signal(signal.SIGINT)
        rest = foreground.stdout.read()
        assert foreground.wait(60) == 0, rest
    assert b"Stopped" in rest
    assert not [pid for pid in run.pids.values() if psutil.pid_exists(pid)]
    assert platform.run_file() is None
