"""Owns knowing whether a process's search index answers: a metric, one line when that changes, a word for operators."""

from typing import Final

from services.chassis.errors import ZhikeError
from services.chassis.logs import get_log
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.chassis.searchindex.port import SearchIndex

WATCH_INTERVAL_S: Final = 2.0
ANSWERS: Final = "answers"

INDEX_METRICS: Final = (
    Metric("zhike_search_index_up", MetricKind.GAUGE, "1 while the search index of this process answers."),
)

log = get_log("search-index")


class IndexWatch:
    """Asks the index whether it answers; ``standing`` says what it last said."""

    def __init__(self, index: SearchIndex, metrics: Metrics) -> None:
        self._index = index
        self._up = metrics.gauge("zhike_search_index_up")
        self.standing = "not asked yet"

    async def look(self) -> None:
        """Ask once; a pass of a job."""
        before = self.standing
        try:
            await self._index.ping()
        except ZhikeError as error:
            self.standing = error.message
            self._up.set(0)
            if before != error.message:
                log.warning("search index away", reason=error.reason, why=error.message)
            return
        self.standing = ANSWERS
        self._up.set(1)
        if before not in {ANSWERS, "not asked yet"}:
            log.info("search index back")
