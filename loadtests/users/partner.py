"""A shop's own systems that write in batches: what the tills sold, by loyalty card."""

from loadtests.users import mix
from loadtests.users.asking import Actor, Script, get, tell


def partner(actor: Actor) -> Script:
    """Learn what is sold, then send batch after batch, for ever."""
    rng = actor.rng
    while True:
        query = actor.queries.pick(rng.random())
        found = yield get("search", "/v1/search", q=query.text, language=query.language, page_size=50)
        goods = [each["product"] for each in found["results"] if each["product"]["price"]] if found else []
        if not goods:
            continue
        for _ in range(10):
            yield tell("event-batch", [_sold(actor, goods) for _ in range(mix.BATCH_EVENTS)])


def _sold(actor: Actor, goods: list[dict[str, object]]) -> dict[str, object]:
    rng = actor.rng
    lines = [
        {"id": product["id"], "quantity": 1 + rng.randrange(3), "price": product["price"]}
        for product in rng.sample(goods, min(len(goods), 1 + rng.randrange(mix.LINES_PER_ORDER)))
    ]
    card = f"card:LOAD{rng.randrange(5_000):06d}"
    sold = actor.event("purchase-complete", identifiers=[card], channel="store", products=lines)
    return sold | {"order": {"number": sold["id"]}}
