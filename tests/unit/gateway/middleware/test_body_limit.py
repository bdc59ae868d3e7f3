"""Bodies at their bound and one past it, announced and streamed."""

from collections.abc import AsyncIterator

import pytest

from gateway.principals import Role
from tests.fakes.gateway_shop import Shop, problem_of

LIMIT, IMPORT_LIMIT = 1_024, 4_096
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


async def _streamed(size: int) -> AsyncIterator[bytes]:
    for at in range(0, size, 100):
        yield b" " * min(100, size - at)


def _padded(size: int) -> bytes:
    return b'{"events":[]}'.ljust(size)


@pytest.fixture
async def small(open_with) -> Shop:
    return await open_with(body_limit_bytes=LIMIT, import_limit_bytes=IMPORT_LIMIT)


async def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_a_413(small: Shop) -> None:
    assert (await small.post("/v1/events", Role.SHOP, content=_padded(LIMIT), headers=JSON)).status_code == 200
    response = await small.post("/v1/events", Role.SHOP, content=_padded(LIMIT + 1), headers=JSON)
    problem = problem_of(response, 413, "BODY_TOO_LARGE")
    assert problem["metadata"]["limit_bytes"] == str(LIMIT)


async def test_a_streamed_body_is_counted(small: Shop) -> None:
    at_limit = await small.post("/v1/events", Role.SHOP, content=_streamed(LIMIT), headers=JSON)
    problem_of(at_limit, 400, "INVALID_ARGUMENT")
    response = await small.post("/v1/events", Role.SHOP, content=_streamed(LIMIT + 1), headers=JSON)
    problem_of(response, 413, "BODY_TOO_LARGE")
    assert small.services.count("WriteUserEvents") == 1


@pytest.mark.parametrize("path", ["/v1/products:import", "/v1/tone-models:train"])
async def test_a_whole_file_has_a_bound_of_its_own(small: Shop, path: str) -> None:
    taken = await small.post(path, Role.OPERATOR, content=b"x" * IMPORT_LIMIT, headers=NDJSON)
    assert taken.status_code == 202
    announced = await small.post(path, Role.OPERATOR, content=b"x" * (IMPORT_LIMIT + 1), headers=NDJSON)
    problem_of(announced, 413, "BODY_TOO_LARGE")


async def test_a_streamed_import_past_its_bound_starts_nothing(small: Shop) -> None:
    response = await small.post("/v1/products:import", Role.SHOP, content=_streamed(IMPORT_LIMIT + 1), headers=NDJSON)
    problem_of(response, 413, "BODY_TOO_LARGE")
    assert not small.services.operations


@pytest.mark.parametrize("length", ["abc", "-1", "9" * 19, "1 2"])
async def test_a_content_length_that_is_no_length_is_refused(small: Shop, length: str) -> None:
    response = await small.post("/v1/events", Role.SHOP, content=b"{}", headers={**JSON, "Content-Length": length})
    problem_of(response, 400, "INVALID_ARGUMENT")
