"""An index that is away is told of once, and once when it is back."""

import structlog
from structlog.testing import capture_logs

from services.chassis.metrics import Metrics
from services.chassis.searchindex.port import IndexUnavailableError
from services.chassis.searchindex.watch import ANSWERS, INDEX_METRICS, IndexWatch


class Pinged:
    """An index of which only ``ping`` is asked."""

    def __init__(self) -> None:
        self.away = ""

    async def ping(self) -> None:
        if self.away:
            raise IndexUnavailableError(self.away)


async def test_each_change_is_one_line_and_the_metric_follows() -> None:
    structlog.reset_defaults()
    index, metrics = Pinged(), Metrics([INDEX_METRICS])
    watch = IndexWatch(index, metrics)  # type: ignore[arg-type]
    told: list[tuple[str, float]] = []
    with capture_logs() as lines:
        for away in ("", "", "disk full", "disk full", "cannot be reached", "", ""):
            index.away = away
            await watch.look()
            told.append((watch.standing, metrics.gauge("zhike_search_index_up")._value.get()))
    assert told == [
        (ANSWERS, 1),
        (ANSWERS, 1),
        ("disk full", 0),
        ("disk full", 0),
        ("cannot be reached", 0),
        (ANSWERS, 1),
        (ANSWERS, 1),
    ]
    assert [(line["event"], line.get("why", "")) for line in lines] == [
        ("search index away", "disk full"),
        ("search index away", "cannot be reached"),
        ("search index back", ""),
    ]
