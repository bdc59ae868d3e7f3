"""The shop's own server: it places what is in the cart, once, lists a guest's orders and shows nobody else's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from zhike.orders.v1 import order_pb2, order_service_pb2
from zhike.recommendation.v1 import prediction_service_pb2

from gateway.app import build_app
from gateway.demo_shop.personas import PERSONAS_FILE
from gateway.demo_shop.routes import CSP, RATE, DemoShop
from gateway.demo_shop.tray import SECONDS, SECONDS_LEAST, Ticket, Tray
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.errors import ErrorKind, ZhikeError
from tests.fakes.gateway_services import NO_ORDER_ID, FakeServices
from tests.fakes.gateway_shop import OTHER_VISITOR, VISITOR, open_shop, problem_of

CHECKOUT = {"visitor_id": VISITOR, "checkout_id": "0123456789abcdef"}
PERSONA = {
    "id": "h1",
    "sign": "林",
    "name": {"en": "Lin"},
    "text": {"en": "weekly"},
    "identifiers": ["login:u42", "card:1"],
    "orders": ["o-past"],
}
LINE = {"product": {"id": "p-1", "price": {"amount": "3.50", "currency": "USD"}}, "quantity": 2}


class NumberTakenError(ZhikeError):
    kind = ErrorKind.CONFLICT
    reason = "ORDER_NUMBER_TAKEN"


class Services(FakeServices):
    """Orders by number, each of whoever placed it; carts that hold one line until they are bought."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = [LINE]
        self.placed: dict[str, dict[str, Any]] = {}

    def _GetCart(self, request: Any) -> Any:
        return prediction_service_pb2.GetCartResponse(json=orjson.dumps({"lines": self.lines, "total": None}))

    def _CreateOrder(self, request: Any) -> Any:
        body = orjson.loads(request.json)
        if body["number"] in self.placed:
            raise NumberTakenError("the shop has another order of this number")
        self.placed[body["number"]] = body
        self.lines = []
        return order_service_pb2.CreateOrderResponse(order=self._order(body), created=True)

    def _GetOrder(self, request: Any) -> Any:
        known = {each["number"]: each for each in self.placed.values()}
        by_id = {f"o-{number}": each for number, each in known.items()}
        body = by_id.get(request.id) or known.get(request.number)
        if body is None:
            request.id = request.id or NO_ORDER_ID
            return super()._GetOrder(request)
        if request.only_identifiers and not set(request.only_identifiers) & set(body["identifiers"]):
            raise _NotYoursError("this order is another shopper's")
        return self._order(body)

    def _BatchGetOrders(self, request: Any) -> Any:
        by_id = {f"o-{number}": each for number, each in self.placed.items()}
        orders = [self._order(by_id[each]) for each in request.ids if each in by_id]
        past = [order_pb2.Order(id=each, number="past") for each in request.ids if each == "o-past"]
        return order_service_pb2.BatchGetOrdersResponse(orders=[*past, *orders])

    @staticmethod
    def _order(body: dict[str, Any]) -> Any:
        order = order_pb2.Order(id=f"o-{body['number']}", number=body["number"], shop=body["shop"], version=1)
        order.payment.total.currency_code, order.payment.total.units = "USD", 7
        order.place_time.FromJsonString(body["time"])
        order.events.add(id="e-1")
        return order


class _NotYoursError(ZhikeError):
    kind = ErrorKind.FORBIDDEN
    reason = "ORDER_NOT_YOURS"


@dataclass
class Backend:
    client: httpx.AsyncClient
    services: Services
    data: Path

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.client.post(path, json=body)

    async def buy(self, **more: Any) -> dict[str, Any]:
        answer = await self.post("/shop/checkout", {**CHECKOUT, **more})
        assert answer.status_code == HTTPStatus.CREATED, answer.text
        placed: dict[str, Any] = answer.json()
        return placed


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    services, shop = Services(), await open_shop()
    parts = replace(shop.parts, caller=services)
    (tmp_path / PERSONAS_FILE).parent.mkdir(parents=True)
    (tmp_path / PERSONAS_FILE).write_bytes(orjson.dumps([PERSONA]))
    demo = DemoShop(parts, MemoryDocuments(), data=tmp_path)
    await demo.open()
    app = build_app(parts, shop.metrics, pages=demo.routes())
    await shop.client.aclose()
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://zhike") as client:
        yield Backend(client, services, tmp_path)


async def test_the_server_places_what_is_in_the_cart_and_says_that_it_was_paid(backend: Backend) -> None:
    placed = await backend.buy(destination="US-OH")
    asked = orjson.loads(backend.services.last("CreateOrder").json)
    assert asked["products"] == [{"id": "p-1", "quantity": 2, "price": {"amount": "3.50", "currency": "USD"}}]
    assert (asked["identifiers"], asked["shop"], asked["destination"]) == ([f"visitor:{VISITOR}"], "demo", "US-OH")
    assert asked["raw"] == {"simulated": True}
    (fact,) = orjson.loads(backend.services.last("WriteOrderEvents").json)["events"]
    assert (fact["type"], fact["amount"]) == ("payment-captured", {"amount": "7.00", "currency": "USD"})
    assert placed["order_id"] == f"o-{placed['number']}"
    assert Tray(backend.data).ticket(placed["order_id"]) == Ticket(placed["order_id"], SECONDS)


async def test_the_link_that_it_makes_shows_this_order_and_holds_nothing_of_the_guest(backend: Backend) -> None:
    placed = await backend.buy()
    assert VISITOR not in placed["token"]
    headers = {"Authorization": f"Bearer {placed['token']}"}
    shown = await backend.client.get(f"/v1/orders/{placed['order_id']}", headers=headers)
    assert shown.json()["number"] == placed["number"]
    other = await backend.client.get("/v1/orders/o-other", headers=headers)
    problem_of(other, HTTPStatus.FORBIDDEN, "TOKEN_FOR_ANOTHER_ORDER")


async def test_a_checkout_that_is_repeated_is_one_order(backend: Backend) -> None:
    first, again = await backend.buy(), await backend.buy()
    assert first["order_id"] == again["order_id"]
    assert len(backend.services.placed) == 1


async def test_two_checkouts_at_once_are_one_order_too(backend: Backend) -> None:
    number = (await backend.buy())["number"]
    backend.services._GetOrder = _not_yet(backend.services)  # type: ignore[method-assign]
    backend.services.lines = [LINE]
    assert (await backend.buy())["number"] == number
    assert backend.services.count("CreateOrder") == 2
    assert len(backend.services.placed) == 1


async def test_another_checkout_and_another_guest_have_numbers_of_their_own(backend: Backend) -> None:
    numbers = set()
    for more in ({}, {"checkout_id": "fedcba9876543210"}, {"visitor_id": OTHER_VISITOR}, {"persona": "h1"}):
        backend.services.lines = [LINE]
        numbers.add((await backend.buy(**more))["number"])
    assert len(numbers) == 4


async def test_an_empty_cart_is_not_bought(backend: Backend) -> None:
    backend.services.lines = []
    problem_of(await backend.post("/shop/checkout", CHECKOUT), HTTPStatus.PRECONDITION_FAILED, "CART_EMPTY")
    assert not Tray(backend.data).orders()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"visitor_id": VISITOR}, "checkout_id"),
        ({**CHECKOUT, "checkout_id": "short"}, "checkout_id"),
        ({**CHECKOUT, "destination": "the moon"}, "destination"),
        ({**CHECKOUT, "price": "0.01"}, "price"),
        ({**CHECKOUT, "simulation": {"seconds": SECONDS_LEAST - 1}}, "simulation.seconds"),
    ],
)
async def test_what_is_malformed_is_refused_by_field(backend: Backend, body: dict[str, Any], field: str) -> None:
    problem = problem_of(await backend.post("/shop/checkout", body), HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")
    assert problem["errors"][0]["field"] == field
    assert not backend.services.placed


async def test_who_is_nobody_cannot_buy(backend: Backend) -> None:
    body = {**CHECKOUT, "visitor_id": ""}
    problem_of(await backend.post("/shop/checkout", body), HTTPStatus.BAD_REQUEST, "VISITOR_ID_MALFORMED")
    problem_of(await backend.post("/shop/checkout", {**CHECKOUT, "persona": "h9"}), HTTPStatus.NOT_FOUND, "NOT_FOUND")


async def test_a_guest_sees_own_orders_and_those_from_before_without_their_facts(backend: Backend) -> None:
    placed = await backend.buy(persona="h1")
    mine = (await backend.post("/shop/my-orders", {"persona": "h1"})).json()["orders"]
    assert [each["id"] for each in mine] == [placed["order_id"], "o-past"]
    assert all(each["events"] == [] for each in mine)
    others = await backend.post("/shop/my-orders", {"visitor_id": OTHER_VISITOR})
    assert others.json() == {"orders": []}


async def test_a_link_is_made_for_own_orders_alone(backend: Backend) -> None:
    order_id = (await backend.buy())["order_id"]
    asked = {"visitor_id": VISITOR, "order_id": order_id}
    assert (await backend.post("/shop/order-access", asked)).status_code == HTTPStatus.CREATED
    stranger = await backend.post("/shop/order-access", {**asked, "visitor_id": OTHER_VISITOR})
    problem_of(stranger, HTTPStatus.FORBIDDEN, "ORDER_NOT_YOURS")
    nothing = await backend.post("/shop/order-access", {**asked, "order_id": NO_ORDER_ID})
    problem_of(nothing, HTTPStatus.NOT_FOUND, "NOT_FOUND")


async def test_the_page_learns_who_one_may_be_and_no_secret_key(backend: Backend) -> None:
    session = (await backend.post("/shop/session?persona=h1", {})).json()
    assert session["key"].startswith("pk_")
    assert "sk_" not in orjson.dumps(session).decode()
    assert "orders" not in session["persona"]
    unknown = await backend.post("/shop/session?persona=h9", {})
    problem_of(unknown, HTTPStatus.NOT_FOUND, "NOT_FOUND")


async def test_one_address_may_ask_so_often_and_not_once_more(backend: Backend) -> None:
    answers = [await backend.post("/shop/my-orders", {"persona": "h1"}) for _ in range(RATE.burst + 1)]
    assert [answer.status_code for answer in answers[:-1]] == [HTTPStatus.OK] * RATE.burst
    problem_of(answers[-1], HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED")


@pytest.mark.parametrize("path", ["/shop", "/shop/orders", "/shop/orders/o-1"])
async def test_every_address_is_the_page_under_its_policy(backend: Backend, path: str) -> None:
    page = await backend.client.get(path)
    assert page.status_code == HTTPStatus.OK
    assert page.headers["content-security-policy"] == CSP


def _not_yet(services: Services) -> Any:
    """Return a look that finds nothing the first time: another checkout is placing the order at this moment."""
    look, looks = services._GetOrder, iter([True])

    def get(request: Any) -> Any:
        if next(looks, False):
            return FakeServices._GetOrder(services, order_service_pb2.GetOrderRequest(id=NO_ORDER_ID))
        return look(request)

    return get
