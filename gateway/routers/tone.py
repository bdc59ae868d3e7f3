"""What an operator does with tone models: train one on own texts, see the cards, go back."""

from http import HTTPStatus
from typing import Final

from zhike.reputation.v1 import tone_service_pb2 as pb
from zhike.type.v1 import import_pb2

from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.idempotency import request_id_of
from gateway.operation_form import accepted
from gateway.parameters import Flag, Query
from gateway.principals import DESK, OPERATOR_ONLY
from gateway.public_form import public_form
from gateway.schemas.forms import Operation
from gateway.schemas.tone import PromoteTone, ToneModel, ToneModels
from gateway.tone_clients import LIST_TONE_MODELS, PROMOTE_TONE_MODEL, TRAIN_TONE
from gateway.uploads import upload
from services.chassis.errors import NotFoundError

NDJSON: Final = "application/x-ndjson"
VERSION_LIMIT: Final = 64  # characters
TRAIN_QUERY: Final = Query(Flag("dry_run", "Train and judge, put nothing in force."))


async def train_tone(call: Call) -> Answer:
    """Take the texts and start the training."""
    call.check_media_type(NDJSON)
    config = import_pb2.ImportConfig(
        format=import_pb2.IMPORT_FORMAT_NDJSON,
        dry_run=call.query["dry_run"],
        request_id=request_id_of(call),
        owner=call.principal.owner,
    )
    return accepted(await upload(call, TRAIN_TONE, config))


async def list_tone_models(call: Call) -> Answer:
    """Answer the models that are or were in force."""
    return json_answer(public_form(await LIST_TONE_MODELS(call.parts.caller, pb.ListToneModelsRequest())))


async def promote_tone_model(call: Call) -> Answer:
    """Put an earlier model in force again."""
    await call.model(PromoteTone)
    version = call.path["version"]
    if not 0 < len(version) <= VERSION_LIMIT:
        raise NotFoundError("there is no tone model of this version", resource="tone-model")
    request = pb.PromoteToneModelRequest(version=version)
    return json_answer(public_form(await PROMOTE_TONE_MODEL(call.parts.caller, request)))


ENDPOINTS: Final = (
    Endpoint(
        operation_id="trainTone",
        method="POST",
        path="/v1/tone-models:train",
        tag="operator",
        summary="Train a tone model on labelled texts; it is put in force if it earns it",
        description="One JSON object a line: `text`, `label` (positive or negative, 1 or 0), and maybe `data`, the "
        "name of where it comes from. At least 200 texts of either label.",
        roles=OPERATOR_ONLY,
        handle=train_tone,
        query=TRAIN_QUERY,
        body=Body(media_types=(NDJSON,), description="One JSON object a line, UTF-8."),
        answer=Operation,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
    ),
    Endpoint(
        operation_id="listToneModels",
        method="GET",
        path="/v1/tone-models",
        tag="operator",
        summary="List the tone models that are or were in force, the present one first",
        roles=DESK,
        handle=list_tone_models,
        answer=ToneModels,
    ),
    Endpoint(
        operation_id="promoteToneModel",
        method="POST",
        path="/v1/tone-models/{version}:promote",
        tag="operator",
        summary="Put an earlier tone model in force again",
        roles=OPERATOR_ONLY,
        handle=promote_tone_model,
        body=Body(PromoteTone),
        answer=ToneModel,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
)
