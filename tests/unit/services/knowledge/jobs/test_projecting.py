"""Which identifiers are looked at after an event."""

from services.knowledge.jobs.projecting import Companies
from services.knowledge.store.collections import USER_EVENTS
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
