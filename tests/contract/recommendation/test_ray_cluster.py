"""A Ray cluster trains what this machine alone trains; one that is not there, or goes away, is named and survived."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import orjson
import psutil
import pytest
from google.rpc import error_details_pb2
from threadpoolctl import threadpool_limits

from services.recommendation.domain.model import Ranker
from services.recommendation.jobs.engines import ONE_THREAD
from services.recommendation.jobs.train import MODEL_FILE
from services.recommendation.store.blobs import encode_model, encode_training_set
from services.recommendation.store.scores import SHARD_PERSONS, ScoringSet, encode_scoring_set, scoring_rows
from tests.contract.recommendation.conftest import Owners, Shop, shop_in, soon
from tests.contract.recommendation.test_service import FOR_YOU, stocked
from tests.fakes.ray_cluster import ENVIRONMENT, TwoNodes, two_nodes
from tests.unit.services.recommendation.shop import NOW_S, PERSONS, ledger_of, model_arrays, purchase_events, shop_rows

LIMIT_S = 100
NOBODY = "127.0.0.1:1"
MANY_SHARDS, KILLED_AFTER = 40, 4
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")  # the engine finds a cluster on loopback by itself
    with two_nodes(dict(os.environ)) as started:
        yield started


@pytest.mark.parametrize("sweep", [(), ("--sweep",)], ids=["defaults", "sweep"])
def test_a_cluster_trains_the_same_model_bit_for_bit_for_a_node_and_for_a_client(
    cluster: TwoNodes, tmp_path: Path, sweep: tuple[str, ...]
) -> None:
    training_set = tmp_path / "set.npz"
    training_set.write_bytes(encode_training_set(*shop_rows()))
    digests, results = set(), []
    ways = {
        "local": ("--engine", "local"),
        "node": ("--engine", "ray", "--ray-address", cluster.address),
        "client": ("--engine", "ray", "--ray-address", cluster.client_address),
    }
    for name, way in ways.items():
        out = tmp_path / name
        out.mkdir()
        command = [sys.executable, "-m", "services.recommendation.jobs.train", "--training-set", str(training_set)]
        done = subprocess.run(
            [*command, "--out", str(out), *way, *sweep],
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-2_000:]
        results.append(orjson.loads(done.stdout.splitlines()[-1])["result"])
        digests.add(hashlib.sha256((out / MODEL_FILE).read_bytes()).hexdigest())
    assert len(digests) == 1
    assert results[0] == results[1] == results[2]


async def test_a_cluster_that_goes_away_in_mid_training_fails_that_training_alone(
    cluster: TwoNodes, tmp_path: Path, owners: Owners
) -> None:
    async with shop_in(tmp_path, owners, ray_address=cluster.address) as shop:
        await stocked(shop)
        assert (await shop.train(engine="local")).HasField("response")
        in_force = (await shop.predict(FOR_YOU, "card:0")).model_version
        assert in_force
        name = await shop.start_training(engine="ray", sweep=True)
        await soon(lambda: shop.progress(name), lambda progress: progress.done_bytes > 0, limit_s=LIMIT_S)
        for pid in (*cluster.head, *cluster.worker):
            os.kill(pid, signal.SIGKILL)
        failed = await shop.ended(name)
        assert _cause(failed) == "RAY_LOST"
        assert cluster.address in failed.error.message
        assert _failures(shop, "RAY_LOST") == 1
        assert (await shop.predict(FOR_YOU, "card:0")).model_version == in_force
        assert (await shop.train(engine="local")).HasField("response")


async def test_a_cluster_that_is_not_there_is_named_at_once(tmp_path: Path, owners: Owners) -> None:
    async with shop_in(tmp_path, owners, ray_address=NOBODY) as shop:
        await stocked(shop)
        failed = await shop.train(engine="ray")
        assert _cause(failed) == "RAY_UNREACHABLE"
        assert NOBODY in failed.error.message
        assert _failures(shop, "RAY_UNREACHABLE") == 1


def test_a_node_killed_in_mid_scoring_changes_nothing_in_the_hash(cluster: TwoNodes, tmp_path: Path) -> None:
    """The second node dies with its tasks in hand; Ray tries them again on the first."""
    scoring, names = many_persons(), [f"s-{number}" for number in range(MANY_SHARDS)]
    (tmp_path / "set.npz").write_bytes(encode_scoring_set(scoring, names))
    with threadpool_limits(limits=1, user_api="blas"):
        (tmp_path / "model.npz").write_bytes(encode_model(model_arrays()))
    digests = {}
    for engine, more in (("local", ()), ("ray", ("--ray-address", cluster.address))):
        out = tmp_path / engine
        out.mkdir()
        command = [sys.executable, "-m", "services.recommendation.jobs.score", "--out", str(out), "--engine", engine]
        command += ["--scoring-set", str(tmp_path / "set.npz"), "--model", str(tmp_path / "model.npz"), *more]
        environment = {**os.environ, **ONE_THREAD}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            told = []
            for line in process.stdout:
                if not line.startswith(b"{"):
                    continue  # a word of Ray's own
                told.append(orjson.loads(line))
                if engine == "ray" and told[-1].get("done") == KILLED_AFTER:
                    with _held(
                        cluster.head
                    ):  # the second node may be slower to start a worker than the first to be done
                        before = _first_workers_of(cluster.worker[0])
                    os.kill(cluster.worker[0], signal.SIGKILL)
                    for pid in before:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
            assert process.wait() == 0, told[-1]
        assert told[-1] == {"result": {"shards": MANY_SHARDS}}
        shards = sorted(out.iterdir())
        assert len(shards) == MANY_SHARDS
        digests[engine] = hashlib.sha256(b"".join(each.read_bytes() for each in shards)).hexdigest()
    assert digests["local"] == digests["ray"]


def many_persons() -> ScoringSet:
    """The small shop's persons, so many times that scoring them takes a while."""
    snapshot = ledger_of(purchase_events()).snapshot()
    starts, rows, known = scoring_rows(
        snapshot, np.arange(PERSONS, dtype=np.int32), np.arange(len(snapshot.item_ids), dtype=np.int32)
    )
    times = MANY_SHARDS * SHARD_PERSONS // len(known)
    lengths = np.tile(np.diff(starts), times)
    return ScoringSet(
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        sellable=np.ones(len(snapshot.item_ids), dtype=bool),
        version="m-1",
        ranker=Ranker.ALS,
        now_s=NOW_S,
        count=5,
        **{name: np.tile(column, times) for name, column in rows.items()},
    )


@contextlib.contextmanager
def _held(node: Sequence[int]) -> Iterator[None]:
    """Stop the workers of a node meanwhile."""
    workers = [pid for each in node for pid in _workers_of(each)]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def _first_workers_of(raylet: int) -> list[int]:
    deadline = time.monotonic() + LIMIT_S
    while not (found := _workers_of(raylet)):
        assert time.monotonic() < deadline, "the second node had no worker: nothing was killed in mid-batch"
        time.sleep(0.02)
    return found


def _workers_of(raylet: int) -> list[int]:
    return [
        each.pid for each in psutil.Process(raylet).children(recursive=True) if "ray::_call_on_node" in _title(each)
    ]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _cause(operation) -> str:  # type: ignore[no-untyped-def]
    for detail in operation.error.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            assert info.reason == "TRAINING_FAILED"
            return info.metadata["cause"]
    raise AssertionError(operation)


def _failures(shop: Shop, reason: str) -> float:
    return shop.process.runtime.metrics.counter("zhike_ray_failures_total").labels(reason)._value.get()
