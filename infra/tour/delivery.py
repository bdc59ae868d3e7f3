"""Steps of an order: promised before it is bought, then followed live from the till to the door."""

from datetime import UTC, datetime
from typing import Any, Final

from infra.tour.visit import Told, Visit, check

QUERY: Final = "birthday cake"
DESTINATION: Final = "US-OH"
SECONDS: Final = 10.0  # of the simulated way
FOLLOWED_S: Final = 40.0
DELIVERED: Final = "delivered"


async def promise_is_made_before_the_purchase(visit: Visit) -> None:
    """A product says when it would be there: likely, 8 of 10, promised, and how sure that is."""
    product = await _made_to_order(visit)
    answer = await visit.get(f"/v1/products/{product['id']}/promise", quantity="2", destination=DESTINATION)
    found = answer["estimate"]
    order = [found[name] for name in ("earliest_time", "likely_time", "latest_time", "promise_time")]
    check(order == sorted(order), f"the times are not in order: {order}")
    check(found["confidence"] and found["reasons"], "it says neither how sure it is nor why")
    check(answer["made_to_order"], "it does not say that it is made to order")


async def order_passes_through_production_to_the_door_live(visit: Visit) -> None:
    """An order of the demo shop is followed live to the door, over a broken line, with one delay notice."""
    placed = await _buy(visit, await _made_to_order(visit))
    path, token = f"/v1/orders/{placed['order_id']}", placed["token"]
    seen = _Seen()

    def in_production(told: Told) -> bool:
        seen.take(told)
        return seen.production == "in-progress"

    def at_the_door(told: Told) -> bool:
        seen.take(told)
        return seen.shipping == DELIVERED

    await visit.follow(f"{path}/stream?after=0", in_production, key=token, limit_s=FOLLOWED_S)
    # The line breaks here, and is taken up again where it stopped.
    await visit.follow(f"{path}/stream", at_the_door, key=token, after=str(max(seen.numbers)), limit_s=FOLLOWED_S)
    order = await visit.get(path, key=token)
    check(sorted(seen.numbers) == sorted(set(seen.numbers)), "a fact was told twice")
    missed = {fact["seq"] for fact in order["events"]} - set(seen.numbers)
    check(not missed, f"the stream missed {sorted(missed)}")
    check(seen.shares == sorted(seen.shares) and seen.shares[-1:] == [1.0], f"progress went {seen.shares}")
    notices, facts = order["promise"]["notices"], seen.types.count("delay-notified")
    check(len(notices) == facts == 1, f"{len(notices)} delay notices, told {facts} times")
    check(notices[0]["tell_time"] < notices[0]["broken_time"], "the delay was told after the promise was broken")
    causes = [version["cause_type"] for version in order["promise"]["versions"]]
    check(len(causes) > 1 and all(causes), f"versions of the promise without cause: {causes}")
    check(order["linked_data"]["orderStatus"].endswith("OrderDelivered"), "the JSON-LD says something else")


async def another_shoppers_order_is_a_403(visit: Visit) -> None:
    """A shopper asks for the order of somebody else."""
    order_id = await _place(visit, "theirs")
    asked = {"identifiers": [f"login:other-{visit.number}"]}
    token = await visit.post("/v1/shopper-tokens", asked, key="shop")
    visit.hide(token["token"])
    problem = await visit.get(f"/v1/orders/{order_id}", key=token["token"])
    check(visit.last_status == 403, f"answered {visit.last_status} instead of 403")
    check(problem.get("reason") == "ORDER_NOT_YOURS", f"reason {problem.get('reason')}")


async def expired_link_to_an_order_is_a_401(visit: Visit) -> None:
    """A link to an order shows it for as long as it was made for, and not a moment longer."""
    order_id = await _place(visit, "link")
    link = await visit.post(f"/v1/orders/{order_id}/access-tokens", {"life_s": 1}, key="shop")
    visit.hide(link["token"])
    problem: dict[str, Any] = {}

    async def ended() -> bool:
        nonlocal problem
        problem = await visit.get(f"/v1/orders/{order_id}", key=link["token"])
        return visit.last_status != 200

    await visit.eventually(ended, "the link still shows the order")
    check((visit.last_status, problem.get("reason")) == (401, "TOKEN_EXPIRED"), f"answered {problem}")


class _Seen:
    """What a stream told so far."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.types: list[str] = []
        self.shares: list[float] = []
        self.production = self.shipping = ""

    def take(self, told: Told) -> None:
        if told.event == "fact":
            self.numbers.append(told.body["seq"])
            self.types.append(told.body["type"])
        elif told.event == "order":
            self.production, self.shipping = told.body["production"], told.body["shipping"]
            self.shares += [line["progress"]["share"] for line in told.body["lines"] if line["progress"]]


async def _made_to_order(visit: Visit) -> dict[str, Any]:
    found = await visit.get("/v1/search", q=QUERY, language="en", page_size="10")
    products = [each["product"] for each in found["results"] if "made-to-order" in each["product"]["tags"]]
    check(products, "nothing is made to order")
    product: dict[str, Any] = products[0]
    return product


async def _buy(visit: Visit, product: dict[str, Any]) -> dict[str, Any]:
    """Put it into the cart and let the shop's own server place the order."""
    event = {
        "id": f"{visit.number}-cart",
        "type": "add-to-cart",
        "time": datetime.now(UTC).isoformat(),
        "visitor_id": visit.visitor_id,
        "products": [{"id": product["id"], "quantity": 1, "price": product["price"]}],
    }
    await visit.post("/v1/events", {"events": [event]})

    async def in_the_cart() -> bool:
        cart = await visit.get("/v1/cart", language="en")
        return bool(cart.get("lines"))

    await visit.eventually(in_the_cart, "the cart stays empty")
    asked = {
        "visitor_id": visit.visitor_id,
        "checkout_id": f"tour-{visit.number}-checkout",
        "destination": DESTINATION,
        "simulation": {"seconds": SECONDS},
    }
    placed: dict[str, Any] = await visit.post("/shop/checkout", asked)
    check(visit.last_status == 201, f"the checkout answered {visit.last_status}: is this the demo shop?")
    visit.hide(placed["token"])
    return placed


async def _place(visit: Visit, name: str) -> str:
    """Place an order as a shop's backend does and return its id."""
    order = {
        "number": f"tour-{visit.number}-{name}",
        "time": datetime.now(UTC).isoformat(),
        "products": [{"id": "tour", "quantity": 1}],
        "identifiers": [f"login:tour-{visit.number}"],
    }
    placed = await visit.post("/v1/orders", order, key="shop")
    check(visit.last_status == 201, f"the order was answered {visit.last_status}")
    return str(placed["id"])
