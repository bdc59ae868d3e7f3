"""Which identifiers are looked at after an event, and that a generation being built keeps silent."""

from collections.abc import Iterable

from services.kits.purchases import ORDER_EVENTS
from services.knowledge.jobs.projecting import Companies, build_shopping
from services.knowledge.store.collections import USER_EVENTS
from tests.fakes.order_facts import order_fact, placed
from tests.unit.services.knowledge.conftest import World, event_form


async def test_the_same_company_is_looked_at_once_and_again_only_after_it_was_forgotten(world: World) -> None:
    now = world.clock.now()
    await world.write(
        event_form("e1", now, identifiers=["card:1001", "login:u"]),
        event_form("e2", now, identifiers=["card:1001", "login:u"]),
        event_form("e3", now, identifiers=["card:1001"]),
        event_form("e4", now, identifiers=["card:1002", "login:w"]),
    )
    events = await world.events(USER_EVENTS)
    companies = Companies(limit=1)
    assert companies.touched(events) == ["card:1001", "login:u", "card:1002", "login:w"]
    companies.remember(events)
    assert companies.touched(events) == []
    companies.remember(events[:1])
    assert companies.touched(events) == ["card:1002", "login:w"]


async def test_an_orders_buyers_are_company_and_the_order_itself_is_none(world: World) -> None:
    now = world.clock.now()
    await world.orders(
        placed("f", "1", now, identifiers=["card:1001", "login:u"]), order_fact("s", "1", now, type="stage-entered")
    )
    assert Companies().touched(await world.events(ORDER_EVENTS)) == ["card:1001", "login:u"]


class _Heard:
    """Notes whom it was asked to announce."""

    def __init__(self) -> None:
        self.identifiers: list[str] = []

    async def announce(self, identifiers: Iterable[str]) -> None:
        self.identifiers.extend(identifiers)


async def test_a_generation_that_is_being_built_announces_nobody(world: World) -> None:
    await world.write(event_form("e1", world.clock.now(), identifiers=["card:1001", "login:u"]))
    generations = world.generations[USER_EVENTS]
    generation = await generations.begin()
    await generations.declare(generation)
    heard = _Heard()
    build = build_shopping(world.documents, generations, heard)  # type: ignore[arg-type]
    rebuilt = build(generations.projection_name(generation), generations.resolver(generation))
    await rebuilt.apply(await world.events(USER_EVENTS))
    assert heard.identifiers == []
    await generations.promote(generation)
    await rebuilt.apply(await world.events(USER_EVENTS))
    assert heard.identifiers == ["card:1001", "login:u"]
