"""Scenes as the gateway sees them: one draft, one that is shown, one picture, and what goes wrong."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.recommendation.v1 import scene_pb2, scene_service_pb2

from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError

SCENE_ID = "scn-1"
SCENE_VERSION = 3
MEDIA_ID = "ab" * 32
TIME = Timestamp(seconds=1_770_000_000)
CARD = b'{"id":"p1","title":"Milk"}'


class SceneMovedError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class FakeScenes:
    """The methods of SceneService, for FakeServices."""

    def _CreateScene(self, request: Any) -> Any:
        return scene(request.scene, version=1)

    def _GetScene(self, request: Any) -> Any:
        _known(request.id)
        return scene(scene_pb2.Scene(id=request.id))

    def _ListScenes(self, request: Any) -> Any:
        return scene_service_pb2.ListScenesResponse(scenes=[scene(scene_pb2.Scene(id=SCENE_ID))], next_page_token="n")

    def _UpdateScene(self, request: Any) -> Any:
        _known(request.scene.id)
        _expected(request.expected_version)
        return scene(request.scene, version=SCENE_VERSION + 1)

    def _MoveScene(self, request: Any) -> Any:
        _known(request.id)
        _expected(request.expected_version)
        return scene(scene_pb2.Scene(id=request.id), version=SCENE_VERSION + 1, state=request.state)

    def _ListShownScenes(self, request: Any) -> Any:
        response = scene_service_pb2.ListShownScenesResponse()
        shown = response.scenes.add(scene=scene(scene_pb2.Scene(id=SCENE_ID)), media=media(), segment="regular")
        shown.cards["p1"] = CARD
        return response

    def _ListSegments(self, request: Any) -> Any:
        segment = scene_service_pb2.Segment(name="new", label={"by_language": {"zh": "新客", "en": "New"}})
        return scene_service_pb2.ListSegmentsResponse(segments=[segment])

    def _GetMedia(self, request: Any) -> Any:
        if request.id != MEDIA_ID:
            raise NotFoundError("there is no such picture", resource="media")
        return media()


def scene(content: scene_pb2.Scene, **fields: Any) -> scene_pb2.Scene:
    """Return a scene with one of everything that ``content`` does not say."""
    words = {"by_language": {"zh": "早餐", "en": "Breakfast"}}
    whole = scene_pb2.Scene(
        shop="main",
        name="breakfast",
        media_id=MEDIA_ID,
        alt=words,
        title=words,
        state=fields.get("state", scene_pb2.SCENE_STATE_DRAFT),
        create_time=TIME,
        update_time=TIME,
        products=1,
        in_stock=1,
        needed=1,
        remarks=[{"code": "NO_TITLE", "about": "zh"}],
    )
    whole.history.add(version=1, time=TIME, actor="li", action="created", changes=[{"field": "name", "after": '"x"'}])
    if not content.hotspots:
        whole.hotspots.add(x=100, y=900, product_id="p1")
    if not content.benefits:
        whole.benefits.add(segment="regular", text=words)
    whole.MergeFrom(content)
    whole.version = fields.get("version", SCENE_VERSION)
    return whole


def media() -> scene_pb2.Media:
    """Return a stored picture."""
    return scene_pb2.Media(
        id=MEDIA_ID, media_type="image/png", size_bytes=68, width=1_200, height=800, actor="li", create_time=TIME
    )


def _known(scene_id: str) -> None:
    if scene_id == "nobody":
        raise NotFoundError("there is no such scene", resource="scene")


def _expected(version: int) -> None:
    if version not in {0, SCENE_VERSION}:
        raise SceneMovedError("somebody changed it", version=SCENE_VERSION)
