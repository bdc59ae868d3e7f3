"""zhike.orders.v1.OrderService."""

from typing import Any, Final

from zhike.orders.v1 import order_pb2, order_service_pb2_grpc
from zhike.orders.v1 import order_service_pb2 as pb

from services.chassis.clock import Clock
from services.chassis.errors import InvalidArgumentError
from services.chassis.metrics import Metrics
from services.chassis.traces import current_trace
from services.kits.text.identifiers import parse_identifier
from services.orders.domain.doors import NewOrderForm, NewReturnForm, NewShipmentForm
from services.orders.domain.order import OrderRef
from services.orders.domain.reports import IntakeRules
from services.orders.usecases.doors import Asked, Created, Doors
from services.orders.usecases.reading import MAX_ORDERS, OrderAnswer, Reading
from services.orders.usecases.writing import DUPLICATE, REJECTED, STORED, BatchVerdict, Writer, Writing
from services.orders.wire.orders import Wording, order_to_pb, remark_to_pb, return_to_pb, shipment_to_pb
from services.orders.wire.reports import body_mapping, read_batch, read_form, verdicts_json

DEFAULT_SHOP: Final = "main"
DEFAULT_CHANNEL: Final = "web"


class OrderServicer(order_service_pb2_grpc.OrderServiceServicer):
    """Facts in, orders out."""

    def __init__(
        self,
        reading: Reading,
        writing: Writing,
        doors: Doors,
        clock: Clock,
        metrics: Metrics,
        *,
        wording: Wording | None = None,
    ) -> None:
        self._reading, self._writing, self._doors, self._clock = reading, writing, doors, clock
        self._wording = wording or Wording()
        self._events = metrics.counter("zhike_orders_events_total")
        self._refused = metrics.counter("zhike_orders_refused_events_total")
        self._remarked = metrics.counter("zhike_orders_remarks_total")

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> order_pb2.Order:
        order_id = request.id or OrderRef(request.shop, request.number, synthetic=request.synthetic).id
        only = [parse_identifier(each) for each in request.only_identifiers]
        return self._order(await self._reading.get(order_id, only_identifiers=only), request.view)

    async def BatchGetOrders(self, request: pb.BatchGetOrdersRequest, context: Any) -> pb.BatchGetOrdersResponse:
        if not 1 <= len(request.ids) <= MAX_ORDERS:
            raise InvalidArgumentError(f"name 1 to {MAX_ORDERS} orders", field="ids", limit=MAX_ORDERS)
        at_least = {name: seq for name, seq in request.at_least.items() if name in request.ids}
        answers = await self._reading.get_many(list(request.ids), at_least)
        return pb.BatchGetOrdersResponse(orders=[self._order(each, request.view) for each in answers])

    async def CreateOrder(self, request: pb.CreateOrderRequest, context: Any) -> pb.CreateOrderResponse:
        created = await self._doors.create_order(read_form(request.json, NewOrderForm), self._asked(request))
        answer = OrderAnswer(created.order, created.state, created.version)
        self._count_created(created)
        return pb.CreateOrderResponse(order=self._order(answer, pb.ORDER_VIEW_SHOP), created=created.is_new)

    async def CreateShipment(self, request: pb.CreateShipmentRequest, context: Any) -> pb.CreateShipmentResponse:
        created = await self._doors.create_shipment(read_form(request.json, NewShipmentForm), self._asked(request))
        self._count_created(created)
        parcel = next(each for each in created.state.parcels if each.ref == created.event.fact.parcel)
        return pb.CreateShipmentResponse(
            order_id=created.order.id,
            shipment=shipment_to_pb(parcel),
            remarks=[remark_to_pb(each) for each in created.remarks],
            created=created.is_new,
        )

    async def CreateReturn(self, request: pb.CreateReturnRequest, context: Any) -> pb.CreateReturnResponse:
        created = await self._doors.create_return(read_form(request.json, NewReturnForm), self._asked(request))
        self._count_created(created)
        goods = next(each for each in created.state.returns if each.id == created.event.fact.return_id)
        return pb.CreateReturnResponse(
            order_id=created.order.id,
            goods=return_to_pb(goods),
            remarks=[remark_to_pb(each) for each in created.remarks],
            created=created.is_new,
        )

    async def WriteOrderEvents(self, request: pb.WriteOrderEventsRequest, context: Any) -> pb.WriteOrderEventsResponse:
        verdict = await self._writing.write(
            read_batch(request.json), self._rules(request.writer), _writer(request.writer)
        )
        self._count(verdict)
        return pb.WriteOrderEventsResponse(
            json=verdicts_json(verdict),
            stored=verdict.count(STORED),
            duplicate=verdict.count(DUPLICATE),
            rejected=verdict.count(REJECTED),
        )

    def _order(self, answer: OrderAnswer, view: int) -> order_pb2.Order:
        return order_to_pb(answer, for_shop=view == pb.ORDER_VIEW_SHOP, wording=self._wording)

    def _asked(self, request: pb.CreateOrderRequest | pb.CreateShipmentRequest | pb.CreateReturnRequest) -> Asked:
        writer = request.writer
        return Asked(self._rules(writer), _writer(writer), writer.owner, request.request_id, body_mapping(request.json))

    def _rules(self, writer: pb.Writer) -> IntakeRules:
        return IntakeRules(
            now=self._clock.now(),
            default_shop=writer.default_shop or DEFAULT_SHOP,
            default_channel=writer.default_channel or DEFAULT_CHANNEL,
            synthetic=writer.synthetic,
        )

    def _count_created(self, created: Created) -> None:
        self._events.labels(STORED if created.is_new else DUPLICATE).inc()
        for remark in created.remarks:
            self._remarked.labels(remark.doubt.value).inc()

    def _count(self, verdict: BatchVerdict) -> None:
        for status in (STORED, DUPLICATE, REJECTED):
            self._events.labels(status).inc(verdict.count(status))
        for item in verdict.items:
            if item.error is not None:
                self._refused.labels(item.error.reason).inc()
            for remark in item.remarks if item.status == STORED else ():
                self._remarked.labels(remark.doubt.value).inc()


def _writer(writer: pb.Writer) -> Writer:
    return Writer(writer.synthetic, current_trace() or writer.trace)
