"""zhike.orders.v1.PromiseService."""

from datetime import tzinfo
from typing import Any, Final

from zhike.orders.v1 import promise_service_pb2 as pb
from zhike.orders.v1 import promise_service_pb2_grpc

from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.orders.store.late import LateStore
from services.orders.usecases.promises import Promises
from services.orders.wire.promises import late_order_to_pb, offer_to_pb

PAGE_ORDERS: Final = 50
PAGE_LIMIT: Final = 200
LATE_QUERY: Final = {"list": "late-orders"}


class PromiseServicer(promise_service_pb2_grpc.PromiseServiceServicer):
    """Promises before a purchase, and those that were broken."""

    def __init__(self, promises: Promises, late: LateStore, zone: tzinfo) -> None:
        self._promises, self._late, self._zone = promises, late, zone

    async def EstimatePromise(self, request: pb.EstimatePromiseRequest, context: Any) -> pb.EstimatePromiseResponse:
        offer = await self._promises.offer(request.product_id, request.quantity, request.destination)
        return offer_to_pb(offer, self._zone)

    async def ListLateOrders(self, request: pb.ListLateOrdersRequest, context: Any) -> pb.ListLateOrdersResponse:
        orders, after = await self._late.page(
            after=decode_page_token(request.page_token, query=LATE_QUERY),
            limit=page_size(request.page_size, default=PAGE_ORDERS, maximum=PAGE_LIMIT),
        )
        return pb.ListLateOrdersResponse(
            orders=[late_order_to_pb(each) for each in orders],
            next_page_token="" if after is None else encode_page_token(after, query=LATE_QUERY),
            total=await self._late.count(),
        )
