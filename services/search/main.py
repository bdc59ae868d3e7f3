"""The composition root of search: what is opened, who gets what, what runs beside the requests."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Final

from zhike.search.v1 import product_service_pb2_grpc, query_insight_service_pb2_grpc, search_service_pb2_grpc

from services.chassis.adapters import open_search_index
from services.chassis.erasure.policies import ErasureParts
from services.chassis.eventlog.applier import Projection
from services.chassis.eventlog.cursors import Cursors, DocumentCursors, MemoryCursors
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.outbox import OutboxRelay
from services.chassis.eventlog.port import GenerationMismatchError
from services.chassis.eventlog.reader import Reader
from services.chassis.eventlog.rebuild import RebuildableProjection
from services.chassis.jobs import Job, JobKind
from services.chassis.logs import get_log
from services.chassis.metrics import Metric, MetricKind
from services.chassis.operation_run import OperationRun
from services.chassis.searchindex.port import BranchConflictError, IndexUnavailableError
from services.chassis.searchindex.watch import INDEX_METRICS, WATCH_INTERVAL_S, WatchedIndex
from services.chassis.server import Runtime, Service, run_service
from services.kits.controls.control import ActionType
from services.kits.controls.control_checks import Abilities
from services.kits.controls.controls_room import controls_room
from services.kits.purchases import ORDER_EVENTS
from services.kits.text.segment import Segmenter
from services.search.domain.query import normalised_query
from services.search.jobs.indexing import (
    MEMORY_INTERVAL_S,
    REFRESH_INTERVAL_S,
    CatalogFollower,
    Popularity,
    ProductIndexer,
)
from services.search.jobs.log_mining import SEARCHES_LOG, LogMiner, miner_projection
from services.search.jobs.search_links import SearchLinks
from services.search.jobs.search_log import SearchLog
from services.search.servicer.products import IMPORT_KIND, ProductPorts, ProductServicer
from services.search.servicer.searches import QueryInsightServicer, SearchServicer
from services.search.settings import SearchSettings
from services.search.store.catalog_facts import CatalogFacts
from services.search.store.catalog_memory import CatalogMemory
from services.search.store.mined import COUNTED_ORDERS, MINED, PROJECTION, MinedStore
from services.search.store.product_index import ProductIndex
from services.search.store.products import PRODUCTS, ProductStore
from services.search.store.secret import attribution_secret
from services.search.usecases.controlled import SEGMENTS
from services.search.usecases.finding import Finder
from services.search.usecases.importing import Importing, run_import
from services.search.usecases.insights import QueryInsights
from services.search.usecases.previewing import SearchPreviewer
from services.search.usecases.searching import Searching

PRODUCTS_LOG: Final = "products"
SETTLE_LIMIT_S: Final = 30.0
SETTLE_INTERVAL_S: Final = 0.02
STANDING_INTERVAL_S: Final = 1.0  # how soon is seen what the replica did that holds a job
SECRET_BYTES: Final = 32
DRY_RUN_QUERIES: Final = 200
ABILITIES: Final = Abilities(
    actions=frozenset(ActionType) - {ActionType.CAP},
    placements=(),
    segments=lambda: SEGMENTS,
    has_queries=True,
    normalised=normalised_query,
)
INDEX_RETRY_S: Final = 1.0

SEARCH_METRICS: Final = (
    Metric(
        "zhike_search_log_lost_total", MetricKind.COUNTER, "Searches that the full queue of the search log left out."
    ),
)

log = get_log("search")


class Search:
    """The parts of a search process and how they start. Everything heavy happens in ``prepare``, before readiness."""

    def __init__(self, runtime: Runtime[SearchSettings], secret: bytes) -> None:
        settings, self.runtime = runtime.settings, runtime
        runtime.metrics.declare((*SEARCH_METRICS, *INDEX_METRICS))
        self.products_log: DocumentsLog = runtime.event_log(PRODUCTS_LOG)
        self.search_log = SearchLog(
            runtime.event_log(SEARCHES_LOG), runtime.metrics.counter("zhike_search_log_lost_total"), runtime.suppression
        )
        self.engine = WatchedIndex(
            open_search_index(settings, runtime.folder / "index", "search", runtime.clock),
            runtime.metrics,
            runtime.standings,
        )
        segmenter = Segmenter()
        self.store = ProductStore(runtime.documents)
        self.index = ProductIndex(self.engine, segmenter)
        self.memory = CatalogMemory(segmenter)
        self.popularity = Popularity()
        self.publisher = OutboxRelay(runtime.documents, PRODUCTS, self.products_log, metrics=runtime.metrics)
        self.indexer = ProductIndexer(self.store, self.index, self.popularity, runtime.clock, log=self.products_log)

        generations = Generations(runtime.documents, PROJECTION, (MINED, COUNTED_ORDERS))
        self.mined = MinedStore(runtime.documents, generations)
        self.mining = RebuildableProjection(
            generations,
            (
                runtime.source(SEARCHES_LOG, "search"),
                runtime.source("user-events", "knowledge"),
                runtime.source(ORDER_EVENTS, "orders"),
            ),
            miner_projection(runtime.documents, LogMiner(secret, settings.zone)),
            runtime.clock,
            rng=runtime.chance,
            metrics=runtime.metrics,
            links=SearchLinks(runtime.event_log(SEARCHES_LOG), secret),
        )
        self.insights = QueryInsights(self.mined, runtime.clock, settings.zone)
        self.follower = CatalogFollower(self.store, self.memory, self.popularity, self.insights.suggestions)
        self.memory_cursors = MemoryCursors()
        self.index_reader = self._reader(self.indexer)
        self.memory_reader = self._reader(self.follower, self.memory_cursors)
        self.finder = Finder(self.index, segmenter, lambda: self.memory.vocabulary, lambda: self.memory.price_bounds)
        self.searching = Searching(
            finder=self.finder,
            clock=runtime.clock,
            chance=runtime.chance,
            secret=secret,
            zone=settings.zone,
            note=self.search_log.note,
            currency=lambda: self.memory.currency,
            controls=lambda: self.room.live.current(),
        )
        self.facts_for_controls = CatalogFacts(self.memory)
        self.room = controls_room(runtime, self.facts_for_controls)
        self.previewer = SearchPreviewer(self.finder, self.room.live, self.insights.top_queries)
        self._prepared = asyncio.Event()

    async def prepare(self) -> None:
        """Return when every answer can be given: mined numbers known, index filled, memory loaded."""
        await self.mining.open()
        self.popularity.take(await self.mined.popularity())
        await self._await_index()
        await self._load_memory()
        self._prepared.set()

    async def follow_index(self) -> None:
        """Keep the index up with the log; a log that began anew means an index filled anew."""
        await self._prepared.wait()
        try:
            await self.index_reader.run()
        except GenerationMismatchError:
            await self.indexer.rebuild()
            cursors = DocumentCursors(self.runtime.documents, self.indexer.name)
            await cursors.declare()
            await cursors.forget(PRODUCTS_LOG)
            raise

    async def follow_memory(self) -> None:
        """Keep this replica's memory up with the log."""
        await self._prepared.wait()
        try:
            await self.memory_reader.run()
        except GenerationMismatchError:
            await self._load_memory()
            raise

    async def refresh_popularity(self) -> None:
        """Take what was mined; the replica that indexes the products also writes what moved. A pass of a job.

        No other could: it alone knows with which popularity each edit was written.
        """
        await self._prepared.wait()
        wanted = await self.mined.popularity()
        if self.index_reader.follows:
            await self.indexer.refresh_popularity(wanted)
        else:
            self.popularity.take(wanted)

    async def refresh_suggestions(self) -> None:
        """Take new queries and popularity into the completions; a pass of a job."""
        await self._prepared.wait()
        await self.follower.rebuild()

    async def refresh_memory(self) -> None:
        """Build completions anew soon after the catalogue changed; a pass of a job."""
        await self._prepared.wait()
        await self.follower.rebuild_if_changed()

    async def settled(self) -> None:
        """Return when what was saved can be found, or after SETTLE_LIMIT_S: it will be, then, a little later."""
        try:
            async with asyncio.timeout(SETTLE_LIMIT_S):
                while await self.publisher.is_waiting():
                    self.publisher.announce()
                    await asyncio.sleep(SETTLE_INTERVAL_S)
                await self.index_reader.caught_up_anywhere()
                await self.index.refresh()
        except TimeoutError:
            log.warning("imported products are not all to be found yet")

    async def import_file(self, run: OperationRun) -> None:
        """Do the work of an import operation."""
        runtime = self.runtime
        importing = Importing(self.store, runtime.artifacts, runtime.clock, self.publisher.announce, self.settled)
        await run_import(run, importing)

    async def facts(self) -> Mapping[str, object]:
        """Say how large things are, for an operator."""
        return {
            "products": await self.store.count(),
            "searchable": await self._searchable(),
            "search_index": self.engine.standing,
            "words": len(self.memory.vocabulary),
            "suggestions": len(self.memory.completion),
        }

    def jobs(self) -> tuple[Job, ...]:
        """Return what runs beside the requests."""
        every = JobKind.PER_REPLICA
        return (
            Job("product-publisher", self.publisher.run),
            Job("product-index", self.follow_index),
            Job("search-index-watch", self.engine.look, every, every_s=WATCH_INTERVAL_S),
            Job("search-log-mining", self.mining.run),
            Job("product-index-standing", self.index_reader.look, every, every_s=STANDING_INTERVAL_S),
            Job("search-log-mining-generation", self.mining.refresh, every, every_s=STANDING_INTERVAL_S),
            Job("popularity", self.refresh_popularity, every, every_s=REFRESH_INTERVAL_S),
            Job("search-log", self.search_log.run, every),
            Job("catalog-memory", self.follow_memory, every),
            Job("completions", self.refresh_memory, every, every_s=MEMORY_INTERVAL_S),
            Job("suggested-queries", self.refresh_suggestions, every, every_s=REFRESH_INTERVAL_S),
        )

    async def _await_index(self) -> None:
        """Return when the index answers; one that is away, or that another replica fills, is asked again."""
        while True:
            try:
                return await self.indexer.ensure()
            except (IndexUnavailableError, BranchConflictError) as error:  # the first of these is told of by the index
                log.debug("waiting for the search index", reason=error.reason, message=error.message)
            await asyncio.sleep(INDEX_RETRY_S)

    async def _searchable(self) -> int | str:
        """Return how many products can be found; an index that is away leaves the other facts to be told."""
        if not self._prepared.is_set():
            return 0
        try:
            return await self.index.count()
        except IndexUnavailableError:
            return "unknown"

    async def _load_memory(self) -> None:
        """Read the catalogue into memory; the reader goes on from where the log stood before that."""
        head = await self.products_log.head()
        await self.follower.load()
        for partition, seq in enumerate(head.seqs):
            await self.memory_cursors.save(PRODUCTS_LOG, partition, generation=head.generation, seq=seq)

    def _reader(self, projection: Projection, cursors: Cursors | None = None) -> Reader:
        runtime = self.runtime
        return Reader(
            self.products_log,
            projection,
            runtime.documents,
            runtime.clock,
            rng=runtime.chance,
            metrics=runtime.metrics,
            cursors=cursors,
        )


async def build(runtime: Runtime[SearchSettings]) -> Service:
    """Put search together."""
    search = Search(runtime, await attribution_secret(runtime.documents, secrets.token_bytes(SECRET_BYTES)))
    await search.store.declare()
    await search.room.open()
    runtime.operations.register(IMPORT_KIND, search.import_file, repeatable=True)
    ports = ProductPorts(
        store=search.store,
        artifacts=runtime.artifacts,
        operations=runtime.operations,
        clock=runtime.clock,
        announce=search.publisher.announce,
        upload_limit_bytes=runtime.settings.upload_limit_bytes,
    )
    return Service(
        servicers=[
            (product_service_pb2_grpc.add_ProductServiceServicer_to_server, ProductServicer(ports)),
            (
                search_service_pb2_grpc.add_SearchServiceServicer_to_server,
                SearchServicer(search.searching, lambda: search.memory.completion, search.memory.price_of),
            ),
            (
                query_insight_service_pb2_grpc.add_QueryInsightServiceServicer_to_server,
                QueryInsightServicer(search.insights, search.mining.staleness_s),
            ),
            search.room.servicer(
                runtime, search.facts_for_controls, ABILITIES, search.previewer, sample=DRY_RUN_QUERIES
            ),
        ],
        jobs=(*search.jobs(), *search.room.jobs()),
        ready=[search.prepare],
        close=[search.engine.close, search.search_log.flush],
        readers=lambda: (search.index_reader, search.memory_reader, *search.mining.logs),
        rebuilds={"product-index": search.indexer.rebuild, PROJECTION: search.mining.rebuild},
        facts=search.facts,
        erasure=ErasureParts(
            projections={PROJECTION: [log.name for log in search.mining.sources]},
            rebuilt=(MINED, COUNTED_ORDERS),
            hooks=[search.refresh_suggestions],
        ),
    )


if __name__ == "__main__":
    run_service("search", SearchSettings, build)
