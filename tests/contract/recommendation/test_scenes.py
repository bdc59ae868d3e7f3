"""Scenes over the service's real ports: a picture in pieces, a scene's life, the bytes read back."""

from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from zhike.chassis.v1 import system_service_pb2, system_service_pb2_grpc
from zhike.recommendation.v1 import scene_pb2, scene_service_pb2_grpc
from zhike.recommendation.v1 import scene_service_pb2 as pb
from zhike.type.v1 import identifier_pb2, localized_text_pb2

from services.recommendation.domain.pictures import BYTES_LIMIT
from tests.contract.recommendation.conftest import TIMEOUT_S, Shop, soon
from tests.unit.services.recommendation.domain.test_pictures import png
from tests.unit.services.recommendation.shop import product_event

WORDS = localized_text_pb2.LocalizedText(by_language={"zh": "好", "en": "good"})


async def pieces(content: bytes, size: int = 1_000) -> AsyncIterator[pb.UploadMediaRequest]:
    yield pb.UploadMediaRequest(config=pb.UploadMediaConfig(actor="li"))
    for start in range(0, len(content), size):
        yield pb.UploadMediaRequest(chunk=content[start : start + size])


async def test_a_scene_from_its_picture_to_the_visitor(shop: Shop) -> None:
    channel = shop.clients.channel("recommendation")
    stub = scene_service_pb2_grpc.SceneServiceStub(channel)
    content = png().ljust(9_000, b"\1")
    media = await stub.UploadMedia(pieces(content), timeout=TIMEOUT_S, wait_for_ready=True)
    assert (media.media_type, media.width, media.size_bytes) == ("image/png", 640, len(content))
    system = system_service_pb2_grpc.SystemServiceStub(channel)
    read = system.ReadArtifact(system_service_pb2.ReadArtifactRequest(digest=media.id), timeout=TIMEOUT_S)
    assert b"".join([each.chunk async for each in read]) == content
    draft = scene_pb2.Scene(
        shop="main",
        name="tea",
        media_id=media.id,
        alt=WORDS,
        title=WORDS,
        hotspots=[scene_pb2.Hotspot(x=1, y=2, product_id="p1")],
        benefits=[scene_pb2.SceneBenefit(text=WORDS)],
    )
    create = pb.CreateSceneRequest(scene=draft, actor="li", request_id="r")
    scene = await stub.CreateScene(create, timeout=TIMEOUT_S)
    move = pb.MoveSceneRequest(id=scene.id, state=scene_pb2.SCENE_STATE_LIVE, expected_version=1, actor="li")
    with pytest.raises(grpc.RpcError) as incomplete:
        await stub.MoveScene(move, timeout=TIMEOUT_S)  # nobody heard of the product yet
    assert incomplete.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await shop.owners.tell([product_event(1, "p1")])

    async def publish() -> scene_pb2.Scene | None:
        try:
            return await stub.MoveScene(move, timeout=TIMEOUT_S)
        except grpc.RpcError:
            return None

    live = await soon(publish, lambda found: found is not None)
    assert live.shown and live.version == 2
    visitor = identifier_pb2.Shopper(identifiers=["visitor:v-1"], shop="main", channel="web")
    asked = pb.ListShownScenesRequest(shopper=visitor, language="en")
    (shown,) = (await stub.ListShownScenes(asked, timeout=TIMEOUT_S)).scenes
    assert shown.cards["p1"].startswith(b'{"id":"p1"')
    renamed = pb.UpdateSceneRequest(
        scene=scene_pb2.Scene(id=scene.id, name="coffee"),
        update_mask=FieldMask(paths=["name"]),
        expected_version=1,
        actor="wu",
    )
    with pytest.raises(grpc.RpcError) as stale:
        await stub.UpdateScene(renamed, timeout=TIMEOUT_S)
    assert stale.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    page = await stub.ListScenes(pb.ListScenesRequest(shop="main"), timeout=TIMEOUT_S)
    assert [each.name for each in page.scenes] == ["tea"]
    names = {each.name for each in (await stub.ListSegments(pb.ListSegmentsRequest(), timeout=TIMEOUT_S)).segments}
    assert {"new", "returning", "regular", "buys:grocery"} <= names


async def test_what_is_no_picture_is_refused(shop: Shop) -> None:
    stub = scene_service_pb2_grpc.SceneServiceStub(shop.clients.channel("recommendation"))
    for content in (b"<svg/>", b"", png().ljust(BYTES_LIMIT + 1, b"\0")):
        with pytest.raises(grpc.RpcError) as refused:
            await stub.UploadMedia(pieces(content, 512 * 1024), timeout=TIMEOUT_S, wait_for_ready=True)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
