"""Puts reputation together and runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zhike.reputation.v1 import (
    alert_service_pb2_grpc,
    mention_service_pb2_grpc,
    source_service_pb2_grpc,
    tone_service_pb2_grpc,
)

from services.chassis.erasure.policies import ErasureParts, delete
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.rebuild import RebuildableProjection
from services.chassis.jobs import Job, JobKind
from services.chassis.server import Runtime, Service, run_service
from services.kits.outbound.allowed_hosts import allowed_hosts
from services.kits.outbound.guard import OutboundGuard
from services.kits.webhooks.delivery_store import DELIVERIES
from services.reputation.domain.aspects import aspect_of
from services.reputation.domain.hearing import Ear, Mention, ToneOf
from services.reputation.jobs.alerting import Alerting
from services.reputation.jobs.feed_reader import FeedReader
from services.reputation.jobs.fetching import GuardedFetch
from services.reputation.jobs.hearing import Told, build_hearing
from services.reputation.jobs.importing import MentionImport
from services.reputation.jobs.polling import LOOK_INTERVAL_S, POLLING_METRICS, Poller
from services.reputation.jobs.tone_trainer import ToneTrainer
from services.reputation.servicer.alerts import AlertServicer
from services.reputation.servicer.mentions import IMPORT_KIND, MENTION_METRICS, MentionPorts, MentionServicer
from services.reputation.servicer.sources import SourceServicer
from services.reputation.servicer.tone import TRAIN_KIND, ToneServicer
from services.reputation.settings import ReputationSettings
from services.reputation.store.collections import (
    CLUSTER_KEYS,
    CLUSTERS,
    COUNTERS,
    MENTION_PLACES,
    MENTIONS,
    MENTIONS_LOG,
    PRODUCTS_LOG,
)
from services.reputation.store.erasing import author_names
from services.reputation.store.hearing import hearing_generations
from services.reputation.store.lexicon import LivingLexicon, build_names, names_generations
from services.reputation.store.mentions import MentionStore
from services.reputation.store.sources import BrandStore, SourceStore
from services.reputation.store.tone_models import ToneModelStore
from services.reputation.usecases.sources import Watching
from services.reputation.usecases.tone import ToneInForce

SERVICE = "reputation"
GENERATION_INTERVAL_S = 1.0
TONE_WATCH_INTERVAL_S = 2.0


@dataclass(frozen=True, slots=True)
class Hearing:
    """What hears: the stores, what follows the logs, and what fetches feeds."""

    mentions: MentionStore
    sources: SourceStore
    brands: BrandStore
    lexicon: LivingLexicon
    followed: RebuildableProjection
    names: RebuildableProjection
    poller: Poller
    reader: FeedReader
    fetch: GuardedFetch

    async def open(self) -> None:
        """Declare every collection and read the lexicon."""
        await self.followed.open()
        await self.names.open()
        await self.sources.declare()
        await self.brands.declare()
        await self.lexicon.refresh()

    async def facts(self) -> Mapping[str, object]:
        """Say how large things are, for an operator."""
        return {**await self.mentions.sizes(), **self.lexicon.lexicon.sizes}

    def jobs(self) -> tuple[Job, ...]:
        """Return what runs beside the requests."""
        every = JobKind.PER_REPLICA
        return (
            Job("follow-product-names", self.names.run),
            Job("follow-mentions", self.followed.run),
            Job("feeds", self.poller.poll, every_s=LOOK_INTERVAL_S),
            Job("product-names-generation", self.names.refresh, every, every_s=GENERATION_INTERVAL_S),
            Job("hearing-generation", self.followed.refresh, every, every_s=GENERATION_INTERVAL_S),
        )


async def build(runtime: Runtime[ReputationSettings]) -> Service:
    """Compose the service."""
    runtime.metrics.declare((*MENTION_METRICS, *POLLING_METRICS))

    async def told(mentions: Sequence[Mention]) -> None:
        await alerting.judge.heard(mentions)

    async def facts() -> Mapping[str, object]:
        return {**await hearing.facts(), **await alerting.facts(), "tone_model": tone.version}

    models = ToneModelStore(runtime.manifests, runtime.artifacts)
    tone = ToneInForce(models)
    await tone.refresh()  # before anything is heard: what a mention says is judged once
    hearing = make_hearing(runtime, told, tone.tone_of)
    await hearing.open()
    watching = Watching(hearing.sources, hearing.mentions, runtime.clock)
    alerting = Alerting(runtime, watching, hearing.brands)
    await alerting.open()
    log = mentions_log(runtime)
    ports = MentionPorts(
        log=log,
        mentions=hearing.mentions,
        artifacts=runtime.artifacts,
        operations=runtime.operations,
        clock=runtime.clock,
        metrics=runtime.metrics,
        suppression=runtime.suppression,
    )
    trainer = ToneTrainer(models, tone, runtime.artifacts, runtime.clock)
    runtime.operations.register(TRAIN_KIND, trainer.train, repeatable=True)
    runtime.operations.register(
        IMPORT_KIND, MentionImport(runtime.artifacts, log, runtime.clock, runtime.suppression).run, repeatable=True
    )
    return Service(
        servicers=[
            (mention_service_pb2_grpc.add_MentionServiceServicer_to_server, MentionServicer(ports)),
            (
                source_service_pb2_grpc.add_SourceServiceServicer_to_server,
                SourceServicer(watching, hearing.brands),
            ),
            (alert_service_pb2_grpc.add_AlertServiceServicer_to_server, AlertServicer(alerting.desk)),
            (
                tone_service_pb2_grpc.add_ToneServiceServicer_to_server,
                ToneServicer(models, tone, runtime.artifacts, runtime.operations),
            ),
            alerting.webhooks.served,
        ],
        jobs=[
            *hearing.jobs(),
            *alerting.jobs(),
            Job("tone-in-force", tone.refresh, JobKind.PER_REPLICA, every_s=TONE_WATCH_INTERVAL_S),
        ],
        close=[hearing.fetch.close, hearing.reader.close, alerting.webhooks.close],
        readers=lambda: [*hearing.followed.logs, *hearing.names.logs, *alerting.readers],
        rebuilds={hearing.followed.name: hearing.followed.rebuild, hearing.names.name: hearing.names.rebuild},
        facts=facts,
        erasure=ErasureParts(
            projections={hearing.followed.name: [MENTIONS_LOG]},
            documents={DELIVERIES.name: delete},
            rebuilt=(MENTIONS, MENTION_PLACES, CLUSTERS, CLUSTER_KEYS, COUNTERS),
            also_named=author_names,
        ),
    )


def mentions_log(runtime: Runtime[ReputationSettings]) -> DocumentsLog:
    """Return the log of mentions: in one order on every profile, for which is whose copy follows from it."""
    return runtime.event_log(MENTIONS_LOG, partitions=1)


def make_hearing(runtime: Runtime[ReputationSettings], told: Told, tone_of: ToneOf) -> Hearing:
    """Make the stores, the projections that feed them, and the poller. ``told`` hears of what was counted."""
    documents, clock, settings = runtime.documents, runtime.clock, runtime.settings
    heard, named = hearing_generations(documents), names_generations(documents)
    mentions = MentionStore(documents, heard)
    sources, brands = SourceStore(documents), BrandStore(documents)
    lexicon = LivingLexicon(documents, named, brands, sources, clock, own=settings.own_brands)

    def ear() -> Ear:
        return Ear(lexicon.lexicon, tone_of, aspect_of)

    log = mentions_log(runtime)
    fetch = GuardedFetch(OutboundGuard(allowed_hosts(settings.feed_allowed_hosts), reads_http=True))
    reader = FeedReader()
    return Hearing(
        mentions=mentions,
        sources=sources,
        brands=brands,
        lexicon=lexicon,
        followed=RebuildableProjection(
            heard,
            [log],
            build_hearing(documents, heard, lexicon, ear, told),
            clock,
            rng=runtime.chance,
            metrics=runtime.metrics,
        ),
        names=RebuildableProjection(
            named,
            [runtime.source(PRODUCTS_LOG, "search")],
            build_names(documents),
            clock,
            rng=runtime.chance,
            metrics=runtime.metrics,
        ),
        poller=Poller(sources, log, fetch=fetch, reader=reader, clock=clock, metrics=runtime.metrics),
        reader=reader,
        fetch=fetch,
    )


if __name__ == "__main__":
    run_service(SERVICE, ReputationSettings, build)
