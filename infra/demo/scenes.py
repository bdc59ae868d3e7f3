"""The demo's scenes: pictures of our own, words in zh and en, and which goods of the catalogue stand where."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from infra.demo import pictures
from infra.demo.pictures import TALL

FEWEST_HOTSPOTS: Final = 2


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the picture, in thousandths of its width, and what its product may be called."""

    x: int
    y: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoScene:
    """A scene to be staged."""

    name: str
    draw: Callable[[], bytes]
    title: Mapping[str, str]
    alt: Mapping[str, str]
    benefits: Mapping[str, Mapping[str, str]]
    spots: tuple[Spot, ...]


SCENES: Final = (
    DemoScene(
        "breakfast",
        pictures.breakfast,
        {"zh": "十分钟的早餐", "en": "Breakfast in ten minutes"},
        {
            "zh": "晨光里的餐桌：牛奶、面包、咖啡、鸡蛋和橙汁",
            "en": "A table in the morning sun: milk, bread, coffee, eggs and orange juice",
        },
        {
            "": {
                "zh": "前一晚备齐，早上十分钟上桌。",
                "en": "All in the house the evening before, on the table in ten minutes.",
            },
            "regular": {
                "zh": "您常买的早餐，一次配齐，少跑一趟。",
                "en": "The breakfast that you keep buying, in one go: one trip less.",
            },
            "new": {"zh": "第一次来？从一顿好早餐开始。", "en": "New here? Begin with a good breakfast."},
        },
        (
            Spot(185, 330, ("whole milk", "milk")),
            Spot(430, 440, ("sliced white bread", "bread")),
            Spot(640, 450, ("coffee",)),
            Spot(815, 480, ("large eggs", "medium eggs", "eggs")),
            Spot(930, 350, ("orange juice", "juice")),
        ),
    ),
    DemoScene(
        "baking",
        pictures.baking,
        {"zh": "周末，自己烤一个", "en": "Bake it yourself this weekend"},
        {
            "zh": "面粉、黄油、巧克力，旁边是烤好的草莓蛋糕",
            "en": "Flour, butter and chocolate beside the finished strawberry cake",
        },
        {
            "": {"zh": "四样材料，一个下午，一家人的蛋糕。", "en": "Four things, one afternoon, a cake for everybody."},
            "regular": {
                "zh": "厨房里常备这几样，想烤就烤。",
                "en": "Keep these in the kitchen and bake whenever you like.",
            },
        },
        (
            Spot(190, 360, ("flour",)),
            Spot(405, 470, ("zhike select butter", "butter")),
            Spot(590, 480, ("chocolate bar", "chocolate")),
            Spot(815, 410, ("cake", "cake mix")),
        ),
    ),
    DemoScene(
        "dinner",
        pictures.dinner,
        {"zh": "今晚清爽一点", "en": "Something fresh tonight"},
        {"zh": "番茄、一碗沙拉、奶酪和意面", "en": "Tomatoes, a bowl of salad, cheese and pasta"},
        {"": {"zh": "洗一洗、拌一拌，二十分钟开饭。", "en": "Wash, toss, and eat in twenty minutes."}},
        (
            Spot(170, 455, ("tomatoes", "tomato")),
            Spot(400, 450, ("salad", "lettuce")),
            Spot(650, 470, ("cheese",)),
            Spot(880, 330, ("pasta", "spaghetti")),
        ),
    ),
)


def goods_in(products: Path) -> list[tuple[str, str]]:
    """Return (title in lower case, id) of what the catalogue's file has in stock, the shortest title first."""
    rows = map(orjson.loads, products.read_bytes().splitlines())
    goods = [(row["title"]["en"].lower(), row["id"]) for row in rows if row.get("availability") != "out-of-stock"]
    return sorted(goods, key=lambda each: (len(each[0]), each))


def content_of(scene: DemoScene, media_id: str, goods: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """Return what to send; None where the catalogue has too few of its goods.

    It is read from the file and not searched for: the log of searches tells what shoppers want.
    """
    hotspots = []
    for spot in scene.spots:
        product_id = next(filter(None, (_first_of(words, goods) for words in spot.words)), "")
        if product_id:
            hotspots.append({"x": spot.x, "y": round(spot.y * 1_000 / TALL), "product_id": product_id})
    if len({each["product_id"] for each in hotspots}) < FEWEST_HOTSPOTS:
        return None
    return {
        "name": scene.name,
        "media_id": media_id,
        "title": dict(scene.title),
        "alt": dict(scene.alt),
        "benefits": [{"segment": segment, "text": dict(text)} for segment, text in scene.benefits.items()],
        "hotspots": hotspots,
    }


def _first_of(words: str, goods: Sequence[tuple[str, str]]) -> str:
    wanted = re.compile(rf"\b{re.escape(words)}(,|$)")  # the title's noun: "fresh milk, 1 gal", not "milk chocolate"
    return next((product_id for title, product_id in goods if wanted.search(title)), "")
