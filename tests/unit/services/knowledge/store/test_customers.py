"""Who people are, read from the store; and its bounds."""

import pytest

from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.domain.identity import Refused
from services.knowledge.store import customers as store
from services.knowledge.store.collections import STATEMENTS
from tests.unit.services.knowledge.conftest import World, event_form
from tests.unit.services.knowledge.store.test_projections import purchase

CARD, LOGIN = "card:1001", "login:u42"


async def test_nothing_is_known_of_who_was_never_met(world: World) -> None:
    assert not await world.customers.is_known(CARD)
    assert await world.customers.identifier_of(own_customer_id(CARD)) is None
    assert (await world.customers.records([CARD]))[CARD].node.links == {}
    assert (await world.customers.closure([CARD])).people[CARD].identifiers == (CARD,)


async def test_what_was_seen_and_what_was_said_are_one_record(world: World) -> None:
    await world.write(event_form("e1", world.clock.now(), identifiers=[CARD, LOGIN]))
    await world.claim(CARD, claims={"name": "Li"})
    record = (await world.customers.records([CARD]))[CARD]
    assert record.node.links.keys() == {LOGIN}
    assert record.said.claims["name"][0].value == "Li"
    assert record.said.channels == {"web": {(): 1}}


async def test_all_identifiers_are_walked_in_id_order_from_any_place(world: World) -> None:
    names = [f"card:10{number:02d}" for number in range(20)] + [f"login:u{number}" for number in range(20)]
    for name in names[:25]:
        await world.claim(name)
    for number, name in enumerate(names[15:]):
        await world.write(event_form(f"e{number}", world.clock.now(), identifiers=[name]))
    expected = sorted((own_customer_id(name), name) for name in names)
    walked = [pair async for batch in world.customers.identifiers_from("") for pair in batch]
    assert walked == expected
    after = expected[17][0]
    assert [pair async for batch in world.customers.identifiers_from(after) for pair in batch] == expected[18:]


async def test_walking_over_many_pages_misses_and_repeats_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PAGE_LIMIT", 12)
    names = [f"card:2{number:03d}" for number in range(40)]
    for place, name in enumerate(names):
        if place % 3:
            await world.claim(name)
        if place % 2:
            await world.write(event_form(f"e{place}", world.clock.now(), identifiers=[name]))
    walked = [name async for batch in world.customers.identifiers_from("") for _, name in batch]
    met = [name for place, name in enumerate(names) if place % 3 or place % 2]
    assert walked == sorted(met, key=own_customer_id)


async def test_a_walk_goes_on_in_the_generation_that_replaced_the_one_it_began_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAGE_LIMIT", 12)
    names = [f"card:2{number:03d}" for number in range(40)]
    for name in names:
        await world.claim(name)
    walked, generations = list[str](), world.customers._statements
    async for batch in world.customers.identifiers_from(""):
        walked += [name for _, name in batch]
        if generations.active == 1:
            building = await generations.begin()
            await generations.declare(building)
            for document in (await world.documents.scan(STATEMENTS, limit=100)).documents:
                await world.documents.insert(generations.at(building, STATEMENTS), document.key, document.body)
            await generations.promote(building)
            await generations.drop(1)
    assert walked == sorted(names, key=own_customer_id)


async def test_a_graph_too_large_to_load_is_asked_in_parts_and_an_endless_one_is_believed_by_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(f"card:3{number:03d}", f"login:v{number}") for number in range(6)]
    for pair in pairs:
        await world.claim(*pair)
    for number in range(8):
        await world.claim(f"card:4{number:03d}", f"card:4{number + 1:03d}")
    monkeypatch.setattr(store, "CLOSURE_LIMIT", 5)
    closure = await world.customers.closure([card for card, _ in pairs])
    assert all(closure.people[card].identifiers == (card, login) for card, login in pairs)
    alone = (await world.customers.closure(["card:4000"])).people["card:4000"]
    assert alone.identifiers == ("card:4000",)
    assert alone.refused[0].reason is Refused.SHARED


async def test_orders_of_several_identifiers_are_read_over_all_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.write(*(purchase(f"o{number}", world, str(number)) for number in range(7)))
    monkeypatch.setattr(store, "PAGE_LIMIT", 3)
    assert len(await world.customers.orders_of([CARD, LOGIN])) == 7
    monkeypatch.setattr(store, "PERSON_ORDERS_LIMIT", 3)
    assert len(await world.customers.orders_of([CARD])) == 3


async def test_an_operator_sees_how_much_there_is(world: World) -> None:
    await world.write(purchase("o1", world, "1"), event_form("e1", world.clock.now(), identifiers=[LOGIN]))
    await world.claim("card:5001")
    assert await world.customers.sizes() == {"orders": 1, "identifiers_seen": 2, "identifiers_stated": 1}
