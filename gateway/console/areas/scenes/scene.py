"""One scene: its picture with hotspots, its words by segment, its life, who changed what."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from google.protobuf.field_mask_pb2 import FieldMask
from pydantic import Field
from zhike.recommendation.v1 import prediction_service_pb2, scene_pb2
from zhike.recommendation.v1 import scene_service_pb2 as pb
from zhike.type.v1 import answer_pb2, identifier_pb2

from gateway.clients import PREDICT
from gateway.console.areas.goods.product import titles_of
from gateway.console.areas.scenes.gallery import READERS, WRITERS, chips_of, state_of
from gateway.console.cells import Column, Stacked, Table
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.routers.scenes import state_number, store_picture
from gateway.scene_clients import GET_MEDIA, GET_SCENE, LIST_SEGMENTS, MOVE_SCENE, UPDATE_SCENE
from services.chassis.errors import InvalidArgumentError

CONTENT: Final = ("alt", "benefits", "end_time", "hotspots", "min_in_stock", "name", "start_time", "title")
LANGUAGES: Final = ("zh", "en")
SPARE_BENEFITS: Final = 2
SPARE_HOTSPOTS: Final = 3
BENEFITS_LIMIT: Final = 12
HOTSPOTS_LIMIT: Final = 24
PROPOSED: Final = 50  # products that the fields propose
PIECE_BYTES: Final = 512 * 1024
MIDDLE: Final = 500
LOCAL: Final = "%Y-%m-%dT%H:%M"
VERBS: Final = {"live": "publish", "draft": "withdraw", "archived": "archive"}

Words = Annotated[str, Field(max_length=400)]


class BenefitRow(FormModel):
    """The words for a segment."""

    segment: Annotated[str, Field(max_length=64)] = ""
    zh: Words = ""
    en: Words = ""


class HotspotRow(FormModel):
    """A place in the picture."""

    x: Annotated[int, Field(ge=0, le=1_000)] = MIDDLE
    y: Annotated[int, Field(ge=0, le=1_000)] = MIDDLE
    product_id: Annotated[str, Field(max_length=128)] = ""


class SceneForm(FormModel):
    """What a scene says."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    title_zh: Annotated[str, Field(max_length=80)] = ""
    title_en: Annotated[str, Field(max_length=80)] = ""
    alt_zh: Annotated[str, Field(max_length=300)] = ""
    alt_en: Annotated[str, Field(max_length=300)] = ""
    benefits: Annotated[list[BenefitRow], Field(max_length=BENEFITS_LIMIT)] = []
    hotspots: Annotated[list[HotspotRow], Field(max_length=HOTSPOTS_LIMIT)] = []
    start_time: Annotated[str, Field(max_length=32)] = ""
    end_time: Annotated[str, Field(max_length=32)] = ""
    min_in_stock: Annotated[int, Field(ge=0, le=HOTSPOTS_LIMIT)] = 0


class PictureForm(FormModel):
    """A picture to upload."""

    picture: Any


class MoveForm(FormModel):
    """Where to in its life."""

    state: Annotated[str, Field(pattern="^(draft|live|archived)$")]


async def show(visit: Visit) -> View:
    """Show a scene."""
    scene = await visit.ask(GET_SCENE, pb.GetSceneRequest(id=visit.path["id"]))
    segments, media, products, proposed = await asyncio.gather(
        visit.part("segments", LIST_SEGMENTS, pb.ListSegmentsRequest()),
        _media(visit, scene.media_id),
        titles_of(visit, list(dict.fromkeys(spot.product_id for spot in scene.hotspots))),
        _proposed(visit),
    )
    for name in ("edit", "picture", "move"):
        visit.form(name, _values(visit, scene) if name == "edit" else {}, version=scene.version)
    return {
        "scene": scene,
        "state": state_of(scene),
        "chips": chips_of(visit, scene),
        "media": media,
        "titles": products,
        "segments": _segments(visit, segments, scene),
        "proposed": {**proposed, **products},
        "benefit_rows": range(min(BENEFITS_LIMIT, len(scene.benefits) + SPARE_BENEFITS)),
        "hotspot_rows": range(min(HOTSPOTS_LIMIT, len(scene.hotspots) + SPARE_HOTSPOTS)),
        "remarks": [_remark(visit, remark, products) for remark in scene.remarks],
        "writes": visit.may(*WRITERS),
        "products": Table("products", _columns(visit, products), scene.hotspots, empty="scenes.no_hotspots"),
    }


async def edit(visit: Visit, form: SceneForm) -> Redirect:
    """Keep what was written."""
    scene_id = visit.path["id"]
    request = pb.UpdateSceneRequest(
        scene=_message(visit, scene_id, form),
        update_mask=FieldMask(paths=CONTENT),
        expected_version=visit.expected_version,
        actor=visit.staff.principal.name,
    )
    scene = await visit.ask(UPDATE_SCENE, request)
    await _record(visit, "scene.edit", scene)
    return Redirect(visit.link("/scenes/{id}", id=scene_id), Flash("scenes.saved"))


async def upload(visit: Visit, form: PictureForm) -> Redirect:
    """Store a picture and put it into the scene."""
    scene_id, actor = visit.path["id"], visit.staff.principal.name
    if not hasattr(form.picture, "read"):
        raise InvalidArgumentError("choose a file", field="picture")

    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await form.picture.read(PIECE_BYTES):
            yield chunk

    try:
        media = await store_picture(visit.parts.caller, chunks(), actor=actor)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(error.message, field="picture") from None
    request = pb.UpdateSceneRequest(
        scene=scene_pb2.Scene(id=scene_id, media_id=media.id),
        update_mask=FieldMask(paths=("media_id",)),
        expected_version=visit.expected_version,
        actor=actor,
    )
    await _record(visit, "scene.picture", await visit.ask(UPDATE_SCENE, request))
    return Redirect(visit.link("/scenes/{id}", id=scene_id), Flash("scenes.picture_kept"))


async def move(visit: Visit, form: MoveForm) -> Redirect:
    """Publish, withdraw, archive or reopen."""
    scene_id = visit.path["id"]
    request = pb.MoveSceneRequest(
        id=scene_id,
        state=state_number(form.state),
        expected_version=visit.expected_version,
        actor=visit.staff.principal.name,
    )
    scene = await visit.ask(MOVE_SCENE, request)
    await _record(visit, f"scene.{VERBS[form.state]}", scene)
    return Redirect(visit.link("/scenes/{id}", id=scene_id), Flash(f"scenes.moved.{form.state}"))


async def _record(visit: Visit, action: str, scene: scene_pb2.Scene) -> None:
    changes = scene.history[0].changes if scene.history else ()
    before = {change.field: change.before for change in changes}
    after = {change.field: change.after for change in changes}
    await visit.record(action, "scene", scene.id, before=before, after=after)


def _message(visit: Visit, scene_id: str, form: SceneForm) -> scene_pb2.Scene:
    message = scene_pb2.Scene(id=scene_id, name=form.name, min_in_stock=form.min_in_stock)
    message.title.by_language.update({"zh": form.title_zh, "en": form.title_en})
    message.alt.by_language.update({"zh": form.alt_zh, "en": form.alt_en})
    for benefit in form.benefits:
        if benefit.zh or benefit.en:
            added = message.benefits.add(segment=benefit.segment)
            added.text.by_language.update({"zh": benefit.zh, "en": benefit.en})
    for spot in form.hotspots:
        if spot.product_id:
            message.hotspots.add(x=spot.x, y=spot.y, product_id=spot.product_id)
    for name in ("start_time", "end_time"):
        if text := getattr(form, name):
            getattr(message, name).FromDatetime(_time(visit, name, text))
    return message


def _time(visit: Visit, name: str, text: str) -> datetime:
    """Return a time that was written in the shop's zone. Raises InvalidArgumentError."""
    zone = visit.formats.local(visit.parts.clock.now()).tzinfo
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise InvalidArgumentError(visit.words("form.error.invalid"), field=name) from None


def _values(visit: Visit, scene: scene_pb2.Scene) -> dict[str, Any]:
    values: dict[str, Any] = {"name": scene.name, "min_in_stock": scene.min_in_stock}
    for language in LANGUAGES:
        values[f"title_{language}"] = scene.title.by_language.get(language, "")
        values[f"alt_{language}"] = scene.alt.by_language.get(language, "")
    for place, benefit in enumerate(scene.benefits):
        values[f"benefits.{place}.segment"] = benefit.segment
        values |= {f"benefits.{place}.{each}": benefit.text.by_language.get(each, "") for each in LANGUAGES}
    for place, spot in enumerate(scene.hotspots):
        values |= {f"hotspots.{place}.{field}": getattr(spot, field) for field in ("x", "y", "product_id")}
    for name in ("start_time", "end_time"):
        if scene.HasField(name):
            values[name] = visit.formats.local(_aware(getattr(scene, name))).strftime(LOCAL)
    return values


def _aware(time: Any) -> datetime:
    moment: datetime = time.ToDatetime(tzinfo=UTC)
    return moment


async def _media(visit: Visit, media_id: str) -> scene_pb2.Media | None:
    return await visit.part("media", GET_MEDIA, pb.GetMediaRequest(id=media_id)) if media_id else None


async def _proposed(visit: Visit) -> Mapping[str, str]:
    """Return what sells now, to choose from while typing; nothing while its service is away."""
    request = prediction_service_pb2.PredictRequest(
        placement="popular",
        page_size=PROPOSED,
        language=visit.language,
        shopper=identifier_pb2.Shopper(shop=visit.shop, channel="console"),
        format=answer_pb2.ANSWER_FORMAT_JSON,
        synthetic=True,
    )
    found = await visit.part("products", PREDICT, request)
    slots = orjson.loads(found.json)["slots"] if found is not None else []
    return {slot["product"]["id"]: slot["product"]["title"] for slot in slots}


def _segments(visit: Visit, found: pb.ListSegmentsResponse | None, scene: scene_pb2.Scene) -> Sequence[tuple[str, str]]:
    known = (
        {each.name: each.label.by_language.get(visit.language, each.name) for each in found.segments} if found else {}
    )
    own = {each.segment: each.segment for each in scene.benefits if each.segment}
    return [("", visit.words("scenes.everybody")), *sorted({**own, **known}.items())]


def _remark(visit: Visit, remark: scene_pb2.SceneRemark, titles: Mapping[str, str]) -> tuple[str, str]:
    """Return what a remark says, and how it is meant."""
    about = titles.get(remark.about, remark.about)
    blocks = remark.code.startswith(("NO_", "UNKNOWN"))
    return visit.words(f"scenes.remark.{remark.code}", about=about), "bad" if blocks else "warn"


def _columns(visit: Visit, titles: Mapping[str, str]) -> Sequence[Column]:
    return (
        Column(
            "scenes.product",
            lambda spot: Stacked(titles.get(spot.product_id) or visit.words("scenes.unknown"), spot.product_id),
            wide=True,
        ),
        Column("scenes.x", lambda spot: spot.x, numeric=True),
        Column("scenes.y", lambda spot: spot.y, numeric=True),
    )


PAGE: Final = Page(
    path="/scenes/{id}",
    roles=READERS,
    title="scenes.one",
    help="scenes.one_help",
    template="scenes/scene.html",
    show=show,
    forms=(
        Form("edit", SceneForm, edit, WRITERS),
        Form("picture", PictureForm, upload, WRITERS),
        Form("move", MoveForm, move, WRITERS),
    ),
)
