"""The routes of orders: what they pass on, who sees what, links that end, streams that go on and end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from io import StringIO
from typing import Any

import orjson
import pytest
from zhike.orders.v1 import order_service_pb2 as pb

from gateway.principals import Role
from gateway.routers import orders
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.logs import configure_logs, reset_logs
from tests.fakes.gateway_services import NO_ORDER_ID, ORDER_ID
from tests.fakes.gateway_shop import SHOPPER_IDENTIFIERS, Shop, problem_of

NEW_ORDER = {
    "number": "7",
    "time": "2026-01-05T10:00:00+08:00",
    "products": [{"id": "p-1", "quantity": 2, "price": {"amount": "3.50", "currency": "CNY"}}],
    "identifiers": ["card:1000231"],
}
NEW_SHIPMENT = {
    "order": {"number": "7"},
    "carrier": "sf-express",
    "tracking_number": "SF1",
    "time": "2026-01-05T10:00:00+08:00",
}
NEW_RETURN = {"order": {"number": "7"}, "time": "2026-01-05T10:00:00+08:00", "items": [{"line": 1, "quantity": 1}]}
READ, STREAM = f"/v1/orders/{ORDER_ID}", f"/v1/orders/{ORDER_ID}/stream"


async def test_an_order_is_placed_as_it_was_told(shop: Shop) -> None:
    response = await shop.post("/v1/orders", Role.SHOP, json=NEW_ORDER, headers={"Idempotency-Key": "k1"})
    assert response.status_code == HTTPStatus.CREATED
    assert response.headers["location"] == READ
    assert (response.json()["id"], response.json()["headline"]) == (ORDER_ID, "shipped")
    request = shop.services.last("CreateOrder")
    assert orjson.loads(request.json) == {
        **NEW_ORDER,
        "products": [{"id": "p-1", "quantity": 2, "price": {"amount": "3.50", "currency": "CNY"}}],
    }
    assert (request.writer.owner, request.writer.default_shop, request.writer.synthetic) == (
        "owner-shop",
        "main",
        False,
    )
    assert len(request.request_id) == 32


async def test_without_a_key_the_natural_key_is_enough(shop: Shop) -> None:
    await shop.post("/v1/orders", Role.SHOP, json=NEW_ORDER)
    assert shop.services.last("CreateOrder").request_id == ""
    await shop.post("/v1/orders", Role.LOAD, json={**NEW_ORDER, "request_id": "in-the-body"})
    request = shop.services.last("CreateOrder")
    assert request.request_id and request.writer.synthetic
    assert b"request_id" not in request.json


@pytest.mark.parametrize(
    ("path", "body", "method"),
    [("/v1/shipments", NEW_SHIPMENT, "CreateShipment"), ("/v1/returns", NEW_RETURN, "CreateReturn")],
)
async def test_parcels_and_returns_are_told(shop: Shop, path: str, body: dict[str, Any], method: str) -> None:
    response = await shop.post(path, Role.SHOP, json=body)
    assert response.status_code == HTTPStatus.CREATED
    assert response.json()["order_id"] == ORDER_ID
    assert orjson.loads(shop.services.last(method).json) == body


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/orders", {**NEW_ORDER, "products": []}, "products"),
        ("/v1/orders", {**NEW_ORDER, "quantitiy": 1}, "quantitiy"),
        ("/v1/orders", {**NEW_ORDER, "products": [{"id": "p", "quantity": -1}]}, "products.0.quantity"),
        ("/v1/orders", {**NEW_ORDER, "products": [{"id": "p"}] * 2_001}, "products"),
        ("/v1/shipments", {**NEW_SHIPMENT, "carrier": "SF!"}, "carrier"),
        ("/v1/shipments", {**NEW_SHIPMENT, "ship_date": "today"}, "ship_date"),
        ("/v1/returns", {**NEW_RETURN, "items": []}, "items"),
    ],
)
async def test_what_is_malformed_is_refused_by_field(shop: Shop, path: str, body: Any, field: str) -> None:
    problem = problem_of(await shop.post(path, Role.SHOP, json=body), HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")
    assert problem["errors"][0]["field"] == field
    assert not shop.services.asked


async def test_facts_are_passed_on_as_they_came(shop: Shop) -> None:
    body = b'{"events": [{"type": "payment-captured"}]}'
    response = await shop.post(
        "/v1/orders/events", Role.SHOP, content=body, headers={"Content-Type": "application/json"}
    )
    assert response.json()["stored"] == 1
    assert shop.services.last("WriteOrderEvents").json == body


@pytest.mark.parametrize("role", [Role.SHOP, Role.STAFF, Role.OPERATOR, Role.LOAD])
async def test_the_shop_sees_everything(shop: Shop, role: Role) -> None:
    response = await shop.get(READ, role)
    assert response.json()["identifiers"] == ["login:u42"]
    request = shop.services.last("GetOrder")
    assert (request.id, request.view, list(request.only_identifiers)) == (ORDER_ID, pb.ORDER_VIEW_SHOP, [])


async def test_an_order_may_be_asked_for_by_its_number(shop: Shop) -> None:
    await shop.get("/v1/orders/number:7", Role.LOAD)
    request = shop.services.last("GetOrder")
    assert (request.id, request.shop, request.number, request.synthetic) == ("", "main", "7", True)


async def test_a_shopper_reads_own_orders_without_what_is_the_shops(shop: Shop) -> None:
    response = await shop.get(READ, Role.SHOPPER)
    assert response.json()["identifiers"] == []
    request = shop.services.last("GetOrder")
    assert (request.view, tuple(request.only_identifiers)) == (pb.ORDER_VIEW_SHOPPER, SHOPPER_IDENTIFIERS)


async def test_another_shoppers_order_is_refused(shop: Shop) -> None:
    token = shop.parts.tokens.mint(
        (await shop.parts.admission.authenticator.identify(_bearer(shop.keys[Role.SHOP]), "")).principal,
        "test-shop.1",
        ["login:other"],
        life_s=60,
    )
    response = await shop.client.get(READ, headers={"Authorization": f"Bearer {token}"})
    problem_of(response, HTTPStatus.FORBIDDEN, "ORDER_NOT_YOURS")


def _bearer(key: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {key}".encode()}


async def test_an_order_is_answered_once_per_version(shop: Shop) -> None:
    first = await shop.get(READ, Role.SHOP)
    assert first.headers["etag"] == '"v1"'
    again = await shop.get(READ, Role.SHOP, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (HTTPStatus.NOT_MODIFIED, b"")
    shop.services.order_versions[ORDER_ID] = 2
    assert (await shop.get(READ, Role.SHOP, headers={"If-None-Match": '"v1"'})).status_code == HTTPStatus.OK


@pytest.mark.parametrize("order_id", [NO_ORDER_ID, "o-" + "x" * 90, "number:" + "9" * 65])
async def test_what_is_not_there_is_not_found(shop: Shop, order_id: str) -> None:
    response = await shop.get(f"/v1/orders/{order_id}", Role.SHOP)
    assert response.status_code == HTTPStatus.NOT_FOUND


async def link(shop: Shop, **body: Any) -> str:
    response = await shop.post(f"{READ}/access-tokens", Role.SHOP, json=body)
    assert response.status_code == HTTPStatus.CREATED
    token: str = response.json()["token"]
    return token


async def test_a_link_shows_its_order_by_header_and_by_query(shop: Shop) -> None:
    token = await link(shop)
    for asked in ({"headers": {"Authorization": f"Bearer {token}"}}, {"params": {"access_token": token}}):
        response = await shop.client.get(READ, **asked)  # type: ignore[arg-type]
        assert response.status_code == HTTPStatus.OK
        assert response.json()["identifiers"] == []
    assert shop.services.last("GetOrder").view == pb.ORDER_VIEW_SHOPPER


async def test_a_link_shows_no_other_order_and_nothing_else(shop: Shop) -> None:
    token = await link(shop)
    other = await shop.client.get("/v1/orders/o-2", params={"access_token": token})
    problem_of(other, HTTPStatus.FORBIDDEN, "TOKEN_FOR_ANOTHER_ORDER")
    by_number = await shop.client.get("/v1/orders/number:7", params={"access_token": token})
    problem_of(by_number, HTTPStatus.FORBIDDEN, "TOKEN_FOR_ANOTHER_ORDER")
    search = await shop.client.get("/v1/search", headers={"Authorization": f"Bearer {token}"})
    problem_of(search, HTTPStatus.FORBIDDEN, "SCOPE_MISSING")
    more = await shop.client.post(f"{READ}/access-tokens", json={}, headers={"Authorization": f"Bearer {token}"})
    problem_of(more, HTTPStatus.FORBIDDEN, "SCOPE_MISSING")


async def test_only_where_it_may_stand_does_a_token_in_the_query_count(shop: Shop) -> None:
    response = await shop.client.get("/v1/suggest", params={"q": "a", "access_token": await link(shop)})
    problem_of(response, HTTPStatus.UNAUTHORIZED, "CREDENTIALS_MISSING")


async def test_a_link_ends_by_time_by_revocation_and_with_its_key(shop: Shop) -> None:
    ending, revoked = await link(shop, life_s=60), await link(shop)
    shop.clock.advance(61)
    problem_of(await shop.client.get(READ, params={"access_token": ending}), HTTPStatus.UNAUTHORIZED, "TOKEN_EXPIRED")
    assert (await shop.client.get(READ, params={"access_token": revoked})).status_code == HTTPStatus.OK
    assert (await shop.send("DELETE", f"{READ}/access-tokens", Role.SHOP)).status_code == HTTPStatus.NO_CONTENT
    problem_of(await shop.client.get(READ, params={"access_token": revoked}), HTTPStatus.UNAUTHORIZED, "TOKEN_REVOKED")
    shop.clock.advance(1)
    orphan = await link(shop)
    await shop.send("DELETE", "/v1/keys/test-shop.1", Role.OPERATOR)
    problem_of(await shop.client.get(READ, params={"access_token": orphan}), HTTPStatus.UNAUTHORIZED, "KEY_REVOKED")


async def test_a_forged_link_is_refused(shop: Shop) -> None:
    for forged in ("ot_x.y", "nonsense", "ot_" + "a" * 600):
        response = await shop.client.get(READ, headers={"Authorization": f"Bearer {forged}"})
        problem_of(response, HTTPStatus.UNAUTHORIZED, "TOKEN_INVALID")


@pytest.mark.parametrize("life_s", [0, 86_401])
async def test_a_links_life_has_bounds(shop: Shop, life_s: int) -> None:
    response = await shop.post(f"{READ}/access-tokens", Role.SHOP, json={"life_s": life_s})
    problem_of(response, HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")


async def test_a_link_stands_in_no_log_and_no_answer(shop: Shop) -> None:
    token = await link(shop)
    lines = StringIO()
    configure_logs("gateway", log_format="json", level="info", stream=lines, for_good=False)
    try:
        await shop.client.get(READ, params={"access_token": token})
        shop.services.failures["GetOrder"] = ZhikeError("a defect")
        failed = await shop.client.get(READ, params={"access_token": token})
        wrong = await shop.client.get(READ, params={"access_token": token, "other": "x"})
        stream = await shop.client.get(STREAM, params={"access_token": token + "x"})
    finally:
        reset_logs()
    secret = token[3:40]
    assert all(secret not in response.text for response in (failed, wrong, stream))
    assert "/v1/orders/{id}" in lines.getvalue()
    assert secret not in lines.getvalue()


class Stream:
    """A browser's EventSource over ASGI: what it was told, and how it leaves."""

    def __init__(self) -> None:
        self.status = 0
        self.raw = b""
        self.left = asyncio.Event()
        self.moved = asyncio.Event()

    async def send(self, sent: Any) -> None:
        if sent["type"] == "http.response.start":
            self.status = sent["status"]
        self.raw += sent.get("body", b"")
        self.moved.set()

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    @property
    def events(self) -> list[tuple[str, str, Any]]:
        """Return (name, id, data) of every event."""
        found = []
        for block in self.raw.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
            if "event" in fields:
                found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
        return found

    async def until_raw(self, part: bytes) -> None:
        """Return once this was sent."""
        async with asyncio.timeout(5):
            while part not in self.raw:
                self.moved.clear()
                if part not in self.raw:
                    await self.moved.wait()

    async def until(self, count: int) -> list[tuple[str, str, Any]]:
        """Return the events once there are so many."""
        async with asyncio.timeout(5):
            while len(self.events) < count:
                self.moved.clear()
                if len(self.events) < count:
                    await self.moved.wait()
        return self.events


@asynccontextmanager
async def watching(
    shop: Shop, query: str = "", headers: dict[str, str] | None = None, role: Role = Role.ORDER
) -> AsyncIterator[Stream]:
    """Open a stream, and follow the log meanwhile."""
    stream = Stream()
    given = {**shop.headers(role), **(headers or {})}
    scope = {
        "type": "http", "method": "GET", "path": STREAM, "raw_path": STREAM.encode(), "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http", "root_path": "",
    }  # fmt: skip
    following = asyncio.ensure_future(shop.parts.order_streams.run())
    answering = asyncio.ensure_future(shop.app(scope, stream.receive, stream.send))  # type: ignore[arg-type]
    try:
        yield stream
    finally:
        stream.left.set()
        await asyncio.wait({answering}, timeout=5)
        following.cancel()
        await asyncio.wait({following})
    assert answering.done()
    answering.result()


async def moves(shop: Shop) -> int:
    seq = shop.services.order_log.append(ORDER_ID)
    shop.services.order_versions[ORDER_ID] = seq
    return seq


async def test_a_stream_tells_the_order_and_then_each_fact_with_the_order_after_it(shop: Shop) -> None:
    shop.services.order_log.append(ORDER_ID)
    async with watching(shop) as stream:
        first = await stream.until(1)
        assert (first[0][0], first[0][1], first[0][2]["headline"]) == ("order", "1", "shipped")
        assert "events" not in first[0][2]
        await moves(shop)
        told = await stream.until(3)
        assert [(name, seq) for name, seq, _ in told[1:]] == [("fact", "2"), ("order", "2")]
        assert told[1][2]["seq"] == 2
    assert stream.status == HTTPStatus.OK


@pytest.mark.parametrize("how", [{"headers": {"Last-Event-ID": "2"}}, {"query": "after=2"}])
async def test_who_comes_again_is_told_what_was_missed(shop: Shop, how: dict[str, Any]) -> None:
    shop.services.order_versions[ORDER_ID] = 4
    async with watching(shop, **how) as stream:
        told = await stream.until(3)
        assert [(name, seq) for name, seq, _ in told] == [("fact", "3"), ("fact", "4"), ("order", "4")]


async def test_the_header_of_a_browser_that_comes_again_is_newer_than_its_address(shop: Shop) -> None:
    shop.services.order_versions[ORDER_ID] = 4
    async with watching(shop, query="after=1", headers={"Last-Event-ID": "3"}) as stream:
        assert [(name, seq) for name, seq, _ in await stream.until(2)] == [("fact", "4"), ("order", "4")]


@pytest.mark.parametrize("place", ["-1", "x", "1e3", "9" * 16, "２"])
async def test_a_place_that_is_none_is_refused(shop: Shop, place: str) -> None:
    response = await shop.get(STREAM, Role.ORDER, params={"after": place})
    assert response.status_code == HTTPStatus.BAD_REQUEST


async def test_a_stream_is_no_request_in_flight(shop: Shop) -> None:
    async with watching(shop) as stream:
        await stream.until(1)
        value = shop.metrics.registry.get_sample_value
        assert (value("zhike_http_in_flight"), value("zhike_order_streams")) == (0, 1)
    assert (value("zhike_http_in_flight"), value("zhike_order_streams")) == (0, 0)


async def test_a_quiet_stream_is_kept_open_by_a_heartbeat(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "HEARTBEAT_S", 0.01)
    async with watching(shop) as stream:
        await stream.until(1)
        await stream.until_raw(b": \n\n")


@pytest.mark.parametrize(("how", "reason"), [("expire", "TOKEN_EXPIRED"), ("revoke", "CLOSING"), ("stop", "CLOSING")])
async def test_a_stream_ends_with_a_reason(shop: Shop, monkeypatch: pytest.MonkeyPatch, how: str, reason: str) -> None:
    monkeypatch.setattr(orders, "HEARTBEAT_S", 0.01)
    async with watching(shop) as stream:
        await stream.until(1)
        if how == "expire":
            shop.clock.advance(86_401)
        elif how == "revoke":
            await shop.send("DELETE", f"{READ}/access-tokens", Role.SHOP)
        else:
            shop.parts.order_streams.close()
        told = await stream.until(2)
        assert (told[-1][0], told[-1][2]) == ("closing", {"reason": reason})


async def test_a_heartbeat_finds_a_token_that_another_gateway_revoked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "HEARTBEAT_S", 0.01)
    async with watching(shop) as stream:
        await stream.until(1)
        await shop.parts.order_tokens.revoke(ORDER_ID)
        shop.clock.advance(6)  # as long as a verified token is trusted
        assert (await stream.until(2))[-1][2] == {"reason": "TOKEN_REVOKED"}


async def test_a_shopper_follows_own_orders_only(shop: Shop) -> None:
    async with watching(shop, role=Role.SHOPPER) as stream:
        assert (await stream.until(1))[0][2]["identifiers"] == []
    shop.services.failures["GetOrder"] = NotYours("this order is another shopper's")
    problem_of(await shop.get(STREAM, Role.SHOPPER), HTTPStatus.FORBIDDEN, "ORDER_NOT_YOURS")
    assert shop.metrics.registry.get_sample_value("zhike_order_streams") == 0


class NotYours(ZhikeError):
    kind = ErrorKind.FORBIDDEN
    reason = "ORDER_NOT_YOURS"


async def test_a_full_process_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.order_streams.WATCHERS_LIMIT", 0)
    response = await shop.get(STREAM, Role.ORDER)
    problem_of(response, HTTPStatus.SERVICE_UNAVAILABLE, "STREAMS_FULL")
    assert response.headers["retry-after"] == "2"
