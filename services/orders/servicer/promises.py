"""zhike.orders.v1.PromiseService."""

from datetime import tzinfo
from typing import Any

from zhike.orders.v1 import promise_service_pb2 as pb
from zhike.orders.v1 import promise_service_pb2_grpc

from services.orders.usecases.promises import Promises
from services.orders.wire.promises import offer_to_pb


class PromiseServicer(promise_service_pb2_grpc.PromiseServiceServicer):
    """Promises before a purchase."""

    def __init__(self, promises: Promises, zone: tzinfo) -> None:
        self._promises, self._zone = promises, zone

    async def EstimatePromise(self, request: pb.EstimatePromiseRequest, context: Any) -> pb.EstimatePromiseResponse:
        offer = await self._promises.offer(request.product_id, request.quantity, request.destination)
        return offer_to_pb(offer, self._zone)
