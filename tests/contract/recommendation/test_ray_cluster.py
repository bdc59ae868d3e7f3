"""A Ray cluster trains what this machine alone trains; one that is not there, or goes away, is named and survived."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from google.rpc import error_details_pb2

from services.recommendation.jobs.engines import ONE_THREAD
from services.recommendation.jobs.train import MODEL_FILE
from services.recommendation.store.blobs import encode_training_set
from tests.contract.recommendation.conftest import Owners, Shop, shop_in, soon
from tests.contract.recommendation.test_service import FOR_YOU, stocked
from tests.fakes.ray_cluster import ENVIRONMENT, TwoNodes, two_nodes
from tests.unit.services.recommendation.shop import shop_rows

LIMIT_S = 100
NOBODY = "127.0.0.1:1"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")  # the engine finds a cluster on loopback by itself
    with two_nodes(dict(os.environ)) as started:
        yield started


def test_a_cluster_trains_the_same_model_bit_for_bit(cluster: TwoNodes, tmp_path: Path) -> None:
    training_set = tmp_path / "set.npz"
    training_set.write_bytes(encode_training_set(*shop_rows()))
    digests, results = set(), []
    for engine, more in (("local", ()), ("ray", ("--ray-address", cluster.address))):
        out = tmp_path / engine
        out.mkdir()
        command = [sys.executable, "-m", "services.recommendation.jobs.train", "--training-set", str(training_set)]
        done = subprocess.run(
            [*command, "--out", str(out), "--engine", engine, *more],
            env={**os.environ, **ONE_THREAD},
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
        )
        results.append(orjson.loads(done.stdout.splitlines()[-1])["result"])
        digests.add(hashlib.sha256((out / MODEL_FILE).read_bytes()).hexdigest())
    assert len(digests) == 1
    assert results[0] == results[1]


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


def _cause(operation) -> str:  # type: ignore[no-untyped-def]
    for detail in operation.error.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            assert info.reason == "TRAINING_FAILED"
            return info.metadata["cause"]
    raise AssertionError(operation)


def _failures(shop: Shop, reason: str) -> float:
    return shop.process.runtime.metrics.counter("zhike_ray_failures_total").labels(reason)._value.get()
