"""Owns scenes and what is known of their pictures, as documents; every save of a scene is a compare and set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.chassis.documents.port import (
    PAGE_LIMIT,
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.idempotency import IdempotencyKeyReusedError
from services.kits.times import micros, time_of
from services.recommendation.domain.errors import (
    MediaNotFoundError,
    SceneNotFoundError,
    TooManyMediaError,
    TooManyScenesError,
    VersionMismatchError,
)
from services.recommendation.domain.pictures import Picture
from services.recommendation.domain.scenes import Benefit, Change, Entry, Hotspot, Scene, SceneState

SCENES_LIMIT: Final = 2_000  # of a shop, archived ones included
LIVE_LIMIT: Final = 100  # of a shop: all of them are read when a visitor asks
MEDIA_LIMIT: Final = 2_000
ANY_VERSION: Final = 0
BY_SHOP: Final = "by_shop"
BY_STATE: Final = "by_state"
SCENES: Final = Collection(
    "scenes",
    (Index(BY_SHOP, ("shop", "create_time_us")), Index(BY_STATE, ("shop", "state", "create_time_us"))),
)
MEDIA: Final = Collection("scene_media")  # by the digest of the bytes


@dataclass(frozen=True, slots=True)
class Media:
    """What is known of a picture. ``id``: the SHA-256 of its bytes, which is its name among the artifacts too."""

    id: str
    picture: Picture
    size_bytes: int
    actor: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class StoredScene:
    """A scene with its place in the store."""

    scene: Scene
    revision: int
    fingerprint: str


class SceneStore:
    """The scenes of all shops. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collections."""
        await self._documents.declare(SCENES, MEDIA)

    async def get(self, scene_id: str) -> StoredScene:
        """Return a scene. Raises SceneNotFoundError."""
        document = await self._documents.get(SCENES, scene_id)
        if document is None:
            raise SceneNotFoundError("there is no such scene", resource="scene", id=scene_id)
        return _stored(document)

    async def add(self, scene: Scene, fingerprint: str) -> Scene:
        """Keep a new scene; the same request again is a success. Raises IdempotencyKeyReusedError, TooManyScenesError.

        ``fingerprint``: of what was asked for, by which a repetition is known.
        """
        known = await self._documents.get(SCENES, scene.id)
        if known is None:
            if await self._documents.count(SCENES, BY_SHOP, {"shop": scene.shop}) >= SCENES_LIMIT:
                raise TooManyScenesError(f"a shop has at most {SCENES_LIMIT} scenes", limit=SCENES_LIMIT)
            try:
                return _scene(await self._documents.insert(SCENES, scene.id, _body(scene, fingerprint)))
            except KeyTakenError:  # the same request, twice at once
                known = await self._documents.get(SCENES, scene.id)
        if known is None or known.body["fingerprint"] != fingerprint:
            raise IdempotencyKeyReusedError("this request id came with another scene before", id=scene.id)
        return _scene(known)

    async def save(self, before: StoredScene, scene: Scene) -> Scene:
        """Keep a scene in place of what was read. Raises VersionMismatchError, TooManyScenesError."""
        goes_live = scene.state is SceneState.LIVE and before.scene.state is not SceneState.LIVE
        if goes_live:
            live = await self._documents.count(SCENES, BY_STATE, {"shop": scene.shop, "state": SceneState.LIVE.value})
            if live >= LIVE_LIMIT:
                raise TooManyScenesError(f"a shop shows at most {LIVE_LIMIT} scenes at once", limit=LIVE_LIMIT)
        body = _body(scene, before.fingerprint)
        try:
            return _scene(await self._documents.replace(SCENES, scene.id, body, expected_revision=before.revision))
        except RevisionMismatchError:
            raise VersionMismatchError("the scene was changed meanwhile; read it again", id=scene.id) from None

    async def page(
        self, shop: str, state: SceneState | None, *, after: str | None, limit: int
    ) -> tuple[tuple[Scene, ...], str | None]:
        """Return scenes of a shop, the newest first, and the position after the last."""
        index = BY_SHOP if state is None else BY_STATE
        equals = {"shop": shop} if state is None else {"shop": shop, "state": state.value}
        page = await self._documents.find(SCENES, index, equals, after=after, limit=limit, descending=True)
        return tuple(map(_scene, page.documents)), page.next_after

    async def live(self, shop: str) -> Sequence[Scene]:
        """Return the live scenes of a shop, the newest first."""
        found, _ = await self.page(shop, SceneState.LIVE, after=None, limit=LIVE_LIMIT)
        return found

    async def media(self, media_id: str) -> Media:
        """Return what is known of a picture. Raises MediaNotFoundError."""
        document = await self._documents.get(MEDIA, media_id)
        if document is None:
            raise MediaNotFoundError("there is no such picture", resource="media", id=media_id)
        return _media(document)

    async def medias(self, media_ids: Sequence[str]) -> Mapping[str, Media]:
        """Return what is known of those pictures that exist."""
        found = await self._documents.get_many(MEDIA, list(dict.fromkeys(media_ids)))
        return {key: _media(document) for key, document in found.items()}

    async def has_media(self, media_id: str) -> bool:
        """Tell whether a picture was uploaded."""
        return await self._documents.get(MEDIA, media_id) is not None

    async def check_room(self) -> None:
        """Raise TooManyMediaError when no further picture may be stored."""
        if await self._documents.count(MEDIA) >= MEDIA_LIMIT:
            raise TooManyMediaError(f"at most {MEDIA_LIMIT} pictures are stored", limit=MEDIA_LIMIT)

    async def add_media(self, media: Media) -> Media:
        """Keep what is known of a picture; one that is known keeps who uploaded it first."""
        body = {
            "media_type": media.picture.media_type,
            "width": media.picture.width,
            "height": media.picture.height,
            "size_bytes": media.size_bytes,
            "actor": media.actor,
            "create_time_us": micros(media.create_time),
        }
        try:
            return _media(await self._documents.insert(MEDIA, media.id, body))
        except KeyTakenError:
            return await self.media(media.id)

    async def named_blobs(self) -> frozenset[str]:
        """Return the bytes of all pictures: none goes while its page may still be written."""
        digests, after = set[str](), None
        while True:
            page = await self._documents.scan(MEDIA, after=after, limit=PAGE_LIMIT)
            digests.update(document.key for document in page.documents)
            after = page.next_after
            if after is None:
                return frozenset(digests)


def _body(scene: Scene, fingerprint: str) -> dict[str, Any]:
    return {
        "shop": scene.shop,
        "state": scene.state.value,
        "create_time_us": _micros(scene.create_time),
        "update_time_us": _micros(scene.update_time),
        "start_time_us": _micros(scene.start_time),
        "end_time_us": _micros(scene.end_time),
        "version": scene.version,
        "name": scene.name,
        "media_id": scene.media_id,
        "alt": dict(scene.alt),
        "title": dict(scene.title),
        "benefits": [[each.segment, dict(each.text)] for each in scene.benefits],
        "hotspots": [[each.x, each.y, each.product_id] for each in scene.hotspots],
        "min_in_stock": scene.min_in_stock,
        "history": [
            [
                each.version,
                micros(each.time),
                each.actor,
                each.action,
                [[change.field, change.before, change.after] for change in each.changes],
            ]
            for each in scene.history
        ],
        "fingerprint": fingerprint,
    }


def _stored(document: Document) -> StoredScene:
    return StoredScene(_scene(document), document.revision, document.body["fingerprint"])


def _scene(document: Document) -> Scene:
    body = document.body
    return Scene(
        id=document.key,
        shop=body["shop"],
        name=body["name"],
        media_id=body["media_id"],
        alt=body["alt"],
        title=body["title"],
        benefits=tuple(Benefit(segment, text) for segment, text in body["benefits"]),
        hotspots=tuple(Hotspot(x, y, product_id) for x, y, product_id in body["hotspots"]),
        start_time=_time(body["start_time_us"]),
        end_time=_time(body["end_time_us"]),
        min_in_stock=body["min_in_stock"],
        state=SceneState(body["state"]),
        version=body["version"],
        create_time=_time(body["create_time_us"]),
        update_time=_time(body["update_time_us"]),
        history=tuple(
            Entry(version, time_of(time_us), actor, action, tuple(Change(*change) for change in changes))
            for version, time_us, actor, action, changes in body["history"]
        ),
    )


def _media(document: Document) -> Media:
    body = document.body
    picture = Picture(body["media_type"], body["width"], body["height"])
    return Media(document.key, picture, body["size_bytes"], body["actor"], time_of(body["create_time_us"]))


def _micros(time: datetime | None) -> int | None:
    return None if time is None else micros(time)


def _time(time_us: int | None) -> datetime | None:
    return None if time_us is None else time_of(time_us)
