"""Scenes on the wire."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.recommendation.v1 import scene_pb2, scene_service_pb2
from zhike.type.v1 import localized_text_pb2

from services.recommendation.domain.errors import SceneInvalidError
from services.recommendation.domain.scenes import Benefit, Entry, Hotspot, Scene, SceneState
from services.recommendation.domain.segments import SEGMENT
from services.recommendation.store.scenes import Media
from services.recommendation.store.shelf import Shelf
from services.recommendation.usecases.scenes import SceneView, ShownScene

SHOP_LIMIT: Final = 64  # characters
ASKED_SEGMENTS_LIMIT: Final = 16
_STATES: Final = {
    SceneState.DRAFT: scene_pb2.SCENE_STATE_DRAFT,
    SceneState.LIVE: scene_pb2.SCENE_STATE_LIVE,
    SceneState.ARCHIVED: scene_pb2.SCENE_STATE_ARCHIVED,
}
_STATE_OF: Final = {number: state for state, number in _STATES.items()}


def scene_from_pb(message: scene_pb2.Scene) -> Scene:
    """Decode a scene's content. Raises SceneInvalidError."""
    if not 0 < len(message.shop) <= SHOP_LIMIT:
        raise SceneInvalidError(f"a shop has 1 to {SHOP_LIMIT} characters", field="shop")
    return Scene(id=message.id, shop=message.shop, **content_from_pb(message))


def content_from_pb(message: scene_pb2.Scene) -> Mapping[str, Any]:
    """Return the value of every field of the content. Raises SceneInvalidError."""
    return {
        "name": message.name,
        "media_id": message.media_id,
        "alt": dict(message.alt.by_language),
        "title": dict(message.title.by_language),
        "benefits": tuple(Benefit(each.segment, dict(each.text.by_language)) for each in message.benefits),
        "hotspots": tuple(Hotspot(each.x, each.y, each.product_id) for each in message.hotspots),
        "start_time": _time(message.start_time, "start_time") if message.HasField("start_time") else None,
        "end_time": _time(message.end_time, "end_time") if message.HasField("end_time") else None,
        "min_in_stock": message.min_in_stock,
    }


def state_from_pb(number: int) -> SceneState | None:
    """Return the state, None for none. Raises SceneInvalidError."""
    if number == scene_pb2.SCENE_STATE_UNSPECIFIED:
        return None
    if number not in _STATE_OF:
        raise SceneInvalidError("there is no such state", field="state")
    return _STATE_OF[number]  # type: ignore[index]


def segments_from_pb(segments: Iterable[str]) -> tuple[str, ...]:
    """Return the segments that the shop names, each once. Raises SceneInvalidError."""
    named = tuple(dict.fromkeys(segments))
    if len(named) > ASKED_SEGMENTS_LIMIT or not all(map(SEGMENT.fullmatch, named)):
        raise SceneInvalidError(f"at most {ASKED_SEGMENTS_LIMIT} names of segments", field="segment")
    return named


def view_to_pb(view: SceneView) -> scene_pb2.Scene:
    """Encode a scene as staff see it."""
    message = scene_to_pb(view.scene)
    message.shown, message.in_stock = view.shown, view.in_stock
    message.products, message.needed = len(view.scene.product_ids), view.scene.needed
    for remark in view.remarks:
        message.remarks.add(code=remark.code.value, about=remark.about)
    return message


def scene_to_pb(scene: Scene) -> scene_pb2.Scene:
    """Encode a scene."""
    message = scene_pb2.Scene(
        id=scene.id,
        shop=scene.shop,
        state=_STATES[scene.state],
        name=scene.name,
        media_id=scene.media_id,
        alt=_text(scene.alt),
        title=_text(scene.title),
        benefits=[scene_pb2.SceneBenefit(segment=each.segment, text=_text(each.text)) for each in scene.benefits],
        hotspots=[scene_pb2.Hotspot(x=each.x, y=each.y, product_id=each.product_id) for each in scene.hotspots],
        min_in_stock=scene.min_in_stock,
        version=scene.version,
        history=[_entry(each) for each in scene.history],
    )
    for name in ("start_time", "end_time", "create_time", "update_time"):
        time: datetime | None = getattr(scene, name)
        if time is not None:
            getattr(message, name).FromDatetime(time)
    return message


def shown_to_pb(found: Iterable[ShownScene], shelf: Shelf, language: str) -> scene_service_pb2.ListShownScenesResponse:
    """Encode what a visitor sees, with the cards of the products in it."""
    response = scene_service_pb2.ListShownScenesResponse()
    for each in found:
        shown = response.scenes.add(
            scene=scene_to_pb(each.shown.scene), media=media_to_pb(each.media), segment=each.shown.segment
        )
        for product_id in each.shown.scene.product_ids:
            shown.cards[product_id] = shelf.card(product_id, language)
    return response


def media_to_pb(media: Media) -> scene_pb2.Media:
    """Encode what is known of a picture."""
    message = scene_pb2.Media(
        id=media.id,
        media_type=media.picture.media_type,
        size_bytes=media.size_bytes,
        width=media.picture.width,
        height=media.picture.height,
        actor=media.actor,
    )
    message.create_time.FromDatetime(media.create_time)
    return message


def _entry(entry: Entry) -> scene_pb2.SceneEntry:
    message = scene_pb2.SceneEntry(
        version=entry.version,
        actor=entry.actor,
        action=entry.action,
        changes=[
            scene_pb2.SceneChange(field=each.field, before=each.before, after=each.after) for each in entry.changes
        ],
    )
    message.time.FromDatetime(entry.time)
    return message


def _text(words: Mapping[str, str]) -> localized_text_pb2.LocalizedText:
    return localized_text_pb2.LocalizedText(by_language=words)


def _time(message: Timestamp, field: str) -> datetime:
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise SceneInvalidError("this is no time", field=field) from None
