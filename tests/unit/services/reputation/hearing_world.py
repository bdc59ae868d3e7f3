"""All that hears in memory, with a reader that moves only when a test says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import Collection, DocumentStore
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import Event, NewEvent
from services.kits.times import micros
from services.reputation.domain.brands import Brand, BrandKind
from services.reputation.domain.counters import NOTHING, Scope, ScopeKind, Tally, bucket_of_us
from services.reputation.domain.hearing import Ear, Mention
from services.reputation.domain.mentions import MentionForm, MentionRules
from services.reputation.jobs.hearing import build_hearing
from services.reputation.store.collections import MENTIONS, MENTIONS_LOG, PRODUCTS_LOG
from services.reputation.store.hearing import hearing_generations
from services.reputation.store.lexicon import LivingLexicon, names_generations, names_projection
from services.reputation.store.mentions import MentionFilter, MentionStore
from services.reputation.store.sources import BrandStore, SourceStore
from services.reputation.usecases.intake import BatchVerdict, RefusedForm, Writer, write_mentions
from services.reputation.usecases.sources import Watching
from tests.fakes.clock import ManualClock

SHOP = "main"


@dataclass(frozen=True)
class Judged:
    """What the world's tone model says."""

    label: str
    probability: float = 0.9
    unsure: bool = False


def tone_by_word(text: str, language: str) -> Judged | None:
    """Judge by a word; what has none of them is not judged."""
    for word, label in (("差", "negative"), ("bad", "negative"), ("好", "positive")):
        if word in text:
            return Judged(label)
    return None


@dataclass
class World:
    """Hearing without a process around it."""

    documents: MemoryDocuments
    clock: ManualClock
    log: DocumentsLog
    products: DocumentsLog
    generations: Generations
    names: Projection
    mentions: MentionStore
    sources: SourceStore
    brands: BrandStore
    lexicon: LivingLexicon
    told: list[Mention] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)

    @property
    def watching(self) -> Watching:
        return Watching(self.sources, self.mentions, self.clock)

    def reader(self, documents: DocumentStore | None = None, *, generation: int = 0) -> Projection:
        """Return a reader of the generation in force, or another, over another view of the store if one is given."""

        async def told(mentions: Sequence[Mention]) -> None:
            self.told += mentions

        def ear() -> Ear:
            return Ear(self.lexicon.lexicon, tone_by_word, lambda text: "quality" if "坏" in text else "")

        build = build_hearing(documents or self.documents, self.generations, self.lexicon, ear, told)
        number = generation or self.generations.active
        return build(self.generations.projection_name(number), self.generations.resolver(number))

    async def events(self, log: str = MENTIONS_LOG) -> list[Event]:
        """Return all events of a log."""
        source, found = {MENTIONS_LOG: self.log, PRODUCTS_LOG: self.products}[log], list[Event]()
        while events := await source.read(0, after=len(found)):
            found.extend(events)
        return found

    async def settle(self) -> None:
        """Let the readers come to their logs' heads."""
        self.clock.advance(2)  # the lexicon looks again
        for name, projection in ((PRODUCTS_LOG, self.names), (MENTIONS_LOG, self.reader())):
            events = (await self.events(name))[self.positions.get(name, 0) :]
            if events:
                await projection.apply(events)
                self.positions[name] = events[-1].seq

    async def write(
        self, *forms: MentionForm | RefusedForm, owner: str = "key", synthetic: bool = False
    ) -> BatchVerdict:
        """Take mentions in, and let the reader follow."""
        rules = MentionRules(self.clock.now(), SHOP)
        verdict = await write_mentions(self.log, forms, rules, Writer(owner, synthetic))
        await self.settle()
        return verdict

    async def heard(self, **wanted: Any) -> list[Mention]:
        """Return the mentions that a filter admits, newest first."""
        return list((await self.mentions.find(MentionFilter(SHOP, **wanted), after=None, limit=100)).mentions)

    async def counted(self, kind: ScopeKind = ScopeKind.SHOP, subject: str = "") -> Tally:
        """Return all that was ever counted for a scope."""
        now = bucket_of_us(micros(self.clock.now()))
        found = await self.mentions.series(Scope(SHOP, kind, subject), now - 10_000, now + 10)
        return sum(found.values(), NOTHING)

    async def product(self, product_id: str, title: Mapping[str, str], *, version: int = 1, **fields: Any) -> None:
        """Announce a product as search does."""
        event = NewEvent(
            client_event_id=f"{product_id}/{version}",
            owner="search",
            type="ProductChanged",
            occurred_time=self.clock.now(),
            shop=SHOP,
            channel="",
            subject=product_id,
            payload={"id": product_id, "title": dict(title), "version": version, **fields},
        )
        await self.products.append([event])
        await self.settle()

    async def bodies(self, collection: Collection = MENTIONS) -> dict[str, dict[str, Any]]:
        """Return a collection's documents as they stand."""
        page = await self.documents.scan(self.generations.resolve(collection), limit=1_000)
        return {document.key: document.body for document in page.documents}

    def form(self, mention_id: str, text: str, **fields: Any) -> MentionForm:
        """Return a well-formed mention of now; ``fields`` replace what a test is about."""
        given: dict[str, Any] = {"source": "weibo", "published": self.clock.now(), **fields}
        return MentionForm(id=mention_id, text=text, **given)


async def make_world(own: Sequence[Brand] = (Brand("zhike", BrandKind.OWN, ("知客", "Zhike")),)) -> World:
    """Put a world together."""
    documents, clock, chance = MemoryDocuments(), ManualClock(), Random(7)
    log, products = (DocumentsLog(documents, name, 1, clock, chance) for name in (MENTIONS_LOG, PRODUCTS_LOG))
    generations, names = hearing_generations(documents), names_generations(documents)
    sources, brands = SourceStore(documents), BrandStore(documents)
    for opened in (log, products, generations, names):
        await opened.open()
    for store in (sources, brands):
        await store.declare()
    return World(
        documents=documents,
        clock=clock,
        log=log,
        products=products,
        generations=generations,
        names=names_projection(documents, names.projection, names.resolve),
        mentions=MentionStore(documents, generations),
        sources=sources,
        brands=brands,
        lexicon=LivingLexicon(documents, names, brands, sources, clock, own=own),
    )
