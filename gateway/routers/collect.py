"""Taking in what shoppers do: the hot write."""

from http import HTTPStatus
from typing import Final

from zhike.knowledge.v1 import user_event_service_pb2 as pb

from gateway.clients import WRITE_USER_EVENTS
from gateway.endpoints import Answer, Body, Call, Endpoint
from gateway.principals import SHOPPERS, STOREFRONT
from gateway.schemas.storefront import EventBatch, EventVerdicts

DEFAULT_CHANNEL: Final = "web"


async def write_events(call: Call) -> Answer:
    """Pass the batch on as it came: the owner reads it once, and its verdicts are the answer."""
    principal = call.principal
    only = call.shopper_identifiers() if principal.role in SHOPPERS else ()
    request = pb.WriteUserEventsRequest(
        json=await call.body(),
        owner=principal.owner,
        only_identifiers=only,
        default_shop=call.shop,
        default_channel=principal.channel or DEFAULT_CHANNEL,
        synthetic=principal.synthetic,
        trace=call.record.traceparent[:256],
    )
    response = await WRITE_USER_EVENTS(call.parts.caller, request)
    return Answer(response.json)


ENDPOINTS: Final = (
    Endpoint(
        operation_id="writeEvents",
        method="POST",
        path="/v1/events",
        tag="events",
        summary="Write up to 500 events",
        description="Each event gets a verdict. What is stored is durable. The same id with the same content again is "
        "a duplicate, which is a success; with other content it is rejected with EVENT_ID_REUSED. A publishable key or "
        "shopper token writes for its own shopper only; other events are rejected with IDENTIFIER_NOT_ALLOWED.",
        roles=STOREFRONT,
        handle=write_events,
        body=Body(EventBatch),
        answer=EventVerdicts,
        headers=("X-Visitor-Id",),
        problems=(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    ),
)
