"""Walking a log beside others who rewrite the same events."""

from collections import Counter
from typing import Any

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import Body, Collection, Document, RevisionMismatchError
from services.chassis.erasure.log_walk import ATTEMPTS_LIMIT, erase_from_log
from services.chassis.erasure.policies import LogPolicy
from services.chassis.errors import UnavailableError
from services.chassis.eventlog.record import EVENTS
from tests.unit.services.chassis.erasure.erasing_world import ANNA, World


class Contended(MemoryDocuments):
    """Another one takes the words out of an event just before each of the first ``races`` replacings of it."""

    def __init__(self, races: int) -> None:
        super().__init__()
        self.races, self.lost = races, Counter[str]()

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        if collection == EVENTS and self.lost[key] < self.races:
            self.lost[key] += 1
            current = await self.get(EVENTS, key)
            assert current is not None
            changed = {**current.body, "payload": {**current.body["payload"], "words": "gone"}}
            await super().replace(EVENTS, key, changed, expected_revision=current.revision)
            raise RevisionMismatchError(EVENTS.name, key=key, expected=expected_revision, actual=current.revision + 1)
        return await super().replace(collection, key, body, expected_revision=expected_revision)


async def walk(documents: Contended) -> tuple[World, int]:
    world = World(documents)
    await world.open()
    await world.fill()
    subjects, touched = world.owner.subjects([ANNA]), 0

    async def before_first() -> None:
        nonlocal touched
        touched += 1

    digest = world.suppression.digest
    await erase_from_log(documents, "acts", 2, LogPolicy(), subjects, digest=digest, before_first=before_first)
    return world, touched


async def test_what_another_walk_took_out_meanwhile_stays_out() -> None:
    world, touched = await walk(Contended(races=1))
    said: list[Any] = [event.payload for event in await world.events()]
    assert "card:1" not in str(said) and "anna's words" not in str(said)
    assert {"identifiers": ["card:2"], "words": "gone"} in said
    assert touched == 1
    await world.log.close()


async def test_an_event_that_keeps_changing_is_an_error_and_not_left_in_silence() -> None:
    with pytest.raises(UnavailableError):
        await walk(Contended(races=ATTEMPTS_LIMIT))
