"""What the operator does with webhooks: targets, their secrets, the log of deliveries, replays.

Each service keeps the targets of its own events (docs/webhooks.md), so its name is in the path.
"""

from http import HTTPStatus
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.idempotency import request_id_of
from gateway.parameters import PAGE_TOKEN, Choice, Flag, Integer, Query
from gateway.principals import OPERATOR_ONLY
from gateway.public_form import public_form
from gateway.schemas.webhooks import (
    NewWebhookTarget,
    Replayed,
    ReplayRequest,
    RotateSecretRequest,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookTarget,
    WebhookTargetPatch,
    WebhookTargetRequest,
    WebhookTargets,
    WebhookTestRequest,
)
from gateway.webhook_clients import (
    CREATE_WEBHOOK_TARGET,
    DELETE_WEBHOOK_TARGET,
    GET_WEBHOOK_TARGET,
    LIST_WEBHOOK_DELIVERIES,
    LIST_WEBHOOK_TARGETS,
    REPLAY_WEBHOOK_DELIVERIES,
    ROTATE_WEBHOOK_SECRET,
    SEND_WEBHOOK_TEST,
    UPDATE_WEBHOOK_TARGET,
    WEBHOOK_SERVICES,
)
from services.chassis.errors import InvalidArgumentError, NotFoundError

ID_LIMIT: Final = 64  # characters
DELIVERIES_QUERY: Final = Query(
    Choice(
        "state", "Deliveries of one state; all without it.", ("waiting", "sending", "delivered", "dead", "cancelled")
    ),
    Flag("body", "Also what is sent: it may be personal data. At most 20 on a page then."),
    Integer("page_size", "Deliveries on a page.", 1, 200, 50),
    PAGE_TOKEN,
)
_STATES: Final = {"enabled": pb.TARGET_STATE_ENABLED, "disabled": pb.TARGET_STATE_DISABLED}


async def create_webhook_target(call: Call) -> Answer:
    """Make a target and show its secret once."""
    service, asked = _service_in(call), await call.model(WebhookTargetRequest)
    request = pb.CreateTargetRequest(
        url=asked.url,
        event_types=asked.event_types,
        owner=asked.owner,
        request_id=request_id_of(call, asked.request_id),
    )
    made = await call.parts.caller.call(CREATE_WEBHOOK_TARGET[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    location = f"/v1/webhooks/{service}/targets/{made.target.id}".encode()
    return json_answer(_with_secret(made), status=HTTPStatus.CREATED, headers=((b"location", location),))


async def list_webhook_targets(call: Call) -> Answer:
    """Answer every target of a service."""
    method = LIST_WEBHOOK_TARGETS[_service_in(call)]
    listed = await call.parts.caller.call(method, pb.ListTargetsRequest(), timeout_ms=READ_TIMEOUT_MS)
    return json_answer(public_form(listed))


async def get_webhook_target(call: Call) -> Answer:
    """Answer a target."""
    method, request = GET_WEBHOOK_TARGET[_service_in(call)], pb.GetTargetRequest(id=_target_in(call))
    found = await call.parts.caller.call(method, request, timeout_ms=READ_TIMEOUT_MS)
    return json_answer(public_form(found))


async def update_webhook_target(call: Call) -> Answer:
    """Change the fields that the body names."""
    service, target_id = _service_in(call), _target_in(call)
    patch = await call.model(WebhookTargetPatch)
    named = sorted(patch.model_fields_set)
    if not named:
        raise InvalidArgumentError("name at least one field to change", field="body")
    target = pb.Target(id=target_id)
    for field in named:
        value: Any = getattr(patch, field)
        if value is None:
            raise InvalidArgumentError(f"{field} cannot be taken away", field=field)
        if field == "event_types":
            target.event_types.extend(value)
        else:
            setattr(target, field, _STATES[value] if field == "state" else value)
    request = pb.UpdateTargetRequest(target=target, update_mask=FieldMask(paths=named))
    method = UPDATE_WEBHOOK_TARGET[service]
    changed = await call.parts.caller.call(method, request, timeout_ms=WRITE_TIMEOUT_MS)
    return json_answer(public_form(changed))


async def delete_webhook_target(call: Call) -> Answer:
    """Delete a target and cancel what waits for it."""
    method, request = DELETE_WEBHOOK_TARGET[_service_in(call)], pb.DeleteTargetRequest(id=_target_in(call))
    await call.parts.caller.call(method, request, timeout_ms=WRITE_TIMEOUT_MS)
    return Answer(b"", status=HTTPStatus.NO_CONTENT)


async def rotate_webhook_secret(call: Call) -> Answer:
    """Make a new secret and show it once."""
    service, target_id = _service_in(call), _target_in(call)
    asked = await call.model(RotateSecretRequest)
    request = pb.RotateSecretRequest(
        id=target_id, overlap_s=asked.overlap_s, request_id=request_id_of(call, asked.request_id)
    )
    rotated = await call.parts.caller.call(ROTATE_WEBHOOK_SECRET[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    return json_answer(_with_secret(rotated))


async def send_webhook_test(call: Call) -> Answer:
    """Begin the delivery of a test event."""
    service, target_id = _service_in(call), _target_in(call)
    asked = await call.model(WebhookTestRequest)
    request = pb.SendTestRequest(id=target_id, request_id=request_id_of(call, asked.request_id))
    begun = await call.parts.caller.call(SEND_WEBHOOK_TEST[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    return json_answer(public_form(begun), status=HTTPStatus.ACCEPTED)


async def list_webhook_deliveries(call: Call) -> Answer:
    """Answer a page of deliveries; what was sent only when asked."""
    query, state = call.query, call.query["state"]
    request = pb.ListDeliveriesRequest(
        id=_target_in(call),
        state=pb.DeliveryState.Value(f"DELIVERY_STATE_{state.upper()}") if state else pb.DELIVERY_STATE_UNSPECIFIED,
        with_body=query["body"],
        page_size=query["page_size"],
        page_token=query["page_token"],
    )
    method = LIST_WEBHOOK_DELIVERIES[_service_in(call)]
    found = await call.parts.caller.call(method, request, timeout_ms=READ_TIMEOUT_MS)
    return json_answer(public_form(found))


async def replay_webhook_deliveries(call: Call) -> Answer:
    """Begin deliveries anew."""
    service, target_id = _service_in(call), _target_in(call)
    asked = await call.model(ReplayRequest)
    request = pb.ReplayDeliveriesRequest(
        id=target_id, delivery_ids=asked.ids, request_id=request_id_of(call, asked.request_id)
    )
    method = REPLAY_WEBHOOK_DELIVERIES[service]
    changed = await call.parts.caller.call(method, request, timeout_ms=WRITE_TIMEOUT_MS)
    return json_answer(public_form(changed))


def _service_in(call: Call) -> str:
    service = call.path["service"]
    if service not in WEBHOOK_SERVICES:
        raise NotFoundError(f"webhooks are sent by {' and '.join(WEBHOOK_SERVICES)}", resource="service")
    return service


def _target_in(call: Call) -> str:
    target_id = call.path["target"]
    if not 0 < len(target_id) <= ID_LIMIT:
        raise NotFoundError("there is no such target", resource="webhook target")
    return target_id


def _with_secret(made: pb.TargetSecret) -> dict[str, Any]:
    return {**public_form(made.target), "secret": made.secret}


_TARGETS: Final = "/v1/webhooks/{service}/targets"
_TARGET: Final = _TARGETS + "/{target}"

ENDPOINTS: Final = (
    Endpoint(
        operation_id="createWebhookTarget",
        method="POST",
        path=_TARGETS,
        tag="operator",
        summary="Have a service tell somebody of its events",
        description="Calls follow Standard Webhooks. The secret is shown this once.",
        roles=OPERATOR_ONLY,
        handle=create_webhook_target,
        body=Body(WebhookTargetRequest),
        answer=NewWebhookTarget,
        status=HTTPStatus.CREATED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    Endpoint(
        operation_id="listWebhookTargets",
        method="GET",
        path=_TARGETS,
        tag="operator",
        summary="List whom a service tells of its events",
        roles=OPERATOR_ONLY,
        handle=list_webhook_targets,
        answer=WebhookTargets,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="getWebhookTarget",
        method="GET",
        path=_TARGET,
        tag="operator",
        summary="See a webhook target",
        roles=OPERATOR_ONLY,
        handle=get_webhook_target,
        answer=WebhookTarget,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="updateWebhookTarget",
        method="PATCH",
        path=_TARGET,
        tag="operator",
        summary="Change, disable or enable a webhook target",
        description="What waited when it was disabled waits on; what happens while it is disabled is not told.",
        roles=OPERATOR_ONLY,
        handle=update_webhook_target,
        body=Body(WebhookTargetPatch),
        answer=WebhookTarget,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="deleteWebhookTarget",
        method="DELETE",
        path=_TARGET,
        tag="operator",
        summary="Delete a webhook target and cancel what waits for it",
        roles=OPERATOR_ONLY,
        handle=delete_webhook_target,
        status=HTTPStatus.NO_CONTENT,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="rotateWebhookSecret",
        method="POST",
        path=_TARGET + ":rotate-secret",
        tag="operator",
        summary="Give a webhook target a new secret",
        description="It is shown this once. Two live secrets at most; calls are signed with both.",
        roles=OPERATOR_ONLY,
        handle=rotate_webhook_secret,
        body=Body(RotateSecretRequest),
        answer=NewWebhookTarget,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="sendWebhookTest",
        method="POST",
        path=_TARGET + ":test",
        tag="operator",
        summary="Send a webhook target a test event",
        roles=OPERATOR_ONLY,
        handle=send_webhook_test,
        body=Body(WebhookTestRequest),
        answer=WebhookDelivery,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="listWebhookDeliveries",
        method="GET",
        path=_TARGET + "/deliveries",
        tag="operator",
        summary="See what became of each delivery to a webhook target",
        description="Delivered ones are kept for 5 days, dead ones for 30.",
        roles=OPERATOR_ONLY,
        handle=list_webhook_deliveries,
        query=DELIVERIES_QUERY,
        answer=WebhookDeliveries,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="replayWebhookDeliveries",
        method="POST",
        path=_TARGET + "/deliveries:replay",
        tag="operator",
        summary="Begin deliveries to a webhook target anew",
        description="They keep their ids, so a receiver that took one before knows it again.",
        roles=OPERATOR_ONLY,
        handle=replay_webhook_deliveries,
        body=Body(ReplayRequest),
        answer=Replayed,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    ),
)
