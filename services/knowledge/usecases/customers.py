"""Reading customers: one by id or identifier, a page of them, an account."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from services.chassis.erasure.suppression import Suppression
from services.kits.text.identifiers import parse_identifier
from services.knowledge.domain.errors import AccountNotFoundError, CustomerNotFoundError
from services.knowledge.domain.facts import account_in_force
from services.knowledge.domain.identifiers import account_id, is_customer_id
from services.knowledge.domain.identity import Person
from services.knowledge.domain.profile import Customer, Surroundings, customer_profile
from services.knowledge.domain.statements import Record
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.customers import Closure, CustomerStore

MAX_PAGE_CUSTOMERS = 200
ABC_CLASSES = ("A", "B", "C")


@dataclass(frozen=True, slots=True)
class CustomerReading:
    """What reading customers takes."""

    customers: CustomerStore
    classes: ClassStore
    zone: tzinfo
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class AccountView:
    """A household or organisation with the customers that belong to it."""

    id: str
    kind: str
    external_id: str
    customer_ids: tuple[str, ...]


async def get_customer(reading: CustomerReading, name: str) -> Customer:
    """Return the customer of an id (any it ever had) or identifier. Raises CustomerNotFoundError."""
    identifier = await identifier_named(reading.customers, name, must_be_known=True)
    check_not_erased(reading, identifier)
    closure = await reading.customers.closure([identifier])
    return await profile_of(reading, closure, closure.people[identifier])


async def identifier_named(customers: CustomerStore, name: str, *, must_be_known: bool) -> str:
    """Return the identifier that a customer id or an identifier's text names.

    Raises CustomerNotFoundError, IdentifierInvalidError.
    """
    if is_customer_id(name):
        identifier = await customers.identifier_of(name)
        if identifier is None:
            raise CustomerNotFoundError("there is no customer of this id", resource="customer", id=name)
        return identifier
    identifier = parse_identifier(name)
    if must_be_known and not await customers.is_known(identifier):
        raise CustomerNotFoundError("nothing is known of this identifier", resource="customer")
    return identifier


async def profile_of(reading: CustomerReading, closure: Closure, person: Person) -> Customer:
    """Return the whole customer that a person is."""
    records: Sequence[Record] = closure.said_of(person)
    orders = await reading.customers.orders_of(person.identifiers)
    bought = {line.product_id for order in orders for line in order.lines}
    own_label = await reading.customers.own_label_among(sorted(bought))
    beside = Surroundings(await reading.classes.basis(), own_label, reading.zone)
    return customer_profile(person, [record.said for record in records], orders, beside)


async def list_customers(
    reading: CustomerReading, *, after: str, limit: int, abc_class: str = ""
) -> tuple[list[Customer], str]:
    """Return the next customers in id order and the id to go on after, "" at the end."""
    found: list[Customer] = []
    async for closure, person in _people_after(reading, after, limit + 1, abc_class):
        if any(is_erased(reading, each) for each in person.identifiers):
            continue
        if len(found) == limit:
            return found, found[-1].id
        found.append(await profile_of(reading, closure, person))
    return found, ""


async def get_account(reading: CustomerReading, account: str) -> AccountView:
    """Return an account with its customers. Raises AccountNotFoundError."""
    known = await reading.customers.account_identifiers(account)
    identifiers = [each for each in known if not is_erased(reading, each)]
    closure = await reading.customers.closure(identifiers)
    members: set[str] = set()
    external_id = ""
    for identifier in identifiers:
        person = closure.people[identifier]
        belongs = account_in_force(record.said for record in closure.said_of(person))
        if belongs and account_id(belongs) == account:
            external_id = belongs
            members.add(person.id)
    if not external_id:
        raise AccountNotFoundError("there is no account of this id", resource="account", id=account)
    return AccountView(account, external_id.partition(":")[0], external_id, tuple(sorted(members)))


def is_erased(reading: CustomerReading, identifier: str) -> bool:
    """Tell whether the person is being erased: nobody sees them any more, before the last copy is rewritten."""
    return reading.suppression is not None and reading.suppression.is_erased(identifier)


def check_not_erased(reading: CustomerReading, identifier: str) -> None:
    """Raise CustomerNotFoundError for a person who is being erased."""
    if is_erased(reading, identifier):
        raise CustomerNotFoundError("nothing is known of this identifier", resource="customer")


async def _people_after(
    reading: CustomerReading, after: str, limit: int, abc_class: str
) -> AsyncIterator[tuple[Closure, Person]]:
    """Yield (closure, person) in id order."""
    if abc_class:
        customers = reading.customers
        while ids := await reading.classes.members_after(abc_class, after, limit):
            for customer_id in ids:
                identifier = await customers.identifier_of(customer_id)
                if identifier is not None:
                    closure = await customers.closure([identifier])
                    if closure.people[identifier].id == customer_id:  # not merged into another since
                        yield closure, closure.people[identifier]
            after = ids[-1]
        return
    async for batch in reading.customers.identifiers_from(after):
        for start in range(0, len(batch), limit):
            part = batch[start : start + limit]
            closure = await reading.customers.closure([identifier for _, identifier in part])
            for own_id, identifier in part:
                if closure.people[identifier].id == own_id:  # each customer once, at its smallest identifier
                    yield closure, closure.people[identifier]
