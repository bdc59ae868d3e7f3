"""Ray and the local engine give the same result, bit for bit, and a trainer leaves nothing behind."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
import psutil
import pytest

from services.recommendation.jobs.engines import ONE_THREAD
from services.recommendation.jobs.train import MODEL_FILE
from services.recommendation.store.blobs import encode_training_set
from tests.unit.services.recommendation.shop import shop_rows

LIMIT_S = 100


def trainer(folder: Path, engine: str, *more: str) -> Sequence[str]:
    training_set = folder / "set.npz"
    training_set.write_bytes(encode_training_set(*shop_rows()))
    out = folder / engine
    out.mkdir()
    command = [sys.executable, "-m", "services.recommendation.jobs.train"]
    return [*command, "--training-set", str(training_set), "--out", str(out), "--engine", engine, *more]


@pytest.mark.slow
def test_ray_and_local_train_the_same_model_bit_for_bit(tmp_path: Path) -> None:
    digests, results = set(), []
    for engine in ("local", "ray"):
        done = subprocess.run(
            trainer(tmp_path, engine),
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
        )
        results.append(orjson.loads(done.stdout.splitlines()[-1])["result"])
        digests.add(hashlib.sha256((tmp_path / engine / MODEL_FILE).read_bytes()).hexdigest())
    assert len(digests) == 1
    assert results[0] == results[1]


@pytest.mark.slow
def test_a_trainer_whose_service_was_killed_ends_by_itself(tmp_path: Path) -> None:
    """The service dies without a word (kill -9): nobody is left to stop its trainer, nor the trainer's Ray."""
    starter = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, start_new_session=True); "
        "print(child.pid, flush=True); time.sleep(600)"
    )
    service = subprocess.Popen(
        [sys.executable, "-c", starter, *trainer(tmp_path, "ray")], stdout=subprocess.PIPE, text=True
    )
    assert service.stdout is not None
    child = psutil.Process(int(service.stdout.readline()))
    _wait(lambda: any("raylet" in each.name() for each in _family(child)))
    family = _family(child)
    service.send_signal(signal.SIGKILL)
    service.wait()
    service.stdout.close()
    _wait(lambda: not [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE])


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _wait(holds) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + LIMIT_S / 2
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
