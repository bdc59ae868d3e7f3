"""Promises and carriers' calls as the gateway sees them: one product, one carrier, and what goes wrong by its name."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.orders.v1 import carrier_service_pb2, promise_pb2, promise_service_pb2
from zhike.type.v1.localized_text_pb2 import LocalizedText

from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError

CARRIER = "aftership"
TIME = Timestamp(seconds=1_770_000_000)


class ProductUnknownError(NotFoundError):
    reason = "PRODUCT_UNKNOWN"


class CarrierUnknownError(NotFoundError):
    reason = "CARRIER_NOT_FOUND"


class CarrierSignatureError(ZhikeError):
    kind = ErrorKind.UNAUTHENTICATED
    reason = "CARRIER_SIGNATURE"


class FakeDelivery:
    """The methods of PromiseService and CarrierService, for FakeServices."""

    def _EstimatePromise(self, request: Any) -> Any:
        if request.product_id == "p-none":
            raise ProductUnknownError("the catalogue has no such product", resource="product")
        found = promise_service_pb2.EstimatePromiseResponse(
            product_id=request.product_id,
            quantity=request.quantity,
            destination=request.destination,
            made_to_order=True,
            available=request.quantity < 100,
        )
        if found.available:
            found.estimate.CopyFrom(estimate())
        return found

    def _ListLateOrders(self, request: Any) -> Any:
        late = promise_service_pb2.LateOrder(
            id="o-7",
            shop="main",
            number="7",
            broken_time=TIME,
            promised_time=TIME,
            likely_time=TIME,
            slips=2,
            reason=estimate().reasons[0],
        )
        return promise_service_pb2.ListLateOrdersResponse(orders=[late], next_page_token="more", total=9)

    def _ReceiveCarrierCall(self, request: Any) -> Any:
        if request.carrier != CARRIER:
            raise CarrierUnknownError("no carrier of this name is set up", resource="carrier")
        if not request.headers.get("aftership-hmac-sha256"):
            raise CarrierSignatureError("the call is not signed")
        return carrier_service_pb2.ReceiveCarrierCallResponse(json=b"{}", stored=1)


def estimate() -> promise_pb2.Estimate:
    words = LocalizedText(by_language={"zh": "2月2日", "en": "2 Feb"})
    return promise_pb2.Estimate(
        likely_time=TIME,
        earliest_time=TIME,
        latest_time=TIME,
        promise_time=TIME,
        promise_day_words=words,
        confidence=promise_pb2.CONFIDENCE_MEDIUM,
        confidence_words=words,
        reasons=[promise_pb2.EstimateReason(reason="rework", words=words)],
        samples=40,
        method="lane-quantiles/1",
    )
