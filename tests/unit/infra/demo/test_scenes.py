"""The demo's scenes: pictures that are taken, places inside them, words that are complete, goods of the catalogue."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from infra.demo import pictures
from infra.demo.scenes import SCENES, content_of, goods_in


@pytest.mark.parametrize("draw", [scene.draw for scene in SCENES[:1]])
def test_a_picture_is_a_small_png_and_the_same_each_time(draw: Callable[[], bytes]) -> None:
    content = draw()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content[16:24] == pictures.WIDTH.to_bytes(4, "big") + pictures.HEIGHT.to_bytes(4, "big")
    assert len(content) < 200_000
    assert content == draw()


def test_words_are_complete_and_places_lie_inside() -> None:
    assert len({scene.name for scene in SCENES}) == len(SCENES) == 3
    for scene in SCENES:
        for words in (scene.title, scene.alt, *scene.benefits.values()):
            assert set(words) == {"zh", "en"} and all(words.values())
        assert "" in scene.benefits
        assert all(0 < spot.x < 1_000 and 0 < spot.y < pictures.TALL for spot in scene.spots)


GOODS = [("milk chocolate", "p9"), ("fresh milk, 1 gal", "p1"), ("white bread, 20 oz", "p2")]


def test_goods_are_what_the_title_is_about() -> None:
    content = content_of(SCENES[0], "m", GOODS)
    assert content is not None
    milk, bread = content["hotspots"]
    assert milk == {"x": 185, "y": round(330_000 / pictures.TALL), "product_id": "p1"}
    assert bread["product_id"] == "p2"
    assert all(0 <= spot["y"] <= 1_000 for spot in content["hotspots"])


def test_a_scene_whose_goods_the_catalogue_lacks_is_left_out() -> None:
    assert content_of(SCENES[0], "m", []) is None
    assert content_of(SCENES[0], "m", GOODS[:2]) is None


def test_what_is_sold_out_stands_in_no_scene(tmp_path: Path) -> None:
    rows = [
        {"id": "p1", "title": {"en": "Longer bread"}, "availability": "in-stock"},
        {"id": "p2", "title": {"en": "Bread"}, "availability": "out-of-stock"},
        {"id": "p3", "title": {"en": "Tea"}},
    ]
    file = tmp_path / "products.ndjson"
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    assert goods_in(file) == [("tea", "p3"), ("longer bread", "p1")]
