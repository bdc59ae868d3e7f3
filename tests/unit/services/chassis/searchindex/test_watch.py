"""An index that is away, or takes no writes, is told of once, and once when it is back."""

import pytest
import structlog
from structlog.testing import capture_logs

from services.chassis.metrics import Metrics
from services.chassis.searchindex.port import IndexUnavailableError, WriteResult
from services.chassis.searchindex.watch import ANSWERS, INDEX_METRICS, WatchedIndex
from services.chassis.standing import SEARCH_INDEX, SEARCH_INDEX_WRITES, Standings


class Fragile:
    """An index that may be away, or full."""

    def __init__(self) -> None:
        self.away = self.full = ""

    async def ping(self) -> None:
        if self.away:
            raise IndexUnavailableError(self.away)

    async def declare(self, _schema: object) -> str | None:
        await self.ping()
        return "b1"

    async def bulk(self, _name: str, _writes: object, *, branch: str | None = None) -> tuple[WriteResult, ...]:
        if self.full:
            raise IndexUnavailableError(self.full)
        return ()


@pytest.fixture
def fragile() -> Fragile:
    return Fragile()


@pytest.fixture
def standings() -> Standings:
    return Standings()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics([INDEX_METRICS])


@pytest.fixture
def watched(fragile: Fragile, standings: Standings, metrics: Metrics) -> WatchedIndex:
    return WatchedIndex(fragile, metrics, standings)  # type: ignore[arg-type]


def up(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("zhike_search_index_up")


async def test_each_change_is_one_line_and_the_metric_follows(
    fragile: Fragile, watched: WatchedIndex, metrics: Metrics
) -> None:
    structlog.reset_defaults()
    told: list[tuple[str, float | None]] = []
    with capture_logs() as lines:
        for away in ("", "", "cannot be reached", "cannot be reached", "", ""):
            fragile.away = away
            await watched.look()
            told.append((watched.standing, up(metrics)))
    assert told == [(ANSWERS, 1), (ANSWERS, 1), ("cannot be reached", 0), ("cannot be reached", 0), *[(ANSWERS, 1)] * 2]
    assert [line["event"] for line in lines] == ["a part does not work", "a part works again"]


async def test_an_index_that_is_full_answers_and_is_named_all_the_same(
    fragile: Fragile, watched: WatchedIndex, metrics: Metrics, standings: Standings
) -> None:
    fragile.full = "Elasticsearch cannot answer (403 cluster_block_exception)"
    for _ in range(2):
        with pytest.raises(IndexUnavailableError):
            await watched.bulk("products", [])
    await watched.look()
    assert standings.degraded == {SEARCH_INDEX_WRITES: fragile.full}
    assert (watched.standing, up(metrics)) == (fragile.full, 0)
    fragile.full = ""
    await watched.bulk("products", [])
    assert (watched.standing, up(metrics)) == (ANSWERS, 1)


async def test_a_process_that_waits_for_the_index_says_so(
    fragile: Fragile, watched: WatchedIndex, standings: Standings
) -> None:
    fragile.away = "cannot be reached"
    with pytest.raises(IndexUnavailableError):
        await watched.declare(None)  # type: ignore[arg-type]
    assert standings.degraded == {SEARCH_INDEX: "cannot be reached"}
    fragile.away = ""
    assert await watched.declare(None) == "b1"  # type: ignore[arg-type]
    assert standings.degraded == {}
