"""Puts knowledge together and runs it."""

import asyncio
from collections.abc import Awaitable, Callable

from zhike.knowledge.v1 import customer_service_pb2_grpc, user_event_service_pb2_grpc

from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import EventSource
from services.chassis.eventlog.rebuild import Build, RebuildableProjection
from services.chassis.jobs import Job
from services.chassis.metrics import Metric, MetricKind
from services.chassis.operation_run import OperationRun
from services.chassis.operations import Worker
from services.chassis.server import Runtime, Service, run_service
from services.knowledge.domain.identity import IdentityRules
from services.knowledge.domain.import_plan import CUSTOMERS as IMPORT_CUSTOMERS
from services.knowledge.domain.import_plan import EVENTS, ORDERS
from services.knowledge.jobs.classing import ClassJob
from services.knowledge.jobs.importing import Importing
from services.knowledge.jobs.projecting import (
    build_own_label,
    build_shopping,
    build_statements,
    own_label_generations,
    shopping_generations,
    stated_generations,
)
from services.knowledge.servicer.customers import CustomerServicer
from services.knowledge.servicer.uploads import Uploads
from services.knowledge.servicer.user_events import UserEventServicer
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.collections import CUSTOMER_CLAIMS, CUSTOMERS, PRODUCTS, USER_EVENTS
from services.knowledge.store.customers import CustomerStore
from services.knowledge.store.resolutions import ResolutionStore
from services.knowledge.usecases.announcing import Announcer, announce_by_new_rules, announce_everyone
from services.knowledge.usecases.customers import CustomerReading
from services.knowledge.usecases.statements import Writing

SERVICE = "knowledge"
STALE_S = 5.0  # a reader that has heard of its log more recently stands at its head
METRICS = (
    Metric("zhike_knowledge_events_total", MetricKind.COUNTER, "User events by verdict.", ("verdict",)),
    Metric("zhike_knowledge_refused_events_total", MetricKind.COUNTER, "User events refused, by reason.", ("reason",)),
)


async def build(runtime: Runtime[KnowledgeSettings]) -> Service:
    """Compose the service."""
    settings, documents = runtime.settings, runtime.documents
    runtime.metrics.declare(METRICS)
    user_events, claims = runtime.event_log(USER_EVENTS), runtime.event_log(CUSTOMER_CLAIMS)
    shopping, stated, own_label = (
        shopping_generations(documents),
        stated_generations(documents),
        own_label_generations(documents),
    )
    rules = identity_rules(settings)
    customers = CustomerStore(documents, rules, shopping=shopping, statements=stated, own_label=own_label)
    resolutions = ResolutionStore(documents, runtime.event_log(CUSTOMERS))
    classes = ClassStore(documents)
    announcer = Announcer(customers, resolutions, runtime.clock)
    follow_events = _follow(runtime, shopping, user_events, build_shopping(documents, shopping, announcer))
    follow_claims = _follow(runtime, stated, claims, build_statements(documents, stated, announcer))
    follow_products = _follow(runtime, own_label, runtime.source(PRODUCTS, "search"), build_own_label(documents))
    followed = (follow_events, follow_claims, follow_products)
    for projection in followed:
        await projection.open()
    await resolutions.declare()
    await classes.declare()

    async def read_back() -> None:
        await follow_claims.caught_up()

    async def everyone() -> None:
        await announce_everyone(customers, announcer)

    async def announce_anew() -> None:
        await asyncio.gather(follow_claims.caught_up(), follow_events.caught_up())
        await announce_by_new_rules(customers, resolutions, announcer, rules)

    reading = CustomerReading(customers, classes, settings.zone)
    writing = Writing(
        reading, claims, runtime.clock, new_id=lambda: f"{runtime.chance.getrandbits(96):024x}", read_back=read_back
    )
    importing = Importing(
        folder=runtime.folder / "imports",
        artifacts=runtime.artifacts,
        user_events=user_events,
        customer_claims=claims,
        customers=customers,
        clock=runtime.clock,
        time_zone=settings.shop_time_zone,
        currency=settings.currency,
        read_back=follow_events.caught_up,
    )
    for kind in (ORDERS, IMPORT_CUSTOMERS, EVENTS):
        runtime.operations.register(f"import-{kind}", importing.worker(kind), repeatable=True)
    class_job = ClassJob(
        customers,
        resolutions,
        classes,
        runtime.clock,
        events=user_events,
        is_behind=lambda: follow_events.lag_events() > 0 or follow_events.staleness_s() > STALE_S,
    )
    uploads = Uploads(runtime.artifacts, runtime.operations)
    return Service(
        servicers=[
            (
                user_event_service_pb2_grpc.add_UserEventServiceServicer_to_server,
                UserEventServicer(user_events, runtime.clock, runtime.metrics, uploads),
            ),
            (
                customer_service_pb2_grpc.add_CustomerServiceServicer_to_server,
                CustomerServicer(reading, writing, uploads),
            ),
        ],
        jobs=[
            *(Job(f"follow-{projection.name}", projection.run) for projection in followed),
            Job("announce-pending", resolutions.relay_pending),
            Job("announce-by-new-rules", announce_anew),
            Job("classes", class_job.run, every_s=settings.classes_every_s),
        ],
        ready=[follow_claims.caught_up],
        readers=lambda: [log for projection in followed for log in projection.logs],
        rebuilds={
            follow_events.name: _then(follow_events, everyone),
            follow_claims.name: _then(follow_claims, everyone),
            follow_products.name: follow_products.rebuild,
        },
    )


def identity_rules(settings: KnowledgeSettings) -> IdentityRules:
    """Return the bounds of identity that the settings name."""
    people, contacts = settings.shared_by_people, settings.shared_by_contacts
    return IdentityRules(
        neighbours={"card": people, "login": people, "phone": contacts, "email": contacts},
        blocked=frozenset(settings.blocked_identifiers),
    )


def _follow(
    runtime: Runtime[KnowledgeSettings], generations: Generations, source: EventSource, make: Build
) -> RebuildableProjection:
    return RebuildableProjection(
        generations, [source], make, runtime.clock, rng=runtime.chance, metrics=runtime.metrics
    )


def _then(projection: RebuildableProjection, announce: Callable[[], Awaitable[None]]) -> Worker:
    """Return a rebuild that tells of what it changed."""

    async def rebuild(run: OperationRun) -> None:
        await projection.rebuild(run)
        await announce()

    return rebuild


if __name__ == "__main__":
    run_service(SERVICE, KnowledgeSettings, build)
