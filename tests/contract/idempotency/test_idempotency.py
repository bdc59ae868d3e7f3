"""A create that is sent twice happens once, and both answers are the first."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from services.chassis.documents.port import Collection, DocumentStore, KeyTakenError, StoreUnavailableError
from services.chassis.errors import ErrorKind, InvalidArgumentError
from services.chassis.idempotency import (
    IDEMPOTENT_CREATES,
    KEY_LIMIT,
    CreateRequest,
    IdempotencyKeyReusedError,
    IdempotentCreates,
    ResourceDeletedError,
    resource_id,
)
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint

CASES = Collection("cases")


class Cases:
    """A resource that is created by its id; counts how often it was really made."""

    def __init__(self, documents: DocumentStore) -> None:
        self.documents = documents
        self.made = 0
        self.calls = 0
        self.fail_before: Exception | None = None
        self.fail_after: Exception | None = None

    async def create(self, case_id: str) -> Mapping[str, Any]:
        self.calls += 1
        failure, self.fail_before = self.fail_before, None
        if failure is not None:
            raise failure
        try:
            await self.documents.insert(CASES, case_id, {"id": case_id})
            self.made += 1
        except KeyTakenError:
            pass
        await asyncio.sleep(0)
        failure, self.fail_after = self.fail_after, None
        if failure is not None:
            raise failure
        return {"id": case_id, "made": self.made}


@pytest.fixture
async def creates(documents: DocumentStore) -> IdempotentCreates:
    await documents.declare(CASES)
    records = IdempotentCreates(documents)
    await records.open()
    return records


@pytest.fixture
def cases(documents: DocumentStore) -> Cases:
    return Cases(documents)


def request(key: str = "k1", subject: str = "visitor-1", **body: object) -> CreateRequest:
    return CreateRequest("shop-1", subject, "POST /v1/cases", key, body or {"text": "坏了"})


async def test_the_same_request_again_gets_the_first_answer_and_creates_nothing(
    creates: IdempotentCreates, cases: Cases
) -> None:
    first = await creates.run(request(), cases.create)
    again = await creates.run(request(), cases.create)
    assert (first.repeated, again.repeated) == (False, True)
    assert first.answer == again.answer == {"id": first.resource_id, "made": 1}
    assert (cases.made, cases.calls) == (1, 1)


async def test_another_body_under_the_same_key_is_refused(creates: IdempotentCreates, cases: Cases) -> None:
    await creates.run(request(text="a"), cases.create)
    with pytest.raises(IdempotencyKeyReusedError) as caught:
        await creates.run(request(text="b"), cases.create)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.INVALID, "IDEMPOTENCY_KEY_REUSED")
    assert cases.made == 1


async def test_the_order_of_a_bodys_fields_does_not_matter(creates: IdempotentCreates, cases: Cases) -> None:
    await creates.run(request(a=1, b=2), cases.create)
    assert (await creates.run(request(b=2, a=1), cases.create)).repeated


async def test_twenty_at_once_create_one_and_all_get_the_same_answer(creates: IdempotentCreates, cases: Cases) -> None:
    answers = await asyncio.gather(*(creates.run(request(), cases.create) for _ in range(20)))
    assert cases.made == 1
    assert all(answer.answer == answers[0].answer for answer in answers)
    assert sum(not answer.repeated for answer in answers) == 1


async def test_of_two_bodies_at_once_under_one_key_one_is_created(creates: IdempotentCreates, cases: Cases) -> None:
    results = await asyncio.gather(
        creates.run(request(text="a"), cases.create),
        creates.run(request(text="b"), cases.create),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["CreateAnswer", "IdempotencyKeyReusedError"]
    assert cases.made == 1


async def test_a_crash_after_the_creation_and_before_the_answer_is_made_good_by_the_repeat(
    creates: IdempotentCreates, cases: Cases
) -> None:
    cases.fail_after = StoreUnavailableError("died")
    with pytest.raises(StoreUnavailableError):
        await creates.run(request(), cases.create)
    answer = await creates.run(request(), cases.create)
    assert cases.made == 1
    assert answer.answer["id"] == answer.resource_id
    with pytest.raises(IdempotencyKeyReusedError):
        await creates.run(request(text="other"), cases.create)


@pytest.mark.parametrize("point", [CrashPoint.BEFORE, CrashPoint.AFTER])
@pytest.mark.parametrize("crash_at", [1, 2, 3])
async def test_a_crash_at_any_write_leaves_one_resource_and_one_answer(
    documents: DocumentStore, creates: IdempotentCreates, crash_at: int, point: CrashPoint
) -> None:
    """The writes are: the reservation, the resource, the answer."""
    dying = CrashingDocuments(documents, crash_at=crash_at, point=point)
    with pytest.raises(StoreUnavailableError):
        await IdempotentCreates(dying).run(request(), Cases(dying).create)
    successor = Cases(documents)
    first = await creates.run(request(), successor.create)
    again = await creates.run(request(), successor.create)
    assert first.answer == again.answer
    assert first.answer["id"] == first.resource_id
    assert (await documents.count(CASES), await documents.count(IDEMPOTENT_CREATES)) == (1, 1)


async def test_a_refused_create_leaves_the_key_free_for_a_corrected_body(
    creates: IdempotentCreates, cases: Cases
) -> None:
    cases.fail_before = InvalidArgumentError("no text", field="text")
    with pytest.raises(InvalidArgumentError):
        await creates.run(request(text=""), cases.create)
    assert not (await creates.run(request(text="now with text"), cases.create)).repeated
    assert cases.made == 1


async def test_a_deleted_resource_stays_deleted_and_keeps_no_answer(
    creates: IdempotentCreates, cases: Cases, documents: DocumentStore
) -> None:
    created = await creates.run(request(), cases.create)
    await documents.delete(CASES, created.resource_id)
    await creates.forget(created.resource_id)
    await creates.forget(created.resource_id)
    await creates.forget("never-seen")
    with pytest.raises(ResourceDeletedError):
        await creates.run(request(), cases.create)
    with pytest.raises(IdempotencyKeyReusedError):
        await creates.run(request(text="other"), cases.create)
    assert await documents.get(CASES, created.resource_id) is None


def test_an_id_depends_on_who_for_whom_where_and_which_key() -> None:
    ids = {
        resource_id("shop-1", "visitor-1", "POST /v1/cases", "k"),
        resource_id("shop-2", "visitor-1", "POST /v1/cases", "k"),
        resource_id("shop-1", "visitor-2", "POST /v1/cases", "k"),
        resource_id("shop-1", "visitor-1", "POST /v1/orders", "k"),
        resource_id("shop-1", "visitor-1", "POST /v1/cases", "k2"),
        resource_id("shop-1visitor-1", "", "POST /v1/cases", "k"),
        resource_id("", "shop-1visitor-1", "POST /v1/cases", "k"),
    }
    assert len(ids) == 7
    assert resource_id("s", "v", "r", "k") == resource_id("s", "v", "r", "k")


@pytest.mark.parametrize("key", ["", "k" * (KEY_LIMIT + 1)])
def test_a_key_out_of_bounds_is_refused(key: str) -> None:
    with pytest.raises(InvalidArgumentError):
        resource_id("s", "v", "r", key)


def test_a_key_at_its_bound_is_taken() -> None:
    assert len(resource_id("s", "v", "r", "客" * KEY_LIMIT)) == 32
