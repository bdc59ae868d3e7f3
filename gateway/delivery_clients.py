"""The remote methods behind promises and carriers' calls."""

from typing import Final

from zhike.orders.v1 import carrier_service_pb2, promise_service_pb2

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

ESTIMATE_PROMISE: Final = Remote(
    declare_method(
        "orders",
        promise_service_pb2,
        "PromiseService/EstimatePromise",
        promise_service_pb2.EstimatePromiseRequest,
        promise_service_pb2.EstimatePromiseResponse,
        idempotent=True,
        coalesced=True,
    ),
    READ_TIMEOUT_MS,
)
LIST_LATE_ORDERS: Final = Remote(
    declare_method(
        "orders",
        promise_service_pb2,
        "PromiseService/ListLateOrders",
        promise_service_pb2.ListLateOrdersRequest,
        promise_service_pb2.ListLateOrdersResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
RECEIVE_CARRIER_CALL: Final = Remote(
    declare_method(
        "orders",
        carrier_service_pb2,
        "CarrierService/ReceiveCarrierCall",
        carrier_service_pb2.ReceiveCarrierCallRequest,
        carrier_service_pb2.ReceiveCarrierCallResponse,
        idempotent=True,  # a scan is named by its content
    ),
    WRITE_TIMEOUT_MS,
)
