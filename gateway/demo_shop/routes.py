"""The demo shop's routes: the page, its files, and the small backend that a shop would run itself.

Mounted with ``demo`` only. The backend stands for the shop's own server: it holds a secret key of scope shop, decides
who the guest is (here by a switch, in a shop by its sign-in), mints shopper tokens, places orders and makes the links
that show them. The page itself uses the public API.
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from zhike.orders.v1 import order_service_pb2

from gateway.clients import BATCH_GET_ORDERS, GET_ORDER
from gateway.demo_shop.checkout import Backend, Checkout, CheckoutForm
from gateway.demo_shop.guests import GuestForm, guest_of
from gateway.demo_shop.order_book import LISTED_LIMIT, OrderBook
from gateway.demo_shop.personas import Persona, load_personas
from gateway.demo_shop.scene_page import scene_page
from gateway.demo_shop.tray import Tray
from gateway.endpoints import Answer, Body, Call, Endpoint, EndpointRoute, Handler, Parts, json_answer
from gateway.keys import KeyName
from gateway.limits import Rate
from gateway.parameters import NO_QUERY, Query, Text
from gateway.principals import PUBLIC, Role
from gateway.public_form import public_form
from gateway.schemas.forms import Read
from services.chassis.documents.port import DocumentStore
from services.chassis.errors import NotFoundError

STATIC: Final = Path(__file__).parent / "static"
TOKEN_LIFE_S: Final = 3_600
CHANNEL: Final = "web"
BROWSER_KEY: Final = "demo-shop-browser"
BACKEND_KEY: Final = "demo-shop-backend"
CSP: Final = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'"
RATE: Final = Rate(20.0, 200)  # of one address; none of these routes asks for a key
SESSION_QUERY: Final = Query(Text("persona", "Whom to be.", 80))


class OrderAccessForm(GuestForm):
    """Which order a guest wants to look at."""

    order_id: Annotated[str, Field(min_length=1, max_length=80)]


class DemoShop:
    """The backend's state: its two keys, fresh with every start, since a key is shown only once, and its order book."""

    def __init__(self, parts: Parts, documents: DocumentStore, *, data: Path) -> None:
        self._parts, self._data = parts, data
        self._book = OrderBook(documents)
        self._checkout = Checkout(parts, self._book, Tray(data))
        self._browser_key = ""
        self._backend: Backend | None = None

    async def open(self) -> None:
        """Make the two keys; those of the last start are revoked."""
        await self._book.open()
        _, self._browser_key = await self._fresh_key(BROWSER_KEY, Role.PUBLISHABLE)
        backend, _ = await self._fresh_key(BACKEND_KEY, Role.SHOP)
        self._backend = Backend(backend.principal, f"{backend.name}.{backend.keys[-1].number}")

    def routes(self) -> Sequence[BaseRoute]:
        """Return what to mount."""
        endpoints = (
            _endpoint("/shop/session", "Be somebody", self._limited(self._session), query=SESSION_QUERY),
            _endpoint("/shop/checkout", "Buy what is in the cart", self._limited(self._buy), CheckoutForm),
            _endpoint("/shop/my-orders", "List the guest's orders", self._limited(self._my_orders), GuestForm),
            _endpoint(
                "/shop/order-access", "Make a link to an order", self._limited(self._order_access), OrderAccessForm
            ),
        )
        return (
            *(EndpointRoute(each, self._parts) for each in endpoints),
            Mount("/shop/static", StaticFiles(directory=STATIC)),
            Route("/shop", _page),
            Route("/shop/scenes", self._scenes),
            Route("/shop/{path:path}", _page),
        )

    def _limited(self, handle: Handler) -> Handler:
        """Return the handler for as many calls as one address may make."""

        async def limited(call: Call) -> Answer:
            client = call.scope.get("client")
            self._parts.admission.limiter.take(f"demo {client[0] if client else ''}", RATE)
            answer: Answer = await handle(call)
            return answer

        return limited

    async def _scenes(self, request: Request) -> Response:
        """Show the scenes to who has no script."""
        client = request.client.host if request.client else ""
        self._parts.admission.limiter.take(f"demo {client}", RATE)
        return await scene_page(request, self._parts, {"Content-Security-Policy": CSP, "Cache-Control": "no-cache"})

    async def _session(self, call: Call) -> Answer:
        personas = load_personas(self._data)
        wanted = call.query["persona"]
        persona = next((each for each in personas if each.id == wanted), None)
        if wanted and persona is None:
            raise NotFoundError("there is no such guest", resource="persona", id=wanted)
        return json_answer(
            {
                "key": self._browser_key,
                "token": self._token(persona) if persona is not None else None,
                "persona": persona.as_json() if persona is not None else None,
                "personas": [each.as_json() for each in personas],
            }
        )

    async def _buy(self, call: Call) -> Answer:
        form = await call.model(CheckoutForm)
        order = await self._checkout.buy(guest_of(form, self._data), form, self._own)
        return json_answer(
            {"order_id": order.id, "number": order.number, **self._access(order.id)}, status=HTTPStatus.CREATED
        )

    async def _my_orders(self, call: Call) -> Answer:
        guest = guest_of(await call.model(GuestForm), self._data)
        ids = [*await self._book.of(guest.name), *guest.past_orders][:LISTED_LIMIT]
        if not ids:
            return json_answer({"orders": []})
        request = order_service_pb2.BatchGetOrdersRequest(ids=ids, view=order_service_pb2.ORDER_VIEW_SHOPPER)
        found = (await BATCH_GET_ORDERS(self._parts.caller, request)).orders
        orders = [{**public_form(order), "events": []} for order in found]
        return json_answer({"orders": sorted(orders, key=lambda order: order["place_time"] or "", reverse=True)})

    async def _order_access(self, call: Call) -> Answer:
        form = await call.model(OrderAccessForm)
        request = order_service_pb2.GetOrderRequest(
            id=form.order_id,
            view=order_service_pb2.ORDER_VIEW_SHOPPER,
            only_identifiers=guest_of(form, self._data).identifiers,
        )
        order = await GET_ORDER(self._parts.caller, request)
        return json_answer({"order_id": order.id, **self._access(order.id)}, status=HTTPStatus.CREATED)

    def _access(self, order_id: str) -> dict[str, object]:
        expire_time = self._parts.clock.now().replace(microsecond=0) + timedelta(seconds=TOKEN_LIFE_S)
        token = self._parts.order_tokens.mint(order_id, self._own.key_id, life_s=TOKEN_LIFE_S)
        return {"token": token, "expire_time": expire_time}

    def _token(self, persona: Persona) -> str:
        own = self._own
        return self._parts.tokens.mint(own.principal, own.key_id, persona.identifiers, life_s=TOKEN_LIFE_S)

    @property
    def _own(self) -> Backend:
        assert self._backend is not None, "open() comes first"
        return self._backend

    async def _fresh_key(self, name: str, role: Role) -> tuple[KeyName, str]:
        keys = self._parts.keys
        stored = await keys.get(name)
        for key in stored.live if stored is not None else ():
            await keys.revoke(f"{name}.{key.number}")
        shop = self._parts.settings.default_shop
        return await keys.create(KeyName(name=name, role=role, shop=shop, channel=CHANNEL, owner=name))


def _endpoint(
    path: str, summary: str, handle: Handler, form: type[Read] | None = None, *, query: Query = NO_QUERY
) -> Endpoint:
    """Return a route of the backend, which belongs to this shop and not to the API."""
    return Endpoint(
        operation_id=f"demo{path.title().replace('/', '').replace('-', '')}",
        method="POST",
        path=path,
        tag="demo",
        summary=summary,
        roles=PUBLIC,
        handle=handle,
        query=query,
        body=Body(form) if form is not None else None,
        documented=False,
    )


async def _page(_request: Request) -> FileResponse:
    """Every address of the shop is the same page; its script shows what the address names."""
    return FileResponse(STATIC / "shop.html", headers={"Content-Security-Policy": CSP, "Cache-Control": "no-cache"})
