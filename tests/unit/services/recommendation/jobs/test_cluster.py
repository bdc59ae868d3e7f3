"""A cluster that does not answer is named before Ray tries, and one that goes away is noticed."""

import threading

import pytest

from services.recommendation.domain.errors import ClusterUnreachableError
from services.recommendation.jobs import cluster
from services.recommendation.jobs.cluster import MISSES_LIMIT, ClusterWatch, fingerprint, require_cluster

NOBODY = "127.0.0.1:1"
SOON_S = 0.001


@pytest.mark.parametrize("address", [NOBODY, f"ray://{NOBODY}"])
def test_an_address_where_nobody_listens_is_refused_by_name(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "answers", lambda *_, **__: False)
    with pytest.raises(ClusterUnreachableError, match=address):
        require_cluster(address)


def test_what_ray_finds_by_itself_is_left_to_ray() -> None:
    assert require_cluster("auto") == {}


def test_the_same_code_has_the_same_fingerprint() -> None:
    assert fingerprint() == fingerprint.__wrapped__()
    assert len(fingerprint()) == 64


def test_a_cluster_is_lost_after_so_many_misses_in_a_row_and_not_one_earlier() -> None:
    lost, enough = threading.Event(), threading.Event()
    asked: list[int] = []

    def asks() -> bool:
        asked.append(1)
        if len(asked) > 3 * MISSES_LIMIT:
            enough.set()
        return len(asked) == MISSES_LIMIT  # one answer just in time; then never again

    watch = ClusterWatch(asks, lost.set, interval_s=SOON_S)
    watch.start()
    assert lost.wait(10)
    assert len(asked) == 2 * MISSES_LIMIT
    watch.stop()


def test_a_stopped_watch_says_nothing() -> None:
    lost = threading.Event()
    watch = ClusterWatch(lambda: False, lost.set, interval_s=60)
    watch.start()
    watch.stop()
    assert not lost.is_set()
