"""Reads what explain says of a command: whether one bounded walk of an index served it, and what was read for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# A read of one document by _id has a plan of its own in every version.
KEY_STAGES = frozenset({"IDHACK", "EXPRESS_IXSCAN", "CLUSTERED_IXSCAN"})
INDEX_STAGES = KEY_STAGES | {"IXSCAN", "COUNT_SCAN"}
# What stands for a query that its index does not serve: a walk of all documents, or a sort beside the index.
FORBIDDEN_STAGES = frozenset({"COLLSCAN", "SORT", "SORT_KEY_GENERATOR", "TEXT", "SUBPLAN"})
SLACK = 2  # entries beside those that are returned: where the bounds end, and where the next page begins


@dataclass(frozen=True, slots=True)
class Plan:
    """What explain says: stages of the winning plan, indexes walked, entries and documents looked at."""

    stages: frozenset[str]
    indexes: frozenset[str]
    keys_examined: int
    documents_examined: int
    returned: int

    def problem(self, *, counted: int = 0) -> str:
        """Return why this is no bounded walk of an index, empty where it is. ``counted``: what a count tells."""
        bad = sorted(self.stages & FORBIDDEN_STAGES)
        if bad:
            return f"its plan has {', '.join(bad)}"
        if not self.stages & INDEX_STAGES:
            return f"no index serves it ({', '.join(sorted(self.stages)) or 'no plan'})"
        allowed = max(self.returned, counted) + SLACK
        if self.keys_examined > allowed or self.documents_examined > allowed:
            examined = f"{self.keys_examined} entries and {self.documents_examined} documents"
            return f"{examined} were looked at for {allowed - SLACK}"
        return ""


def plan_of(explained: Mapping[str, Any]) -> Plan:
    """Read the answer of explain with executionStats, of a find or an aggregate, in either engine's form."""
    stages = list(_stages(explained))
    statistics = _first(explained, "executionStats")
    return Plan(
        stages=frozenset(str(stage["stage"]) for stage in stages if stage["stage"]),
        indexes=frozenset(str(stage["indexName"]) for stage in stages if "indexName" in stage),
        keys_examined=int(statistics.get("totalKeysExamined", 0)),
        documents_examined=int(statistics.get("totalDocsExamined", 0)),
        returned=int(statistics.get("nReturned", 0)),
    )


def _stages(explained: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every stage of the winning plan; plans that lost the race prove nothing."""
    winning = _first(explained, "winningPlan")
    yield from _walk(winning.get("queryPlan", winning))


def _walk(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, list):
        for each in node:
            yield from _walk(each)
    elif isinstance(node, Mapping):
        if "stage" in node:
            yield node
        for name, each in node.items():
            if name in {"inputStage", "inputStages", "shards", "winningPlan"}:
                yield from _walk(each)


def _first(node: Any, name: str) -> Mapping[str, Any]:
    """Return the first value under ``name``, at whatever depth: an aggregate wraps the plan of its query."""
    found: Any = None
    if isinstance(node, Mapping):
        found = node.get(name) or next(filter(None, (_first(each, name) for each in node.values())), None)
    elif isinstance(node, list):
        found = next(filter(None, (_first(each, name) for each in node)), None)
    return found or {}
