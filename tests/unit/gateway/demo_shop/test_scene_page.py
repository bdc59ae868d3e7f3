"""Goods in use without script: everything that it says is escaped, and nobody to ask is no error."""

from collections.abc import Mapping

import pytest
from starlette.requests import Request
from zhike.recommendation.v1 import scene_service_pb2

from gateway.demo_shop.scene_page import scene_page
from services.chassis.errors import ErrorKind, ZhikeError
from tests.fakes.gateway_scenes import MEDIA_ID
from tests.fakes.gateway_shop import Shop


async def page(shop: Shop, query: str = "", headers: Mapping[str, str] | None = None) -> str:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/shop/scenes",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
    }
    response = await scene_page(Request(scope), shop.parts, {"Cache-Control": "no-cache"})
    assert response.headers["cache-control"] == "no-cache"
    html = bytes(response.body).decode()
    assert "<script" not in html and " style=" not in html
    return html


async def test_hotspots_are_links_to_the_goods_below(shop: Shop) -> None:
    html = await page(shop, "language=en")
    assert f'href="/v1/media/{MEDIA_ID}"' in html
    assert 'href="#scn-1-1" aria-label="Milk"' in html
    assert 'id="scn-1-1"><a href="/shop/product/p1">Milk</a>' in html
    assert 'cx="100" cy="600"' in html


@pytest.mark.parametrize(
    ("query", "accepted", "title"),
    [("language=zh", "en", "早餐"), ("", "en-GB", "Breakfast"), ("language=xx", "zh-CN", "早餐"), ("", "", "早餐")],
)
async def test_it_speaks_the_readers_language(shop: Shop, query: str, accepted: str, title: str) -> None:
    assert f"<h2>{title}</h2>" in await page(shop, query, {"accept-language": accepted})


async def test_hostile_words_stay_words(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    attack = "\"><script>alert(1)</script><img src=x onerror='x'>"
    response = scene_service_pb2.ListShownScenesResponse()
    shown = response.scenes.add(segment="")
    for words in (shown.scene.title, shown.scene.alt, shown.scene.benefits.add().text):
        words.by_language["en"] = attack
    shown.scene.hotspots.add(x=1, y=2, product_id=attack)
    shown.media.id, shown.media.width, shown.media.height = MEDIA_ID, 300, 300
    shown.cards[attack] = b'{"id":"\\"><script>","title":"<script>x</script>"}'
    monkeypatch.setattr(shop.services, "_ListShownScenes", lambda _request: response, raising=False)
    html = await page(shop, "language=en")
    assert "&lt;script&gt;" in html and "<img" not in html


async def test_without_the_service_it_says_that_there_is_nothing(shop: Shop) -> None:
    class AwayError(ZhikeError):
        kind = ErrorKind.UNAVAILABLE
        reason = "SERVICE_UNAVAILABLE"

    shop.services.failures["ListShownScenes"] = AwayError("away")
    assert "There is nothing to show right now." in await page(shop, "language=en")
