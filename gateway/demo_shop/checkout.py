"""What the shop's own server does when a guest buys: it places the order, says that it was paid, and has it made.

The page says neither prices nor what is in the cart: the server reads the cart itself. A checkout has an id of the
page's own, so that one that is repeated because its answer was lost is the same order. No money moves, and what is told
of an order is labelled as simulated.
"""

import asyncio
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any, Final

import orjson
from pydantic import Field
from zhike.orders.v1 import order_pb2, order_service_pb2
from zhike.recommendation.v1 import prediction_service_pb2

from gateway.clients import CREATE_ORDER, GET_CART, GET_ORDER, WRITE_ORDER_EVENTS
from gateway.demo_shop.guests import Guest, GuestForm
from gateway.demo_shop.order_book import OrderBook
from gateway.demo_shop.tray import SECONDS, SECONDS_LEAST, SECONDS_MOST, Ticket, Tray
from gateway.endpoints import Parts
from gateway.principals import Principal
from gateway.public_form import money_to_json
from gateway.schemas.forms import Read
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.logs import get_log

DEMO_SHOP: Final = "demo"  # the shop of the demo's data
CHANNEL: Final = "web"
SOURCE: Final = "demo-shop"
RAW: Final = {"simulated": True}
NUMBER_BYTES: Final = 5
NUMBER_TAKEN: Final = "ORDER_NUMBER_TAKEN"

log = get_log("demo-shop")


class CartEmptyError(ZhikeError):
    """There is nothing to buy."""

    kind = ErrorKind.PRECONDITION
    reason = "CART_EMPTY"


class SimulationForm(Read):
    """How the simulated workshop and carrier are to go about an order."""

    seconds: Annotated[float, Field(ge=SECONDS_LEAST, le=SECONDS_MOST, description="From the till to the door.")] = (
        SECONDS
    )
    late: Annotated[bool | None, Field(description="The workshop announces a delay.")] = None


class CheckoutForm(GuestForm):
    """What the page says when somebody buys."""

    checkout_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
    destination: Annotated[str, Field(pattern="^(|pickup|[A-Z]{2}(-[A-Z0-9]{1,3})?)$")] = ""
    simulation: SimulationForm = SimulationForm()


@dataclass(frozen=True, slots=True)
class Backend:
    """The shop's server as the platform knows it: its key, of scope shop."""

    principal: Principal
    key_id: str


class Checkout:
    """Buys what is in a cart."""

    def __init__(self, parts: Parts, book: OrderBook, tray: Tray) -> None:
        self._parts, self._book, self._tray = parts, book, tray

    async def buy(self, guest: Guest, form: CheckoutForm, backend: Backend) -> order_pb2.Order:
        """Return the order, which is placed, paid and in the workshop's tray; the same again for the same checkout.

        Raises CartEmptyError, and what the services raise.
        """
        number = _number(guest, form.checkout_id)
        order = await self._known(number)
        if order is None:
            order = await self._place(number, guest, form, backend)
        await self._pay(order, backend)
        await self._book.note(order.id, guest.name, placed_us=order.place_time.ToMicroseconds())
        ticket = Ticket(order.id, form.simulation.seconds, form.simulation.late)
        if not await asyncio.to_thread(self._tray.put, ticket):
            log.warning("the workshop's tray is full", order=order.id)
        return order

    async def _known(self, number: str) -> order_pb2.Order | None:
        request = order_service_pb2.GetOrderRequest(
            shop=DEMO_SHOP, number=number, view=order_service_pb2.ORDER_VIEW_SHOPPER
        )
        try:
            return await GET_ORDER(self._parts.caller, request)
        except ZhikeError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
        return None

    async def _place(self, number: str, guest: Guest, form: CheckoutForm, backend: Backend) -> order_pb2.Order:
        body: dict[str, Any] = {
            "number": number,
            "shop": DEMO_SHOP,
            "time": self._parts.clock.now().isoformat(timespec="milliseconds"),
            "channel": CHANNEL,
            "identifiers": list(guest.identifiers),
            "products": await self._lines(guest),
            "raw": RAW,
        }
        if form.destination:
            body["destination"] = form.destination
        request = order_service_pb2.CreateOrderRequest(json=orjson.dumps(body), writer=_writer(backend))
        try:
            return (await CREATE_ORDER(self._parts.caller, request)).order
        except ZhikeError as error:
            order = await self._known(number) if error.reason == NUMBER_TAKEN else None
            if order is None:
                raise
            return order  # this very checkout, a moment ago

    async def _lines(self, guest: Guest) -> list[dict[str, Any]]:
        request = prediction_service_pb2.GetCartRequest(language="en")
        request.shopper.identifiers.extend(guest.identifiers)
        request.shopper.shop, request.shopper.channel = DEMO_SHOP, CHANNEL
        cart = orjson.loads((await GET_CART(self._parts.caller, request)).json)
        if not cart["lines"]:
            raise CartEmptyError("there is nothing in the cart")
        return [
            {"id": line["product"]["id"], "quantity": line["quantity"], "price": line["product"]["price"]}
            for line in cart["lines"]
        ]

    async def _pay(self, order: order_pb2.Order, backend: Backend) -> None:
        fact = {
            "id": f"{order.number}-paid",
            "type": "payment-captured",
            "source": SOURCE,
            "time": order.place_time.ToJsonString(),
            "order": {"number": order.number, "shop": order.shop},
            "amount": money_to_json(order.payment.total),
            "raw": RAW,
        }
        request = order_service_pb2.WriteOrderEventsRequest(
            json=orjson.dumps({"events": [fact]}), writer=_writer(backend)
        )
        await WRITE_ORDER_EVENTS(self._parts.caller, request)


def _number(guest: Guest, checkout_id: str) -> str:
    """Return the order's number: the same for the same checkout of the same guest."""
    text = f"{guest.name}\n{checkout_id}"
    return f"W-{blake2b(text.encode(), digest_size=NUMBER_BYTES).hexdigest().upper()}"


def _writer(backend: Backend) -> order_service_pb2.Writer:
    return order_service_pb2.Writer(owner=backend.principal.owner, default_shop=DEMO_SHOP, default_channel=CHANNEL)
