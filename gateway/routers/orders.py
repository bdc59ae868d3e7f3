"""Orders: placed, packed, returned and told of by the shop; read and followed by whoever may see them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson
from zhike.orders.v1 import order_service_pb2 as pb

from gateway.clients import CREATE_ORDER, CREATE_RETURN, CREATE_SHIPMENT, GET_ORDER, WRITE_ORDER_EVENTS
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.errors import TokenForAnotherOrderError
from gateway.etag import etag_of, is_unchanged
from gateway.event_stream import HEARTBEAT, HEARTBEAT_S, MEDIA_TYPE, EventStream, message, opening
from gateway.idempotency import request_id_of
from gateway.order_access import LIFE_LIMIT_S
from gateway.order_streams import LiveOrder, Watcher, live_order
from gateway.parameters import Query, Text
from gateway.principals import BACKEND, BACKEND_OR_DESK, ORDER_READERS, Role
from gateway.public_form import public_form
from gateway.schemas.orders import (
    AccessTokenAnswer,
    AccessTokenRequest,
    NewOrder,
    NewReturn,
    NewShipment,
    Order,
    OrderFacts,
    OrderFactVerdicts,
    ReturnReceipt,
    ShipmentReceipt,
)
from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError

ORDER_ID_LIMIT: Final = 80
NUMBER_PREFIX: Final = "number:"
NUMBER_LIMIT: Final = 64
DEFAULT_CHANNEL: Final = "web"
PLACE_CHARACTERS: Final = 15
NOWHERE: Final = -1  # a place before every fact
ACCESS_TOKEN: Final = Text(
    "access_token", "An access token of the order, for who cannot set a header (EventSource, a link).", 512
)
ORDER_QUERY: Final = Query(ACCESS_TOKEN)
STREAM_QUERY: Final = Query(
    ACCESS_TOKEN,
    Text("after", "The number of the last fact that was seen: those after it are told again.", PLACE_CHARACTERS),
)
_SHOPPERS: Final = frozenset({Role.SHOPPER, Role.ORDER})


async def create_order(call: Call) -> Answer:
    """Place an order."""
    asked = await call.model(NewOrder)
    request = pb.CreateOrderRequest(
        json=_json(asked), writer=_writer(call), request_id=_request_id(call, asked.request_id)
    )
    response = await CREATE_ORDER(call.parts.caller, request)
    location = f"/v1/orders/{response.order.id}".encode()
    return json_answer(
        public_form(response.order), status=_status(response.created), headers=((b"location", location),)
    )


async def create_shipment(call: Call) -> Answer:
    """Pack a parcel."""
    asked = await call.model(NewShipment)
    request = pb.CreateShipmentRequest(
        json=_json(asked), writer=_writer(call), request_id=_request_id(call, asked.request_id)
    )
    response = await CREATE_SHIPMENT(call.parts.caller, request)
    return json_answer(public_form(response), status=_status(response.created))


async def create_return(call: Call) -> Answer:
    """Open a return."""
    asked = await call.model(NewReturn)
    request = pb.CreateReturnRequest(
        json=_json(asked), writer=_writer(call), request_id=_request_id(call, asked.request_id)
    )
    response = await CREATE_RETURN(call.parts.caller, request)
    return json_answer(public_form(response), status=_status(response.created))


async def write_order_events(call: Call) -> Answer:
    """Pass the batch on as it came: the owner reads it once, and its verdicts are the answer."""
    request = pb.WriteOrderEventsRequest(json=await call.body(), writer=_writer(call))
    return Answer((await WRITE_ORDER_EVENTS(call.parts.caller, request)).json)


async def get_order(call: Call) -> Answer:
    """Answer the order as it stands, or 304 when the caller has this version."""
    order = await GET_ORDER(call.parts.caller, _order_request(call))
    etag = etag_of(order.version)
    headers = ((b"etag", etag.encode()), (b"cache-control", b"private, no-cache"))
    if is_unchanged(call.header(b"if-none-match"), etag):
        return Answer(b"", status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return json_answer(public_form(order), headers=headers)


async def stream_order(call: Call) -> EventStream:
    """Tell of the order as it moves."""
    request = _order_request(call)
    place = _place(call)
    order_id = request.id or (await GET_ORDER(call.parts.caller, request)).id
    held = ExitStack()
    try:
        watcher = held.enter_context(call.parts.order_streams.watching(order_id))
        request.view = pb.ORDER_VIEW_SHOPPER  # the same for all who watch
        order = live_order(await GET_ORDER(call.parts.caller, request))  # after watching began: nothing is missed
    except BaseException:
        held.close()
        raise
    return EventStream(_told(call, watcher, order, place), release=held.close)


async def create_access_token(call: Call) -> Answer:
    """Make a token that shows this one order."""
    asked = await call.model(AccessTokenRequest)
    order = await GET_ORDER(call.parts.caller, _order_request(call))
    life_s = min(asked.life_s, LIFE_LIMIT_S)
    token = call.parts.order_tokens.mint(order.id, call.identity.key_id, life_s=life_s)
    expire_time = call.parts.clock.now().replace(microsecond=0) + timedelta(seconds=life_s)
    answer = {"token": token, "order_id": order.id, "expire_time": expire_time}
    return json_answer(answer, status=HTTPStatus.CREATED)


async def revoke_access_tokens(call: Call) -> Answer:
    """End every token of the order that was made until now, and the streams that hang on them."""
    order = await GET_ORDER(call.parts.caller, _order_request(call))
    await call.parts.order_tokens.revoke(order.id)
    call.parts.admission.authenticator.forget()
    call.parts.order_streams.close_order(order.id)
    return Answer(b"", status=HTTPStatus.NO_CONTENT)


async def _told(call: Call, watcher: Watcher, order: LiveOrder, place: int) -> AsyncGenerator[bytes, None]:
    """Yield what is told: the facts after a place, the order; then each fact as it comes, with the order after it."""
    yield opening()
    yield b"".join(_news(order, order.version if place == NOWHERE else place))
    place = order.version
    while True:
        watcher.woken.clear()
        if watcher.newest is not None and watcher.newest.version > place:
            yield b"".join(_news(watcher.newest, place))
            place = watcher.newest.version
            continue
        if watcher.closing:
            yield message("closing", orjson.dumps({"reason": "CLOSING"}))
            return
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await watcher.woken.wait()
        except TimeoutError:
            reason = await _why_no_longer(call)
            if reason:
                yield message("closing", orjson.dumps({"reason": reason}))
                return
            yield HEARTBEAT


def _news(order: LiveOrder, place: int) -> list[bytes]:
    facts = [message("fact", fact, id_=str(seq)) for seq, fact in order.after(place)]
    return [*facts, message("order", order.order, id_=str(order.version))]


async def _why_no_longer(call: Call) -> str:
    """Return why the caller may not go on: the token has ended, or it or its key was taken back. "" while it may."""
    client = call.scope.get("client")
    try:
        await call.parts.admission.authenticator.identify(call.headers, client[0] if client else "")
    except ZhikeError as error:
        return error.reason if error.kind is ErrorKind.UNAUTHENTICATED else ""
    return ""


def _place(call: Call) -> int:
    """Return the number of the last fact that the client saw: a browser that comes again says it by its header."""
    header = call.header(b"last-event-id")
    text = header or call.query["after"]
    if not text:
        return NOWHERE
    if not (text.isascii() and text.isdecimal() and len(text) <= PLACE_CHARACTERS):
        field = "Last-Event-ID" if header else "after"
        raise InvalidArgumentError(f"{field} is the id of an event of this stream", field=field)
    return int(text)


def _order_request(call: Call) -> pb.GetOrderRequest:
    """Name the order and who asks. Raises TokenForAnotherOrderError, NotFoundError."""
    text, asker = call.path["id"], call.principal
    if asker.role is Role.ORDER and text != asker.order_id:
        raise TokenForAnotherOrderError("this link shows another order")
    request = pb.GetOrderRequest(view=pb.ORDER_VIEW_SHOPPER if asker.role in _SHOPPERS else pb.ORDER_VIEW_SHOP)
    if asker.role is Role.SHOPPER:
        request.only_identifiers.extend(asker.identifiers)
    number = text.removeprefix(NUMBER_PREFIX)
    if len(text) > ORDER_ID_LIMIT or len(number) > NUMBER_LIMIT:
        raise NotFoundError("there is no order of this id", resource="order")
    if number == text:
        request.id = text
    else:
        request.shop, request.number, request.synthetic = call.shop, number, asker.synthetic
    return request


def _writer(call: Call) -> pb.Writer:
    principal = call.principal
    return pb.Writer(
        owner=principal.owner,
        default_shop=call.shop,
        default_channel=principal.channel or DEFAULT_CHANNEL,
        synthetic=principal.synthetic,
        trace=call.record.traceparent[:256],
    )


def _request_id(call: Call, in_body: str) -> str:
    """Return the idempotency key bound to who writes; "" without one, for the natural key repeats nothing either."""
    return request_id_of(call, in_body) if in_body or call.header(b"idempotency-key") else ""


def _json(asked: Any) -> bytes:
    text: str = asked.model_dump_json(exclude_unset=True, exclude={"request_id"})
    return text.encode()


def _status(created: bool) -> int:
    return HTTPStatus.CREATED if created else HTTPStatus.OK


_WRITE_PROBLEMS: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.PRECONDITION_FAILED)

ENDPOINTS: Final = (
    Endpoint(
        operation_id="createOrder",
        method="POST",
        path="/v1/orders",
        tag="orders",
        summary="Place an order",
        description="Its number is unique within the shop: the same order again answers 200 with the order as it "
        "stands, another of the same number is 409 ORDER_NUMBER_TAKEN.",
        roles=BACKEND,
        handle=create_order,
        body=Body(NewOrder),
        answer=Order,
        status=HTTPStatus.CREATED,
        again=True,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=_WRITE_PROBLEMS,
    ),
    Endpoint(
        operation_id="createShipment",
        method="POST",
        path="/v1/shipments",
        tag="orders",
        summary="Pack a parcel",
        description="Carrier, tracking number and day are unique. Without items the parcel holds all that is open. "
        "What does not fit (more than is open, an order that nobody told of yet) is kept and remarked.",
        roles=BACKEND,
        handle=create_shipment,
        body=Body(NewShipment),
        answer=ShipmentReceipt,
        status=HTTPStatus.CREATED,
        again=True,
        headers=("Idempotency-Key",),
        problems=_WRITE_PROBLEMS,
    ),
    Endpoint(
        operation_id="createReturn",
        method="POST",
        path="/v1/returns",
        tag="orders",
        summary="Open a return",
        roles=BACKEND,
        handle=create_return,
        body=Body(NewReturn),
        answer=ReturnReceipt,
        status=HTTPStatus.CREATED,
        again=True,
        headers=("Idempotency-Key",),
        problems=_WRITE_PROBLEMS,
    ),
    Endpoint(
        operation_id="writeOrderEvents",
        method="POST",
        path="/v1/orders/events",
        tag="orders",
        summary="Tell up to 500 facts about orders",
        description="Each fact gets a verdict. What is malformed by itself is rejected with a reason. What does not "
        "fit the order (an unknown line, more than was open, a carrier's unknown word) is stored with a remark, for it "
        "may only have come early. The same id with the same content again is a duplicate, with other content "
        "EVENT_ID_REUSED; a fact without id is known by its content.",
        roles=BACKEND,
        handle=write_order_events,
        body=Body(OrderFacts),
        answer=OrderFactVerdicts,
        problems=(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    ),
    Endpoint(
        operation_id="getOrder",
        method="GET",
        path="/v1/orders/{id}",
        tag="orders",
        summary="Read an order",
        description="By its id or, for the shop, by its number, `number:1001`. A shopper token reads orders of its "
        "own, an access token the one that it was made for; neither sees identifiers, sources or remarks.",
        roles=ORDER_READERS,
        handle=get_order,
        query=ORDER_QUERY,
        query_token=True,
        answer=Order,
        headers=("If-None-Match",),
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="streamOrder",
        method="GET",
        path="/v1/orders/{id}/stream",
        tag="orders",
        summary="Follow an order as it moves",
        description="Server-sent events: `fact` for each fact (its id is the fact's number), `order` with the order as "
        "it stands after them, `closing` with a reason before the end. Come again with Last-Event-ID, or with `after` "
        "from a page that knows the number: what was missed is told again. A comment every 15 s keeps the line open.",
        roles=ORDER_READERS,
        handle=stream_order,
        query=STREAM_QUERY,
        query_token=True,
        headers=("Last-Event-ID",),
        answer_media_type=MEDIA_TYPE,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="createAccessToken",
        method="POST",
        path="/v1/orders/{id}/access-tokens",
        tag="orders",
        summary="Make a token that shows this one order",
        description="For the link in a mail or message: whoever holds it reads and follows this order, for a day at "
        "most. It holds nothing personal, and ends with the key that made it.",
        roles=BACKEND_OR_DESK,
        handle=create_access_token,
        body=Body(AccessTokenRequest),
        answer=AccessTokenAnswer,
        status=HTTPStatus.CREATED,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="revokeAccessTokens",
        method="DELETE",
        path="/v1/orders/{id}/access-tokens",
        tag="orders",
        summary="End every token of the order that was made until now",
        roles=BACKEND_OR_DESK,
        handle=revoke_access_tokens,
        status=HTTPStatus.NO_CONTENT,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
)
