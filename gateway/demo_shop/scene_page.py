"""Goods in use without script: the same scenes as the shop's page, every hotspot a link to its product below."""

from html import escape
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from zhike.recommendation.v1 import scene_service_pb2 as pb
from zhike.type.v1 import identifier_pb2

from gateway.endpoints import Parts
from gateway.fallbacks import is_absent
from gateway.parameters import LANGUAGES, language_of
from gateway.routers.scenes import shown_form
from gateway.scene_clients import LIST_SHOWN_SCENES
from services.chassis.errors import ZhikeError

SCENES: Final = 20
CHANNEL: Final = "web"
WORDS: Final = {
    "en": {
        "title": "Goods in use",
        "back": "To the shop",
        "none": "There is nothing to show right now.",
        "other": "中文",
    },
    "zh": {"title": "生活场景", "back": "回到商店", "none": "暂时没有可展示的内容。", "other": "English"},
}


async def scene_page(request: Request, parts: Parts, headers: dict[str, str]) -> Response:
    """Answer the page; it says so when there is nothing to show or nobody to ask."""
    asked = request.query_params.get("language", "")
    accepted = request.headers.get("accept-language", "").encode("latin-1", "replace")
    language = language_of(asked if asked in LANGUAGES else "", accepted)
    shopper = identifier_pb2.Shopper(shop=parts.settings.default_shop, channel=CHANNEL)
    try:
        found = await LIST_SHOWN_SCENES(
            parts.caller, pb.ListShownScenesRequest(shopper=shopper, page_size=SCENES, language=language)
        )
    except ZhikeError as error:
        if not is_absent(error):
            raise
        found = pb.ListShownScenesResponse()
    return HTMLResponse(_page([shown_form(each, language) for each in found.scenes], language), headers=headers)


def _page(scenes: list[dict[str, Any]], language: str) -> str:
    words, other = WORDS[language], LANGUAGES[1 - LANGUAGES.index(language)]
    body = "".join(_scene(scene) for scene in scenes) or f"<p>{words['none']}</p>"
    return (
        f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>{words["title"]}</title><link rel="stylesheet" href="/shop/static/shop.css"></head>'
        f'<body><main class="scene-page"><p><a href="/shop">{words["back"]}</a> · '
        f'<a href="/shop/scenes?language={other}" lang="{other}">{words["other"]}</a></p>'
        f"<h1>{words['title']}</h1>{body}</main></body></html>"
    )


def _scene(scene: dict[str, Any]) -> str:
    tall = round(1_000 * scene["height"] / scene["width"])
    name = escape(scene["id"])
    spots, goods = [], []
    for number, spot in enumerate(scene["hotspots"], 1):
        product = _card(spot["product"])
        title, y = escape(str(product.get("title", ""))), round(spot["y"] * tall / 1_000)
        price = product.get("price")
        cost = f" <b>{escape(price['amount'])} {escape(price['currency'])}</b>" if price else ""
        target = f"{name}-{number}"
        spots.append(
            f'<a class="spot" href="#{target}" aria-label="{title}"><title>{title}</title>'
            f'<circle class="halo" cx="{spot["x"]}" cy="{y}" r="34"/>'
            f'<circle class="dot" cx="{spot["x"]}" cy="{y}" r="15"/>'
            "</a>"
        )
        link = f"/shop/product/{quote(str(product.get('id', '')), safe='')}"
        goods.append(f'<li id="{target}"><a href="{escape(link)}">{title}</a>{cost}</li>')
    return (
        f'<figure class="scene"><svg class="scene-stage" viewBox="0 0 1000 {tall}" role="group" '
        f'aria-label="{escape(scene["alt"])}"><image href="{escape(scene["image"])}" width="1000" height="{tall}"/>'
        f"{''.join(spots)}</svg><figcaption><h2>{escape(scene['title'])}</h2><p>{escape(scene['benefit'])}</p>"
        f"<ol>{''.join(goods)}</ol></figcaption></figure>"
    )


def _card(fragment: Any) -> dict[str, Any]:
    """Return a card that its service wrote as JSON."""
    card: dict[str, Any] = orjson.loads(orjson.dumps(fragment))
    return card
