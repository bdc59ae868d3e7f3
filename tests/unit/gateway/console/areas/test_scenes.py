"""Pages of scenes: the gallery, the words and hotspots of one, its picture, its life."""

from collections.abc import AsyncIterator

import pytest
from zhike.recommendation.v1 import scene_pb2

from gateway.console.staffing import StaffRole
from tests.fakes.console import ConsoleOnFakes, fields_of, open_console
from tests.fakes.gateway_scenes import MEDIA_ID, SCENE_ID, SCENE_VERSION

PATH = f"/scenes/{SCENE_ID}"
SUBMIT = "s" * 20


@pytest.fixture(params=["en", "zh"])
async def console(request: pytest.FixtureRequest) -> AsyncIterator[ConsoleOnFakes]:
    opened = await open_console(language=request.param)
    async with opened.client:
        yield opened


async def test_the_gallery_shows_pictures_states_and_a_table(console: ConsoleOnFakes) -> None:
    html = await console.page("/scenes?state=live")
    asked = console.services.last("ListScenes")
    assert (asked.shop, asked.state) == ("main", scene_pb2.SCENE_STATE_LIVE)
    assert f'src="/v1/media/{MEDIA_ID}"' in html
    assert f"/console{PATH}" in html
    file = await console.get("/scenes?csv=scenes")
    assert "breakfast" in file.content.decode("utf-8-sig")


async def test_a_draft_is_begun_under_a_name(console: ConsoleOnFakes) -> None:
    answer = await console.post("/scenes", "new", {"name": "picnic"}, submit=SUBMIT)
    assert answer.status_code == 303
    asked = console.services.last("CreateScene")
    assert (asked.scene.name, asked.scene.shop, asked.request_id) == ("picnic", "main", SUBMIT)
    assert asked.actor
    refused = await console.post("/scenes", "new", {"name": ""}, submit="t" * 20)
    assert refused.status_code in (400, 422)


async def test_a_scene_shows_its_picture_its_hotspots_what_is_amiss_and_who_did_it(console: ConsoleOnFakes) -> None:
    html = await console.page(PATH)
    assert f'href="/v1/media/{MEDIA_ID}"' in html
    assert 'cx="100" cy="600"' in html
    assert {"zh": "缺少标题：zh", "en": "The headline is missing in “zh”."}[console.language] in html
    assert "li" in html
    assert fields_of(html, "edit")["hotspots.0.product_id"] == "p1"


async def test_words_and_hotspots_are_saved_over_the_version_that_was_seen(console: ConsoleOnFakes) -> None:
    fields = {
        "name": "tea",
        "title_zh": "茶",
        "title_en": "Tea",
        "alt_zh": "桌",
        "benefits.0.segment": "regular",
        "benefits.0.zh": "香",
        "benefits.0.en": "fragrant",
        "benefits.1.segment": "new",
        "benefits.1.zh": "",
        "hotspots.0.product_id": "p1",
        "hotspots.0.x": "10",
        "hotspots.0.y": "20",
        "hotspots.1.product_id": "",
        "hotspots.1.x": "30",
        "start_time": "2026-12-01T08:00",
        "end_time": "",
        "min_in_stock": "1",
    }
    answer = await console.post(PATH, "edit", fields, submit=SUBMIT, version=str(SCENE_VERSION))
    assert answer.status_code == 303
    asked = console.services.last("UpdateScene")
    assert asked.expected_version == SCENE_VERSION
    assert "state" not in asked.update_mask.paths and "end_time" in asked.update_mask.paths
    assert [(each.segment, each.text.by_language["en"]) for each in asked.scene.benefits] == [("regular", "fragrant")]
    assert [(each.x, each.y, each.product_id) for each in asked.scene.hotspots] == [(10, 20, "p1")]
    assert asked.scene.start_time.ToJsonString() == "2026-12-01T00:00:00Z"  # the shop's morning
    assert not asked.scene.HasField("end_time")


async def test_nothing_typed_is_lost_when_somebody_was_first_or_a_field_is_wrong(console: ConsoleOnFakes) -> None:
    stale = await console.post(PATH, "edit", {"name": "my words"}, submit=SUBMIT, version="1")
    assert stale.status_code == 412
    assert "my words" in stale.text
    for forged in ("x", "-1", "9" * 30, "\u0663"):
        refused = await console.post(PATH, "move", {"state": "draft"}, submit=SUBMIT, version=forged)
        assert refused.status_code == 412, "a version that is none of ours overwrites nothing"
    assert console.services.count("MoveScene") == 0
    wrong = await console.post(PATH, "edit", {"name": "n", "start_time": "soon"}, submit="t" * 20, version="3")
    assert wrong.status_code in (400, 422)
    assert "soon" in wrong.text
    many = {f"hotspots.{row}.product_id": "p" for row in range(25)}
    assert (await console.post(PATH, "edit", {"name": "n", **many}, submit="u" * 20)).status_code in (400, 422)
    other = await console.post(PATH, "edit", {"name": "n", "state": "live"}, submit="v" * 20)
    assert other.status_code in (400, 422)


async def test_a_picture_is_uploaded_into_the_scene(console: ConsoleOnFakes) -> None:
    data = {"_form": "picture", "_submit": SUBMIT, "_version": str(SCENE_VERSION)}
    files = {"picture": ("a.png", b"x" * 600_000, "image/png")}
    answer = await console.client.post(f"/console{PATH}", data=data, files=files, headers=console._headers())
    assert answer.status_code == 303, answer.text
    assert console.services.uploads == [b"x" * 600_000]
    asked = console.services.last("UpdateScene")
    assert (asked.scene.media_id, list(asked.update_mask.paths)) == (MEDIA_ID, ["media_id"])


async def test_a_picture_form_without_a_file_says_so(console: ConsoleOnFakes) -> None:
    answer = await console.post(PATH, "picture", {}, submit=SUBMIT, version=str(SCENE_VERSION))
    assert answer.status_code in (400, 422)
    answer = await console.post(PATH, "picture", {"picture": "text"}, submit="t" * 20)
    assert answer.status_code in (400, 422)
    assert not console.services.count("UpdateScene")


@pytest.mark.parametrize("state", ["live", "draft", "archived"])
async def test_a_scene_is_moved_through_its_life(console: ConsoleOnFakes, state: str) -> None:
    answer = await console.post(PATH, "move", {"state": state}, submit=SUBMIT, version=str(SCENE_VERSION))
    assert answer.status_code == 303
    assert console.services.last("MoveScene").state == scene_pb2.SceneState.Value(f"SCENE_STATE_{state.upper()}")


async def test_who_only_reads_changes_nothing(console: ConsoleOnFakes) -> None:
    console.roles = (StaffRole.ANALYST,)
    html = await console.page(PATH)
    assert 'name="_form" value="edit"' not in html and 'value="move"' not in html
    for form, fields in (("edit", {"name": "x"}), ("move", {"state": "live"}), ("picture", {})):
        assert (await console.post(PATH, form, fields, submit=SUBMIT)).status_code == 403
    console.roles = (StaffRole.PR,)
    assert (await console.get(PATH)).status_code == 403


async def test_a_scene_that_is_not_there_is_a_page_that_says_so(console: ConsoleOnFakes) -> None:
    assert (await console.get("/scenes/nobody")).status_code == 404
