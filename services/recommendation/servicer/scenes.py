"""zhike.recommendation.v1.SceneService: decode, call one use case, encode."""

from collections.abc import AsyncIterator
from typing import Any, Final

from zhike.recommendation.v1 import scene_pb2, scene_service_pb2_grpc
from zhike.recommendation.v1 import scene_service_pb2 as pb

from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.recommendation.domain.errors import PictureRefusedError, SceneInvalidError
from services.recommendation.usecases.scenes import (
    Deed,
    Staging,
    create_scene,
    get_media,
    get_scene,
    list_scenes,
    move_scene,
    scenes_for,
    update_scene,
    upload_media,
)
from services.recommendation.usecases.segments import known_segments
from services.recommendation.wire.predictions import identifiers_from_pb, language_from_pb
from services.recommendation.wire.scenes import (
    content_from_pb,
    media_to_pb,
    scene_from_pb,
    segments_from_pb,
    shown_to_pb,
    state_from_pb,
    view_to_pb,
)

PAGE_DEFAULT: Final = 50
PAGE_LIMIT: Final = 100
SHOWN_DEFAULT: Final = 3
SHOWN_LIMIT: Final = 20
CHUNK_LIMIT_BYTES: Final = 1024 * 1024
ACTOR_LIMIT: Final = 80  # characters


class SceneServicer(scene_service_pb2_grpc.SceneServiceServicer):
    """Scenes and their pictures."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    async def CreateScene(self, request: pb.CreateSceneRequest, context: Any) -> scene_pb2.Scene:
        if not request.request_id:
            raise SceneInvalidError("a new scene is asked for under a request id", field="request_id")
        scene = scene_from_pb(request.scene)
        actor = request.actor[:ACTOR_LIMIT]
        return view_to_pb(await create_scene(self._staging, scene, actor=actor, request_id=request.request_id))

    async def GetScene(self, request: pb.GetSceneRequest, context: Any) -> scene_pb2.Scene:
        return view_to_pb(await get_scene(self._staging, request.id))

    async def ListScenes(self, request: pb.ListScenesRequest, context: Any) -> pb.ListScenesResponse:
        state = state_from_pb(request.state)
        query = {"list": "scenes", "shop": request.shop, "state": "" if state is None else state.value}
        views, position = await list_scenes(
            self._staging,
            request.shop,
            state,
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_DEFAULT, maximum=PAGE_LIMIT),
        )
        token = "" if position is None else encode_page_token(position, query=query)
        return pb.ListScenesResponse(scenes=[view_to_pb(view) for view in views], next_page_token=token)

    async def UpdateScene(self, request: pb.UpdateSceneRequest, context: Any) -> scene_pb2.Scene:
        deed = Deed(request.scene.id, request.actor[:ACTOR_LIMIT], request.expected_version)
        fields = tuple(dict.fromkeys(request.update_mask.paths))
        return view_to_pb(await update_scene(self._staging, deed, content_from_pb(request.scene), fields))

    async def MoveScene(self, request: pb.MoveSceneRequest, context: Any) -> scene_pb2.Scene:
        state = state_from_pb(request.state)
        if state is None:
            raise SceneInvalidError("say which state", field="state")
        deed = Deed(request.id, request.actor[:ACTOR_LIMIT], request.expected_version)
        return view_to_pb(await move_scene(self._staging, deed, state))

    async def ListShownScenes(self, request: pb.ListShownScenesRequest, context: Any) -> pb.ListShownScenesResponse:
        found = await scenes_for(
            self._staging,
            request.shopper.shop,
            identifiers_from_pb(request.shopper),
            segments_from_pb(request.segments),
            limit=page_size(request.page_size, default=SHOWN_DEFAULT, maximum=SHOWN_LIMIT),
        )
        return shown_to_pb(found, self._staging.world.shelf, language_from_pb(request.language))

    async def ListSegments(self, request: pb.ListSegmentsRequest, context: Any) -> pb.ListSegmentsResponse:
        response = pb.ListSegmentsResponse()
        for name, labels in known_segments(self._staging.world).items():
            response.segments.add(name=name).label.by_language.update(labels)
        return response

    async def UploadMedia(
        self, request_iterator: AsyncIterator[pb.UploadMediaRequest], context: Any
    ) -> scene_pb2.Media:
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("config"):
            raise PictureRefusedError("the first message of an upload is its configuration", field="config")
        actor = first.config.actor[:ACTOR_LIMIT]
        return media_to_pb(await upload_media(self._staging, _chunks(request_iterator), actor=actor))

    async def GetMedia(self, request: pb.GetMediaRequest, context: Any) -> scene_pb2.Media:
        return media_to_pb(await get_media(self._staging, request.id))


async def _chunks(requests: AsyncIterator[pb.UploadMediaRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.HasField("config") or len(request.chunk) > CHUNK_LIMIT_BYTES:
            raise PictureRefusedError(f"a chunk has at most {CHUNK_LIMIT_BYTES} bytes", field="file")
        yield request.chunk
