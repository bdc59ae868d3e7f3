"""Operations of any service and their error files."""

import pytest

from gateway.principals import Role
from services.chassis.errors import InvalidArgumentError
from tests.fakes.gateway_services import ERROR_LINES
from tests.fakes.gateway_shop import Shop, problem_of


async def _started(shop: Shop) -> str:
    headers = {"Content-Type": "application/x-ndjson"}
    return (await shop.post("/v1/products:import", Role.SHOP, content=b"{}", headers=headers)).json()["id"]


async def test_an_operation_counts_until_it_is_done(shop: Shop) -> None:
    operation_id = await _started(shop)
    shop.services.finish(operation_id)
    operation = (await shop.get(f"/v1/operations/{operation_id}", Role.SHOP)).json()
    assert operation["done"] is True
    progress = operation["progress"]
    assert (progress["rows"], progress["accepted"], progress["rejected"]) == (9, 7, 2)
    assert "error" not in operation


async def test_a_failed_operation_says_why(shop: Shop) -> None:
    operation_id = await _started(shop)
    shop.services.finish(operation_id, error=InvalidArgumentError("no column named id", field="id"))
    error = (await shop.get(f"/v1/operations/{operation_id}", Role.SHOP)).json()["error"]
    assert error == {
        "reason": "INVALID_ARGUMENT",
        "message": "no column named id",
        "domain": "search.zhike",
        "metadata": {"field": "id"},
    }


async def test_the_error_file_is_streamed_when_it_is_complete(shop: Shop) -> None:
    operation_id = await _started(shop)
    problem_of(await shop.get(f"/v1/operations/{operation_id}/errors", Role.SHOP), 409, "OPERATION_RUNNING")
    shop.services.finish(operation_id)
    response = await shop.get(f"/v1/operations/{operation_id}/errors", Role.SHOP)
    assert response.content == b"".join(ERROR_LINES)
    assert response.headers["content-type"] == "application/x-ndjson"


async def test_what_an_operation_made_is_for_an_operator_when_it_is_complete(shop: Shop) -> None:
    operation_id = await _started(shop)
    problem_of(await shop.get(f"/v1/operations/{operation_id}/result", Role.OPERATOR), 409, "OPERATION_RUNNING")
    shop.services.finish(operation_id)
    response = await shop.get(f"/v1/operations/{operation_id}/result", Role.OPERATOR)
    assert response.content == b"".join(ERROR_LINES)
    assert (await shop.get(f"/v1/operations/{operation_id}/result", Role.STAFF)).status_code == 403


async def test_an_import_without_refused_rows_has_an_empty_error_file(shop: Shop) -> None:
    operation_id = await _started(shop)
    shop.services.finish(operation_id, error_file="")
    response = await shop.get(f"/v1/operations/{operation_id}/errors", Role.SHOP)
    assert (response.status_code, response.content) == (200, b"")


async def test_an_error_file_of_a_service_that_went_down_is_a_503(shop: Shop) -> None:
    operation_id = await _started(shop)
    shop.services.finish(operation_id)
    shop.services.failures["ReadArtifact"] = InvalidArgumentError("no such blob", field="digest")
    problem_of(await shop.get(f"/v1/operations/{operation_id}/errors", Role.SHOP), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("operation_id", ["search.none", "pricing.1", "search", "search.", "x" * 300, "搜索.1"])
async def test_an_unknown_operation_is_a_404(shop: Shop, operation_id: str) -> None:
    problem_of(await shop.get(f"/v1/operations/{operation_id}", Role.SHOP), 404, "NOT_FOUND")
    problem_of(await shop.get(f"/v1/operations/{operation_id}/errors", Role.SHOP), 404, "NOT_FOUND")
