"""Scenes over REST: written under a version, shown to visitors, pictures that are kept for ever."""

from typing import Any

import pytest
from zhike.recommendation.v1 import scene_pb2

from gateway.middleware.body_limit import MEDIA_LIMIT_BYTES
from gateway.principals import Role
from gateway.schemas.scenes import Media, Scene, Scenes, ShownScene
from tests.fakes.gateway_scenes import MEDIA_ID, SCENE_ID, SCENE_VERSION
from tests.fakes.gateway_services import ERROR_LINES
from tests.fakes.gateway_shop import Shop, problem_of

SCENE = f"/v1/scenes/{SCENE_ID}"
WHOLE = {
    "name": "breakfast",
    "media_id": MEDIA_ID,
    "alt": {"zh": "桌上", "en": "A table"},
    "title": {"zh": "早餐", "en": "Breakfast"},
    "benefits": [{"segment": "", "text": {"zh": "省时", "en": "Saves time"}}],
    "hotspots": [{"x": 1, "y": 1_000, "product_id": "p1"}],
    "start_time": "2026-01-02T03:04:05Z",
    "end_time": None,
    "min_in_stock": 1,
}


async def test_a_draft_is_begun_by_who_asks_and_only_once(shop: Shop) -> None:
    answer = await shop.post("/v1/scenes", Role.STAFF, json=WHOLE, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201
    assert set(answer.json()) == set(Scene.model_fields)
    assert answer.headers["etag"] == '"v1"'
    assert answer.headers["location"].startswith("/v1/scenes/")
    asked = shop.services.last("CreateScene")
    assert (asked.actor, asked.scene.shop) == ("test-staff", "main")
    assert asked.scene.benefits[0].text.by_language["zh"] == "省时"
    assert asked.scene.HasField("start_time") and not asked.scene.HasField("end_time")
    first = asked.request_id
    await shop.post("/v1/scenes", Role.STAFF, json=WHOLE, headers={"Idempotency-Key": "k"})
    assert shop.services.last("CreateScene").request_id == first


async def test_an_edit_names_its_fields_and_the_version_that_it_saw(shop: Shop) -> None:
    body = {"title": {"zh": "新", "en": "New"}, "end_time": None}
    answer = await shop.send("PATCH", SCENE, Role.STAFF, json=body, headers={"If-Match": f'"v{SCENE_VERSION}"'})
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"v{SCENE_VERSION + 1}"'
    asked = shop.services.last("UpdateScene")
    assert list(asked.update_mask.paths) == ["end_time", "title"]
    stale = await shop.send("PATCH", SCENE, Role.STAFF, json=body, headers={"If-Match": '"v1"'})
    problem_of(stale, 412, "VERSION_MISMATCH")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": 9},
        {"hotspots": [{"x": 1_001, "y": 0, "product_id": "p"}]},
        {"hotspots": [{"x": 0, "y": 0, "product_id": "p"}] * 25},
        {"benefits": [{"text": {"zh": "a"}}] * 13},
        {"title": {"fr": "x"}},
        {"start_time": "yesterday"},
        {"state": "live"},
    ],
)
async def test_an_edit_takes_nothing_else(shop: Shop, body: dict[str, Any]) -> None:
    assert (await shop.send("PATCH", SCENE, Role.STAFF, json=body)).status_code == 400
    assert not shop.services.count("UpdateScene")


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("publish", scene_pb2.SCENE_STATE_LIVE),
        ("withdraw", scene_pb2.SCENE_STATE_DRAFT),
        ("archive", scene_pb2.SCENE_STATE_ARCHIVED),
    ],
)
async def test_a_scene_goes_through_its_life(shop: Shop, verb: str, state: int) -> None:
    answer = await shop.post(f"{SCENE}:{verb}", Role.STAFF, json={}, headers={"If-Match": f'"v{SCENE_VERSION}"'})
    assert answer.status_code == 200
    asked = shop.services.last("MoveScene")
    assert (asked.id, asked.state, asked.actor) == (SCENE_ID, state, "test-staff")
    stale = await shop.post(f"{SCENE}:{verb}", Role.STAFF, json={}, headers={"If-Match": '"v1"'})
    problem_of(stale, 412, "VERSION_MISMATCH")


async def test_scenes_are_listed_and_read(shop: Shop) -> None:
    answer = await shop.get("/v1/scenes", Role.STAFF, params={"state": "live", "page_size": "7"})
    assert set(answer.json()) == set(Scenes.model_fields)
    asked = shop.services.last("ListScenes")
    assert (asked.shop, asked.state, asked.page_size) == ("main", scene_pb2.SCENE_STATE_LIVE, 7)
    one = await shop.get(SCENE, Role.STAFF)
    assert one.headers["etag"] == f'"v{SCENE_VERSION}"'
    assert one.json()["history"][0]["actor"] == "li"
    problem_of(await shop.get("/v1/scenes/nobody", Role.STAFF), 404, "NOT_FOUND")
    assert (await shop.get("/v1/scene-segments", Role.STAFF)).json()["segments"][0]["label"]["zh"] == "新客"


async def test_a_visitor_sees_scenes_in_one_language(shop: Shop) -> None:
    answer = await shop.get("/v1/storefront/scenes", params={"segment": ["regular"], "language": "en"})
    (scene,) = answer.json()["scenes"]
    assert set(scene) == set(ShownScene.model_fields)
    assert (scene["title"], scene["image"], scene["width"]) == ("Breakfast", f"/v1/media/{MEDIA_ID}", 1_200)
    assert scene["hotspots"] == [{"x": 100, "y": 900, "product": {"id": "p1", "title": "Milk"}}]
    asked = shop.services.last("ListShownScenes")
    assert list(asked.segments) == ["regular"]
    assert asked.shopper.identifiers and asked.shopper.shop == "main"


@pytest.mark.parametrize("path", ["/v1/scenes", SCENE, "/v1/scene-segments"])
async def test_a_browser_reads_no_draft(shop: Shop, path: str) -> None:
    assert (await shop.get(path)).status_code == 403


async def test_a_picture_is_streamed_to_its_service(shop: Shop) -> None:
    answer = await shop.post("/v1/media", Role.STAFF, content=b"x" * 700_000, headers={"Content-Type": "image/png"})
    assert answer.status_code == 201
    assert set(answer.json()) == set(Media.model_fields)
    assert answer.headers["location"] == f"/v1/media/{MEDIA_ID}"
    assert shop.services.uploads == [b"x" * 700_000]
    assert shop.services.last("UploadMedia").actor == "test-staff"


@pytest.mark.parametrize("media_type", ["image/svg+xml", "text/html", "image/gif", ""])
async def test_a_picture_that_could_carry_script_is_refused_unread(shop: Shop, media_type: str) -> None:
    answer = await shop.post("/v1/media", Role.STAFF, content=b"<svg/>", headers={"Content-Type": media_type})
    problem_of(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert not shop.services.uploads


async def test_a_picture_one_byte_too_long_is_refused(shop: Shop) -> None:
    content = b"x" * (MEDIA_LIMIT_BYTES + 1)
    answer = await shop.post("/v1/media", Role.STAFF, content=content, headers={"Content-Type": "image/png"})
    problem_of(answer, 413, "BODY_TOO_LARGE")


async def test_anybody_reads_a_picture_and_keeps_it_for_good(shop: Shop) -> None:
    answer = await shop.get(f"/v1/media/{MEDIA_ID}", None)
    assert answer.content == b"".join(ERROR_LINES)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    again = await shop.get(f"/v1/media/{MEDIA_ID}", None, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("media_id", ["cd" * 32, "AB" * 32, "../etc/passwd", "ab"])
async def test_a_picture_that_is_not_there(shop: Shop, media_id: str) -> None:
    assert (await shop.get(f"/v1/media/{media_id}", None)).status_code == 404
