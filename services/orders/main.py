"""Puts orders together and runs it."""

from collections.abc import Callable
from functools import partial

from zhike.orders.v1 import (
    carrier_service_pb2_grpc,
    order_import_service_pb2_grpc,
    order_service_pb2_grpc,
    promise_service_pb2_grpc,
)

from services.chassis.erasure.policies import ErasureParts, delete
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.port import EventSource
from services.chassis.eventlog.rebuild import REFRESH_INTERVAL_S, Build, RebuildableProjection
from services.chassis.jobs import Job, JobKind
from services.chassis.metrics import Metric, MetricKind
from services.chassis.server import Runtime, Service, run_service
from services.kits.imports.running import ImportParts
from services.kits.imports.servicer import Uploads
from services.kits.imports.staging_process import stage_in_process
from services.kits.purchases import ORDER_EVENTS
from services.kits.webhooks.delivery_store import DELIVERIES
from services.kits.webhooks.webhooks import Webhooks
from services.orders.domain.carrier_connections import connections_of
from services.orders.domain.carriers import own_carrier_words
from services.orders.domain.import_plan import ORDERS, check_plan
from services.orders.domain.lead_times import LeadTimes
from services.orders.jobs.importing import Importing
from services.orders.jobs.projecting import build_orders, order_generations
from services.orders.jobs.promising import (
    LEARN_INTERVAL_S,
    LOOK_INTERVAL_S,
    PROMISE_METRICS,
    LeadTimeLearner,
    PromiseKeeper,
    marking,
)
from services.orders.jobs.staging import CURRENCY, TIME_ZONE
from services.orders.jobs.telling import WEBHOOK_TYPES, webhooks_of
from services.orders.servicer.carriers import CARRIER_METRICS, CarrierServicer
from services.orders.servicer.imports import OrderImportServicer
from services.orders.servicer.orders import OrderServicer
from services.orders.servicer.promises import PromiseServicer
from services.orders.settings import OrdersSettings
from services.orders.store.collections import ORDERS as ORDER_FACTS
from services.orders.store.collections import PARCELS
from services.orders.store.erasing import OrderEventsPolicy
from services.orders.store.late import LateStore
from services.orders.store.looks import LookStore
from services.orders.store.orders import OrderStore
from services.orders.store.products import LOG, OWNER, ProductCopies, product_generations, product_projection
from services.orders.usecases.carriers import Carriers
from services.orders.usecases.doors import Doors
from services.orders.usecases.promises import Foresight, Promises
from services.orders.usecases.reading import Reading
from services.orders.usecases.writing import Writing
from services.orders.wire.orders import Wording

SERVICE = "orders"
STAGING = "services.orders.jobs.staging"
METRICS = (
    Metric("zhike_orders_events_total", MetricKind.COUNTER, "Facts told about orders, by verdict.", ("verdict",)),
    Metric("zhike_orders_refused_events_total", MetricKind.COUNTER, "Facts refused, by reason.", ("reason",)),
    Metric(
        "zhike_orders_remarks_total",
        MetricKind.COUNTER,
        "What did not fit when a fact was told, by remark: over-shipments, unknown carriers' words and the like.",
        ("remark",),
    ),
)


class Orders:
    """The parts of an orders process and how they hang together."""

    def __init__(self, runtime: Runtime[OrdersSettings]) -> None:
        settings, clock, documents = runtime.settings, runtime.clock, runtime.documents
        runtime.metrics.declare((*METRICS, *PROMISE_METRICS, *CARRIER_METRICS))
        self.runtime, self.log = runtime, runtime.event_log(ORDER_EVENTS)
        generations, product_copy = order_generations(documents), product_generations(documents)
        self.orders = OrderStore(documents, generations)
        self.looks, self.late = LookStore(documents), LateStore(documents)
        self.reading, self.writing = Reading(self.orders), Writing(self.log, self.orders, runtime.suppression)
        build = build_orders(documents, generations, self.orders, self.log, moved=self.reading.moved)
        self.projection = self._projection(generations, self.log, marking(build, generations, self.looks, clock))
        catalog, assumed = settings.stages(), settings.assumptions()
        self.products = self._projection(
            product_copy, runtime.source(LOG, OWNER), partial(product_projection, documents, catalog)
        )
        foresight = Foresight(catalog, settings.work_places(), LeadTimes(assumed))
        copies = ProductCopies(documents, product_copy)
        self.promises = Promises(self.orders, copies, self.writing, foresight, clock)
        self.keeper = PromiseKeeper(self.looks, self.late, self.promises, clock, runtime.metrics)
        self.learner = LeadTimeLearner(self.looks, self.orders, foresight, assumed, runtime.metrics)
        self.wording = Wording(settings.zone, catalog, own_carrier_words())
        self.webhooks = Webhooks(runtime, event_types=tuple(WEBHOOK_TYPES.values()))
        self.telling = self.webhooks.follow("order-webhooks", self.log, webhooks_of)

    async def open(self) -> None:
        """Open what is read."""
        await self.looks.declare()
        await self.late.declare()
        await self.webhooks.open()
        await self.projection.open()
        await self.products.open()

    def servicers(self) -> list[tuple[Callable[..., None], object]]:
        """Return what answers."""
        runtime, settings = self.runtime, self.runtime.settings
        doors = Doors(self.writing, self.orders, self.reading, runtime.idempotency)
        carriers = Carriers(
            self.writing,
            connections_of(settings.carrier_secrets),
            self.wording.carrier_words,
            runtime.clock,
            zone=settings.zone,
        )
        return [
            (
                order_service_pb2_grpc.add_OrderServiceServicer_to_server,
                OrderServicer(self.reading, self.writing, doors, runtime.clock, runtime.metrics, wording=self.wording),
            ),
            (order_import_service_pb2_grpc.add_OrderImportServiceServicer_to_server, self._imports()),
            (
                promise_service_pb2_grpc.add_PromiseServiceServicer_to_server,
                PromiseServicer(self.promises, self.late, settings.zone),
            ),
            (
                carrier_service_pb2_grpc.add_CarrierServiceServicer_to_server,
                CarrierServicer(carriers, runtime.metrics),
            ),
            self.webhooks.served,
        ]

    def jobs(self) -> list[Job]:
        """Return what runs beside the requests."""
        replica = JobKind.PER_REPLICA
        return [
            *(Job(f"follow-{each.name}", each.run) for each in (self.projection, self.products)),
            *(
                Job(f"{each.name}-generation", each.refresh, replica, every_s=REFRESH_INTERVAL_S)
                for each in (self.projection, self.products)
            ),
            Job("promises", self.keeper.run, every_s=LOOK_INTERVAL_S),
            Job("lead-times", self.learner.run, replica, every_s=LEARN_INTERVAL_S),
            Job("order-webhooks", self.telling.run),
            *self.webhooks.jobs,
        ]

    def _imports(self) -> OrderImportServicer:
        runtime = self.runtime
        importing = Importing(
            import_parts(runtime), self.log, self.orders, self.projection.caught_up, runtime.suppression
        )
        runtime.operations.register(f"import-{ORDERS}", importing.run_import, repeatable=True)
        return OrderImportServicer(Uploads(SERVICE, runtime.artifacts, runtime.operations, check_plan))

    def _projection(self, generations: Generations, source: EventSource, build: Build) -> RebuildableProjection:
        runtime = self.runtime
        return RebuildableProjection(
            generations, [source], build, runtime.clock, rng=runtime.chance, metrics=runtime.metrics
        )


async def build(runtime: Runtime[OrdersSettings]) -> Service:
    """Compose the service."""
    orders = Orders(runtime)
    await orders.open()
    return Service(
        servicers=orders.servicers(),
        jobs=orders.jobs(),
        ready=[orders.projection.caught_up],
        close=[orders.webhooks.close],
        readers=lambda: (*orders.projection.logs, *orders.products.logs, orders.telling.reader),
        rebuilds={orders.projection.name: orders.projection.rebuild, orders.products.name: orders.products.rebuild},
        facts=orders.orders.sizes,
        erasure=ErasureParts(
            projections={orders.projection.name: [ORDER_EVENTS]},
            logs={ORDER_EVENTS: OrderEventsPolicy},
            documents={DELIVERIES.name: delete},
            rebuilt=(ORDER_FACTS, PARCELS),
        ),
    )


def import_parts(runtime: Runtime[OrdersSettings]) -> ImportParts:
    """Return what imports take from the chassis and the settings."""
    settings = runtime.settings
    return ImportParts(
        folder=runtime.folder / "imports",
        artifacts=runtime.artifacts,
        clock=runtime.clock,
        new_id=lambda: f"{runtime.chance.getrandbits(64):016x}",
        stage=partial(stage_in_process, STAGING),
        rules={TIME_ZONE: settings.shop_time_zone, CURRENCY: settings.currency},
    )


if __name__ == "__main__":
    run_service(SERVICE, OrdersSettings, build)
