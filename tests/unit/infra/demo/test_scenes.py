"""The demo's scenes: pictures that are taken, places inside them, words that are complete, goods of the catalogue."""

from collections.abc import Callable

import pytest

from infra.demo import pictures
from infra.demo.scenes import SCENES, content_of


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


async def test_goods_are_what_a_search_finds_by_the_first_words_that_do() -> None:
    asked: list[str] = []

    async def find(words: str) -> str:
        asked.append(words)
        return "" if words == "whole milk" else f"id-{words}"

    content = await content_of(SCENES[0], "m", find)
    assert content is not None
    assert asked[:3] == ["whole milk", "milk", "bread"]
    assert content["hotspots"][0] == {"x": 185, "y": round(330_000 / pictures.TALL), "product_id": "id-milk"}
    assert all(0 <= spot["y"] <= 1_000 for spot in content["hotspots"])


async def test_a_scene_whose_goods_the_catalogue_lacks_is_left_out() -> None:
    async def nothing(_words: str) -> str:
        return ""

    async def one(_words: str) -> str:
        return "the only product"

    assert await content_of(SCENES[0], "m", nothing) is None
    assert await content_of(SCENES[0], "m", one) is None
