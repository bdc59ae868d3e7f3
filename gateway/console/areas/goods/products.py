"""The catalogue, looked through as a shopper would; the log of searches does not count it."""

from typing import Any, Final

import orjson
from zhike.search.v1 import search_service_pb2
from zhike.type.v1 import answer_pb2, identifier_pb2

from gateway.clients import SEARCH
from gateway.console.areas.goods.product import AVAILABILITY_TONES, availability_of, titled
from gateway.console.cells import Chip, Column, Link, Money, Table
from gateway.console.pages import Page, View
from gateway.console.staffing import EVERYBODY
from gateway.console.visit import Visit

CHANNEL: Final = "console"
TEXT_LIMIT: Final = 200
PAGE_LIMIT: Final = 100  # of the service
ORDERS: Final = {"price": "price", "-price": "-price", "popularity": "popularity", "newest": "newest"}


async def show(visit: Visit) -> View:
    """List what matches, or all of it."""
    sorting = visit.sorting("products", {"price": 1})
    request = search_service_pb2.SearchRequest(
        query=visit.text("find", TEXT_LIMIT),
        language=visit.language,
        page_size=min(visit.page_size("products"), PAGE_LIMIT),
        page_token=visit.cursor("products"),
        order_by=ORDERS.get(sorting, "popularity" if not visit.text("find", TEXT_LIMIT) else ""),
        shopper=identifier_pb2.Shopper(shop=visit.shop, channel=CHANNEL),
        format=answer_pb2.ANSWER_FORMAT_JSON,
        synthetic=True,
    )
    answer = orjson.loads((await visit.ask(SEARCH, request)).json)
    products = [each["product"] for each in answer["results"]]
    table = Table(
        "products",
        _columns(visit),
        products,
        answer.get("next_page_token", ""),
        sorting,
        "goods.none",
        total=answer.get("total_size"),
    )
    return {"products": table}


def _columns(visit: Visit) -> tuple[Column, ...]:
    def link(product: dict[str, Any]) -> Link:
        address = visit.link("/products/{id}", id=product["id"])
        return Link(titled(product, visit.language), address, product["id"])

    def availability(product: dict[str, Any]) -> Chip | None:
        name = availability_of(product)
        key = f"goods.availability.{name}"
        return Chip(visit.words(key), AVAILABILITY_TONES.get(name, "plain")) if visit.words.has(key) else None

    return (
        Column("goods.product", link, wide=True),
        Column("goods.brands", lambda product: ", ".join(product.get("brands", ()))),
        Column("goods.price", lambda product: Money(product.get("price")), sort="price", numeric=True),
        Column("goods.available", availability),
    )


PAGE: Final = Page(
    path="/products",
    roles=EVERYBODY,
    title="goods.products",
    template="goods/products.html",
    show=show,
    nav="products",
    help="goods.products_help",
)
