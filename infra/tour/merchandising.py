"""Steps of a merchandiser: what people search, a Control from its draft to its pause, a scene in the shop."""

import struct
import zlib
from typing import Final

from infra.tour.seat import Seat, take_seat
from infra.tour.shopping import EN_QUERY
from infra.tour.visit import Visit, check

ROLE: Final = "merchandiser"
TITLE: Final = "The tour hides one product"
SCENE: Final = "The tour's breakfast"
SHOWN: Final = "20"  # results and scenes that are looked through
MINED: Final = 3.0  # times as long as copies take elsewhere
SIDE: Final = 240  # pixels of the scene's picture


async def merchandiser_sees_what_is_searched(visit: Visit) -> None:
    """A merchandiser signs in and sees what people search, and where one query's results are clicked."""
    seat = await take_seat(visit, ROLE)

    async def listed() -> bool:
        rows = await seat.rows("/queries?view=top&days=7", "queries")
        return any(row["Search"].lower() == EN_QUERY for row in rows)

    await visit.eventually(listed, f"{EN_QUERY!r} is not among what is searched", patience=MINED)
    results = await seat.rows(f"/queries/{EN_QUERY}", "results")
    check(results, "the query's page shows no results")
    for view in ("rising", "empty", "weak"):
        await seat.open(f"/queries?view={view}")


async def control_shows_in_a_preview_then_live_then_paused(visit: Visit) -> None:
    """A Control hides a product: as a draft in its preview alone, in the next call once live, not once paused."""
    seat = await take_seat(visit, ROLE)
    before = await _found(visit)
    check(before, "there is nothing to hide")
    hidden = before[0]
    control = await _write_control(visit, seat, hidden)
    check(hidden in await _found(visit), "it counts before it is live")
    await seat.open(f"{control}/preview?query={EN_QUERY}")
    asked = {"id": control.rpartition("/")[2], "query": EN_QUERY, "language": "en", "page_size": int(SHOWN)}
    preview = await visit.post("/v1/controls/search:preview", asked, key="staff")
    sides = {name: [slot["product_id"] for slot in preview[name]["slots"]] for name in ("before", "after")}
    check(hidden in sides["before"] and hidden not in sides["after"], f"the preview says {sides}")
    check(all(slot["trace"]["source"] for slot in preview["after"]["slots"]), "a slot of the preview has no trace")
    await seat.send(control, "step", {"step": "launch"})
    check(hidden not in await _found(visit), "the next call shows it all the same")
    await seat.send(control, "step", {"step": "pause"})
    check(hidden in await _found(visit), "it counts though it is paused")


async def scene_is_in_the_shop_while_it_is_live(visit: Visit) -> None:
    """A scene with a picture, words in two languages and two products: in the shop once live, withdrawn at a click."""
    seat = await take_seat(visit, ROLE)
    products = (await _found(visit))[:2]
    check(len(products) == 2, "there are no two products to show")
    scene = await _begin_scene(visit, seat)
    await seat.send(scene, "picture", file=("picture", ("breakfast.png", _png(), "image/png")))
    await seat.send(scene, "edit", _words(products))
    await seat.send(scene, "move", {"state": "live"})
    shown = scene.rpartition("/")[2]

    async def seen() -> bool:
        return shown in await _scenes(visit)

    async def gone() -> bool:
        return shown not in await _scenes(visit)

    await visit.eventually(seen, "the shop does not show the scene")
    await seat.send(scene, "move", {"state": "draft"})
    await visit.eventually(gone, "the shop shows the scene though it is withdrawn")


async def _found(visit: Visit) -> list[str]:
    query = {"q": EN_QUERY, "language": "en", "page_size": SHOWN, "filter": "in_stock:true"}
    answer = await visit.get("/v1/search", **query)
    return [each["product"]["id"] for each in answer.get("results", [])]


async def _write_control(visit: Visit, seat: Seat, hidden: str) -> str:
    """Return where the tour's Control is: a new draft, or the one that an earlier tour left paused, edited."""
    known = await visit.get("/v1/controls/search", key="staff", text=TITLE)
    former = next((each for each in known["controls"] if "pause" in each["steps"] or "launch" in each["steps"]), None)
    fields = {"title": TITLE, "action": "exclude", "target_product_ids": hidden, "queries": EN_QUERY}
    if former is None:
        control = await seat.send("/controls/new?service=search", "write", fields)
    else:
        control = f"/controls/search/{former['id']}"
        if "pause" in former["steps"]:
            await seat.send(control, "step", {"step": "pause"})
        await seat.send(f"{control}/edit", "write", fields)
    visit.tidying.append(("POST", f"/v1/controls/search/{control.rpartition('/')[2]}:pause", "staff"))
    return control


async def _begin_scene(visit: Visit, seat: Seat) -> str:
    """Return where the tour's scene is: a new draft, or the one that an earlier tour withdrew."""
    known = await visit.get("/v1/scenes", key="staff", page_size="100")
    former = next((each for each in known["scenes"] if each["name"] == SCENE), None)
    scene = f"/scenes/{former['id']}" if former is not None else await seat.send("/scenes", "new", {"name": SCENE})
    if former is not None and former["state"] != "draft":
        await seat.send(scene, "move", {"state": "draft"})
    visit.tidying.append(("POST", f"/v1/scenes/{scene.rpartition('/')[2]}:withdraw", "staff"))
    return scene


async def _scenes(visit: Visit) -> set[str]:
    answer = await visit.get("/v1/storefront/scenes", language="en", page_size=SHOWN)
    return {each["id"] for each in answer["scenes"]}


def _words(products: list[str]) -> dict[str, str]:
    """Return what is written in a scene's form."""
    places: dict[str, str] = {}
    for place, product in enumerate(products):
        places |= {f"hotspots.{place}.product_id": product, f"hotspots.{place}.x": str(300 + 400 * place)}
    return {
        "title_zh": "早餐",
        "title_en": "Breakfast",
        "alt_zh": "早餐桌",
        "alt_en": "A breakfast table",
        "benefits.0.zh": "新鲜的一天",
        "benefits.0.en": "A fresh day",
        "min_in_stock": "1",
        **places,
    }


def _png() -> bytes:
    """Return a plain picture: the same bytes each time, so that it is stored once."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\x00" + b"\xd0\xc4\xa8" * SIDE) * SIDE
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
