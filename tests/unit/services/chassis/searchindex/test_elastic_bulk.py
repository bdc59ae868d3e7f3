"""A batch goes out in requests of a bounded size, and each write's outcome comes back in its place."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from services.chassis.searchindex.elastic_bulk import MESSAGE_CHARACTERS, REQUEST_BYTES, written
from services.chassis.searchindex.elastic_server import Refused
from services.chassis.searchindex.port import Entry, IndexSchema, Outcome, Put, Remove, TextField, Write

SCHEMA = IndexSchema("things", (TextField("title"),))


class Asked:
    """A server that takes every write but those of which it says otherwise."""

    def __init__(self, said: Mapping[str, dict[str, Any]] | None = None) -> None:
        self.said = said or {}
        self.requests: list[list[str]] = []
        self.sizes: list[int] = []

    async def __call__(self, method: str, path: str, *, body: Any = None, params: Any = None, **_: Any) -> Any:
        assert (method, path) == ("POST", "/things/_bulk")
        assert params["require_alias"] == "true"
        actions = [action for line in body if (action := orjson.loads(line)).keys() & {"index", "delete"}]
        ids = [next(iter(action.values()))["_id"] for action in actions]
        assert all(next(iter(action.values()))["version_type"] == "external" for action in actions)
        self.requests.append(ids)
        self.sizes.append(sum(len(line) + 1 for line in body))
        items = [{"index": self.said.get(each, {"status": 201})} for each in ids]
        return {"errors": any("error" in item["index"] for item in items), "items": items}


def put(entry_id: str, payload: bytes = b"") -> Put:
    return Put(Entry(entry_id, 1, {"title": "milk"}, payload))


async def outcomes(asked: Asked, *writes: Write) -> list[tuple[str, Outcome]]:
    results = await written(asked, "/things/_bulk", writes, SCHEMA)
    return [(result.id, result.outcome) for result in results]


async def test_outcomes_stand_in_the_order_of_the_writes() -> None:
    said = {
        "stale": {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": ""}},
        "odd": {"status": 400, "error": {"type": "document_parsing_exception", "reason": "x" * 1_000}},
    }
    asked = Asked(said)
    writes = (put("a"), put(""), put("stale"), Put(Entry("b", 1, {"nothing": "x"})), put("odd"), put("c"))
    results = await written(asked, "/things/_bulk", writes, SCHEMA)
    assert [(result.id, result.outcome) for result in results] == [
        ("a", Outcome.APPLIED),
        ("", Outcome.REJECTED),
        ("stale", Outcome.STALE),
        ("b", Outcome.REJECTED),
        ("odd", Outcome.REJECTED),
        ("c", Outcome.APPLIED),
    ]
    assert results[4].message.startswith("document_parsing_exception")
    assert len(results[4].message) == MESSAGE_CHARACTERS
    assert asked.requests == [["a", "stale", "odd", "c"]]


async def test_removing_what_is_not_there_is_applied_and_an_absent_index_is_not() -> None:
    assert await outcomes(Asked({"a": {"status": 404}}), Remove("a", 3)) == [("a", Outcome.APPLIED)]
    absent = {"status": 404, "error": {"type": "index_not_found_exception", "reason": ""}}
    with pytest.raises(Refused):
        await outcomes(Asked({"a": absent}), put("a"))


@pytest.mark.parametrize(("status", "kind"), [(429, "x"), (503, "x"), (403, "cluster_block_exception")])
async def test_one_write_that_must_wait_fails_the_batch(status: int, kind: str) -> None:
    with pytest.raises(Refused):
        await outcomes(Asked({"b": {"status": status, "error": {"type": kind, "reason": ""}}}), put("a"), put("b"))


async def test_a_batch_is_parted_by_size_and_keeps_its_order() -> None:
    asked = Asked()
    writes = [put(f"p{number:02}", bytes(1_000_000)) for number in range(20)]
    assert [entry_id for entry_id, _ in await outcomes(asked, *writes)] == [f"p{number:02}" for number in range(20)]
    assert [each for ids in asked.requests for each in ids] == [f"p{number:02}" for number in range(20)]
    assert len(asked.requests) > 1
    assert max(asked.sizes) <= REQUEST_BYTES


async def test_nothing_sound_asks_nothing() -> None:
    asked = Asked()
    assert await outcomes(asked) == []
    assert await outcomes(asked, put("\ud800")) == [("\ud800", Outcome.REJECTED)]
    assert asked.requests == []
