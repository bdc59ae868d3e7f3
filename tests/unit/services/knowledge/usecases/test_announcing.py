"""What other services hear: every change of what an identifier resolves to, once, whatever crashed between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import Document, StoreUnavailableError
from services.chassis.eventlog.outbox import OutboxEvent, with_outbox
from services.knowledge.domain.identity import IdentityRules
from services.knowledge.store import customers as store
from services.knowledge.store.collections import CUSTOMER_CLAIMS, CUSTOMERS, PRODUCTS, RESOLUTIONS, USER_EVENTS
from services.knowledge.store.customers import Closure, CustomerStore
from services.knowledge.usecases import announcing
from services.knowledge.usecases.announcing import Announcer, announce_by_new_rules
from services.knowledge.usecases.statements import Request, set_consent, unmerge_customer
from tests.fakes.clock import START_TIME
from tests.unit.services.knowledge.conftest import World, event_form, make_resolutions, make_world

CARD, LOGIN, PHONE = "card:1001", "login:u42", "phone:+8613911223344"


async def test_joining_tells_every_member_who_the_others_are(world: World) -> None:
    customer = await world.claim(CARD, LOGIN, PHONE, account="household:208")
    published = await world.published()
    assert published.keys() == {CARD, LOGIN, PHONE}
    for identifier, said in published.items():
        assert said["identifier"] == identifier
        assert (said["customer_id"], said["account_id"]) == (customer.id, customer.account_id)
        assert said["members"] == [CARD, LOGIN, PHONE]


async def test_who_is_alone_and_has_said_nothing_goes_without_saying(world: World) -> None:
    await world.claim(CARD, claims={"name": "Li"})
    await world.write(event_form("e1", world.clock.now(), identifiers=[LOGIN]))
    assert await world.published() == {}


async def test_parting_tells_both_sides(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    await unmerge_customer(world.writing, joined.id, [CARD], Request("key"), reason="two")
    published = await world.published()
    assert (published[CARD]["members"], published[LOGIN]["members"]) == ([CARD], [LOGIN])
    assert published[CARD]["version"] == 2


async def test_a_phone_that_turns_out_shared_parts_those_whom_it_had_joined(world: World) -> None:
    for number in range(5):
        await world.claim(f"card:20{number}", PHONE)
    assert len((await world.published())["card:200"]["members"]) == 6
    await world.claim("card:205", PHONE)
    published = await world.published()
    assert all(published[f"card:20{number}"]["members"] == [f"card:20{number}"] for number in range(5))


async def test_consent_is_told_for_every_identifier_of_the_person(world: World) -> None:
    await world.claim(CARD, LOGIN)
    await set_consent(
        world.writing, LOGIN, Request("key"), purpose="personalization", granted=False, source="account page"
    )
    published = await world.published()
    assert published[CARD]["consents"] == published[LOGIN]["consents"] == {"personalization": "denied"}


async def test_nothing_new_is_not_told_again(world: World) -> None:
    await world.claim(CARD, LOGIN)
    before = len(await world.events(CUSTOMERS))
    await world.claim(CARD, LOGIN)
    await world.announcer.announce([CARD, LOGIN])
    assert len(await world.events(CUSTOMERS)) == before


async def test_names_and_other_facts_do_not_leave_but_the_language_does(world: World) -> None:
    await world.claim(CARD, LOGIN, claims={"name": "Li", "language": "zh"})
    assert (await world.published())[CARD]["facts"] == {"language": "zh"}


async def test_versions_of_an_identifier_grow_by_one(world: World) -> None:
    for name in ("login:a", "login:b", "login:c"):
        await world.claim(CARD, name)
    versions = [event.payload["version"] for event in await world.events(CUSTOMERS) if event.subject == CARD]
    assert versions == [1, 2, 3]


class _Failing(MemoryDocuments):
    """Fails at the n-th write, before or after it took place, as a crash does."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_left: int | None = None
        self.after = False

    async def insert_many(self, collection: Any, items: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        await self._around(super().insert_many(collection, items))

    async def insert(self, collection: Any, key: str, body: Mapping[str, Any]) -> Any:
        return await self._around(super().insert(collection, key, body))

    async def replace(self, collection: Any, key: str, body: Mapping[str, Any], *, expected_revision: int) -> Any:
        return await self._around(super().replace(collection, key, body, expected_revision=expected_revision))

    async def _around(self, write: Any) -> Any:
        if self.writes_left is None:
            return await write
        self.writes_left -= 1
        if self.writes_left >= 0:
            return await write
        if self.after:
            await write
        else:
            write.close()
        raise StoreUnavailableError("crashed here")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("writes", range(12))
async def test_a_crash_at_any_write_loses_no_word_and_doubles_none(writes: int, *, after: bool) -> None:
    documents = _Failing()
    world = await make_world(documents=documents)
    await world.claim(CARD, LOGIN)
    positions = dict(world.positions)
    documents.writes_left, documents.after = writes, after
    with suppress(StoreUnavailableError):
        await world.claim(LOGIN, PHONE, consents={"marketing": "denied"}, request_id="r1")
    documents.writes_left = None
    world.positions = positions  # a new process reads on from its last saved cursor
    await _resume(world)
    await world.claim(LOGIN, PHONE, consents={"marketing": "denied"}, request_id="r1")
    published = await world.published()
    assert all(said["members"] == [CARD, LOGIN, PHONE] for said in published.values())
    assert all(said["consents"] == {"marketing": "denied"} for said in published.values())
    for identifier in (CARD, LOGIN, PHONE):
        own = [event.payload["version"] for event in await world.events(CUSTOMERS) if event.subject == identifier]
        assert own == list(range(1, len(own) + 1))


async def test_two_announcers_at_once_end_with_the_same_last_word(world: World) -> None:
    other = Announcer(world.customers, world.resolutions, world.clock)
    await world.claim(CARD, LOGIN)
    await world.claim(LOGIN, PHONE)
    await other.announce([CARD])
    await world.announcer.announce([PHONE])
    assert all(said["members"] == [CARD, LOGIN, PHONE] for said in (await world.published()).values())


class _Overtaken(CustomerStore):
    """Lets others do something between the first look at who people are and what is made of it."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def closure(self, starts: Iterable[str]) -> Closure:
        seen = await super().closure(starts)
        if self.meanwhile is not None:
            then, self.meanwhile = self.meanwhile, None
            await then()
        return seen


async def test_an_announcer_that_was_overtaken_corrects_itself(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    slow = _Overtaken(world.documents, IdentityRules(), shopping=world.generations[USER_EVENTS],
                      statements=world.generations[CUSTOMER_CLAIMS], own_label=world.generations[PRODUCTS])  # fmt: skip

    async def part() -> None:
        await unmerge_customer(world.writing, joined.id, [CARD], Request("key"), reason="two")

    slow.meanwhile = part
    await Announcer(slow, world.resolutions, world.clock).announce([CARD])
    published = await world.published()
    assert (published[CARD]["members"], published[LOGIN]["members"]) == ([CARD], [LOGIN])


def _still_waiting(document: Document) -> dict[str, Any]:
    """The document as a process left it that died between its second save and its append."""
    identifier = document.body["identifier"]
    said = {**document.body["payload"], "version": 2}
    event = OutboxEvent("IdentityResolved", START_TIME, shop="", channel="", subject=identifier, payload=said)
    return with_outbox({**document.body, "version": 2}, 2, [event])


async def test_a_word_that_still_waits_is_told_before_the_next(world: World) -> None:
    await world.claim(CARD, LOGIN)
    for document in (await world.documents.scan(RESOLUTIONS)).documents:
        waiting = _still_waiting(document)
        await world.documents.replace(RESOLUTIONS, document.key, waiting, expected_revision=document.revision)
    await world.claim(LOGIN, PHONE)
    versions = [event.payload["version"] for event in await world.events(CUSTOMERS) if event.subject == CARD]
    assert versions == [1, 2, 3]


async def test_what_waits_in_an_outbox_is_told_by_the_next_process(world: World) -> None:
    await world.claim(CARD, LOGIN)
    document = (await world.documents.scan(RESOLUTIONS)).documents[0]
    waiting = _still_waiting(document)
    await world.documents.replace(RESOLUTIONS, document.key, waiting, expected_revision=document.revision)
    await make_resolutions(world.documents, world.logs[CUSTOMERS]).relay_pending()
    await world.resolutions.relay_pending()
    assert [event.payload["version"] for event in await world.events(CUSTOMERS)].count(2) == 1


async def test_other_rules_are_announced_to_everyone_once() -> None:
    world = await make_world()
    await world.claim(CARD, "login:a")
    await world.claim(CARD, "login:b")
    strict = IdentityRules(neighbours={"card": 1, "login": 1, "phone": 1, "email": 1})
    assert await announce_by_new_rules(world.resolutions, world.announcer, IdentityRules())
    before = len(await world.events(CUSTOMERS))
    other = await make_world(strict, world.documents)
    assert await announce_by_new_rules(other.resolutions, other.announcer, strict)
    assert all(said["members"] == [identifier] for identifier, said in (await other.published()).items())
    assert len(await other.events(CUSTOMERS)) == before + 3
    assert not await announce_by_new_rules(other.resolutions, other.announcer, strict)


@pytest.mark.parametrize(("limit", "looks"), [(500, 10), (0, 50)])
async def test_everyone_is_looked_at_once_as_long_as_it_is_remembered_who_was(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int, looks: int
) -> None:
    monkeypatch.setattr(announcing, "SEEN_LIMIT", limit)
    monkeypatch.setattr(announcing, "CHUNK_IDENTIFIERS", 1)
    monkeypatch.setattr(store, "PAGE_LIMIT", 4)
    for person in range(10):
        await world.claim(f"card:100{person}", *(f"login:u{person}{each}" for each in "abcd"))
    closure, asked = world.customers.closure, list[Iterable[str]]()

    async def counted(starts: Iterable[str]) -> Closure:
        asked.append(starts)
        return await closure(starts)

    monkeypatch.setattr(world.customers, "closure", counted)
    await world.announcer.announce_everyone()
    assert len(asked) == looks


async def test_who_asks_while_everyone_is_looked_at_shares_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.claim(CARD, LOGIN)
    walk, looks, begun = world.customers.identifiers_from, list[str](), asyncio.Event()

    async def counted(after: str) -> AsyncIterator[list[tuple[str, str]]]:
        looks.append(after)
        begun.set()
        await asyncio.sleep(0)
        async for batch in walk(after):
            yield batch

    monkeypatch.setattr(world.customers, "identifiers_from", counted)
    first = asyncio.create_task(world.announcer.announce_everyone())
    await begun.wait()
    await asyncio.gather(first, *(world.announcer.announce_everyone() for _ in range(3)))
    assert len(looks) == 2
    await world.announcer.announce_everyone()
    assert len(looks) == 3


async def _resume(world: World) -> None:
    await world.resolutions.relay_pending()
    await world.settle()
