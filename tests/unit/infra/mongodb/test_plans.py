"""What explain says is read rightly: a bounded walk of an index passes, everything else is named."""

from typing import Any

from infra.mongodb.plans import plan_of


def explained(plan: dict[str, Any], *, keys: int, documents: int, returned: int) -> dict[str, Any]:
    statistics = {"totalKeysExamined": keys, "totalDocsExamined": documents, "nReturned": returned}
    rejected = [{"stage": "COLLSCAN"}]
    return {"queryPlanner": {"winningPlan": plan, "rejectedPlans": rejected}, "executionStats": statistics, "ok": 1.0}


IXSCAN = {"stage": "IXSCAN", "indexName": "i0.by_shop", "keyPattern": {"i0": 1}, "direction": "backward"}
FETCH = {
    "stage": "LIMIT",
    "inputStage": {"stage": "PROJECTION_SIMPLE", "inputStage": {"stage": "FETCH", "inputStage": IXSCAN}},
}


def test_a_bounded_walk_of_an_index_is_what_is_wanted() -> None:
    plan = plan_of(explained(FETCH, keys=101, documents=101, returned=101))
    assert plan.problem() == ""
    assert plan.indexes == {"i0.by_shop"}
    assert plan_of(explained({"stage": "IDHACK"}, keys=1, documents=1, returned=1)).problem() == ""
    assert plan_of(explained({"stage": "EXPRESS_IXSCAN"}, keys=1, documents=1, returned=1)).problem() == ""


def test_the_newer_engines_form_and_an_aggregates_are_read_too() -> None:
    newer = explained({"isCached": False, "queryPlan": FETCH, "slotBasedPlan": {}}, keys=5, documents=5, returned=5)
    assert plan_of(newer).problem() == ""
    counting = {"stage": "PROJECTION_COVERED", "inputStage": IXSCAN}
    inside = explained(counting, keys=500, documents=0, returned=500)
    aggregate = {"stages": [{"$cursor": inside}, {"$group": {"_id": 1}}], "ok": 1.0}
    assert plan_of(aggregate).problem(counted=500) == ""


def test_a_walk_of_all_documents_a_sort_and_a_wide_walk_are_named() -> None:
    assert "COLLSCAN" in plan_of(explained({"stage": "COLLSCAN"}, keys=0, documents=9, returned=9)).problem()
    sorting = {"stage": "SORT", "inputStage": FETCH}
    assert "SORT" in plan_of(explained(sorting, keys=9, documents=9, returned=9)).problem()
    assert "5000 entries" in plan_of(explained(FETCH, keys=5_000, documents=101, returned=101)).problem()
    assert "no index" in plan_of({"ok": 1.0}).problem()
