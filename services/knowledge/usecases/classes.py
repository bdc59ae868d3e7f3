"""Computing the basis of classes over all customers."""

from collections import defaultdict
from collections.abc import Sequence

from services.chassis.clock import Clock
from services.kits.times import micros
from services.knowledge.domain.classes import ClassBasis, Tally, abc_value, class_basis
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.customers import CustomerStore
from services.knowledge.store.resolutions import ResolutionStore


async def compute_classes(
    customers: CustomerStore, resolutions: ResolutionStore, classes: ClassStore, clock: Clock, *, head: Sequence[int]
) -> ClassBasis:
    """Count every order once, put the basis in force, and return it. ``head``: how far the logs were read."""
    by_identifier = await customers.tallies(await customers.own_label())
    owners = {identifier: customer_id async for identifier, customer_id in resolutions.members_by_customer()}
    by_customer: dict[str, Tally] = {}
    for identifier, tally in by_identifier.items():
        customer_id = owners.get(identifier) or own_customer_id(identifier)
        known = by_customer.setdefault(customer_id, tally)
        if known is not tally:
            known.merge(tally)
    figures = {customer_id: tally.figures() for customer_id, tally in by_customer.items()}
    basis = class_basis(figures.values(), micros(clock.now()))
    members: dict[str, list[str]] = defaultdict(list)
    for customer_id in sorted(figures):
        own = figures[customer_id]
        if own.orders and own.currency in basis.by_currency:
            members[abc_value(own, basis.by_currency[own.currency])].append(customer_id)
    await classes.save(basis, members, head)
    return basis
