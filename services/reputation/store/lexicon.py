"""Keeps what the shop sells by its titles (projection ``product-names``), and one lexicon in memory up with it all.

The copy lasts, so that mentions are matched as before while search is away. Each replica's lexicon looks for news by
itself: brands and sources are few and read whole, of products those that changed since the last look.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from services.chassis.clock import Clock
from services.chassis.documents.port import PAGE_LIMIT, DocumentStore, Range
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection, live_body
from services.kits.times import micros
from services.reputation.domain.brands import Brand, Lexicon
from services.reputation.domain.hearing import SourceFacts
from services.reputation.domain.sources import Source
from services.reputation.store.collections import BY_CHANGE, NAMES, PRODUCT_NAMES
from services.reputation.store.sources import BrandStore, SourceStore

REFRESH_INTERVAL_S: Final = 1.0
OVERLAP_US: Final = 60 * 1_000_000  # changes that were recorded so much earlier may have been read later
TITLES_KEPT: Final = 8  # of one product

UNWATCHED: Final = SourceFacts()  # of a source that nobody described


def names_generations(documents: DocumentStore) -> Generations:
    """Return the generations of product names."""
    return Generations(documents, NAMES, (PRODUCT_NAMES,))


def names_projection(documents: DocumentStore, name: str, resolve: Resolve) -> KeyedProjection:
    """Return what keeps the titles of products."""
    return KeyedProjection(documents, resolve(PRODUCT_NAMES), name=name, keys=_product_keys, fold=_fold_product)


def build_names(documents: DocumentStore) -> Callable[[str, Resolve], Projection]:
    """Return what makes the projection of products for a generation."""
    return lambda name, resolve: names_projection(documents, name, resolve)


class LivingLexicon:
    """The lexicon and the sources' facts of this process; ``refresh`` before they are used."""

    def __init__(
        self,
        documents: DocumentStore,
        generations: Generations,
        brands: BrandStore,
        sources: SourceStore,
        clock: Clock,
        *,
        own: Sequence[Brand] = (),
    ) -> None:
        self.lexicon = Lexicon()
        self._documents, self._generations = documents, generations
        self._brands, self._sources, self._clock = brands, sources, clock
        self._own = tuple(own)
        self._known_brands: dict[str, Brand] = {}
        self._known_sources: dict[str, Source] = {}
        self._known_versions: dict[str, int] = {}
        self._changed_us = 0
        self._generation = 0
        self._looked_s = float("-inf")

    def facts_of(self, source_id: str) -> SourceFacts:
        """Return what holds for the mentions of a source."""
        source = self._known_sources.get(source_id)
        return UNWATCHED if source is None else source.facts

    async def refresh(self) -> None:
        """Take in what changed; asked again within REFRESH_INTERVAL_S it returns at once."""
        now_s = self._clock.monotonic()
        if now_s - self._looked_s < REFRESH_INTERVAL_S:
            return
        self._known_sources = {source.id: source for source in await self._sources.all()}
        await self._take_brands()
        await self._take_products()
        self._looked_s = now_s

    async def _take_brands(self) -> None:
        brands = {brand.id: brand for brand in self._own} | {brand.id: brand for brand in await self._brands.all()}
        for brand_id in self._known_brands.keys() - brands.keys():
            self.lexicon.drop_brand(brand_id)
        for brand_id, brand in brands.items():
            if self._known_brands.get(brand_id) != brand:
                self.lexicon.put_brand(brand)
        self._known_brands = brands

    async def _take_products(self) -> None:
        if self._generation != self._generations.active:  # rebuilt: all of it is news
            self._generation, self._changed_us = self._generations.active, 0
        collection, after = self._generations.resolve(PRODUCT_NAMES), None
        since = self._since()
        while True:
            page = await self._documents.find(
                collection, BY_CHANGE, {}, range_=Range(at_least=since), after=after, limit=PAGE_LIMIT
            )
            for document in page.documents:
                self._take_product(document.key, live_body(document) or {})
            after = page.next_after
            if after is None:
                return

    def _since(self) -> int:
        """Return from when on changes are read: again those of the last minute, while there are any."""
        settled = self._changed_us < micros(self._clock.now()) - 2 * OVERLAP_US
        return self._changed_us + 1 if settled else max(0, self._changed_us - OVERLAP_US)

    def _take_product(self, product_id: str, body: dict[str, Any]) -> None:
        version = body.get("version", 0)
        self._changed_us = max(self._changed_us, body.get("changed_us", 0))
        if self._known_versions.get(product_id) != version:
            self.lexicon.put_product(product_id, body.get("titles", ()))
            self._known_versions[product_id] = version


def _product_keys(event: Event) -> Sequence[str]:
    return (event.subject,)


def _fold_product(_key: str, body: dict[str, Any] | None, event: Event) -> dict[str, Any] | None:
    """Keep a product's titles; a redrive comes late and undoes no later version."""
    version = int(event.payload.get("version") or 0)
    if body is not None and version < body["version"]:
        return None
    titles = event.payload.get("title") or {}
    kept = [] if event.payload.get("withdrawn") else [each for each in titles.values() if isinstance(each, str)]
    return {"version": version, "titles": kept[:TITLES_KEPT], "changed_us": micros(event.recorded_time)}
