"""Puts knowledge together and runs it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from zhike.knowledge.v1 import (
    case_service_pb2_grpc,
    contact_service_pb2_grpc,
    customer_service_pb2_grpc,
    privacy_service_pb2_grpc,
    user_event_service_pb2_grpc,
)

from services.chassis.erasure.policies import ErasureParts, delete, keep
from services.chassis.erasure.subjects import Subject
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import EventSource
from services.chassis.eventlog.rebuild import REFRESH_INTERVAL_S, Build, RebuildableProjection
from services.chassis.jobs import Job, JobKind
from services.chassis.metrics import Metric, MetricKind
from services.chassis.operation_run import OperationRun
from services.chassis.operations import Worker
from services.chassis.server import Runtime, Service, run_service
from services.kits.imports.running import ImportParts
from services.kits.imports.servicer import Uploads
from services.kits.imports.staging_process import stage_in_process
from services.kits.purchases import ORDER_EVENTS
from services.knowledge.domain.identity import IdentityRules
from services.knowledge.domain.import_plan import CUSTOMERS as IMPORT_CUSTOMERS
from services.knowledge.domain.import_plan import EVENTS, check_plan
from services.knowledge.jobs.classing import ClassJob
from services.knowledge.jobs.desk import ServiceDesk
from services.knowledge.jobs.importing import Importing
from services.knowledge.jobs.projecting import (
    build_own_label,
    build_shopping,
    build_statements,
    own_label_generations,
    shopping_generations,
    stated_generations,
)
from services.knowledge.servicer.cases import CaseServicer
from services.knowledge.servicer.contacts import ContactServicer
from services.knowledge.servicer.customers import CustomerServicer
from services.knowledge.servicer.privacy import PrivacyServicer
from services.knowledge.servicer.user_events import UserEventServicer
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.store.cases import CASES, erased_with_customer
from services.knowledge.store.class_basis import ClassStore
from services.knowledge.store.collections import (
    ACTIVITY,
    CUSTOMER_CLAIMS,
    CUSTOMERS,
    ORDERS,
    PRODUCTS,
    STATEMENTS,
    USER_EVENTS,
)
from services.knowledge.store.contacts import CONTACTS
from services.knowledge.store.customers import CustomerStore
from services.knowledge.store.erasures import ERASURES, ErasureStore
from services.knowledge.store.exports import EXPORTS, ExportStore
from services.knowledge.store.names import NAMES, NameStore, name_generations, names_projection
from services.knowledge.store.resolutions import ResolutionStore
from services.knowledge.usecases.announcing import Announcer, announce_by_new_rules
from services.knowledge.usecases.cases import exported_cases
from services.knowledge.usecases.customers import CustomerReading
from services.knowledge.usecases.erasing import Erasing, carry_out_erasures
from services.knowledge.usecases.exporting import (
    EXPORT_KIND,
    Exporting,
    expire_exports,
    profiles_of,
    run_export,
)
from services.knowledge.usecases.statements import Writing
from services.knowledge.wire.erasures import RemoteServices
from services.knowledge.wire.privacy import profiles_json

SERVICE = "knowledge"
STAGING = "services.knowledge.jobs.staging"
ERASURES_INTERVAL_S = 0.5  # between looks for who waits to be erased
EXPIRY_INTERVAL_S = 60.0
PENDING_INTERVAL_S = 2.0  # between looks for what was saved and not announced; nearly always nothing
METRICS = (
    Metric("zhike_knowledge_events_total", MetricKind.COUNTER, "User events by verdict.", ("verdict",)),
    Metric("zhike_knowledge_refused_events_total", MetricKind.COUNTER, "User events refused, by reason.", ("reason",)),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of, below its use cases."""

    customers: CustomerStore
    resolutions: ResolutionStore
    classes: ClassStore
    announcer: Announcer
    events: RebuildableProjection
    claims: RebuildableProjection
    products: RebuildableProjection
    called: RebuildableProjection
    names: NameStore

    @property
    def followed(self) -> tuple[RebuildableProjection, ...]:
        """Return the projections of all logs."""
        return (self.events, self.claims, self.products, self.called)

    async def open(self) -> None:
        """Declare every collection."""
        for projection in self.followed:
            await projection.open()
        await self.resolutions.declare()
        await self.classes.declare()


async def build(runtime: Runtime[KnowledgeSettings]) -> Service:
    """Compose the service."""
    settings = runtime.settings
    runtime.metrics.declare(METRICS)
    parts = make_parts(runtime)
    await parts.open()
    desk = ServiceDesk(runtime, parts.customers, parts.classes)
    await desk.open()
    reading = CustomerReading(parts.customers, parts.classes, settings.zone, runtime.suppression)
    writing = Writing(
        reading,
        runtime.event_log(CUSTOMER_CLAIMS),
        runtime.clock,
        new_id=lambda: f"{runtime.chance.getrandbits(96):024x}",
        read_back=parts.claims.caught_up,
        suppression=runtime.suppression,
    )
    erasing, exporting = await privacy_of(runtime, parts, reading)
    uploads = Uploads(SERVICE, runtime.artifacts, runtime.operations, check_plan)
    intake = UserEventServicer(
        runtime.event_log(USER_EVENTS), runtime.clock, runtime.metrics, uploads, runtime.suppression
    )
    register_imports(runtime, parts)
    return Service(
        servicers=[
            (user_event_service_pb2_grpc.add_UserEventServiceServicer_to_server, intake),
            (
                customer_service_pb2_grpc.add_CustomerServiceServicer_to_server,
                CustomerServicer(reading, writing, uploads, parts.names),
            ),
            (
                privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
                PrivacyServicer(erasing, exporting, SERVICE),
            ),
            (case_service_pb2_grpc.add_CaseServiceServicer_to_server, CaseServicer(desk.cases)),
            (contact_service_pb2_grpc.add_ContactServiceServicer_to_server, ContactServicer(desk.contacts)),
        ],
        jobs=[
            *jobs_of(runtime, parts),
            *desk.jobs(),
            Job("erasures", partial(carry_out_erasures, erasing), every_s=ERASURES_INTERVAL_S),
            Job("export-expiry", partial(expire_exports, exporting), every_s=EXPIRY_INTERVAL_S),
        ],
        ready=[parts.claims.caught_up],
        readers=lambda: [log for projection in parts.followed for log in projection.logs],
        rebuilds={
            parts.events.name: _then(parts.events, parts.announcer.announce_everyone),
            parts.claims.name: _then(parts.claims, parts.announcer.announce_everyone),
            parts.products.name: parts.products.rebuild,
            parts.called.name: parts.called.rebuild,
        },
        facts=partial(_facts, parts, desk),
        named_blobs=[exporting.exports.named_blobs],
        erasure=erasure_parts(parts, reading, desk),
    )


async def privacy_of(
    runtime: Runtime[KnowledgeSettings], parts: Parts, reading: CustomerReading
) -> tuple[Erasing, Exporting]:
    """Make what erases and exports persons, over all services."""
    erasures, exports = ErasureStore(runtime.documents), ExportStore(runtime.documents)
    await erasures.declare()
    await exports.declare()
    services = RemoteServices(runtime.clients)

    async def read_back() -> None:
        await asyncio.gather(parts.claims.caught_up(), parts.events.caught_up())

    exporting = Exporting(
        reading, exports, runtime.operations, runtime.artifacts, services, runtime.suppression, runtime.clock
    )
    runtime.operations.register(EXPORT_KIND, partial(run_export, exporting), repeatable=True)
    erasing = Erasing(
        parts.customers,
        erasures,
        runtime.suppression,
        services,
        runtime.clock,
        new_id=lambda: f"{runtime.chance.getrandbits(96):024x}",
        read_back=read_back,
    )
    return erasing, exporting


def erasure_parts(parts: Parts, reading: CustomerReading, desk: ServiceDesk) -> ErasureParts:
    """Return how persons leave what knowledge keeps, and what it shows them of themselves."""

    async def profile(subject: Subject) -> Mapping[str, Any]:
        return profiles_json(await profiles_of(reading, subject))

    return ErasureParts(
        projections={
            parts.events.name: [log.name for log in parts.events.sources],
            parts.claims.name: [log.name for log in parts.claims.sources],
            parts.called.name: [log.name for log in parts.called.sources],
        },
        documents={
            EXPORTS.name: delete,
            ERASURES.name: keep,
            CASES.name: erased_with_customer,
            CONTACTS.name: erased_with_customer,
        },
        rebuilt=(ORDERS, ACTIVITY, STATEMENTS, NAMES),
        export={"profile": profile, "cases": partial(exported_cases, desk.cases)},
    )


async def _facts(parts: Parts, desk: ServiceDesk) -> Mapping[str, object]:
    """Say how much there is, for an operator."""
    return {**await parts.customers.sizes(), **await desk.facts()}


def make_parts(runtime: Runtime[KnowledgeSettings]) -> Parts:
    """Make stores, announcer and the projections that feed them."""
    documents = runtime.documents
    shopping, stated = shopping_generations(documents), stated_generations(documents)
    own_label, called = own_label_generations(documents), name_generations(documents)
    customers = CustomerStore(
        documents, identity_rules(runtime.settings), shopping=shopping, statements=stated, own_label=own_label
    )
    resolutions = ResolutionStore(documents, runtime.event_log(CUSTOMERS), metrics=runtime.metrics)
    announcer = Announcer(customers, resolutions, runtime.clock, runtime.suppression)

    def follow(generations: Generations, make: Build, *sources: EventSource) -> RebuildableProjection:
        return RebuildableProjection(
            generations, sources, make, runtime.clock, rng=runtime.chance, metrics=runtime.metrics
        )

    return Parts(
        customers=customers,
        resolutions=resolutions,
        classes=ClassStore(documents),
        announcer=announcer,
        events=follow(
            shopping,
            build_shopping(documents, shopping, announcer),
            runtime.event_log(USER_EVENTS),
            runtime.source(ORDER_EVENTS, "orders"),
        ),
        claims=follow(stated, build_statements(documents, stated, announcer), runtime.event_log(CUSTOMER_CLAIMS)),
        products=follow(own_label, build_own_label(documents), runtime.source(PRODUCTS, "search")),
        called=follow(called, partial(names_projection, documents), runtime.event_log(CUSTOMER_CLAIMS)),
        names=NameStore(documents, called),
    )


def jobs_of(runtime: Runtime[KnowledgeSettings], parts: Parts) -> list[Job]:
    """Return the background work: done once, whichever replica does it, and seen to be done by every one."""
    settings = runtime.settings
    class_job = ClassJob(
        parts.customers,
        parts.resolutions,
        parts.classes,
        runtime.clock,
        sources=parts.events.sources,
        read_back=parts.events.caught_up,
    )

    async def announce_by_rules() -> None:
        await asyncio.gather(parts.claims.caught_up(), parts.events.caught_up())
        await announce_by_new_rules(parts.resolutions, parts.announcer, identity_rules(settings))

    return [
        *(Job(f"follow-{projection.name}", projection.run) for projection in parts.followed),
        *(
            Job(f"{projection.name}-generation", projection.refresh, JobKind.PER_REPLICA, every_s=REFRESH_INTERVAL_S)
            for projection in parts.followed
        ),
        Job("announce-pending", parts.resolutions.relay_pending, every_s=PENDING_INTERVAL_S),
        Job("announce-by-new-rules", announce_by_rules),
        Job("classes", class_job.run, every_s=settings.classes_every_s),
    ]


def register_imports(runtime: Runtime[KnowledgeSettings], parts: Parts) -> None:
    """Tell the operations who runs imports."""

    async def read_back() -> None:
        await asyncio.gather(parts.claims.caught_up(), parts.events.caught_up())

    importing = Importing(
        ImportParts(
            folder=runtime.folder / "imports",
            artifacts=runtime.artifacts,
            clock=runtime.clock,
            new_id=lambda: f"{runtime.chance.getrandbits(64):016x}",
            stage=partial(stage_in_process, STAGING),
        ),
        user_events=runtime.event_log(USER_EVENTS),
        customer_claims=runtime.event_log(CUSTOMER_CLAIMS),
        customers=parts.customers,
        read_back=read_back,
        suppression=runtime.suppression,
    )
    for kind in (IMPORT_CUSTOMERS, EVENTS):
        runtime.operations.register(f"import-{kind}", importing.worker(kind), repeatable=True)


def identity_rules(settings: KnowledgeSettings) -> IdentityRules:
    """Return the bounds of identity that the settings name."""
    people, contacts = settings.shared_by_people, settings.shared_by_contacts
    return IdentityRules(
        neighbours={"card": people, "login": people, "phone": contacts, "email": contacts},
        blocked=frozenset(settings.blocked_identifiers),
    )


def _then(projection: RebuildableProjection, announce: Callable[[], Awaitable[None]]) -> Worker:
    """Return a rebuild that tells of what it changed."""

    async def rebuild(run: OperationRun) -> None:
        await projection.rebuild(run, then=announce)

    return rebuild


if __name__ == "__main__":
    run_service(SERVICE, KnowledgeSettings, build)
