"""zhike.orders.v1.CarrierService."""

from typing import Any, Final

from zhike.orders.v1 import carrier_service_pb2 as pb
from zhike.orders.v1 import carrier_service_pb2_grpc

from services.chassis.metrics import Metric, MetricKind, Metrics
from services.chassis.traces import current_trace
from services.orders.usecases.carriers import CarrierIntake, Carriers
from services.orders.usecases.writing import DUPLICATE, REJECTED, STORED, Writer

CARRIER_METRICS: Final = (
    Metric(
        "zhike_orders_carrier_scans_total",
        MetricKind.COUNTER,
        "Scans that carriers pushed, by sender and verdict.",
        ("carrier", "verdict"),
    ),
    Metric(
        "zhike_orders_unknown_carrier_words_total",
        MetricKind.COUNTER,
        "Scans in a word that no table holds: kept as it came, moves nothing.",
        ("carrier",),
    ),
    Metric(
        "zhike_orders_undated_scans_total",
        MetricKind.COUNTER,
        "Scans whose time cannot be read or lies in the future: kept by their arrival, move nothing.",
        ("carrier",),
    ),
)


class CarrierServicer(carrier_service_pb2_grpc.CarrierServiceServicer):
    """Carriers' calls in."""

    def __init__(self, carriers: Carriers, metrics: Metrics) -> None:
        self._carriers = carriers
        self._scans = metrics.counter("zhike_orders_carrier_scans_total")
        self._unknown = metrics.counter("zhike_orders_unknown_carrier_words_total")
        self._undated = metrics.counter("zhike_orders_undated_scans_total")

    async def ReceiveCarrierCall(
        self, request: pb.ReceiveCarrierCallRequest, context: Any
    ) -> pb.ReceiveCarrierCallResponse:
        taken = await self._carriers.receive(
            request.carrier,
            dict(request.headers),
            request.body,
            shop=request.shop,
            writer=Writer(trace=current_trace() or request.trace),
        )
        self._count(taken)
        return pb.ReceiveCarrierCallResponse(
            json=taken.reply, stored=taken.stored, duplicate=taken.duplicate, rejected=taken.rejected
        )

    def _count(self, taken: CarrierIntake) -> None:
        name = taken.connection.name
        for verdict, count in ((STORED, taken.stored), (DUPLICATE, taken.duplicate), (REJECTED, taken.rejected)):
            self._scans.labels(name, verdict).inc(count)
        self._unknown.labels(name).inc(taken.unknown)
        self._undated.labels(name).inc(taken.undated)
