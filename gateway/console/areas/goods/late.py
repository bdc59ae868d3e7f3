"""Orders whose promise slipped and that are not there yet: whom the desk calls before they call."""

from typing import Final

from zhike.orders.v1 import promise_service_pb2 as pb

from gateway.console.cells import Column, Link, Moment, Table
from gateway.console.pages import Attention, Card, Page, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.delivery_clients import LIST_LATE_ORDERS

READERS: Final = frozenset({StaffRole.DESK, StaffRole.ADMIN})
SHOWN: Final = 4


async def show(visit: Visit) -> View:
    """List them, the promise that was broken first at the top."""
    listed = await visit.ask(
        LIST_LATE_ORDERS,
        pb.ListLateOrdersRequest(page_size=visit.page_size("late"), page_token=visit.cursor("late")),
    )
    table = Table(
        "late",
        _columns(visit),
        listed.orders,
        listed.next_page_token,
        empty="goods.none_late",
        empty_hint="goods.none_late_hint",
        total=listed.total,
    )
    return {"late": table}


async def attention(visit: Visit) -> Attention:
    """Say how many there are, and which were to be there first."""
    listed = await LIST_LATE_ORDERS.briefly(visit.parts.caller, pb.ListLateOrdersRequest(page_size=SHOWN))
    return Attention(
        "goods.late_orders",
        visit.link("/orders"),
        listed.total,
        "warn",
        [
            (f"{_name(order)} · {visit.formats.ago(order.broken_time)}", visit.link("/orders/{id}", id=order.id))
            for order in listed.orders
        ],
    )


def _columns(visit: Visit) -> tuple[Column, ...]:
    def why(order: pb.LateOrder) -> str:
        words = order.reason.words.by_language
        return words.get(visit.language) or order.reason.reason

    return (
        Column("goods.order", lambda each: Link(_name(each), visit.link("/orders/{id}", id=each.id), each.shop)),
        Column("goods.promised_first", lambda each: Moment(each.broken_time)),
        Column("goods.promised_now", lambda each: Moment(each.promised_time)),
        Column("goods.likely", lambda each: Moment(each.likely_time)),
        Column("goods.slips", lambda each: each.slips, numeric=True),
        Column("goods.why_late", why, wide=True),
    )


def _name(order: pb.LateOrder) -> str:
    return order.number or order.id


PAGE: Final = Page(
    path="/orders",
    roles=READERS,
    title="goods.late_orders",
    template="goods/late.html",
    show=show,
    nav="orders",
    help="goods.late_help",
)
CARD: Final = Card("late", READERS, attention)
