"""A part that stops working is told of once, shown as long as it lasts, and told of once when it works again."""

import structlog
from structlog.testing import capture_logs

from services.chassis.metrics import CHASSIS_METRICS, Metrics
from services.chassis.standing import CAUSE_LIMIT, DOCUMENT_WRITES, SEARCH_INDEX, Standings


def up(metrics: Metrics, part: str) -> float | None:
    return metrics.registry.get_sample_value("zhike_part_up", {"part": part})


def test_one_line_when_it_fails_one_when_it_works_again() -> None:
    structlog.reset_defaults()
    metrics = Metrics((CHASSIS_METRICS,))
    standings = Standings(metrics)
    assert up(metrics, DOCUMENT_WRITES) is None, "what was never told of is not shown"
    with capture_logs() as lines:
        standings.works(DOCUMENT_WRITES)
        assert up(metrics, DOCUMENT_WRITES) == 1
        for cause in ("OutOfDiskSpace", "OutOfDiskSpace", "NotWritablePrimary"):
            standings.failed(DOCUMENT_WRITES, cause)
        assert up(metrics, DOCUMENT_WRITES) == 0
        assert standings.degraded == {DOCUMENT_WRITES: "NotWritablePrimary"}
        standings.works(DOCUMENT_WRITES)
        standings.works(DOCUMENT_WRITES)
    assert up(metrics, DOCUMENT_WRITES) == 1
    assert standings.degraded == {}
    assert [(line["event"], line.get("cause") or line.get("was")) for line in lines] == [
        ("a part does not work", "OutOfDiskSpace"),
        ("a part works again", "NotWritablePrimary"),
    ]


def test_parts_stand_apart() -> None:
    standings = Standings()
    standings.failed(DOCUMENT_WRITES, "full")
    standings.failed(SEARCH_INDEX, "away")
    standings.works(SEARCH_INDEX)
    assert standings.is_failing(DOCUMENT_WRITES)
    assert not standings.is_failing(SEARCH_INDEX)


def test_a_cause_is_kept_to_its_bound() -> None:
    standings = Standings()
    standings.failed(SEARCH_INDEX, "x" * (CAUSE_LIMIT + 1))
    assert standings.degraded[SEARCH_INDEX] == "x" * CAUSE_LIMIT
