"""Imports, product edits, insights."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import structlog

from gateway.parameters import MAP_VALUE_LIMIT
from gateway.principals import Role
from gateway.schemas.merchandising import QueryCourse
from gateway.uploads import PIECE_LIMIT_BYTES
from services.chassis.errors import InvalidArgumentError
from tests.fakes.gateway_shop import Shop, problem_of

NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv; charset=utf-8"}


async def _pieces(size: int, step: int) -> AsyncIterator[bytes]:
    for at in range(0, size, step):
        yield bytes([at // step % 251]) * min(step, size - at)


async def test_an_import_is_accepted_as_an_operation_to_look_at(shop: Shop) -> None:
    response = await shop.post("/v1/products:import", Role.SHOP, content=b'{"id":"p-1"}\n', headers=NDJSON)
    assert response.status_code == 202
    operation = response.json()
    assert response.headers["location"] == f"/v1/operations/{operation['id']}"
    assert operation["id"].startswith("search.")
    assert (operation["done"], operation["progress"]["total_bytes"]) == (False, 13)
    assert (await shop.get(response.headers["location"], Role.SHOP)).json() == operation


@pytest.mark.parametrize(
    ("noun", "rpc", "service"),
    [
        ("products", "ImportProducts", "search"),
        ("customers", "ImportCustomers", "knowledge"),
        ("orders", "ImportOrders", "orders"),
        ("events", "ImportUserEvents", "knowledge"),
    ],
)
async def test_each_import_goes_to_its_owner_with_its_columns_and_options(
    shop: Shop, noun: str, rpc: str, service: str
) -> None:
    parameters = {
        "dry_run": "true",
        "shop": "second",
        "channel": "store",
        "column.order_number": "InvoiceNo",
        "column.price": "单价 (¥)",
        "option.cancelled_prefix": "C",
        "synthetic": "true",
    }
    response = await shop.post(f"/v1/{noun}:import", Role.SHOP, content=b"a,b\n", headers=CSV, params=parameters)
    assert response.json()["id"].startswith(f"{service}.")
    config = shop.services.last(rpc)
    assert (config.format, config.shop, config.channel, config.dry_run) == (2, "second", "store", True)
    assert dict(config.columns) == {"order_number": "InvoiceNo", "price": "单价 (¥)"}
    assert dict(config.options) == {"cancelled_prefix": "C"}
    assert (config.owner, config.synthetic) == ("owner-shop", True)


async def test_a_load_testers_import_is_synthetic_whatever_it_says(shop: Shop) -> None:
    await shop.post("/v1/orders:import", Role.LOAD, content=b"{}", headers=NDJSON, params={"synthetic": "false"})
    assert shop.services.last("ImportOrders").synthetic


async def test_a_large_body_goes_on_in_pieces_and_arrives_whole(shop: Shop) -> None:
    size, step = 3 * PIECE_LIMIT_BYTES + 17, 65_521
    response = await shop.post("/v1/events:import", Role.SHOP, content=_pieces(size, step), headers=NDJSON)
    assert response.status_code == 202
    assert shop.services.uploads[0] == b"".join([piece async for piece in _pieces(size, step)])


async def test_the_same_idempotency_key_answers_the_same_operation_and_other_content_is_a_422(shop: Shop) -> None:
    headers = {**NDJSON, "Idempotency-Key": "nightly-2026-01-05"}
    first = await shop.post("/v1/products:import", Role.SHOP, content=b"{}\n", headers=headers)
    again = await shop.post("/v1/products:import", Role.SHOP, content=b"{}\n", headers=headers)
    assert again.json() == first.json()
    other = await shop.post("/v1/products:import", Role.SHOP, content=b"{ }\n", headers=headers)
    problem_of(other, 422, "REQUEST_ID_REUSED")


async def test_the_idempotency_key_belongs_to_its_owner_and_route(shop: Shop) -> None:
    headers = {**NDJSON, "Idempotency-Key": "k"}
    ids = set()
    for role in (Role.SHOP, Role.LOAD):
        for noun in ("products", "orders"):
            await shop.post(f"/v1/{noun}:import", role, content=b"{}\n", headers=headers)
            ids.add(shop.services.last(f"Import{noun.capitalize()}").request_id)
    assert len(ids) == 4


async def test_without_a_key_every_import_is_a_new_one(shop: Shop) -> None:
    ids = [
        (await shop.post("/v1/products:import", Role.SHOP, content=b"{}\n", headers=NDJSON)).json()["id"]
        for _ in range(2)
    ]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("key", ["x" * 256, "tab\there"])
async def test_an_idempotency_key_that_cannot_be_kept_is_refused(shop: Shop, key: str) -> None:
    headers = {**NDJSON, "Idempotency-Key": key}
    response = await shop.post("/v1/products:import", Role.SHOP, content=b"{}", headers=headers)
    problem_of(response, 400, "IDEMPOTENCY_KEY_MALFORMED")


@pytest.mark.parametrize("media_type", ["application/json", "text/tab-separated-values", ""])
async def test_an_import_of_another_type_is_a_415(shop: Shop, media_type: str) -> None:
    response = await shop.post("/v1/products:import", Role.SHOP, content=b"x", headers={"Content-Type": media_type})
    problem_of(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "parameters",
    [
        {"column": "x"},
        {"column.": "x"},
        {"column.Price": "x"},
        {"column.价": "x"},
        {"option.a": "x" * (MAP_VALUE_LIMIT + 1)},
        {f"column.c{number}": "x" for number in range(65)},
        {"channel": "pigeon"},
        {"shop": "x" * 65},
        {"dry_run": "1"},
    ],
)
async def test_an_import_with_unreadable_parameters_starts_nothing(shop: Shop, parameters: dict[str, str]) -> None:
    response = await shop.post("/v1/products:import", Role.SHOP, content=b"x", headers=NDJSON, params=parameters)
    problem_of(response, 400, "INVALID_ARGUMENT")
    assert not shop.services.operations


async def test_64_columns_are_taken(shop: Shop) -> None:
    parameters = {f"column.c{number}": "x" * 256 for number in range(64)}
    response = await shop.post("/v1/orders:import", Role.SHOP, content=b"x", headers=NDJSON, params=parameters)
    assert response.status_code == 202


async def test_what_a_service_says_half_way_through_an_upload_is_the_answer(shop: Shop) -> None:
    shop.services.refuse_upload_after = 1_000_000
    response = await shop.post("/v1/events:import", Role.SHOP, content=_pieces(9_000_000, 60_000), headers=NDJSON)
    problem_of(response, 400, "GROUP_EMPTY")


async def test_an_upload_to_a_service_that_is_down_is_a_503(shop: Shop) -> None:
    shop.services.down.add("search")
    response = await shop.post("/v1/products:import", Role.SHOP, content=_pieces(200_000, 60_000), headers=NDJSON)
    problem_of(response, 503, "SERVICE_UNAVAILABLE")
    assert response.headers["retry-after"] == "1"


async def test_a_client_that_goes_away_in_the_middle_starts_nothing_and_is_no_defect(shop: Shop) -> None:
    coming = [{"type": "http.request", "body": b"{}\n", "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def receive() -> dict[str, object]:
        return coming.pop(0)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"content-type", b"text/csv"), (b"authorization", f"Bearer {shop.keys[Role.SHOP]}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/products:import", "query_string": b"", "headers": headers}
    with structlog.testing.capture_logs() as lines:
        await shop.app(scope, receive, send)
    assert not sent and not shop.services.operations
    assert [(each["log_level"], each["status"]) for each in lines] == [("info", 499)]


async def test_an_edit_names_its_fields_and_answers_the_product_with_its_new_etag(shop: Shop) -> None:
    body = {"price": {"amount": "19.90", "currency": "CNY"}, "available_quantity": 3}
    response = await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, json=body)
    assert response.headers["etag"] == '"v4"'
    product = response.json()
    assert (product["id"], product["price"]) == ("p-1", {"amount": "19.90", "currency": "CNY"})
    assert (product["available_quantity"], product["version"]) == (3, 4)
    assert (product["title"], product["attributes"]) == ({"zh": "奶酪"}, {"size": ["2 L"]})
    asked = shop.services.last("UpdateProduct")
    assert list(asked.update_mask.paths) == ["available_quantity", "price"]
    assert (asked.product.price.units, asked.product.price.nanos) == (19, 900_000_000)
    assert (asked.expected_version, len(asked.request_id)) == (0, 32)


async def test_an_edit_with_if_match_holds_only_for_that_version(shop: Shop) -> None:
    body = {"withdrawn": True}
    taken = await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, json=body, headers={"If-Match": '"v3"'})
    assert taken.status_code == 200
    late = await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, json=body, headers={"If-Match": '"v3"'})
    problem_of(late, 412, "VERSION_MISMATCH")
    assert (await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, json=body, headers={"If-Match": "*"})).is_success


async def test_an_original_price_can_be_taken_away_a_price_cannot(shop: Shop) -> None:
    await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, json={"original_price": None})
    asked = shop.services.last("UpdateProduct")
    assert list(asked.update_mask.paths) == ["original_price"]
    assert not asked.product.HasField("original_price")
    problem_of(await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, json={"price": None}), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"title": {"en": "x"}}, "title"),
        ({"price": {"amount": "-1", "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": "1.999", "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": "1.5", "currency": "JPY"}}, "price.amount"),
        ({"price": {"amount": "NaN", "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": 19.9, "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": "１", "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": "1", "currency": "元"}}, "price.currency"),
        ({"price": {"amount": "1" * 13, "currency": "CNY"}}, "price.amount"),
        ({"available_quantity": -2}, "available_quantity"),
        ({"available_quantity": 1.5}, "available_quantity"),
        ({"available_quantity": "3"}, "available_quantity"),
        ({"availability": "maybe"}, "availability"),
        ({"withdrawn": "yes"}, "withdrawn"),
        ([], "body"),
        ("x", "body"),
    ],
)
async def test_an_edit_that_cannot_be_is_refused_by_field(shop: Shop, body: object, field: str) -> None:
    response = await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, json=body)
    problem = problem_of(response, 400, "INVALID_ARGUMENT")
    assert problem["errors"][0]["field"] == field
    assert not shop.services.asked


async def test_an_edit_that_is_no_json_is_refused(shop: Shop) -> None:
    headers = {"Content-Type": "application/json"}
    response = await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, content=b"{'a': 1}", headers=headers)
    problem_of(response, 400, "MALFORMED_JSON")


async def test_the_request_id_in_the_body_is_the_idempotency_key(shop: Shop) -> None:
    ids = []
    for extra in ({"json": {"withdrawn": True, "request_id": "a"}}, {"headers": {"Idempotency-Key": "a"}}):
        await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, **{"json": {"withdrawn": True}, **extra})
        ids.append(shop.services.last("UpdateProduct").request_id)
    assert ids[0] == ids[1]
    both = {"json": {"withdrawn": True, "request_id": "a"}, "headers": {"Idempotency-Key": "b"}}
    problem_of(await shop.send("PATCH", "/v1/products/p-1", Role.SHOP, **both), 400, "IDEMPOTENCY_KEY_MALFORMED")


async def test_insights_are_asked_by_view_and_window(shop: Shop) -> None:
    parameters = {"view": "empty", "window_days": "7", "language": "zh"}
    response = await shop.get("/v1/insights/queries", Role.STAFF, params=parameters)
    assert response.json()["queries"][0]["query"] == "牛奶"
    asked = shop.services.last("ListQueryInsights")
    assert (asked.view, asked.window_days, asked.page_size, asked.language) == (3, 7, 50, "zh")


@pytest.mark.parametrize("query", ["牛奶", "a/b c", "50% off?"])
async def test_one_query_is_read_day_by_day(shop: Shop, query: str) -> None:
    path = f"/v1/insights/queries/{quote(query, safe='')}"
    response = await shop.get(path, Role.STAFF, params={"window_days": "7"})
    assert set(response.json()) == set(QueryCourse.model_fields)
    asked = shop.services.last("GetQueryCourse")
    assert (asked.query, asked.window_days, asked.language) == (query, 7, "")


async def test_a_bad_page_token_is_the_owners_400(shop: Shop) -> None:
    class BadPageTokenError(InvalidArgumentError):
        reason = "PAGE_TOKEN_INVALID"

    shop.services.failures["ListQueryInsights"] = BadPageTokenError("of another list", field="page_token")
    response = await shop.get("/v1/insights/queries", Role.STAFF, params={"page_token": "x"})
    assert problem_of(response, 400, "PAGE_TOKEN_INVALID")["errors"][0]["field"] == "page_token"
