"""Puts orders together and runs it."""

from functools import partial

from zhike.orders.v1 import order_import_service_pb2_grpc, order_service_pb2_grpc

from services.chassis.eventlog.rebuild import RebuildableProjection
from services.chassis.jobs import Job
from services.chassis.metrics import Metric, MetricKind
from services.chassis.server import Runtime, Service, run_service
from services.kits.imports.running import ImportParts
from services.kits.imports.servicer import Uploads
from services.kits.imports.staging_process import stage_in_process
from services.kits.purchases import ORDER_EVENTS
from services.orders.domain.import_plan import ORDERS, check_plan
from services.orders.jobs.importing import Importing
from services.orders.jobs.projecting import build_orders, order_generations
from services.orders.jobs.staging import CURRENCY, TIME_ZONE
from services.orders.servicer.imports import OrderImportServicer
from services.orders.servicer.orders import OrderServicer
from services.orders.settings import OrdersSettings
from services.orders.store.orders import OrderStore
from services.orders.usecases.doors import Doors
from services.orders.usecases.reading import Reading
from services.orders.usecases.writing import Writing

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


async def build(runtime: Runtime[OrdersSettings]) -> Service:
    """Compose the service."""
    runtime.metrics.declare(METRICS)
    log = runtime.event_log(ORDER_EVENTS)
    generations = order_generations(runtime.documents)
    orders = OrderStore(runtime.documents, generations)
    projection = RebuildableProjection(
        generations,
        [log],
        build_orders(runtime.documents, generations, orders, log),
        runtime.clock,
        rng=runtime.chance,
        metrics=runtime.metrics,
    )
    await projection.open()
    reading, writing = Reading(orders), Writing(log, orders)
    doors = Doors(writing, orders, reading, runtime.idempotency)
    servicer = OrderServicer(reading, writing, doors, runtime.clock, runtime.metrics)
    importing = Importing(import_parts(runtime), log, orders, projection.caught_up)
    runtime.operations.register(f"import-{ORDERS}", importing.run_import, repeatable=True)
    uploads = Uploads(SERVICE, runtime.artifacts, runtime.operations, check_plan)
    return Service(
        servicers=[
            (order_service_pb2_grpc.add_OrderServiceServicer_to_server, servicer),
            (
                order_import_service_pb2_grpc.add_OrderImportServiceServicer_to_server,
                OrderImportServicer(uploads),
            ),
        ],
        jobs=[Job(f"follow-{projection.name}", projection.run)],
        ready=[projection.caught_up],
        readers=lambda: projection.logs,
        rebuilds={projection.name: projection.rebuild},
        facts=orders.sizes,
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
