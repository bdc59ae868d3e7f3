"""Follows the logs into projections, and announces whose person an event may have changed.

Announcing comes after the projection's saves and before the cursor moves: what a crash cuts off is announced when the
events are read again, and what was announced already changes nothing.
"""

from collections.abc import Callable, Iterable, Sequence

from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event
from services.knowledge.store.collections import (
    ACTIVITY,
    ORDERS,
    OWN_LABEL,
    OWN_LABEL_GOODS,
    SHOPPING,
    STATED,
    STATEMENTS,
)
from services.knowledge.store.projections import (
    ShoppingProjection,
    own_label_projection,
    shoppers_of,
    stated_identifiers,
    statements_projection,
)
from services.knowledge.usecases.announcing import Announcer

COMPANIES_REMEMBERED = 100_000  # sets of identifiers that came together and were announced


def shopping_generations(documents: DocumentStore) -> Generations:
    """Return the generations of orders and activity."""
    return Generations(documents, SHOPPING, (ORDERS, ACTIVITY))


def stated_generations(documents: DocumentStore) -> Generations:
    """Return the generations of what was stated."""
    return Generations(documents, STATED, (STATEMENTS,))


def own_label_generations(documents: DocumentStore) -> Generations:
    """Return the generations of the shop's own-label products."""
    return Generations(documents, OWN_LABEL_GOODS, (OWN_LABEL,))


class Announcing:
    """A projection whose events may change who people are. Silent while its generation is only being built."""

    def __init__(
        self,
        projection: Projection,
        announcer: Announcer,
        *,
        touched: Callable[[Sequence[Event]], Iterable[str]],
        is_active: Callable[[], bool],
        announced: Callable[[Sequence[Event]], None] = lambda _: None,
    ) -> None:
        self.name = projection.name
        self._projection, self._announcer = projection, announcer
        self._touched, self._is_active, self._announced = touched, is_active, announced

    async def apply(self, events: Sequence[Event]) -> None:
        await self._projection.apply(events)
        if self._is_active():
            await self._announcer.announce(self._touched(events))
            self._announced(events)


class Companies:
    """Remembers which identifiers were seen together and announced, so that the same visit is not looked at again."""

    def __init__(self, limit: int = COMPANIES_REMEMBERED) -> None:
        self._limit = limit
        self._known: set[tuple[str, ...]] = set()

    def touched(self, events: Sequence[Event]) -> list[str]:
        """Return the identifiers that came together for the first time, as far as is remembered."""
        fresh = {company for event in events if (company := _company(event)) and company not in self._known}
        return [identifier for company in sorted(fresh) for identifier in company]

    def remember(self, events: Sequence[Event]) -> None:
        """Note that these were announced."""
        if len(self._known) > self._limit:
            self._known.clear()
        self._known.update(company for event in events if (company := _company(event)))


def build_shopping(
    documents: DocumentStore, generations: Generations, announcer: Announcer
) -> Callable[[str, Resolve], Projection]:
    """Return what makes the projection of user-events and order-events for a generation."""

    def build(name: str, resolve: Resolve) -> Projection:
        companies = Companies()
        return Announcing(
            ShoppingProjection(documents, name, resolve),
            announcer,
            touched=companies.touched,
            is_active=lambda: generations.projection_name(generations.active) == name,
            announced=companies.remember,
        )

    return build


def build_statements(
    documents: DocumentStore, generations: Generations, announcer: Announcer
) -> Callable[[str, Resolve], Projection]:
    """Return what makes the projection of customer-claims for a generation."""

    def build(name: str, resolve: Resolve) -> Projection:
        return Announcing(
            statements_projection(documents, name, resolve),
            announcer,
            touched=lambda events: [each for event in events for each in stated_identifiers(event)],
            is_active=lambda: generations.projection_name(generations.active) == name,
        )

    return build


def build_own_label(documents: DocumentStore) -> Callable[[str, Resolve], Projection]:
    """Return what makes the projection of products for a generation."""
    return lambda name, resolve: own_label_projection(documents, name, resolve)


def _company(event: Event) -> tuple[str, ...]:
    identifiers = shoppers_of(event)
    return tuple(identifiers) if len(identifiers) > 1 else ()
