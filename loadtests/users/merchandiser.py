"""A merchandiser: reads what people search for, sets prices, and sees the new price on the product's page."""

from collections import deque
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson

from loadtests.users import mix
from loadtests.users.asking import Actor, Ask, Script, get, product_path

VIEWS = ("top", "rising", "empty", "weak")
CENT = Decimal("0.01")
PRICE_EDIT = "price-edit"


class Shares:
    """Who edits which part of the products: each of MERCHANDISERS_LIMIT parts has one merchandiser at a time."""

    def __init__(self) -> None:
        self._free = deque(range(mix.MERCHANDISERS_LIMIT))

    def take(self) -> int | None:
        """Return a part that nobody has, the longest free; None: this merchandiser only reads."""
        return self._free.popleft() if self._free else None

    def give_back(self, share: int | None) -> None:
        """Let another have it."""
        if share is not None:
            self._free.append(share)


def merchandiser(actor: Actor, *, share: int | None) -> Script:
    """Read for ever, and edit the products of a ``share``; without one only read."""
    rng = actor.rng
    goods = [] if share is None else (yield from _own_goods(share))
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


def _own_goods(share: int) -> Any:
    """Return some products of the share, which no other merchandiser edits."""
    found = yield get("search", "/v1/search", q="", language="en", page_size=100, order_by="price")
    mine = [
        each["product"]
        for each in (found or {"results": []})["results"]
        if sum(each["product"]["id"].encode()) % mix.MERCHANDISERS_LIMIT == share
    ]
    return [each for each in mine if each["price"]][: mix.PRODUCTS_EACH]


def _priced(product: dict[str, Any], factor: float) -> Ask:
    before = product["price"]
    amount = (Decimal(before["amount"]) * Decimal(str(factor))).quantize(CENT, ROUND_HALF_UP)
    price = {"amount": str(max(amount, CENT)), "currency": before["currency"]}
    return Ask(PRICE_EDIT, "PATCH", product_path(product["id"]), orjson.dumps({"price": price}), before=before)
