"""The remote methods behind scenes and their pictures."""

from typing import Final

from zhike.recommendation.v1 import scene_pb2
from zhike.recommendation.v1 import scene_service_pb2 as pb

from gateway.clients import PAGE_TIMEOUT_MS, READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

_SERVICE: Final = "recommendation"

CREATE_SCENE: Final = Remote(
    declare_method(
        _SERVICE,
        pb,
        "SceneService/CreateScene",
        pb.CreateSceneRequest,
        scene_pb2.Scene,
        idempotent=True,  # by its request id
    ),
    WRITE_TIMEOUT_MS,
)
GET_SCENE: Final = Remote(
    declare_method(_SERVICE, pb, "SceneService/GetScene", pb.GetSceneRequest, scene_pb2.Scene, idempotent=True),
    READ_TIMEOUT_MS,
)
LIST_SCENES: Final = Remote(
    declare_method(
        _SERVICE, pb, "SceneService/ListScenes", pb.ListScenesRequest, pb.ListScenesResponse, idempotent=True
    ),
    READ_TIMEOUT_MS,
)
UPDATE_SCENE: Final = Remote(
    declare_method(_SERVICE, pb, "SceneService/UpdateScene", pb.UpdateSceneRequest, scene_pb2.Scene),
    WRITE_TIMEOUT_MS,
)
MOVE_SCENE: Final = Remote(
    declare_method(_SERVICE, pb, "SceneService/MoveScene", pb.MoveSceneRequest, scene_pb2.Scene),
    WRITE_TIMEOUT_MS,
)
LIST_SHOWN_SCENES: Final = Remote(
    declare_method(
        _SERVICE,
        pb,
        "SceneService/ListShownScenes",
        pb.ListShownScenesRequest,
        pb.ListShownScenesResponse,
        idempotent=True,
    ),
    PAGE_TIMEOUT_MS,
)
LIST_SEGMENTS: Final = Remote(
    declare_method(
        _SERVICE, pb, "SceneService/ListSegments", pb.ListSegmentsRequest, pb.ListSegmentsResponse, idempotent=True
    ),
    READ_TIMEOUT_MS,
)
UPLOAD_MEDIA: Final = declare_method(_SERVICE, pb, "SceneService/UploadMedia", pb.UploadMediaRequest, scene_pb2.Media)
GET_MEDIA: Final = Remote(
    declare_method(_SERVICE, pb, "SceneService/GetMedia", pb.GetMediaRequest, scene_pb2.Media, idempotent=True),
    PAGE_TIMEOUT_MS,
)
