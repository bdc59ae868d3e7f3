"""What staff do with scenes, and which of them a visitor sees."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.recommendation.domain.errors import (
    MediaNotFoundError,
    PictureRefusedError,
    PictureTooLargeError,
    SceneInvalidError,
    VersionMismatchError,
)
from services.recommendation.domain.pictures import BYTES_LIMIT, picture_of
from services.recommendation.domain.scenes import (
    CONTENT,
    Remark,
    Scene,
    SceneState,
    Shown,
    changes_between,
    check_complete,
    check_scene,
    created,
    edited,
    is_open,
    moved,
    remarks_of,
    shown_scenes,
    stocked,
)
from services.recommendation.store.scenes import ANY_VERSION, Media, SceneStore, StoredScene
from services.recommendation.store.world import World
from services.recommendation.usecases.predict import ConsentRules
from services.recommendation.usecases.segments import visitor_segments

ID_BYTES: Final = 10
ATTEMPTS_LIMIT: Final = 8  # of an edit that names no version, against others


@dataclass(frozen=True, slots=True)
class Staging:
    """What scenes are made from."""

    scenes: SceneStore
    artifacts: ArtifactStore
    world: World
    consent: ConsentRules
    clock: Clock


@dataclass(frozen=True, slots=True)
class SceneView:
    """A scene as it stands: whether it is shown now, of how many products how many are in stock, and what is amiss."""

    scene: Scene
    shown: bool
    in_stock: int
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class ShownScene:
    """A scene for a visitor with its picture."""

    shown: Shown
    media: Media


@dataclass(frozen=True, slots=True)
class Deed:
    """Who changes which scene. ``expected_version`` 0 means any."""

    scene_id: str
    actor: str
    expected_version: int = ANY_VERSION


async def create_scene(staging: Staging, scene: Scene, *, actor: str, request_id: str) -> SceneView:
    """Begin a draft. Raises SceneInvalidError, MediaNotFoundError, TooManyScenesError, IdempotencyKeyReusedError."""
    checked = check_scene(scene)
    await _check_media(staging, checked)
    scene_id = f"scn-{blake2b(request_id.encode(), digest_size=ID_BYTES).hexdigest()}"
    asked = fingerprint([checked.shop, *((each.field, each.after) for each in changes_between(Scene("", ""), checked))])
    draft = created(replace(checked, id=scene_id), actor=actor, now=staging.clock.now())
    return _view(staging, await staging.scenes.add(draft, asked))


async def get_scene(staging: Staging, scene_id: str) -> SceneView:
    """Return a scene. Raises SceneNotFoundError."""
    return _view(staging, (await staging.scenes.get(scene_id)).scene)


async def list_scenes(
    staging: Staging, shop: str, state: SceneState | None, *, after: str | None, limit: int
) -> tuple[list[SceneView], str | None]:
    """Return scenes of a shop, the newest first and without their histories, and the position after the last."""
    scenes, position = await staging.scenes.page(shop, state, after=after, limit=limit)
    return [_view(staging, replace(scene, history=())) for scene in scenes], position


async def update_scene(staging: Staging, deed: Deed, values: Mapping[str, Any], fields: Collection[str]) -> SceneView:
    """Give the named fields new values; a live scene stays complete.

    Raises SceneNotFoundError, SceneInvalidError, SceneIncompleteError, MediaNotFoundError, VersionMismatchError.
    """
    if not fields or set(fields) - set(CONTENT):
        raise SceneInvalidError(f"a change names some of {', '.join(CONTENT)}", field="update_mask")
    named = {name: values[name] for name in fields}

    async def change(before: Scene) -> Scene:
        after = check_scene(replace(before, **named))
        if after.media_id != before.media_id:
            await _check_media(staging, after)
        if after.state is SceneState.LIVE:
            check_complete(_remarks(staging, after))
        return edited(before, after, actor=deed.actor, now=staging.clock.now())

    return await _changed(staging, deed, change)


async def move_scene(staging: Staging, deed: Deed, state: SceneState) -> SceneView:
    """Publish, withdraw, archive or reopen a scene.

    Raises SceneNotFoundError, SceneStateError, SceneIncompleteError, VersionMismatchError, TooManyScenesError.
    """

    async def change(before: Scene) -> Scene:
        if state is SceneState.LIVE and before.state is not SceneState.LIVE:
            check_complete(_remarks(staging, before))
        return moved(before, state, actor=deed.actor, now=staging.clock.now())

    return await _changed(staging, deed, change)


async def scenes_for(
    staging: Staging, shop: str, identifiers: Sequence[str], segments: Sequence[str], *, limit: int
) -> list[ShownScene]:
    """Return what to show a visitor: by the segments that the shop names, then by those that the copies know."""
    live = await staging.scenes.live(shop)
    if not live:
        return []
    now = staging.clock.now()
    known = visitor_segments(identifiers, staging.world, consent=staging.consent, now=now) if identifiers else ()
    wanted = tuple(dict.fromkeys((*segments, *known)))
    shown = shown_scenes(live, wanted, in_stock=staging.world.shelf.sellable, now=now)[:limit]
    media = await staging.scenes.medias([each.scene.media_id for each in shown])
    return [ShownScene(each, media[each.scene.media_id]) for each in shown if each.scene.media_id in media]


async def upload_media(staging: Staging, chunks: AsyncIterator[bytes], *, actor: str) -> Media:
    """Store a picture. Raises PictureRefusedError, PictureTooLargeError, TooManyMediaError."""
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > BYTES_LIMIT:
            raise PictureTooLargeError(f"a picture has at most {BYTES_LIMIT} bytes", field="file", limit=BYTES_LIMIT)
    if not content:
        raise PictureRefusedError("the picture is empty", field="file")
    picture = picture_of(bytes(content))
    await staging.scenes.check_room()
    blob = await staging.artifacts.put(bytes(content))
    media = Media(blob.digest, picture, blob.size_bytes, actor, staging.clock.now())
    return await staging.scenes.add_media(media)


async def get_media(staging: Staging, media_id: str) -> Media:
    """Return what is known of a picture. Raises MediaNotFoundError."""
    return await staging.scenes.media(media_id)


async def _changed(staging: Staging, deed: Deed, change: Callable[[Scene], Awaitable[Scene]]) -> SceneView:
    """Apply a change by compare and set; who names no version changes whatever is there, so a lost race runs again."""
    for attempt in range(ATTEMPTS_LIMIT):
        before: StoredScene = await staging.scenes.get(deed.scene_id)
        if deed.expected_version not in (ANY_VERSION, before.scene.version):
            raise VersionMismatchError(
                f"the version is {before.scene.version}, not {deed.expected_version}; read it again",
                id=deed.scene_id,
                version=before.scene.version,
            )
        after = await change(before.scene)
        if after is before.scene:
            return _view(staging, after)
        try:
            return _view(staging, await staging.scenes.save(before, after))
        except VersionMismatchError:
            if deed.expected_version != ANY_VERSION or attempt == ATTEMPTS_LIMIT - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


async def _check_media(staging: Staging, scene: Scene) -> None:
    if scene.media_id and not await staging.scenes.has_media(scene.media_id):
        raise MediaNotFoundError("upload the picture first", resource="media", id=scene.media_id[:80])


def _view(staging: Staging, scene: Scene) -> SceneView:
    shelf, now = staging.world.shelf, staging.clock.now()
    open_now = is_open(scene, in_stock=shelf.sellable, now=now)
    return SceneView(scene, open_now, stocked(scene, shelf.sellable), _remarks(staging, scene, now))


def _remarks(staging: Staging, scene: Scene, now: datetime | None = None) -> tuple[Remark, ...]:
    shelf = staging.world.shelf
    return remarks_of(
        scene,
        known=lambda product_id: shelf.get(product_id) is not None,
        in_stock=shelf.sellable,
        now=now or staging.clock.now(),
    )
