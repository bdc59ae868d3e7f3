"""Scenes from the first draft to what a visitor sees, on the stores in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.idempotency import IdempotencyKeyReusedError
from services.recommendation.domain.errors import (
    MediaNotFoundError,
    PictureRefusedError,
    PictureTooLargeError,
    SceneIncompleteError,
    SceneInvalidError,
    SceneNotFoundError,
    TooManyMediaError,
    TooManyScenesError,
    VersionMismatchError,
)
from services.recommendation.domain.pictures import BYTES_LIMIT
from services.recommendation.domain.scenes import Benefit, Hotspot, Scene, SceneState
from services.recommendation.store import scenes as scene_store
from services.recommendation.store.scenes import SceneStore
from services.recommendation.store.world import World
from services.recommendation.usecases.predict import ConsentRules
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
from services.recommendation.usecases.segments import known_segments, visitor_segments
from tests.fakes.clock import ManualClock
from tests.fakes.memory_artifacts import MemoryArtifacts
from tests.unit.services.recommendation.domain.test_pictures import png
from tests.unit.services.recommendation.shop import NOW, identity_event, product_event, shop_world, user_event

BOTH = {"zh": "好", "en": "good"}
CONSENT = ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: 0.0)


async def staging_with(world: World | None = None, **rules: Any) -> Staging:
    store = SceneStore(MemoryDocuments())
    await store.declare()
    consent = replace(CONSENT, **rules)
    return Staging(store, MemoryArtifacts(), world or shop_world(None), consent, ManualClock(NOW))


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def picture_in(staging: Staging, content: bytes | None = None) -> str:
    return (await upload_media(staging, chunks(content or png()), actor="li")).id


async def whole_scene(staging: Staging, name: str = "tea", **fields: Any) -> Scene:
    return Scene(
        id="",
        shop="main",
        name=name,
        media_id=await picture_in(staging),
        alt=BOTH,
        title=BOTH,
        benefits=fields.pop("benefits", (Benefit("", BOTH),)),
        hotspots=fields.pop("hotspots", (Hotspot(1, 2, "p1"), Hotspot(3, 4, "p2"))),
        **fields,
    )


async def live(staging: Staging, name: str = "tea", **fields: Any) -> Scene:
    view = await create_scene(staging, await whole_scene(staging, name, **fields), actor="li", request_id=name)
    return (await move_scene(staging, Deed(view.scene.id, "li"), SceneState.LIVE)).scene


async def test_from_draft_to_shown_and_away_again() -> None:
    staging = await staging_with()
    draft = await create_scene(staging, Scene("", "main", "tea"), actor="li", request_id="r")
    assert (draft.scene.state, draft.scene.version, draft.shown) == (SceneState.DRAFT, 1, False)
    with pytest.raises(SceneIncompleteError):
        await move_scene(staging, Deed(draft.scene.id, "li"), SceneState.LIVE)
    whole = await whole_scene(staging)
    values = {name: getattr(whole, name) for name in ("media_id", "alt", "title", "benefits", "hotspots")}
    edited = await update_scene(staging, Deed(draft.scene.id, "wu", 1), values, tuple(values))
    assert edited.scene.version == 2
    published = await move_scene(staging, Deed(draft.scene.id, "wu", 2), SceneState.LIVE)
    assert published.shown and not published.remarks
    (shown,) = await scenes_for(staging, "main", (), (), limit=3)
    assert shown.shown.scene.id == draft.scene.id and shown.media.picture.width == 640
    assert not await scenes_for(staging, "other-shop", (), (), limit=3)
    await move_scene(staging, Deed(draft.scene.id, "li"), SceneState.ARCHIVED)
    assert not await scenes_for(staging, "main", (), (), limit=3)
    history = (await get_scene(staging, draft.scene.id)).scene.history
    assert [(each.actor, each.action) for each in history] == [
        ("li", "archived"), ("wu", "published"), ("wu", "edited"), ("li", "created"),
    ]  # fmt: skip


async def test_the_same_request_is_one_scene_and_another_under_its_id_is_refused() -> None:
    staging = await staging_with()
    first = await create_scene(staging, Scene("", "main", "tea"), actor="li", request_id="r")
    again = await create_scene(staging, Scene("", "main", "tea"), actor="li", request_id="r")
    assert first == again
    with pytest.raises(IdempotencyKeyReusedError):
        await create_scene(staging, Scene("", "main", "coffee"), actor="li", request_id="r")


async def test_two_edits_of_one_version_do_not_both_hold() -> None:
    staging = await staging_with()
    scene = await live(staging)
    await update_scene(staging, Deed(scene.id, "li", scene.version), {"name": "a"}, ["name"])
    with pytest.raises(VersionMismatchError):
        await update_scene(staging, Deed(scene.id, "wu", scene.version), {"name": "b"}, ["name"])
    with pytest.raises(VersionMismatchError):
        await move_scene(staging, Deed(scene.id, "wu", scene.version), SceneState.DRAFT)
    assert (await update_scene(staging, Deed(scene.id, "wu"), {"name": "b"}, ["name"])).scene.name == "b"
    unchanged = await update_scene(staging, Deed(scene.id, "wu"), {"name": "b"}, ["name"])
    assert unchanged.scene.version == scene.version + 2


async def test_a_live_scene_stays_complete() -> None:
    staging = await staging_with()
    scene = await live(staging)
    with pytest.raises(SceneIncompleteError):
        await update_scene(staging, Deed(scene.id, "li"), {"title": {"zh": "好"}}, ["title"])
    with pytest.raises(SceneIncompleteError):
        await update_scene(staging, Deed(scene.id, "li"), {"hotspots": (Hotspot(0, 0, "nothing"),)}, ["hotspots"])
    for fields in ([], ["state"], ["name", "version"]):
        with pytest.raises(SceneInvalidError):
            await update_scene(staging, Deed(scene.id, "li"), {"name": "x"}, fields)
    with pytest.raises(SceneNotFoundError):
        await update_scene(staging, Deed("nobody", "li"), {"name": "x"}, ["name"])


async def test_it_hides_when_its_products_sell_out_and_comes_back_with_them() -> None:
    staging = await staging_with()
    scene = await live(staging, hotspots=tuple(Hotspot(1, 1, f"p{number}") for number in range(3)))
    for number, product_id in enumerate(("p0", "p1"), 100):
        staging.world.shelf.apply(product_event(number, product_id, availability="out-of-stock"))
    assert not await scenes_for(staging, "main", (), (), limit=3)
    view = await get_scene(staging, scene.id)
    assert (view.shown, view.in_stock, view.scene.needed) == (False, 1, 2)
    assert "TOO_FEW_IN_STOCK" in {each.code for each in view.remarks}
    staging.world.shelf.apply(product_event(102, "p0", availability="in-stock"))
    (shown,) = await scenes_for(staging, "main", (), (), limit=3)
    assert shown.shown.scene.product_ids == ("p0", "p2")


async def test_dates_open_and_close_it() -> None:
    staging = await staging_with()
    await live(staging, start_time=NOW + timedelta(hours=1), end_time=NOW + timedelta(hours=2))
    for hours, count in ((0.5, 0), (0.6, 1), (1.0, 0)):
        staging.clock.advance(hours * 3_600)  # type: ignore[attr-defined]
        assert len(await scenes_for(staging, "main", (), (), limit=3)) == count


async def test_a_visitor_sees_the_words_for_a_segment_only_with_consent() -> None:
    words = (Benefit("", BOTH), Benefit("buys:grocery", {"zh": "茶", "en": "tea"}))
    allowed = await staging_with()
    await live(allowed, benefits=words)
    buyer = "card:0"  # buys of the first half of the shop
    (shown,) = await scenes_for(allowed, "main", (buyer,), (), limit=3)
    assert shown.shown.segment == "buys:grocery"
    (named,) = await scenes_for(allowed, "main", (), ("buys:grocery",), limit=3)
    assert named.shown.segment == "buys:grocery"
    for rules in ({"default_consent": False}, {"staleness_s": lambda: 9.0}):
        refused = await staging_with(**rules)
        await live(refused, benefits=words)
        (shown,) = await scenes_for(refused, "main", (buyer,), (), limit=3)
        assert shown.shown.segment == ""


async def test_consent_withdrawn_ends_segments_at_once() -> None:
    world = shop_world(None)
    assert visitor_segments(("card:0",), world, consent=CONSENT, now=NOW)[-1] == "returning"
    assert visitor_segments(("card:unheard",), world, consent=CONSENT, now=NOW) == ("new",)
    denied = {"personalization": "denied"}
    world.people.apply(identity_event(1, "card:0", ["card:0"], consents=denied))
    assert visitor_segments(("card:0",), world, consent=CONSENT, now=NOW) == ()


async def test_returns_make_nobody_a_buyer() -> None:
    world = World()
    world.ledger.apply(user_event(1, order={"kind": "return", "source": "shop", "number": "1"}))
    assert visitor_segments(("card:1",), world, consent=CONSENT, now=NOW) == ("new",)


async def test_staff_can_write_for_every_segment_that_is_found() -> None:
    segments = known_segments(shop_world(None))
    assert segments["new"]["en"].startswith("New")
    assert segments["buys:grocery"] == {"zh": "常买：杂货", "en": "Buys: Grocery"}


async def test_scenes_are_listed_by_state_the_newest_first() -> None:
    staging = await staging_with()
    for name in ("a", "b", "c"):
        await live(staging, name)
        staging.clock.advance(1)  # type: ignore[attr-defined]
    await create_scene(staging, Scene("", "main", "draft"), actor="li", request_id="d")
    page, position = await list_scenes(staging, "main", SceneState.LIVE, after=None, limit=2)
    assert [view.scene.name for view in page] == ["c", "b"]
    rest, end = await list_scenes(staging, "main", SceneState.LIVE, after=position, limit=2)
    assert ([view.scene.name for view in rest], end) == (["a"], None)
    everything, _ = await list_scenes(staging, "main", None, after=None, limit=9)
    assert [view.scene.name for view in everything] == ["draft", "c", "b", "a"]
    assert not any(view.scene.history for view in everything)


async def test_there_are_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    staging = await staging_with()
    scene = await whole_scene(staging)
    monkeypatch.setattr(scene_store, "SCENES_LIMIT", 2)
    monkeypatch.setattr(scene_store, "LIVE_LIMIT", 1)
    monkeypatch.setattr(scene_store, "MEDIA_LIMIT", 1)
    ids = [(await create_scene(staging, scene, actor="li", request_id=name)).scene.id for name in "ab"]
    with pytest.raises(TooManyScenesError):
        await create_scene(staging, scene, actor="li", request_id="c")
    await move_scene(staging, Deed(ids[0], "li"), SceneState.LIVE)
    with pytest.raises(TooManyScenesError):
        await move_scene(staging, Deed(ids[1], "li"), SceneState.LIVE)
    with pytest.raises(TooManyMediaError):
        await picture_in(staging, png(300, 300))


async def test_a_picture_is_kept_once_whoever_brings_it_and_is_never_collected() -> None:
    staging = await staging_with()
    content = png()
    first = await upload_media(staging, chunks(content[:9], content[9:]), actor="li")
    again = await upload_media(staging, chunks(content), actor="wu")
    assert first == again == await get_media(staging, first.id)
    assert await staging.artifacts.read(first.id) == content
    assert await staging.scenes.named_blobs() == {first.id}
    with pytest.raises(MediaNotFoundError):
        await get_media(staging, "nobody")
    with pytest.raises(MediaNotFoundError):
        await create_scene(staging, Scene("", "main", "x", media_id="nobody"), actor="li", request_id="x")


async def test_a_picture_too_large_or_empty_is_not_kept() -> None:
    staging = await staging_with()
    with pytest.raises(PictureTooLargeError):
        await upload_media(staging, chunks(png(), b"x" * BYTES_LIMIT), actor="li")
    with pytest.raises(PictureRefusedError):
        await upload_media(staging, chunks(), actor="li")
    with pytest.raises(PictureRefusedError):
        await upload_media(staging, chunks(b"<svg/>"), actor="li")
    assert not await staging.scenes.named_blobs()
