"""What the search box looks through: products, customers, orders, mentions."""

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
from zhike.knowledge.v1 import customer_service_pb2
from zhike.orders.v1 import order_service_pb2
from zhike.reputation.v1 import mention_service_pb2
from zhike.search.v1 import search_service_pb2
from zhike.type.v1 import answer_pb2, identifier_pb2

from gateway.clients import GET_ORDER, SEARCH
from gateway.console.areas.pr.marks import READERS, opinion_shop
from gateway.console.pages import Finder, Found
from gateway.console.staffing import EVERYBODY, StaffRole
from gateway.console.visit import Visit
from gateway.desk_clients import FIND_CUSTOMERS
from gateway.pr_clients import LIST_MENTIONS
from services.chassis.errors import ErrorKind, ZhikeError

CHANNEL: Final = "console"
SNIPPET: Final = 90  # characters of a mention
_ORDER: Final = re.compile(r"[\w.:-]{1,80}")


async def find_products(visit: Visit, text: str, wanted: int) -> Sequence[Found]:
    """Look as a shopper would; the log of searches does not count it."""
    request = search_service_pb2.SearchRequest(
        query=text[:200],
        language=visit.language,
        page_size=wanted,
        shopper=identifier_pb2.Shopper(shop=visit.shop, channel=CHANNEL),
        format=answer_pb2.ANSWER_FORMAT_JSON,
        synthetic=True,
    )
    results = orjson.loads((await SEARCH.briefly(visit.parts.caller, request)).json)["results"]
    return [_found_product(visit, each["product"]) for each in results]


def _found_product(visit: Visit, product: dict[str, Any]) -> Found:
    title = product.get("title")
    shown = title.get(visit.language) or next(iter(title.values()), "") if isinstance(title, dict) else title
    price = product.get("price")
    detail = " · ".join(part for part in (product["id"], visit.formats.money(price) if price else "") if part)
    return Found(shown or product["id"], visit.link("/products/{id}", id=product["id"]), detail)


async def find_customers(visit: Visit, text: str, wanted: int) -> Sequence[Found]:
    """Look for customers by an identifier of any kind, an order's number, or the whole name."""
    request = customer_service_pb2.FindCustomersRequest(query=text[:200], shop=visit.shop, limit=wanted)
    hits = (await FIND_CUSTOMERS.briefly(visit.parts.caller, request)).hits
    return [
        Found(
            hit.name or hit.customer_id,
            visit.link("/customers/{id}", id=hit.customer_id),
            ", ".join(hit.identifiers[:3]),
        )
        for hit in hits
    ]


async def find_orders(visit: Visit, text: str, _wanted: int) -> Sequence[Found]:
    """Look for the order of this number or id."""
    if not _ORDER.fullmatch(text):
        return ()
    for name in ("number", "id"):
        request = order_service_pb2.GetOrderRequest(view=order_service_pb2.ORDER_VIEW_SHOP)
        setattr(request, name, text)
        if name == "number":
            request.shop = visit.shop
        try:
            order = await GET_ORDER.briefly(visit.parts.caller, request)
        except ZhikeError as error:
            if error.kind not in {ErrorKind.NOT_FOUND, ErrorKind.INVALID}:
                raise
            continue
        words = order.headline_words.by_language.get(visit.language, "")
        detail = " · ".join(part for part in (words, visit.formats.day(order.place_time)) if part)
        return [Found(order.number or order.id, visit.link("/orders/{id}", id=order.id), detail)]
    return ()


async def find_mentions(visit: Visit, text: str, wanted: int) -> Sequence[Found]:
    """Look for what the public said with these words."""
    shop = opinion_shop(visit.parts, visit.shop)
    request = mention_service_pb2.ListMentionsRequest(shop=shop, text=text, page_size=wanted)
    found = (await LIST_MENTIONS.briefly(visit.parts.caller, request)).mentions
    return [
        Found(
            (each.title or each.text)[:SNIPPET],
            visit.link("/mentions/{id}", id=each.id),
            f"{each.source} · {visit.formats.ago(each.published_time)}",
        )
        for each in found
    ]


FINDERS: Final = (
    Finder("customers", "search.customers", frozenset({StaffRole.DESK}), find_customers, "customers"),
    Finder("orders", "search.orders", frozenset({StaffRole.DESK, StaffRole.ADMIN}), find_orders, "orders"),
    Finder("products", "search.products", EVERYBODY, find_products, "products"),
    Finder("mentions", "search.mentions", READERS, find_mentions, "mentions"),
)
