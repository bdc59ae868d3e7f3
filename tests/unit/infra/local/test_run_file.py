"""run.json tells the truth about what is alive."""

import os
from dataclasses import replace
from pathlib import Path

from infra.local.run_file import RUN_FILE, RunFile, own_start_time, read_run_file, remove_run_file, write_run_file


def _run() -> RunFile:
    return RunFile(
        supervisor_pid=os.getpid(), started=own_start_time(), url="http://127.0.0.1:8080", demo=False,
        addresses={}, metrics={}, pids={}, ready=True,
    )  # fmt: skip


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_run_file(tmp_path, _run())
    assert read_run_file(tmp_path) == _run()


def test_a_recycled_pid_is_not_a_running_deployment(tmp_path: Path) -> None:
    write_run_file(tmp_path, replace(_run(), started=own_start_time() - 100))
    assert read_run_file(tmp_path) is None


def test_no_file_a_broken_file_and_a_removed_file_mean_that_nothing_runs(tmp_path: Path) -> None:
    assert read_run_file(tmp_path) is None
    (tmp_path / RUN_FILE).write_text("{")
    assert read_run_file(tmp_path) is None
    write_run_file(tmp_path, _run())
    remove_run_file(tmp_path)
    remove_run_file(tmp_path)
    assert read_run_file(tmp_path) is None
