"""When goods would be there, before they are bought; which are late; and what carriers push of those on their way."""

from http import HTTPStatus
from typing import Final

from zhike.orders.v1 import carrier_service_pb2, promise_service_pb2

from gateway.delivery_clients import ESTIMATE_PROMISE, LIST_LATE_ORDERS, RECEIVE_CARRIER_CALL
from gateway.endpoints import JSON, Answer, Body, Call, Endpoint, json_answer
from gateway.limits import Rate
from gateway.parameters import PAGE_TOKEN, Integer, Query, Text
from gateway.principals import ANYONE, DESK, PUBLIC
from gateway.public_form import public_form
from gateway.schemas.promises import CarrierAcknowledgement, LateOrders, ProductPromise
from services.chassis.errors import NotFoundError

PRODUCT_ID_LIMIT: Final = 128
CARRIER_LIMIT: Final = 64
QUANTITY_LIMIT: Final = 100_000
FORM: Final = "application/x-www-form-urlencoded"
CARRIER_RATE: Final = Rate(200.0, 2_000)  # of one sender from one address; its signature is checked by the owner
# What a signature stands in; nothing else of the call's headers goes further.
SIGNED_BY: Final = (b"aftership-hmac-sha256", b"webhook-id", b"webhook-timestamp", b"webhook-signature")
HEADER_LIMIT: Final = 2_048  # characters

PROMISE_QUERY: Final = Query(
    Integer("quantity", "Pieces.", 1, QUANTITY_LIMIT, 1),
    Text("destination", 'A country or its part by ISO 3166 ("CN-31", "US-OH"), or pickup; empty: anywhere.', 8),
)

LATE_QUERY: Final = Query(Integer("page_size", "Orders on a page.", 1, 200, 50), PAGE_TOKEN)


async def estimate_promise(call: Call) -> Answer:
    """Answer when so many pieces would be there, were they ordered now."""
    product_id = call.path["id"]
    if not 0 < len(product_id) <= PRODUCT_ID_LIMIT:
        raise NotFoundError("there is no product of this id", resource="product")
    request = promise_service_pb2.EstimatePromiseRequest(
        product_id=product_id, quantity=call.query["quantity"], destination=call.query["destination"]
    )
    found = await ESTIMATE_PROMISE(call.parts.caller, request)
    return json_answer(public_form(found), headers=((b"cache-control", b"private, max-age=60"),))


async def list_late_orders(call: Call) -> Answer:
    """Answer a page of the orders that are late."""
    request = promise_service_pb2.ListLateOrdersRequest(
        page_size=call.query["page_size"], page_token=call.query["page_token"]
    )
    return json_answer(public_form(await LIST_LATE_ORDERS(call.parts.caller, request)))


async def receive_carrier_call(call: Call) -> Answer:
    """Pass the call on untouched, for its signature is over its bytes, and answer as its sender expects."""
    carrier = call.path["carrier"]
    if not 0 < len(carrier) <= CARRIER_LIMIT:
        raise NotFoundError("no carrier of this name is set up", resource="carrier")
    client = call.scope.get("client")
    call.parts.admission.limiter.take(f"carrier {carrier} {client[0] if client else ''}", CARRIER_RATE)
    media_type = call.check_media_type(JSON, FORM)
    request = carrier_service_pb2.ReceiveCarrierCallRequest(
        carrier=carrier,
        headers={name.decode(): call.header(name)[:HEADER_LIMIT] for name in SIGNED_BY if call.header(name)},
        body=await call.body(media_type),
        shop=call.parts.settings.default_shop,
        trace=call.record.traceparent[:256],
    )
    return Answer((await RECEIVE_CARRIER_CALL(call.parts.caller, request)).json)


ENDPOINTS: Final = (
    Endpoint(
        operation_id="estimatePromise",
        method="GET",
        path="/v1/products/{id:path}/promise",
        tag="storefront",
        summary="Say when a product would be there, before it is bought",
        description="The likely time, the band that holds 80 % of cases, and the promise: the end of the day on which "
        "nine in ten are there; with a confidence and its reasons (docs/orders.md).",
        roles=ANYONE,
        handle=estimate_promise,
        query=PROMISE_QUERY,
        answer=ProductPromise,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="listLateOrders",
        method="GET",
        path="/v1/orders:late",
        tag="desk",
        summary="List the orders that are late",
        description="Those whose delay was told and that are not there yet, the promise that was broken first at the "
        "top. A load test's orders are not among them.",
        roles=DESK,
        handle=list_late_orders,
        query=LATE_QUERY,
        answer=LateOrders,
    ),
    Endpoint(
        operation_id="receiveCarrierCall",
        method="POST",
        path="/v1/carriers/{carrier}/webhook",
        tag="orders",
        summary="Take in what a carrier or a tracking service pushes",
        description="Senders are set up by ZHIKE_ORDERS_CARRIER_SECRETS. `aftership`, `kuaidi100` and `kdniao` write "
        "and sign as these services do; every other sender writes schema.org's ParcelDelivery and signs Standard "
        "Webhooks. A scan that comes again is the same; a word that no table holds is kept as it came.",
        roles=PUBLIC,
        handle=receive_carrier_call,
        body=Body(media_types=(JSON, FORM), description="The call as its sender writes it; at most 1 MiB."),
        answer=CarrierAcknowledgement,
        problems=(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.TOO_MANY_REQUESTS,
        ),
    ),
)
