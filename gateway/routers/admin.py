"""What the operator does: keys, models, operations, rebuilds, and how everything stands."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson
from google.longrunning import operations_pb2
from zhike.chassis.v1 import event_log_service_pb2, system_service_pb2
from zhike.recommendation.v1 import model_service_pb2

from gateway.clients import (
    GET_LOG_EVENT,
    GET_SYSTEM_STATUS,
    LIST_DEAD_LETTERS,
    LIST_MODELS,
    PROBE_TIMEOUT_MS,
    PROMOTE_MODEL,
    READ_TIMEOUT_MS,
    REBUILD_PROJECTION,
    REDRIVE_DEAD_LETTERS,
    SCORE_CUSTOMERS,
    SERVICES,
    TRAIN_MODEL,
    WRITE_TIMEOUT_MS,
)
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.etag import etag_of, expected_version
from gateway.idempotency import request_id_of
from gateway.keys import KeyName, StoredKey
from gateway.operation_form import accepted
from gateway.parameters import PAGE_TOKEN, Flag, Integer, Query, Text
from gateway.principals import DESK, OPERATOR_ONLY, Role
from gateway.public_form import public_form
from gateway.schemas.admin import (
    DeadLetters,
    KeyRequest,
    Keys,
    Model,
    Models,
    NewKey,
    PromoteRequest,
    RebuildRequest,
    RedriveRequest,
    ScoreRequest,
    System,
    TrainRequest,
)
from gateway.schemas.forms import Operation
from services.chassis.errors import InvalidArgumentError, NotFoundError
from services.chassis.status import RemoteError
from services.chassis.version import software_version

MODELS_QUERY: Final = Query(Integer("page_size", "Versions on a page.", 1, 100, 20), PAGE_TOKEN)

LETTERS_QUERY: Final = Query(
    Text("projection", "A projection of the service; all without one.", limit=64),
    Flag("payload", "Also what the failure said and what the event says: personal data."),
    Integer("page_size", "Dead letters on a page.", 1, 200, 50),
    PAGE_TOKEN,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def create_key(call: Call) -> Answer:
    """Make a key and show it once."""
    asked = await call.model(KeyRequest)
    if (asked.kind == "secret") is (asked.scope is None):
        raise InvalidArgumentError("a secret key has a scope, a publishable key has none", field="scope")
    wanted = KeyName(
        name=asked.name,
        role=Role(asked.scope) if asked.scope else Role.PUBLISHABLE,
        shop=asked.shop or call.parts.settings.default_shop,
        channel=asked.channel,
        owner=asked.owner or asked.name,
    )
    stored, text = await call.parts.keys.create(wanted)
    form = _key_form(stored, stored.keys[-1])
    location = f"/v1/keys/{form['id']}".encode()
    return json_answer({**form, "key": text}, status=HTTPStatus.CREATED, headers=((b"location", location),))


async def list_keys(call: Call) -> Answer:
    """Answer all keys without their secrets."""
    names = await call.parts.keys.list()
    return json_answer({"keys": [_key_form(name, key) for name in names for key in name.keys]})


async def revoke_key(call: Call) -> Answer:
    """Take a key back, at once in this process."""
    await call.parts.keys.revoke(call.path["id"])
    call.parts.admission.authenticator.forget()
    return Answer(b"", status=HTTPStatus.NO_CONTENT)


async def list_models(call: Call) -> Answer:
    """Answer model versions."""
    request = model_service_pb2.ListModelsRequest(
        page_size=call.query["page_size"], page_token=call.query["page_token"]
    )
    models = await LIST_MODELS(call.parts.caller, request)
    number = models.promotions[0].number if models.promotions else 0
    return json_answer(public_form(models), headers=((b"etag", etag_of(number).encode()),))


async def train_model(call: Call) -> Answer:
    """Start a training."""
    asked = await call.model(TrainRequest)
    request = model_service_pb2.TrainModelRequest(
        engine=asked.engine,
        sweep=asked.sweep,
        dry_run=asked.dry_run,
        request_id=request_id_of(call, asked.request_id),
        actor=call.principal.name,
    )
    return accepted(await TRAIN_MODEL(call.parts.caller, request))


async def score_customers(call: Call) -> Answer:
    """Start a scoring."""
    asked = await call.model(ScoreRequest)
    request = model_service_pb2.ScoreCustomersRequest(
        engine=asked.engine, count=asked.count, request_id=request_id_of(call, asked.request_id)
    )
    return accepted(await SCORE_CUSTOMERS(call.parts.caller, request))


async def promote_model(call: Call) -> Answer:
    """Put a version in force by hand."""
    asked = await call.model(PromoteRequest)
    request = model_service_pb2.PromoteModelRequest(
        version=call.path["version"],
        reason=asked.reason,
        actor=call.principal.name,
        expected_number=expected_version(call.header(b"if-match")),
    )
    return json_answer(public_form(await PROMOTE_MODEL(call.parts.caller, request)))


async def rebuild_projection(call: Call) -> Answer:
    """Start the rebuild of a projection."""
    asked = await call.model(RebuildRequest)
    service = _service_in(call)
    request = system_service_pb2.RebuildProjectionRequest(
        projection=call.path["projection"], request_id=request_id_of(call, asked.request_id)
    )
    operation: operations_pb2.Operation = await call.parts.caller.call(
        REBUILD_PROJECTION[service], request, timeout_ms=WRITE_TIMEOUT_MS
    )
    return accepted(operation)


async def list_dead_letters(call: Call) -> Answer:
    """Answer what the readers of a service set aside; the events themselves, from their owners, only when asked."""
    with_payload = call.query["payload"]
    request = system_service_pb2.ListDeadLettersRequest(
        projection=call.query["projection"],
        page_size=call.query["page_size"],
        page_token=call.query["page_token"],
        with_message=with_payload,
    )
    page = await call.parts.caller.call(LIST_DEAD_LETTERS[_service_in(call)], request, timeout_ms=READ_TIMEOUT_MS)
    letters = [public_form(each) for each in page.dead_letters]
    if with_payload:
        letters = await asyncio.gather(*(_with_event(call, letter) for letter in letters))
    else:
        for letter in letters:
            del letter["message"]
    return json_answer({"dead_letters": letters, "next_page_token": page.next_page_token})


async def redrive_dead_letters(call: Call) -> Answer:
    """Start the redrive of dead letters of a projection."""
    asked = await call.model(RedriveRequest)
    service = _service_in(call)
    request = system_service_pb2.RedriveDeadLettersRequest(
        projection=call.path["projection"], ids=asked.ids, request_id=request_id_of(call, asked.request_id)
    )
    operation: operations_pb2.Operation = await call.parts.caller.call(
        REDRIVE_DEAD_LETTERS[service], request, timeout_ms=WRITE_TIMEOUT_MS
    )
    return accepted(operation)


async def get_system(call: Call) -> Answer:
    """Ask every service at once; one that is missing is marked, it does not spoil the rest."""
    services = await asyncio.gather(*(_service_status(call, service) for service in SERVICES))
    own = {
        "pid": os.getpid(),
        "start_time": call.parts.start_time,
        "version": software_version(),
        "degraded": dict(call.parts.readiness.degraded),
    }
    ready = all(each["ready"] for each in services)
    return json_answer({"ready": ready, "services": services, "gateway": own})


async def _service_status(call: Call, service: str) -> dict[str, Any]:
    try:
        status = await call.parts.caller.call(
            GET_SYSTEM_STATUS[service], system_service_pb2.GetSystemStatusRequest(), timeout_ms=PROBE_TIMEOUT_MS
        )
    except RemoteError as error:
        return {"service": service, "ready": False, "reason": error.reason}
    return {**public_form(status), "service": service, "reason": ""}


def _service_in(call: Call) -> str:
    service = call.path["service"]
    if service not in SERVICES:
        raise NotFoundError(f"the services are {', '.join(SERVICES)}", resource="service")
    return service


async def _with_event(call: Call, letter: dict[str, Any]) -> dict[str, Any]:
    """Add what the event says; an owner that is missing is marked, it does not spoil the list."""
    request = event_log_service_pb2.GetLogEventRequest(
        log=letter["log"], partition=letter["partition"], seq=letter["seq"], key=letter["id"]
    )
    try:
        event = await call.parts.caller.call(GET_LOG_EVENT[letter["log_owner"]], request, timeout_ms=PROBE_TIMEOUT_MS)
    except RemoteError as error:
        return {**letter, "event": None, "event_problem": error.reason}
    form = {
        "shop": event.shop,
        "channel": event.channel,
        "subject": event.subject,
        "occurred_time": _EPOCH + timedelta(microseconds=event.occurred_time_us),
        "recorded_time": _EPOCH + timedelta(microseconds=event.recorded_time_us),
        "payload": orjson.Fragment(event.payload),
    }
    return {**letter, "event": form, "event_problem": ""}


def _key_form(name: KeyName, key: StoredKey) -> dict[str, Any]:
    publishable = name.role is Role.PUBLISHABLE
    times: dict[str, datetime | None] = {"create_time": key.create_time, "revoke_time": key.revoke_time}
    return {
        "id": f"{name.name}.{key.number}",
        "name": name.name,
        "kind": "publishable" if publishable else "secret",
        "scope": None if publishable else name.role.value,
        "shop": name.shop,
        "channel": name.channel,
        "owner": name.owner,
        **times,
    }


ENDPOINTS: Final = (
    Endpoint(
        operation_id="createKey",
        method="POST",
        path="/v1/keys",
        tag="operator",
        summary="Make an API key",
        description="The text is shown this once; only its hash is kept. Two live keys per name, for rotation.",
        roles=OPERATOR_ONLY,
        handle=create_key,
        body=Body(KeyRequest),
        answer=NewKey,
        status=HTTPStatus.CREATED,
        answer_headers=("Location",),
        problems=(HTTPStatus.CONFLICT,),
    ),
    Endpoint(
        operation_id="listKeys",
        method="GET",
        path="/v1/keys",
        tag="operator",
        summary="List API keys",
        roles=OPERATOR_ONLY,
        handle=list_keys,
        answer=Keys,
    ),
    Endpoint(
        operation_id="revokeKey",
        method="DELETE",
        path="/v1/keys/{id}",
        tag="operator",
        summary="Revoke an API key",
        description="It and the shopper tokens that it made stop working at once in this process.",
        roles=OPERATOR_ONLY,
        handle=revoke_key,
        status=HTTPStatus.NO_CONTENT,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="listModels",
        method="GET",
        path="/v1/models",
        tag="operator",
        summary="List model versions, newest first",
        description="`promotions` says what was put in force by whom; the ETag counts them.",
        roles=DESK,
        handle=list_models,
        query=MODELS_QUERY,
        answer=Models,
        answer_headers=("ETag",),
    ),
    Endpoint(
        operation_id="trainModel",
        method="POST",
        path="/v1/models:train",
        tag="operator",
        summary="Train a model version; it is promoted if it earns it",
        roles=OPERATOR_ONLY,
        handle=train_model,
        body=Body(TrainRequest),
        answer=Operation,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.UNPROCESSABLE_ENTITY,),
    ),
    Endpoint(
        operation_id="scoreCustomers",
        method="POST",
        path="/v1/models:score",
        tag="operator",
        summary="Recommend to every consenting customer by the model in force",
        description="For mailings and systems downstream; the lists are NDJSON at /v1/operations/{id}/result.",
        roles=OPERATOR_ONLY,
        handle=score_customers,
        body=Body(ScoreRequest),
        answer=Operation,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.UNPROCESSABLE_ENTITY,),
    ),
    Endpoint(
        operation_id="promoteModel",
        method="POST",
        path="/v1/models/{version}:promote",
        tag="operator",
        summary="Put a model version in force by hand",
        description="An older one too: that is how one rolls back. With If-Match, the ETag of the list, only if "
        "nothing else was put in force meanwhile.",
        roles=OPERATOR_ONLY,
        handle=promote_model,
        body=Body(PromoteRequest),
        answer=Model,
        headers=("If-Match",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="rebuildProjection",
        method="POST",
        path="/v1/system/{service}/projections/{projection}:rebuild",
        tag="operator",
        summary="Build a projection anew from its log",
        roles=OPERATOR_ONLY,
        handle=rebuild_projection,
        body=Body(RebuildRequest),
        answer=Operation,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="listDeadLetters",
        method="GET",
        path="/v1/system/{service}/dead-letters",
        tag="operator",
        summary="List the events that readers of a service set aside",
        description="A reader that fails at an event five times sets it aside and goes on. Without personal data "
        "unless `payload` is asked for.",
        roles=OPERATOR_ONLY,
        handle=list_dead_letters,
        query=LETTERS_QUERY,
        answer=DeadLetters,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="redriveDeadLetters",
        method="POST",
        path="/v1/system/{service}/projections/{projection}/dead-letters:redrive",
        tag="operator",
        summary="Have events that were set aside applied after all",
        description="Each is appended to its log again and counts once; one that fails again is a dead letter again. "
        "The operation counts `accepted` (applied), `duplicate` (applied before) and `rejected` (still dead letters).",
        roles=OPERATOR_ONLY,
        handle=redrive_dead_letters,
        body=Body(RedriveRequest),
        answer=Operation,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    Endpoint(
        operation_id="getSystem",
        method="GET",
        path="/v1/system",
        tag="operator",
        summary="See how every process stands",
        roles=OPERATOR_ONLY,
        handle=get_system,
        answer=System,
    ),
)
