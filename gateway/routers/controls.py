"""Controls of search and of recommendation; the service is in the path."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from zhike.controls.v1 import control_service_pb2 as pb

from gateway.control_clients import (
    CHECK_CONTROL,
    CONTROL_SERVICES,
    CREATE_CONTROL,
    DRY_RUN_CONTROL,
    GET_CONTROL,
    LIST_CONTROLS,
    PREVIEW_CONTROL,
    STEP_CONTROL,
    UPDATE_CONTROL,
)
from gateway.dry_runs import dry_run_result
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.etag import etag_of, expected_version
from gateway.idempotency import request_id_of
from gateway.identifiers import normalise_identifier
from gateway.operation_form import accepted
from gateway.parameters import PAGE_TOKEN, Choice, Integer, Query, Text, Texts
from gateway.principals import DESK
from gateway.public_form import public_form
from gateway.routers.operations import OperationRunningError
from gateway.schemas.controls import (
    ControlCheckRequest,
    ControlConflicts,
    ControlContent,
    ControlDryRun,
    ControlDryRunRequest,
    ControlPreview,
    ControlPreviewRequest,
    Controls,
    ControlStepRequest,
    NewControl,
    SavedControl,
)
from gateway.schemas.forms import Operation
from services.chassis.errors import InvalidArgumentError, NotFoundError

ID_LIMIT: Final = 64  # characters
STATES: Final = ("draft", "scheduled", "live", "paused", "ended", "archived")
ACTIONS: Final = ("boost", "bury", "pin", "exclude", "filter", "cap", "synonyms", "redirect")
STEPS: Final = {
    "schedule": "Make it live at its start",
    "launch": "Make it live now",
    "pause": "Take it out of the answers",
    "archive": "Put it away for good",
}
LIST_QUERY: Final = Query(
    Texts("state", "Of these states; all without it.", 16, 6),
    Choice("action", "With this action.", ACTIONS),
    Text("placement", "That name this placement.", 64),
    Text("text", "With this text in the title or the note.", 200),
    Integer("page_size", "Controls on a page.", 1, 200, 50),
    PAGE_TOKEN,
)
_PER: Final = {"": pb.CAP_PER_UNSPECIFIED, "brand": pb.CAP_PER_BRAND, "category": pb.CAP_PER_CATEGORY}


async def create_control(call: Call) -> Answer:
    """Keep a draft."""
    service, asked = _service_in(call), await call.model(NewControl)
    request = pb.CreateControlRequest(
        content=content_to_pb(asked),
        actor=call.principal.name,
        request_id=request_id_of(call, asked.request_id),
    )
    saved = await CREATE_CONTROL[service](call.parts.caller, request)
    location = (b"location", f"/v1/controls/{service}/{saved.control.id}".encode())
    return _saved_answer(saved, HTTPStatus.CREATED, location)


async def list_controls(call: Call) -> Answer:
    """Answer a page."""
    query = call.query
    request = pb.ListControlsRequest(
        states=[state_number(each) for each in query["state"]],
        action=action_number(query["action"]),
        placement=query["placement"],
        text=query["text"],
        page_size=query["page_size"],
        page_token=query["page_token"],
    )
    return json_answer(public_form(await LIST_CONTROLS[_service_in(call)](call.parts.caller, request)))


async def get_control(call: Call) -> Answer:
    """Answer one with its history."""
    request = pb.GetControlRequest(id=_control_in(call))
    return _saved_answer(await GET_CONTROL[_service_in(call)](call.parts.caller, request))


async def update_control(call: Call) -> Answer:
    """Replace the content."""
    content = await call.model(ControlContent)
    request = pb.UpdateControlRequest(
        id=_control_in(call),
        content=content_to_pb(content),
        actor=call.principal.name,
        expected_version=expected_version(call.header(b"if-match")),
    )
    return _saved_answer(await UPDATE_CONTROL[_service_in(call)](call.parts.caller, request))


def _stepper(step: str) -> Callable[[Call], Awaitable[Answer]]:
    async def step_control(call: Call) -> Answer:
        asked = await call.model(ControlStepRequest)
        request = pb.StepControlRequest(
            id=_control_in(call),
            step=step_number(step),
            actor=call.principal.name,
            expected_version=expected_version(call.header(b"if-match")),
            despite_conflicts=asked.despite_conflicts,
        )
        return _saved_answer(await STEP_CONTROL[_service_in(call)](call.parts.caller, request))

    return step_control


async def check_control(call: Call) -> Answer:
    """Answer what contradicts a draft."""
    asked = await call.model(ControlCheckRequest)
    request = pb.CheckControlRequest(content=content_to_pb(asked.content), id=asked.id)
    return json_answer(public_form(await CHECK_CONTROL[_service_in(call)](call.parts.caller, request)))


async def preview_control(call: Call) -> Answer:
    """Answer what a customer would see."""
    asked = await call.model(ControlPreviewRequest)
    request = pb.PreviewControlRequest(
        id=asked.id,
        content=None if asked.content is None else content_to_pb(asked.content),
        identifiers=[normalise_identifier(each) for each in asked.identifiers],
        placement=asked.placement,
        query=asked.query,
        product_ids=asked.product_ids,
        language=asked.language,
        page_size=asked.page_size,
        shop=asked.shop or call.shop,
        channel=asked.channel,
    )
    return json_answer(public_form(await PREVIEW_CONTROL[_service_in(call)](call.parts.caller, request)))


async def dry_run_control(call: Call) -> Answer:
    """Begin to measure."""
    asked = await call.model(ControlDryRunRequest)
    request = pb.DryRunControlRequest(
        id=asked.id,
        content=None if asked.content is None else content_to_pb(asked.content),
        sample=asked.sample,
        request_id=request_id_of(call, asked.request_id),
    )
    return accepted(await DRY_RUN_CONTROL[_service_in(call)](call.parts.caller, request))


async def get_dry_run(call: Call) -> Answer:
    """Answer what a dry run measured."""
    result = await dry_run_result(call.parts.caller, _service_in(call), call.path["operation"])
    if result is None:
        raise OperationRunningError("wait until the dry run is done", retry_after_s=1)
    return json_answer(result)


def content_to_pb(content: ControlContent) -> pb.ControlContent:
    """Encode what a person wrote."""
    action = content.action
    message = pb.ControlContent(
        title=content.title,
        note=content.note,
        condition=pb.ControlCondition(**content.condition.model_dump()),
        action=pb.ControlAction(
            type=action_number(action.type),
            target=pb.ControlTarget(**action.target.model_dump()),
            strength=action.strength,
            pins=[pb.ControlPin(product_id=pin.product_id, position=pin.position) for pin in action.pins],
            maximum=action.maximum,
            per=_PER[action.per],
            words=action.words,
            url=action.url,
        ),
    )
    for name, time in (("start_time", content.start_time), ("end_time", content.end_time)):
        if time is not None:
            getattr(message, name).FromDatetime(time)
    return message


def state_number(word: str) -> Any:
    """Return the number of a state. Raises InvalidArgumentError."""
    if word not in STATES:
        raise InvalidArgumentError(f"a state is one of {', '.join(STATES)}", field="state")
    return pb.ControlState.Value(f"CONTROL_STATE_{word.upper()}")


def action_number(word: str) -> Any:
    """Return the number of an action, that of none for ""."""
    return pb.ActionType.Value(f"ACTION_TYPE_{word.upper()}") if word else pb.ACTION_TYPE_UNSPECIFIED


def step_number(word: str) -> Any:
    """Return the number of a step."""
    return pb.ControlStep.Value(f"CONTROL_STEP_{word.upper()}")


def _saved_answer(saved: pb.SavedControl, status: int = 200, *headers: tuple[bytes, bytes]) -> Answer:
    tag = (b"etag", etag_of(saved.control.version).encode())
    return json_answer(public_form(saved), status=status, headers=(tag, *headers))


def _service_in(call: Call) -> str:
    service = call.path["service"]
    if service not in CONTROL_SERVICES:
        raise NotFoundError(f"Controls are kept by {' and '.join(CONTROL_SERVICES)}", resource="service")
    return service


def _control_in(call: Call) -> str:
    control_id = call.path["control"]
    if not 0 < len(control_id) <= ID_LIMIT:
        raise NotFoundError("there is no such Control", resource="control")
    return control_id


_ALL: Final = "/v1/controls/{service}"
_ONE: Final = _ALL + "/{control}"


def _step_endpoint(step: str, summary: str) -> Endpoint:
    return Endpoint(
        operation_id=f"{step}Control",
        method="POST",
        path=f"{_ONE}:{step}",
        tag="merchandising",
        summary=summary,
        description="With If-Match only if nobody changed the Control meanwhile. The next storefront call shows it.",
        roles=DESK,
        handle=_stepper(step),
        body=Body(ControlStepRequest),
        answer=SavedControl,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    )


ENDPOINTS: Final = (
    Endpoint(
        operation_id="listControls",
        method="GET",
        path=_ALL,
        tag="merchandising",
        summary="List Controls",
        description="The last changed first, with how many there are in each state and what the service can do.",
        roles=DESK,
        handle=list_controls,
        query=LIST_QUERY,
        answer=Controls,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="createControl",
        method="POST",
        path=_ALL,
        tag="merchandising",
        summary="Write a Control",
        description="A draft, which does nothing before it is launched or scheduled. What contradicts it comes back.",
        roles=DESK,
        handle=create_control,
        body=Body(NewControl),
        answer=SavedControl,
        status=HTTPStatus.CREATED,
        headers=("Idempotency-Key",),
        answer_headers=("ETag", "Location"),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="checkControl",
        method="POST",
        path=_ALL + ":check",
        tag="merchandising",
        summary="See what contradicts a draft",
        description="Keeps nothing. Unknown products, categories, brands and tags are errors that name them.",
        roles=DESK,
        handle=check_control,
        body=Body(ControlCheckRequest),
        answer=ControlConflicts,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="previewControl",
        method="POST",
        path=_ALL + ":preview",
        tag="merchandising",
        summary="See what a customer would see before and after a Control",
        description="Nothing becomes live. A slot says what found it, its rank before, which Controls touched it.",
        roles=DESK,
        handle=preview_control,
        body=Body(ControlPreviewRequest),
        answer=ControlPreview,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="dryRunControl",
        method="POST",
        path=_ALL + ":dryRun",
        tag="merchandising",
        summary="Measure a Control over many customers or queries",
        description="Read the result at /v1/controls/{service}/dry-runs/{operation} once the operation is done.",
        roles=DESK,
        handle=dry_run_control,
        body=Body(ControlDryRunRequest),
        answer=Operation,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="getControlDryRun",
        method="GET",
        path=_ALL + "/dry-runs/{operation}",
        tag="merchandising",
        summary="Read what a dry run measured",
        roles=DESK,
        handle=get_dry_run,
        answer=ControlDryRun,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="getControl",
        method="GET",
        path=_ONE,
        tag="merchandising",
        summary="Read a Control, what contradicts it and its history",
        roles=DESK,
        handle=get_control,
        answer=SavedControl,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="updateControl",
        method="PUT",
        path=_ONE,
        tag="merchandising",
        summary="Replace the content of a Control",
        description="Of a live one it counts at once. With If-Match only if nobody changed it meanwhile.",
        roles=DESK,
        handle=update_control,
        body=Body(ControlContent),
        answer=SavedControl,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    ),
    *(_step_endpoint(step, summary) for step, summary in STEPS.items()),
)
