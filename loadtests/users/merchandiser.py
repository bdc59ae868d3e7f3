"""A merchandiser: reads what people search for, sets prices, and sees the new price on the product's page."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson

from loadtests.users import mix
from loadtests.users.asking import Actor, Ask, Script, get, product_path

VIEWS = ("top", "rising", "empty", "weak")
CENT = Decimal("0.01")


def merchandiser(actor: Actor, *, edits: bool) -> Script:
    """Read and edit for ever; without ``edits`` only read."""
    rng = actor.rng
    goods = (yield from _own_goods(actor)) if edits else []
    while True:
        if goods and rng.random() < mix.EDITS:
            product = rng.choice(goods)
            yield _priced(product, rng.choice(mix.PRICE_FACTORS))
            yield get("product", product_path(product["id"]))
        else:
            language = "zh" if rng.random() < 0.5 else "en"
            yield get(
                "insights", "/v1/insights/queries", key="staff", view=rng.choice(VIEWS), page_size=50, language=language
            )


def _own_goods(actor: Actor) -> Any:
    """Return some products that no other merchandiser edits."""
    found = yield get("search", "/v1/search", q="", language="en", page_size=100, order_by="price")
    mine = [
        each["product"]
        for each in (found or {"results": []})["results"]
        if sum(each["product"]["id"].encode()) % mix.MERCHANDISERS_LIMIT == actor.number % mix.MERCHANDISERS_LIMIT
    ]
    return [each for each in mine if each["price"]][: mix.PRODUCTS_EACH]


def _priced(product: dict[str, Any], factor: float) -> Ask:
    before = product["price"]
    amount = (Decimal(before["amount"]) * Decimal(str(factor))).quantize(CENT, ROUND_HALF_UP)
    price = {"amount": str(max(amount, CENT)), "currency": before["currency"]}
    return Ask("price-edit", "PATCH", product_path(product["id"]), orjson.dumps({"price": price}), before=before)
