"""All scenes of the shop: what is shown, what is hidden and why."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field
from zhike.recommendation.v1 import scene_pb2
from zhike.recommendation.v1 import scene_service_pb2 as pb

from gateway.console.cells import Chip, Column, Link, Moment, Table
from gateway.console.pages import Attention, Card, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.public_form import enum_word
from gateway.routers.scenes import STATES, state_number
from gateway.scene_clients import CREATE_SCENE, LIST_SCENES

READERS: Final = frozenset({StaffRole.MERCHANDISER, StaffRole.ANALYST})
WRITERS: Final = frozenset({StaffRole.MERCHANDISER})
TABLE: Final = "scenes"
PAGE_LIMIT: Final = 100
TONES: Final = {"draft": "plain", "live": "good", "archived": "plain"}
SHOWN: Final = 4  # of a card of the start page


class NewForm(FormModel):
    """A new draft."""

    name: Annotated[str, Field(min_length=1, max_length=80)]


async def show(visit: Visit) -> View:
    """Show the scenes."""
    state = visit.choice("state", dict.fromkeys(STATES))
    request = pb.ListScenesRequest(
        shop=visit.shop,
        state=state_number(state),
        page_size=min(PAGE_LIMIT, visit.page_size(TABLE)),
        page_token=visit.cursor(TABLE),
    )
    found = await visit.ask(LIST_SCENES, request)
    visit.form("new")
    return {
        "state": state,
        "tabs": [("", visit.words("scenes.all")), *((each, visit.words(f"scenes.state.{each}")) for each in STATES)],
        "scenes": found.scenes,
        "state_of": state_of,
        "chips_of": lambda scene: chips_of(visit, scene),
        "table": Table(TABLE, _columns(visit), found.scenes, found.next_page_token, empty="scenes.none"),
    }


async def create(visit: Visit, form: NewForm) -> Redirect:
    """Begin a draft."""
    scene = await visit.ask(
        CREATE_SCENE,
        pb.CreateSceneRequest(
            scene=scene_pb2.Scene(shop=visit.shop, name=form.name),
            actor=visit.staff.principal.name,
            request_id=visit.submit_id,
        ),
    )
    await visit.record("scene.create", "scene", scene.id, after={"name": scene.name})
    return Redirect(visit.link("/scenes/{id}", id=scene.id), Flash("scenes.begun"))


def state_of(scene: scene_pb2.Scene) -> str:
    """Return the state in one word."""
    return enum_word(scene_pb2.SceneState.DESCRIPTOR, scene.state)


def chips_of(visit: Visit, scene: scene_pb2.Scene) -> Sequence[Chip]:
    """Return how a scene stands: its state, and for a live one whether anybody sees it now."""
    state = state_of(scene)
    chips = [Chip(visit.words(f"scenes.state.{state}"), TONES.get(state, "plain"))]
    if state == "live" and not scene.shown:
        chips.append(Chip(visit.words("scenes.hidden"), "warn"))
    return chips


async def hidden_scenes(visit: Visit) -> Attention:
    """Live scenes that nobody sees."""
    request = pb.ListScenesRequest(shop=visit.shop, state=scene_pb2.SCENE_STATE_LIVE, page_size=PAGE_LIMIT)
    found = (await LIST_SCENES.briefly(visit.parts.caller, request)).scenes
    hidden = [scene for scene in found if not scene.shown]
    items = [(scene.name, visit.link("/scenes/{id}", id=scene.id)) for scene in hidden[:SHOWN]]
    return Attention("scenes.attention", f"{visit.link('/scenes')}?state=live", len(hidden), "warn", items)


def _columns(visit: Visit) -> Sequence[Column]:
    return (
        Column(
            "scenes.name",
            lambda scene: Link(
                scene.name,
                visit.link("/scenes/{id}", id=scene.id),
                scene.title.by_language.get(visit.language, ""),
            ),
            wide=True,
        ),
        Column("scenes.state_of", lambda scene: chips_of(visit, scene)),
        Column("scenes.stock", lambda scene: f"{scene.in_stock}/{scene.products}"),
        Column("scenes.needed", lambda scene: scene.needed, numeric=True),
        Column("scenes.segments", lambda scene: ", ".join(filter(None, (each.segment for each in scene.benefits)))),
        Column("scenes.from", lambda scene: Moment(scene.start_time, relative=False)),
        Column("scenes.until", lambda scene: Moment(scene.end_time, relative=False)),
        Column("scenes.changed", lambda scene: Moment(scene.update_time)),
    )


CARD: Final = Card("scenes", READERS, hidden_scenes)
PAGE: Final = Page(
    path="/scenes",
    roles=READERS,
    title="scenes.title",
    help="scenes.help",
    template="scenes/gallery.html",
    show=show,
    nav="scenes",
    forms=(Form("new", NewForm, create, WRITERS),),
)
