"""Finding a customer: by whatever the person at the desk has in hand; or going through a class."""

from typing import Any, Final

from zhike.knowledge.v1 import customer_pb2
from zhike.knowledge.v1 import customer_service_pb2 as pb

from gateway.console.areas.desk.wording import DESK
from gateway.console.cells import Chip, Column, Link, Moment, Money, Table
from gateway.console.pages import Page, View
from gateway.console.visit import Visit
from gateway.desk_clients import FIND_CUSTOMERS, LIST_CUSTOMERS

CLASSES: Final = ("A", "B", "C")
FOUND_LIMIT: Final = 20


async def show(visit: Visit) -> View:
    """Show who was found, or the customers of a class."""
    text, chosen = visit.text("q", 200), visit.choice("class", dict.fromkeys(CLASSES), "A")
    if text:
        found = await visit.ask(FIND_CUSTOMERS, pb.FindCustomersRequest(query=text, shop=visit.shop, limit=FOUND_LIMIT))
        hits = Table("found", _hit_columns(visit), found.hits, empty="customers.none", empty_hint="customers.none_hint")
        return {"text": text, "table": hits, "found": hits, "tabs": [], "chosen": ""}
    request = pb.ListCustomersRequest(
        abc_class=chosen, page_size=visit.page_size("customers", 25), page_token=visit.cursor("customers")
    )
    listed = await visit.ask(LIST_CUSTOMERS, request)
    customers = Table(
        "customers", _columns(visit), listed.customers, listed.next_page_token, empty="customers.no_class"
    )
    return {
        "text": "",
        "table": customers,
        "customers": customers,
        "tabs": [(each, visit.words("customers.class", name=each)) for each in CLASSES],
        "chosen": chosen,
    }


def _hit_columns(visit: Visit) -> tuple[Column, ...]:
    def link(hit: pb.CustomerHit) -> Link:
        return Link(hit.name or hit.customer_id, visit.link("/customers/{id}", id=hit.customer_id))

    return (
        Column("customers.customer", link, wide=True),
        Column("customers.matched", lambda hit: Chip(visit.words(f"customers.by.{hit.matched_by}"), "info")),
        Column("customers.identifiers", lambda hit: [Chip(each) for each in hit.identifiers[:4]]),
    )


def _columns(visit: Visit) -> tuple[Column, ...]:
    def link(customer: customer_pb2.Customer) -> Link:
        known = ", ".join(each.identifier for each in customer.identifiers[:2])
        return Link(name_of(customer) or customer.id, visit.link("/customers/{id}", id=customer.id), known)

    return (
        Column("customers.customer", link, wide=True),
        Column("customers.orders", lambda customer: customer.purchases.orders, numeric=True),
        Column("customers.spend", lambda customer: _money(customer.purchases), numeric=True),
        Column("customers.last_order", lambda customer: _time(customer.purchases)),
    )


def name_of(customer: customer_pb2.Customer) -> str:
    """Return the name in force, "" without one."""
    return next((fact.value for fact in customer.facts if fact.field == "name"), "")


def _money(purchases: Any) -> Money:
    return Money(purchases.spend if purchases.HasField("spend") else None)


def _time(purchases: Any) -> Moment:
    return Moment(purchases.last_order_time if purchases.HasField("last_order_time") else None)


PAGE: Final = Page(
    path="/customers",
    roles=DESK,
    title="customers.page",
    help="customers.help",
    template="desk/customers.html",
    show=show,
    nav="customers",
)
