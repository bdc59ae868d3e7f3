"""Reads the log of mentions and makes of each what is known of it (projection ``hearing``).

A batch is read in slices, for nothing else is served while a mention is being read. What a mention says and which
cluster it belongs to is decided before the first save and kept with the mention; where a crash cut a batch off, the
decided mentions are taken as they stand and only the rest is decided.

``told`` hears of every batch after its saves and before the cursor moves: what a crash cuts off is told again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event
from services.kits.times import micros
from services.reputation.domain.clusters import Place, Prints, decide
from services.reputation.domain.hearing import Ear, Mention
from services.reputation.domain.mentions import MENTION_PUBLISHED
from services.reputation.store.hearing import HearingWriter, Surroundings
from services.reputation.store.lexicon import LivingLexicon

SLICE: Final = 8  # mentions between two looks at other work: about 10 ms with a tone model

Told = Callable[[Sequence[Mention]], Awaitable[None]]
MakeEar = Callable[[], Ear]


async def tell_nobody(_mentions: Sequence[Mention]) -> None:
    """Keep what was heard to oneself."""


class MentionHearing:
    """The projection of one generation. What a load test wrote is heard by nobody."""

    def __init__(
        self, writer: HearingWriter, lexicon: LivingLexicon, ear: MakeEar, *, name: str, told: Told = tell_nobody
    ) -> None:
        self.name = name
        self._writer, self._lexicon, self._ear, self._told = writer, lexicon, ear, told

    async def apply(self, events: Sequence[Event]) -> None:
        """As services.chassis.eventlog.applier.Projection."""
        wanted = [event for event in events if event.type == MENTION_PUBLISHED and not event.synthetic]
        if not wanted:
            return
        known = await self._writer.known([event.key for event in wanted])
        await self._lexicon.refresh()
        read = await self._read([event for event in wanted if event.key not in known])
        batch = {event.key: known.get(event.key) or read[event.key] for event in wanted}  # in the order of the log
        prints = await self._prints(batch.values())
        around = await self._writer.surroundings(prints.values())
        fresh = _placed(batch, prints, around, decided=known)
        standing = known | await self._writer.save(fresh)
        await self._writer.fold(wanted, standing, prints)
        await self._told(list(standing.values()))

    async def _read(self, events: Sequence[Event]) -> dict[str, Mention]:
        ear, read = self._ear(), dict[str, Mention]()
        for place, event in enumerate(events):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            read[event.key] = ear.read(
                event.key,
                event.payload,
                self._lexicon.facts_of(event.payload["source"]),
                shop=event.shop,
                times_us=(micros(event.occurred_time), micros(event.recorded_time)),
            )
        return read

    async def _prints(self, mentions: Iterable[Mention]) -> dict[str, Prints]:
        prints: dict[str, Prints] = {}
        for place, mention in enumerate(mentions):
            if place % (8 * SLICE) == 8 * SLICE - 1:
                await asyncio.sleep(0)
            prints[mention.id] = mention.prints()
        return prints


def build_hearing(
    documents: DocumentStore, generations: Generations, lexicon: LivingLexicon, ear: MakeEar, told: Told
) -> Callable[[str, Resolve], Projection]:
    """Return what makes the projection for a generation; one that is only being built tells nobody."""

    def build(name: str, resolve: Resolve) -> Projection:
        async def tell(mentions: Sequence[Mention]) -> None:
            if generations.projection_name(generations.active) == name:
                await told(mentions)

        return MentionHearing(HearingWriter(documents, name, resolve), lexicon, ear, name=name, told=tell)

    return build


def _placed(
    batch: dict[str, Mention], prints: dict[str, Prints], around: Surroundings, *, decided: dict[str, Mention]
) -> list[Mention]:
    """Return the mentions not decided before, each in its cluster; one after the other, as if each came alone."""
    settled = {key: Place(each.cluster_id, begins=each.begins_cluster) for key, each in decided.items()}
    places = decide(prints.values(), around.lookup, settled)
    originals = dict(around.originals)
    fresh: list[Mention] = []
    for mention_id, place in places.items():
        mention = decided.get(mention_id)
        if mention is None:
            mention = batch[mention_id].at(place, originals.get(place.cluster_id))
            fresh.append(mention)
        if place.begins:
            originals[place.cluster_id] = mention.said
    return fresh
