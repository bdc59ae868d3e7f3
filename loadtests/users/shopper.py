"""A shopper's visit: search, look, be offered what fits, fill a cart, sometimes buy. Each step is told as an event."""

from typing import Any

from loadtests.users import mix
from loadtests.users.asking import Actor, Ask, Script, get, product_path, tell


def shopper(actor: Actor) -> Script:
    """Visit after visit, each as somebody new, for ever."""
    while True:
        yield from visit(actor)


def visit(actor: Actor) -> Script:
    """One visit."""
    rng, visitor = actor.rng, actor.visitor_id()
    query = actor.queries.pick(rng.random())
    if rng.random() < mix.STARTS_AT_HOME:
        yield tell("events", [actor.event("home-page-view", visitor_id=visitor)], visitor=visitor)
        yield _offered("recommended-for-you", visitor, query.language)
    if rng.random() < mix.TYPES_SLOWLY:
        typed = query.text[: 1 + rng.randrange(len(query.text))].strip() or query.text
        yield get("suggest", "/v1/suggest", visitor=visitor, q=typed, language=query.language)
    asked: dict[str, Any] = {"q": query.text, "language": query.language, "page_size": mix.SEARCH_PAGE}
    found = yield get("search", "/v1/search", visitor=visitor, **asked)
    if not found:
        return
    token, results = found["attribution_token"], found["results"]
    searched = {"query": query.text, "attribution_token": token}
    shown = [{"id": each["product"]["id"]} for each in results]
    yield tell(
        "events",
        [actor.event("search", visitor_id=visitor, search=searched, products=shown, language=query.language)],
        visitor=visitor,
    )
    if found["next_page_token"] and rng.random() < mix.NEXT_PAGE:
        yield get("search", "/v1/search", visitor=visitor, **asked, page_token=found["next_page_token"])
    for result in _looked_at(actor, results):
        yield from _consider(actor, visitor, query.language, result, token)


def _looked_at(actor: Actor, results: list[Any]) -> list[Any]:
    clicked = [
        result for place, result in enumerate(results) if actor.rng.random() < mix.CLICK * mix.CLICK_DECAY**place
    ]
    return clicked[: mix.CLICKS]


def _consider(actor: Actor, visitor: str, language: str, result: Any, token: str) -> Script:
    product = result["product"]["id"]
    page = yield get("product", product_path(product), visitor=visitor)
    if not page:
        return
    line = {"id": product, "quantity": 1, "price": page["price"]}
    seen = {"visitor_id": visitor, "products": [line], "language": language, "attribution_token": token}
    view = actor.event("detail-page-view", position=result["position"], **seen)
    yield tell("events", [view], visitor=visitor)
    yield _offered("similar-items", visitor, language, product_id=product)
    if actor.rng.random() >= mix.ADDS_TO_CART:
        return
    yield tell("events", [actor.event("add-to-cart", **seen)], visitor=visitor)
    yield _offered("frequently-bought-together", visitor, language, product_id=product)
    yield get("cart", "/v1/cart", visitor=visitor, language=language)
    if actor.rng.random() < mix.BUYS:
        purchase = actor.event("purchase-complete", **seen)
        purchase["order"] = {"number": purchase["id"]}
        yield tell("events", [purchase], visitor=visitor)


def _offered(placement: str, visitor: str, language: str, **about: Any) -> Ask:
    path = f"/v1/recommendations/{placement}"
    return get("recommendation", path, visitor=visitor, language=language, page_size=mix.SLOTS, **about)
