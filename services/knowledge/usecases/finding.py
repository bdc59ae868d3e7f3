"""Finding customers by what somebody at the desk types, and what a customer bought. Everything is by key or index."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.chassis.clock import Clock
from services.kits.text.identifiers import is_anonymous
from services.knowledge.domain.facts import facts_in_force
from services.knowledge.domain.finding import NAME, meanings_of
from services.knowledge.domain.purchases import Order, PurchaseMonth, main_currency, purchase_months
from services.knowledge.store.names import NameStore
from services.knowledge.usecases.customers import CustomerReading, check_not_erased, identifier_named, is_erased

MAX_HITS: Final = 20
NAMESAKES_READ: Final = 50
IDENTIFIERS_SHOWN: Final = 8
MAX_MONTHS: Final = 60
MAX_ORDERS: Final = 100
ID, IDENTIFIER, ORDER = "id", "identifier", "order"


@dataclass(frozen=True, slots=True)
class Hit:
    """A customer who was found, and by what."""

    customer_id: str
    name: str
    matched_by: str
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PurchaseHistory:
    """What a person bought by month, in the currency of most orders, and the latest orders."""

    customer_id: str
    currency: str
    months: tuple[PurchaseMonth, ...]
    orders: tuple[Order, ...]


async def find_customers(
    reading: CustomerReading, names: NameStore, query: str, *, shop: str, limit: int
) -> tuple[Hit, ...]:
    """Return the customers whom a text names, the most certain first, at most ``limit``."""
    meant, customers = meanings_of(query), reading.customers
    starts: dict[str, str] = {}
    if meant.customer_id:
        identifier = await customers.identifier_of(meant.customer_id)
        if identifier is not None:
            starts[identifier] = ID
    known = await asyncio.gather(*(customers.is_known(each) for each in meant.identifiers))
    for identifier, is_known in zip(meant.identifiers, known, strict=True):
        if is_known:
            starts.setdefault(identifier, IDENTIFIER)
    if meant.order_number:
        buyer = await customers.buyer_of_order(shop, meant.order_number)
        if buyer and not is_anonymous(buyer):
            starts.setdefault(buyer, ORDER)
    if meant.name:
        for identifier in await names.called(meant.name, NAMESAKES_READ):
            starts.setdefault(identifier, NAME)
    closure = await customers.closure(starts)
    hits: dict[str, Hit] = {}
    for identifier, matched_by in starts.items():
        person = closure.people[identifier]
        if person.id in hits or any(is_erased(reading, each) for each in person.identifiers):
            continue
        facts = facts_in_force(record.said for record in closure.said_of(person))
        name = next((fact.value for fact in facts if fact.field == NAME), "")
        hits[person.id] = Hit(person.id, name, matched_by, person.identifiers[:IDENTIFIERS_SHOWN])
    return tuple(hits.values())[:limit]


async def purchase_history(
    reading: CustomerReading, clock: Clock, name: str, *, months: int, orders: int
) -> PurchaseHistory:
    """Return what a customer bought. Raises CustomerNotFoundError, IdentifierInvalidError."""
    identifier = await identifier_named(reading.customers, name, must_be_known=True)
    check_not_erased(reading, identifier)
    person = (await reading.customers.closure([identifier])).people[identifier]
    known: Sequence[Order] = await reading.customers.orders_of(person.identifiers)
    currency = main_currency(known)
    latest = sorted(known, key=lambda order: (order.time_us, order.shop, order.number), reverse=True)
    now = clock.now().astimezone(reading.zone)
    by_month = purchase_months(known, currency, reading.zone, until=(now.year, now.month), months=months)
    return PurchaseHistory(person.id, currency, by_month, tuple(latest[:orders]))
