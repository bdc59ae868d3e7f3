"""Scenes: what staff write, what a visitor sees, and the pictures."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from zhike.recommendation.v1 import scene_pb2
from zhike.recommendation.v1 import scene_service_pb2 as pb

from gateway.artifacts import streamed
from gateway.clients import UPLOAD_TIMEOUT_MS, Caller
from gateway.endpoints import Answer, Body, Call, Endpoint, Handler, json_answer
from gateway.etag import etag_of, expected_version, is_unchanged
from gateway.idempotency import request_id_of
from gateway.limits import Rate
from gateway.parameters import IDENTIFIER, LANGUAGE, PAGE_TOKEN, Choice, Integer, Query, Text, Texts
from gateway.principals import DESK, PUBLIC, STOREFRONT
from gateway.public_form import public_form
from gateway.routers.storefront import name_shopper
from gateway.scene_clients import (
    CREATE_SCENE,
    GET_MEDIA,
    GET_SCENE,
    LIST_SCENES,
    LIST_SEGMENTS,
    LIST_SHOWN_SCENES,
    MOVE_SCENE,
    UPDATE_SCENE,
    UPLOAD_MEDIA,
)
from gateway.schemas.scenes import (
    Media,
    MoveScene,
    NewScene,
    Scene,
    SceneContent,
    Scenes,
    Segments,
    ShownScenes,
)
from services.chassis.errors import InvalidArgumentError, NotFoundError, ZhikeError

PICTURES: Final = ("image/png", "image/jpeg", "image/webp")
PIECE_BYTES: Final = 512 * 1024
ID_LIMIT: Final = 64  # characters
MEDIA_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
MEDIA_RATE: Final = Rate(100.0, 600)  # pictures of one address: nobody needs a key for them
STATES: Final = ("draft", "live", "archived")
LIST_QUERY: Final = Query(
    Choice("state", "Only in this state.", STATES),
    Text("shop", "Of which shop; by default the key's.", 64),
    Integer("page_size", "Scenes on a page.", 1, 100, 50),
    PAGE_TOKEN,
)
SHOWN_QUERY: Final = Query(
    LANGUAGE,
    IDENTIFIER,
    Texts("segment", "A segment that the shop knows the visitor to be in, the most telling first.", 64, 16),
    Integer("page_size", "Scenes to show.", 1, 20, 3),
)
# What is named by its content never changes. A picture runs no script, whatever is in it.
_IMMUTABLE: Final = b"public, max-age=31536000, immutable"
_MEDIA_POLICY: Final = b"default-src 'none'; sandbox"


async def create_scene(call: Call) -> Answer:
    """Begin a draft."""
    asked = await call.model(NewScene)
    request = pb.CreateSceneRequest(
        scene=scene_to_pb(asked, shop=asked.shop or call.shop),
        actor=call.principal.name,
        request_id=request_id_of(call, asked.request_id),
    )
    scene = await CREATE_SCENE(call.parts.caller, request)
    location = (b"location", f"/v1/scenes/{scene.id}".encode())
    return _scene_answer(scene, HTTPStatus.CREATED, location)


async def list_scenes(call: Call) -> Answer:
    """Answer a page of scenes."""
    query = call.query
    request = pb.ListScenesRequest(
        shop=query["shop"] or call.shop,
        state=state_number(query["state"]),
        page_size=query["page_size"],
        page_token=query["page_token"],
    )
    return json_answer(public_form(await LIST_SCENES(call.parts.caller, request)))


async def get_scene(call: Call) -> Answer:
    """Answer one scene with its history."""
    return _scene_answer(await GET_SCENE(call.parts.caller, pb.GetSceneRequest(id=_scene_id(call))))


async def update_scene(call: Call) -> Answer:
    """Change the fields that the body names."""
    patch = await call.model(SceneContent)
    named = sorted(patch.model_fields_set)
    if not named:
        raise InvalidArgumentError("name at least one field to change", field="body")
    request = pb.UpdateSceneRequest(
        scene=scene_to_pb(patch, scene_id=_scene_id(call)),
        update_mask=FieldMask(paths=named),
        expected_version=expected_version(call.header(b"if-match")),
        actor=call.principal.name,
    )
    return _scene_answer(await UPDATE_SCENE(call.parts.caller, request))


def _mover(state: str) -> Handler:
    async def move_scene(call: Call) -> Answer:
        await call.model(MoveScene)
        request = pb.MoveSceneRequest(
            id=_scene_id(call),
            state=state_number(state),
            expected_version=expected_version(call.header(b"if-match")),
            actor=call.principal.name,
        )
        return _scene_answer(await MOVE_SCENE(call.parts.caller, request))

    return move_scene


async def list_shown_scenes(call: Call) -> Answer:
    """Answer the scenes for this visitor."""
    request = pb.ListShownScenesRequest(
        segments=call.query["segment"], page_size=call.query["page_size"], language=call.language
    )
    name_shopper(request.shopper, call)
    found = await LIST_SHOWN_SCENES(call.parts.caller, request)
    return json_answer({"scenes": [shown_form(each, call.language) for each in found.scenes]})


async def list_segments(call: Call) -> Answer:
    """Answer the segments that visitors are found to be in."""
    return json_answer(public_form(await LIST_SEGMENTS(call.parts.caller, pb.ListSegmentsRequest())))


async def upload_media(call: Call) -> Answer:
    """Store a picture."""
    call.check_media_type(*PICTURES)
    media = await store_picture(call.parts.caller, call.chunks(), actor=call.principal.name)
    location = (b"location", f"/v1/media/{media.id}".encode())
    return json_answer(public_form(media), status=HTTPStatus.CREATED, headers=(location,))


async def store_picture(caller: Caller, chunks: AsyncIterator[bytes], *, actor: str) -> scene_pb2.Media:
    """Send a picture to its service. Raises RemoteError, BodyTooLargeError, ClientDisconnect."""
    failure: list[ZhikeError | ClientDisconnect] = []

    async def requests() -> AsyncIterator[pb.UploadMediaRequest]:
        yield pb.UploadMediaRequest(config=pb.UploadMediaConfig(actor=actor))
        try:
            async for chunk in chunks:
                for start in range(0, len(chunk), PIECE_BYTES):
                    yield pb.UploadMediaRequest(chunk=chunk[start : start + PIECE_BYTES])
        except (ZhikeError, ClientDisconnect) as error:
            failure.append(error)  # gRPC turns it into a cancelled call
            raise

    try:
        return await caller.upload(UPLOAD_MEDIA, requests(), timeout_ms=UPLOAD_TIMEOUT_MS)
    except Exception:
        if failure:
            raise failure[0] from None
        raise


async def get_media(call: Call) -> Any:
    """Stream a picture, or 304: whoever has it has it for good."""
    client = call.scope.get("client")
    call.parts.admission.limiter.take(f"media {client[0] if client else ''}", MEDIA_RATE)
    media_id, caller = call.path["id"], call.parts.caller
    if not MEDIA_ID.fullmatch(media_id):
        raise NotFoundError("there is no such picture", resource="media")
    etag = f'"{media_id[:32]}"'
    headers = {
        b"etag": etag.encode(),
        b"cache-control": _IMMUTABLE,
        b"content-security-policy": _MEDIA_POLICY,
        b"cross-origin-resource-policy": b"cross-origin",  # the shop's own pages show it
    }
    if is_unchanged(call.header(b"if-none-match"), etag):
        return Answer(b"", status=HTTPStatus.NOT_MODIFIED, headers=tuple(headers.items()))
    media = await GET_MEDIA(caller, pb.GetMediaRequest(id=media_id))
    pieces = await streamed(caller, "recommendation", media_id)
    texts = {name.decode(): value.decode() for name, value in headers.items()}
    return StreamingResponse(
        pieces,
        media_type=media.media_type,
        headers={**texts, "content-length": str(media.size_bytes)},
    )


def scene_to_pb(content: SceneContent, *, shop: str = "", scene_id: str = "") -> scene_pb2.Scene:
    """Return the message of what staff wrote."""
    message = scene_pb2.Scene(
        id=scene_id,
        shop=shop,
        name=content.name,
        media_id=content.media_id,
        min_in_stock=content.min_in_stock,
        hotspots=[scene_pb2.Hotspot(x=each.x, y=each.y, product_id=each.product_id) for each in content.hotspots],
    )
    message.alt.by_language.update(content.alt.model_dump())
    message.title.by_language.update(content.title.model_dump())
    for benefit in content.benefits:
        message.benefits.add(segment=benefit.segment).text.by_language.update(benefit.text.model_dump())
    for name in ("start_time", "end_time"):
        time: datetime | None = getattr(content, name)
        if time is not None:
            getattr(message, name).FromDatetime(time)
    return message


def state_number(word: str) -> Any:
    """Return the state's number; of no word the one that means all."""
    return scene_pb2.SceneState.Value(f"SCENE_STATE_{word.upper() or 'UNSPECIFIED'}")


def shown_form(shown: pb.ShownScene, language: str) -> dict[str, Any]:
    """Return what a visitor is told, in one language."""
    scene, cards = shown.scene, public_form(shown)["cards"]
    spots = [{"x": each.x, "y": each.y, "product": cards[each.product_id]} for each in scene.hotspots]
    return {
        "id": scene.id,
        "title": scene.title.by_language[language],
        "benefit": scene.benefits[0].text.by_language[language] if scene.benefits else "",
        "segment": shown.segment,
        "image": f"/v1/media/{shown.media.id}",
        "alt": scene.alt.by_language[language],
        "width": shown.media.width,
        "height": shown.media.height,
        "hotspots": spots,
    }


def _scene_id(call: Call) -> str:
    scene_id = call.path["id"]
    if not 0 < len(scene_id) <= ID_LIMIT:
        raise NotFoundError("there is no such scene", resource="scene")
    return scene_id


def _scene_answer(scene: scene_pb2.Scene, status: int = HTTPStatus.OK, *headers: tuple[bytes, bytes]) -> Answer:
    etag = (b"etag", etag_of(scene.version).encode())
    return json_answer(public_form(scene), status=status, headers=(etag, *headers))


def _move_endpoint(verb: str, state: str, summary: str, description: str) -> Endpoint:
    return Endpoint(
        operation_id=f"{verb}Scene",
        method="POST",
        path=f"/v1/scenes/{{id}}:{verb}",
        tag="merchandising",
        summary=summary,
        description=f"{description} A scene that is {state} already stays as it is.",
        roles=DESK,
        handle=_mover(state),
        body=Body(MoveScene),
        answer=Scene,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    )


ENDPOINTS: Final = (
    Endpoint(
        operation_id="listShownScenes",
        method="GET",
        path="/v1/storefront/scenes",
        tag="storefront",
        summary="List the scenes to show a visitor",
        description="Those with words for a segment of the visitor first: a segment that the request names, else one "
        "that the visitor's purchases tell, with consent. Of each the products that are in stock.",
        roles=STOREFRONT,
        handle=list_shown_scenes,
        query=SHOWN_QUERY,
        answer=ShownScenes,
        headers=("X-Visitor-Id", "Accept-Language"),
    ),
    Endpoint(
        operation_id="getMedia",
        method="GET",
        path="/v1/media/{id}",
        tag="storefront",
        summary="Read a picture",
        description="Named by its content, so a copy may be kept for ever.",
        roles=PUBLIC,
        handle=get_media,
        answer_media_type="image/*",
        headers=("If-None-Match",),
        answer_headers=("ETag", "Cache-Control"),
        problems=(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
            HTTPStatus.GATEWAY_TIMEOUT,
        ),
    ),
    Endpoint(
        operation_id="uploadMedia",
        method="POST",
        path="/v1/media",
        tag="merchandising",
        summary="Store a picture",
        description="PNG, JPEG or WebP by its bytes, at most 4 MiB, 200 to 4,096 pixels a side and 12 million in all. "
        "SVG is refused. The same bytes again are the same picture.",
        roles=DESK,
        handle=upload_media,
        body=Body(media_types=PICTURES, description="The file."),
        answer=Media,
        status=HTTPStatus.CREATED,
        answer_headers=("Location",),
        problems=(HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    ),
    Endpoint(
        operation_id="listSceneSegments",
        method="GET",
        path="/v1/scene-segments",
        tag="merchandising",
        summary="List the segments that visitors are found to be in",
        description="By what they bought, with consent. A shop may name others with the request.",
        roles=DESK,
        handle=list_segments,
        answer=Segments,
    ),
    Endpoint(
        operation_id="createScene",
        method="POST",
        path="/v1/scenes",
        tag="merchandising",
        summary="Begin a scene",
        description="A draft; it may be incomplete until it is published.",
        roles=DESK,
        handle=create_scene,
        body=Body(NewScene),
        answer=Scene,
        status=HTTPStatus.CREATED,
        headers=("Idempotency-Key",),
        answer_headers=("ETag", "Location"),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    Endpoint(
        operation_id="listScenes",
        method="GET",
        path="/v1/scenes",
        tag="merchandising",
        summary="List scenes, the newest first",
        description="Each says whether it is shown now and what keeps it from that; histories are left out.",
        roles=DESK,
        handle=list_scenes,
        query=LIST_QUERY,
        answer=Scenes,
    ),
    Endpoint(
        operation_id="getScene",
        method="GET",
        path="/v1/scenes/{id}",
        tag="merchandising",
        summary="Read a scene with its history",
        roles=DESK,
        handle=get_scene,
        answer=Scene,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="updateScene",
        method="PATCH",
        path="/v1/scenes/{id}",
        tag="merchandising",
        summary="Change a scene",
        description="The fields that the body names. With If-Match only if nobody changed the scene meanwhile. A live "
        "scene stays complete.",
        roles=DESK,
        handle=update_scene,
        body=Body(SceneContent),
        answer=Scene,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    ),
    _move_endpoint("publish", "live", "Publish a scene", "It must be complete, in Chinese and in English."),
    _move_endpoint("withdraw", "draft", "Take a scene back", "Also reopens one that was archived."),
    _move_endpoint("archive", "archived", "Put a scene away", "It keeps its history."),
)
