"""An order as the shop sees it: lines, parcels, what was promised, and everything that was told of it."""

from collections.abc import Mapping
from typing import Any, Final

from zhike.orders.v1 import order_pb2, order_service_pb2

from gateway.clients import GET_ORDER
from gateway.console.areas.goods.late import READERS
from gateway.console.areas.goods.product import titles_of
from gateway.console.cells import Cell, Chip, Column, Link, Moment, Money, Table
from gateway.console.pages import Page, View
from gateway.console.visit import Visit
from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError

ID_LIMIT: Final = 260
EVENTS_SHOWN: Final = 100
_BAD: Final = frozenset({order_pb2.HEADLINE_DELIVERY_PROBLEM})
_DONE: Final = frozenset({order_pb2.HEADLINE_DELIVERED, order_pb2.HEADLINE_CREDITED})


async def show(visit: Visit) -> View:
    """Show one order."""
    order_id = visit.path["id"]
    if not 0 < len(order_id) <= ID_LIMIT:
        raise NotFoundError("there is no order of this id", resource="order")
    order = await _found(visit, order_id)
    titles = await titles_of(visit, (line.product_id for line in order.lines if not line.is_charge))
    tone = "bad" if order.headline in _BAD else "good" if order.headline in _DONE else "info"
    return {
        "order": order,
        "state": Chip(_said(order.headline_words, visit), tone),
        "figures": _figures(visit, order),
        "lines": Table("lines", _line_columns(visit, titles), [line for line in order.lines if not line.is_charge]),
        "parcels": Table("parcels", _parcel_columns(visit), order.shipments, empty="goods.no_parcels"),
        "events": [_event(visit, event) for event in reversed(order.events[-EVENTS_SHOWN:])],
        "who": _who(visit, order),
    }


async def _found(visit: Visit, name: str) -> order_pb2.Order:
    """Return the order of this id, else of this number: colleagues write down numbers."""
    view = order_service_pb2.ORDER_VIEW_SHOP
    try:
        return await visit.ask(GET_ORDER, order_service_pb2.GetOrderRequest(id=name, view=view))
    except ZhikeError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
    request = order_service_pb2.GetOrderRequest(shop=visit.shop, number=name, view=view)
    return await visit.ask(GET_ORDER, request)


def _said(text: Any, visit: Visit) -> str:
    """Return a text of a service in the reader's language, else in any that it has."""
    return text.by_language.get(visit.language) or next(iter(text.by_language.values()), "")


def _figures(visit: Visit, order: order_pb2.Order) -> list[tuple[str, str, str]]:
    words, formats = visit.words, visit.formats
    paid = _said(order.payment.words, visit)
    return [
        (words("goods.total"), formats.money(order.payment.total if order.payment.HasField("total") else None), paid),
        (words("goods.placed"), formats.day(order.place_time), formats.clock(order.place_time)),
        (words("goods.changed"), formats.ago(order.change_time), formats.moment(order.change_time)),
        (words("goods.channel"), order.channel or "–", order.shop),
    ]


def _line_columns(visit: Visit, titles: Mapping[str, str]) -> tuple[Column, ...]:
    return (
        Column("goods.product", lambda line: _product(visit, line.product_id, titles), wide=True),
        Column("goods.quantity", lambda line: line.quantity, numeric=True),
        Column("goods.shipped", lambda line: line.shipped, numeric=True),
        Column("goods.delivered", lambda line: line.delivered, numeric=True),
        Column("goods.returned", lambda line: line.returned, numeric=True),
        Column("goods.price", lambda line: Money(line.price) if line.HasField("price") else None, numeric=True),
        Column("goods.sum", lambda line: Money(line.total) if line.HasField("total") else None, numeric=True),
    )


def _product(visit: Visit, product_id: str, titles: Mapping[str, str]) -> Link:
    title = titles.get(product_id, "")
    return Link(title or product_id, visit.link("/products/{id}", id=product_id), product_id if title else "")


def _parcel_columns(visit: Visit) -> tuple[Column, ...]:
    return (
        Column("goods.parcel", lambda parcel: parcel.tracking_number or parcel.id),
        Column("goods.carrier", lambda parcel: parcel.carrier),
        Column("goods.state", lambda parcel: Chip(_said(parcel.words, visit), "info")),
        Column("goods.handed_over", lambda parcel: Moment(parcel.hand_over_time, relative=False)),
        Column("goods.delivered_at", lambda parcel: Moment(parcel.delivery_time, relative=False)),
    )


def _event(visit: Visit, event: order_pb2.OrderEvent) -> tuple[Any, str, str, str]:
    detail = " · ".join(part for part in (event.source, event.stage) if part)
    return event.occurred_time, _said(event.words, visit) or event.type, detail, "warn" if event.void else ""


def _who(visit: Visit, order: order_pb2.Order) -> list[tuple[str, Cell]]:
    return [
        (each.partition(":")[0], Link(each.partition(":")[2], visit.link("/customers/{id}", id=each)))
        for each in order.identifiers
    ]


PAGE: Final = Page(
    path="/orders/{id}",
    roles=READERS,
    title="goods.order",
    template="goods/order.html",
    show=show,
    help="goods.order_help",
)
