"""How events fold into documents with their watermark (docs/consistency.md rule 8)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import BATCH_LIMIT, Collection, Index, KeyTakenError
from services.chassis.eventlog.errors import ProjectionContendedError
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import DELETED, WATERMARK, KeyedProjection, live_body
from tests.fakes.events import OCCURRED_TIME
from tests.fakes.projections import SUBJECTS, all_documents, expected_tally, tally_projection


def event(seq: int, subject: str = "card:1", type_: str = "view", partition: int = 0, log: str = "log") -> Event:
    return Event(
        log,
        partition,
        seq,
        f"{log}-{partition}-{seq}",
        type_,
        OCCURRED_TIME,
        OCCURRED_TIME,
        "shop",
        "web",
        subject,
        {"quantity": seq},
    )


@pytest.fixture
async def documents():
    store = MemoryDocuments()
    await store.declare(SUBJECTS)
    return store


async def test_a_document_carries_the_number_of_the_last_event_that_changed_it(documents):
    await tally_projection(documents).apply([event(1), event(2, "card:2"), event(3), event(4, type_="void")])
    bodies = await all_documents(documents)
    assert bodies["card:1"][WATERMARK] == {"log/0": 3}
    assert bodies["card:2"][WATERMARK] == {"log/0": 2}


async def test_each_log_and_partition_has_its_own_number(documents):
    projection = tally_projection(documents)
    for each in (event(9), event(2, partition=1), event(1, log="other"), event(3, partition=1)):
        await projection.apply([each])
    body = (await all_documents(documents))["card:1"]
    assert body[WATERMARK] == {"log/0": 9, "log/1": 3, "other/0": 1}
    assert body["order"] == [9, 2, 1, 3]


async def test_an_event_of_no_interest_writes_nothing(documents):
    await tally_projection(documents).apply([event(1, type_="ignored"), event(2, type_="void")])
    assert await all_documents(documents) == {}


async def test_a_deletion_leaves_a_tombstone_that_only_a_later_event_replaces(documents):
    projection = tally_projection(documents)
    await projection.apply([event(1), event(2, type_="erased")])
    document = await documents.get(SUBJECTS, "card:1")
    assert document.body == {DELETED: True, WATERMARK: {"log/0": 2}}
    assert live_body(document) is None
    await projection.apply([event(1), event(2, type_="erased")])
    assert (await documents.get(SUBJECTS, "card:1")).revision == document.revision
    await projection.apply([event(3)])
    assert live_body(await documents.get(SUBJECTS, "card:1")) == {"count": 1, "sum": 3, "order": [3]}


async def test_it_tells_what_touched_documents_say_whether_these_events_changed_them_or_earlier_ones(documents):
    projection = tally_projection(documents)
    first = [event(1), event(2, "card:2"), event(3, "card:3", type_="ignored"), event(4, "card:4", type_="erased")]
    said = {"card:1": {"count": 1, "sum": 1, "order": [1]}, "card:2": {"count": 1, "sum": 2, "order": [2]}}
    assert await projection.apply_and_read(first) == said
    assert await projection.apply_and_read(first) == said, "applied before"
    assert await projection.apply_and_read([event(5, type_="void"), event(6, "card:9", type_="void")]) == {
        "card:1": said["card:1"]
    }


async def test_a_deletion_of_what_never_was_leaves_a_tombstone_as_well(documents):
    await tally_projection(documents).apply([event(1, type_="erased")])
    assert (await all_documents(documents))["card:1"][DELETED] is True


async def test_an_empty_body_is_a_document_and_not_nothing(documents):
    seen = []

    def fold(_key: str, body: dict[str, Any] | None, each: Event) -> dict[str, Any]:
        seen.append(body)
        return {}

    projection = KeyedProjection(documents, SUBJECTS, name="empty", keys=lambda each: [each.subject], fold=fold)
    await projection.apply([event(1)])
    await projection.apply([event(2)])
    assert seen == [None, {}]
    assert live_body(await documents.get(SUBJECTS, "card:1")) == {}


async def test_an_event_that_names_a_document_twice_changes_it_once(documents):
    projection = KeyedProjection(
        documents,
        SUBJECTS,
        name="twice",
        keys=lambda each: [each.subject, each.subject, "shop"],
        fold=lambda key, body, each: {"n": (body or {"n": 0})["n"] + 1},
    )
    await projection.apply([event(1)])
    assert {key: body["n"] for key, body in (await all_documents(documents)).items()} == {"card:1": 1, "shop": 1}


async def test_more_documents_than_a_batch_of_the_store_takes_are_all_saved(documents):
    projection = KeyedProjection(
        documents,
        SUBJECTS,
        name="many",
        keys=lambda each: [f"{each.seq}/{n}" for n in range(BATCH_LIMIT)],
        fold=lambda key, body, each: {"n": (body or {"n": 0})["n"] + 1},
    )
    for _ in range(2):
        await projection.apply([event(1), event(2), event(3)])
    assert await documents.count(SUBJECTS) == 3 * BATCH_LIMIT


class Raced(MemoryDocuments):
    """Another reader applies the same events between this one's read and its write, ``times`` often."""

    def __init__(self, times: int, events: Sequence[Event]) -> None:
        super().__init__()
        self.times = times
        self.events = events
        self.racing = False

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> Any:
        found = await super().get_many(collection, keys)
        if self.times and not self.racing:
            self.times -= 1
            self.racing = True
            await tally_projection(self).apply(self.events)
            self.events = [replace(each, seq=each.seq + 100) for each in self.events]
            self.racing = False
        return found


@pytest.mark.parametrize("before", [0, 1], ids=["new documents", "known documents"])
async def test_a_reader_that_loses_a_race_folds_again_from_what_the_other_saved(before):
    events = [event(2), event(3, "card:2"), event(4)]
    documents = Raced(0, events)
    await documents.declare(SUBJECTS)
    if before:
        await tally_projection(documents).apply([event(1), event(1, "card:2")])
    documents.times = 1
    await tally_projection(documents).apply(events)
    bodies = {key: body["order"] for key, body in (await all_documents(documents)).items()}
    assert bodies == {"card:1": [1] * before + [2, 4], "card:2": [1] * before + [3]}


async def test_a_race_that_is_lost_for_ever_ends_as_something_to_try_again():
    documents = Raced(1_000, [event(1), event(2, "card:2")])
    await documents.declare(SUBJECTS)
    with pytest.raises(ProjectionContendedError):
        await tally_projection(documents).apply([event(5_000), event(5_001, "card:2")])


async def test_a_unique_value_that_another_document_holds_is_a_failure_of_the_event():
    unique = Collection("unique", (Index("name", ("name",), unique=True),))
    documents = MemoryDocuments()
    await documents.declare(unique)
    projection = KeyedProjection(
        documents, unique, name="u", keys=lambda each: [each.subject], fold=lambda key, body, each: {"name": "same"}
    )
    await projection.apply([event(1)])
    with pytest.raises(KeyTakenError):
        await projection.apply([event(2, "card:2")])


EVENTS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["view", "view", "erased", "void", "ignored"])),
    max_size=12,
)


@given(EVENTS, st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=6))
async def test_however_batches_are_cut_and_repeated_each_event_counts_once(shapes, repeats):
    events = [event(seq, subject, type_) for seq, (subject, type_) in enumerate(shapes, 1)]
    documents = MemoryDocuments()
    await documents.declare(SUBJECTS)
    projection = tally_projection(documents)
    applied = 0
    for start, length in [*repeats, (0, len(events))]:
        batch = events[min(start, applied) : start + length]  # a reader repeats, but never leaves a hole
        if batch:
            await projection.apply(batch)
            applied = max(applied, batch[-1].seq)
    live = {key: live_body(await documents.get(SUBJECTS, key)) for key in await all_documents(documents)}
    assert {key: body for key, body in live.items() if body is not None} == expected_tally(events)
