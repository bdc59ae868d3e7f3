"""Tells the other services whose an identifier is, whenever that changes."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from services.chassis.canonical import fingerprint
from services.chassis.clock import Clock
from services.chassis.erasure.suppression import Suppression
from services.chassis.errors import ErrorKind, ZhikeError
from services.knowledge.domain.identity import IdentityRules
from services.knowledge.domain.resolution import goes_without_saying, resolution_of
from services.knowledge.store.customers import Closure, CustomerStore
from services.knowledge.store.resolutions import Published, ResolutionStore

CHUNK_IDENTIFIERS = 200  # asked for at once: keeps each step short for those who are served meanwhile
SEEN_LIMIT = 500_000  # identifiers of one look at everyone of which is remembered that they were looked at
ROUNDS_LIMIT = 30  # looks at one chunk; each further one is another writer's or a wider circle's doing


class AnnouncementContendedError(ZhikeError):
    """Other writers kept changing what these identifiers resolve to; the reader tries again."""

    kind: ClassVar[ErrorKind] = ErrorKind.UNAVAILABLE
    reason = "ANNOUNCEMENT_CONTENDED"


class Announcer:
    """Compares who people are with what was last published of them, and publishes the difference.

    After publishing it looks again: whoever changed an edge before this save is seen by the second look, so the last
    word in the log is right whatever ran beside.
    """

    def __init__(
        self,
        customers: CustomerStore,
        resolutions: ResolutionStore,
        clock: Clock,
        suppression: Suppression | None = None,
    ) -> None:
        self._customers, self._resolutions, self._clock = customers, resolutions, clock
        self._suppression = suppression
        self._one_at_a_time, self._everyone = asyncio.Lock(), asyncio.Lock()
        self._asked = self._told = 0

    async def announce(self, identifiers: Iterable[str]) -> set[str]:
        """Publish what changed for these identifiers and for all whose person they change; return all of them."""
        asked, looked_at = list(dict.fromkeys(identifiers)), set[str]()
        for start in range(0, len(asked), CHUNK_IDENTIFIERS):
            async with self._one_at_a_time:
                looked_at |= await self._announce(set(asked[start : start + CHUNK_IDENTIFIERS]))
        return looked_at

    async def announce_everyone(self) -> None:
        """Look at every identifier: what a rebuild or another rule may have changed.

        Who asks while others do shares with them the look that begins after all of them asked.
        """
        self._asked += 1
        mine = self._asked
        async with self._everyone:
            if self._told >= mine:
                return
            begun, seen = self._asked, set[str]()
            async for batch in self._customers.identifiers_from(""):
                looked_at = await self.announce(identifier for _, identifier in batch if identifier not in seen)
                if len(seen) < SEEN_LIMIT:  # beyond it some are looked at again
                    seen |= looked_at
            self._told = begun

    async def _announce(self, asked: set[str]) -> set[str]:
        for _ in range(ROUNDS_LIMIT):
            closure = await self._customers.closure(sorted(asked))
            circle = _circle(closure, asked)
            published = await self._resolutions.published(sorted(circle))
            wider = {member for each in published.values() for member in each.payload.get("members", ())} - circle
            if wider:
                asked |= wider
                continue
            changes = [each for each in _changes(closure, published) if not self._is_erased(each[0].identifier)]
            if not changes:
                return circle
            await self._resolutions.publish(changes, self._clock.now())
        raise AnnouncementContendedError("what these identifiers resolve to keeps changing")

    def _is_erased(self, identifier: str) -> bool:
        """Tell whether nothing is told of the identifier any more: its person was erased, or is being erased."""
        return self._suppression is not None and self._suppression.is_erased(identifier)


async def announce_by_new_rules(resolutions: ResolutionStore, announcer: Announcer, rules: IdentityRules) -> bool:
    """Announce everyone where the rules are others than those that people were last told apart by; tell whether."""
    wanted = fingerprint({**asdict(rules), "blocked": sorted(rules.blocked)})
    if await resolutions.rules() == wanted:
        return False
    await announcer.announce_everyone()
    await resolutions.note_rules(wanted)
    return True


def _circle(closure: Closure, asked: set[str]) -> set[str]:
    """Return everyone whose person is exact in the closure and may have changed."""
    return {member for each in closure.core | asked for member in closure.people[each].identifiers}


def _changes(closure: Closure, published: Mapping[str, Published]) -> list[tuple[Published, Mapping[str, Any]]]:
    resolved: dict[str, dict[str, Any]] = {}
    changes: list[tuple[Published, Mapping[str, Any]]] = []
    for identifier, known in published.items():
        person = closure.people[identifier]
        if person.id not in resolved:
            resolved[person.id] = resolution_of(person, [record.said for record in closure.said_of(person)])
        payload = {"identifier": identifier, **resolved[person.id]}
        if known.payload != payload and not (known.version == 0 and goes_without_saying(payload)):
            changes.append((known, payload))
    return changes
