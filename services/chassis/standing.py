"""How the parts that a process leans on stand: its stores, its search index, Ray, clocks, leases.

A part that stops working is told of once: one line of log with its cause, ``zhike_part_up`` 0, and its name and cause
in readiness until it works again. What can go on without the part goes on; only a document store that does not answer
at all takes readiness itself (services/chassis/readiness.py).
"""

from collections.abc import Mapping

from services.chassis.logs import get_log
from services.chassis.metrics import Metrics

DOCUMENTS = "documents"  # that the store answers, and soon
DOCUMENT_WRITES = "document-writes"  # full or read-only, it may answer every read
SEARCH_INDEX = "search-index"
SEARCH_INDEX_WRITES = "search-index-writes"
RAY = "ray"
LEASES = "leases"
CLOCK = "clock"

CAUSE_LIMIT = 200  # characters

log = get_log("standing")


class Standings:
    """The parts of one process. A part that was never told of is not shown."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._up = None if metrics is None else metrics.gauge("zhike_part_up")
        self._causes: dict[str, str] = {}

    @property
    def degraded(self) -> Mapping[str, str]:
        """Return the parts that do not work, each with its cause."""
        return dict(self._causes)

    def is_failing(self, part: str) -> bool:
        """Tell whether the part was last said not to work."""
        return part in self._causes

    def failed(self, part: str, cause: str) -> None:
        """Note that a part does not work; said again, only the cause is kept."""
        if part not in self._causes:
            log.warning("a part does not work", part=part, cause=cause[:CAUSE_LIMIT])
        self._causes[part] = cause[:CAUSE_LIMIT]
        self._show(part, up=False)

    def works(self, part: str) -> None:
        """Note that a part works."""
        was = self._causes.pop(part, None)
        if was is not None:
            log.info("a part works again", part=part, was=was)
        self._show(part, up=True)

    def _show(self, part: str, *, up: bool) -> None:
        if self._up is not None:
            self._up.labels(part).set(up)
