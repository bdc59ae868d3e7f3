"""Every remote method that the gateway calls, with its deadline. ``Caller`` is what the routes ask of the channels."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from google.longrunning import operations_pb2
from google.protobuf.message import Message
from zhike.chassis.v1 import event_log_service_pb2, system_service_pb2
from zhike.knowledge.v1 import customer_pb2, customer_service_pb2, user_event_service_pb2
from zhike.orders.v1 import order_import_service_pb2, order_pb2, order_service_pb2
from zhike.recommendation.v1 import model_service_pb2, prediction_service_pb2
from zhike.search.v1 import product_pb2, product_service_pb2, query_insight_service_pb2, search_service_pb2
from zhike.type.v1 import import_pb2

from services.chassis.clients import Method, declare_method

SERVICES: Final = ("knowledge", "search", "recommendation", "orders", "reputation")

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


class Caller(Protocol):
    """What services.chassis.clients.Clients offers; in-process fakes offer it too."""

    async def call(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, timeout_ms: int, waits: bool = True
    ) -> ResponseT:
        """Call once. ``waits``: also for a service that has been mute for a while. Raises RemoteError."""

    def stream(
        self, method: Method[RequestT, ResponseT], request: RequestT, *, timeout_ms: int | None
    ) -> AsyncIterator[ResponseT]:
        """Yield a server's stream. Raises RemoteError."""

    async def upload(
        self, method: Method[RequestT, ResponseT], requests: AsyncIterator[RequestT], *, timeout_ms: int
    ) -> ResponseT:
        """Send a stream, return its one answer. Raises RemoteError."""


@dataclass(frozen=True, slots=True, eq=False)
class Remote(Generic[RequestT, ResponseT]):
    """A method and how long the gateway waits for it; long enough for a restart of the other side."""

    method: Method[RequestT, ResponseT]
    timeout_ms: int

    async def __call__(self, caller: Caller, request: RequestT) -> ResponseT:
        return await caller.call(self.method, request, timeout_ms=self.timeout_ms)

    async def briefly(self, caller: Caller, request: RequestT) -> ResponseT:
        """Call for somebody who has another answer at hand."""
        return await caller.call(self.method, request, timeout_ms=PATIENCE_MS, waits=False)


# A shopper's page is drawn late rather than not at all: a service is back within this time after a crash.
PAGE_TIMEOUT_MS: Final = 5_000
PATIENCE_MS: Final = 1_500  # of who has another answer at hand
READ_TIMEOUT_MS: Final = 2_000
WRITE_TIMEOUT_MS: Final = 10_000
UPLOAD_TIMEOUT_MS: Final = 600_000
DOWNLOAD_TIMEOUT_MS: Final = 600_000
PROBE_TIMEOUT_MS: Final = 700

_Operation = operations_pb2.Operation

WRITE_USER_EVENTS: Final = Remote(
    declare_method(
        "knowledge",
        user_event_service_pb2,
        "UserEventService/WriteUserEvents",
        user_event_service_pb2.WriteUserEventsRequest,
        user_event_service_pb2.WriteUserEventsResponse,
        idempotent=True,  # every event carries its client's id
        coalesced=True,
    ),
    WRITE_TIMEOUT_MS,
)
SEARCH: Final = Remote(
    declare_method(
        "search",
        search_service_pb2,
        "SearchService/Search",
        search_service_pb2.SearchRequest,
        search_service_pb2.SearchResponse,
        idempotent=True,
        coalesced=True,
    ),
    PAGE_TIMEOUT_MS,
)
COMPLETE_QUERY: Final = Remote(
    declare_method(
        "search",
        search_service_pb2,
        "SearchService/CompleteQuery",
        search_service_pb2.CompleteQueryRequest,
        search_service_pb2.CompleteQueryResponse,
        idempotent=True,
        coalesced=True,
    ),
    PAGE_TIMEOUT_MS,
)
GET_PRODUCT: Final = Remote(
    declare_method(
        "search",
        product_service_pb2,
        "ProductService/GetProduct",
        product_service_pb2.GetProductRequest,
        product_service_pb2.GetProductResponse,
        idempotent=True,
        coalesced=True,
    ),
    PAGE_TIMEOUT_MS,
)
UPDATE_PRODUCT: Final = Remote(
    declare_method(
        "search",
        product_service_pb2,
        "ProductService/UpdateProduct",
        product_service_pb2.UpdateProductRequest,
        product_pb2.Product,
        idempotent=True,  # by its request id
    ),
    WRITE_TIMEOUT_MS,
)
LIST_QUERY_INSIGHTS: Final = Remote(
    declare_method(
        "search",
        query_insight_service_pb2,
        "QueryInsightService/ListQueryInsights",
        query_insight_service_pb2.ListQueryInsightsRequest,
        query_insight_service_pb2.ListQueryInsightsResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
GET_QUERY_COURSE: Final = Remote(
    declare_method(
        "search",
        query_insight_service_pb2,
        "QueryInsightService/GetQueryCourse",
        query_insight_service_pb2.GetQueryCourseRequest,
        query_insight_service_pb2.QueryCourse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
PREDICT: Final = Remote(
    declare_method(
        "recommendation",
        prediction_service_pb2,
        "PredictionService/Predict",
        prediction_service_pb2.PredictRequest,
        prediction_service_pb2.PredictResponse,
        idempotent=True,
        coalesced=True,
    ),
    PAGE_TIMEOUT_MS,
)
GET_CART: Final = Remote(
    declare_method(
        "recommendation",
        prediction_service_pb2,
        "PredictionService/GetCart",
        prediction_service_pb2.GetCartRequest,
        prediction_service_pb2.GetCartResponse,
        idempotent=True,
        coalesced=True,
    ),
    PAGE_TIMEOUT_MS,
)
LIST_MODELS: Final = Remote(
    declare_method(
        "recommendation",
        model_service_pb2,
        "ModelService/ListModels",
        model_service_pb2.ListModelsRequest,
        model_service_pb2.ListModelsResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
TRAIN_MODEL: Final = Remote(
    declare_method(
        "recommendation",
        model_service_pb2,
        "ModelService/TrainModel",
        model_service_pb2.TrainModelRequest,
        _Operation,
        idempotent=True,  # by its request id
    ),
    WRITE_TIMEOUT_MS,
)
SCORE_CUSTOMERS: Final = Remote(
    declare_method(
        "recommendation",
        model_service_pb2,
        "ModelService/ScoreCustomers",
        model_service_pb2.ScoreCustomersRequest,
        _Operation,
        idempotent=True,  # by its request id
    ),
    WRITE_TIMEOUT_MS,
)
PROMOTE_MODEL: Final = Remote(
    declare_method(
        "recommendation",
        model_service_pb2,
        "ModelService/PromoteModel",
        model_service_pb2.PromoteModelRequest,
        model_service_pb2.Model,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
GET_CUSTOMER: Final = Remote(
    declare_method(
        "knowledge",
        customer_service_pb2,
        "CustomerService/GetCustomer",
        customer_service_pb2.GetCustomerRequest,
        customer_pb2.Customer,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
WRITE_CLAIMS: Final = Remote(
    declare_method(
        "knowledge",
        customer_service_pb2,
        "CustomerService/WriteClaims",
        customer_service_pb2.WriteClaimsRequest,
        customer_pb2.Customer,
        idempotent=True,  # by its request id, as the three below
    ),
    WRITE_TIMEOUT_MS,
)
MERGE_CUSTOMERS: Final = Remote(
    declare_method(
        "knowledge",
        customer_service_pb2,
        "CustomerService/MergeCustomers",
        customer_service_pb2.MergeCustomersRequest,
        customer_pb2.Customer,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
UNMERGE_CUSTOMER: Final = Remote(
    declare_method(
        "knowledge",
        customer_service_pb2,
        "CustomerService/UnmergeCustomer",
        customer_service_pb2.UnmergeCustomerRequest,
        customer_service_pb2.UnmergeCustomerResponse,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
SET_CONSENT: Final = Remote(
    declare_method(
        "knowledge",
        customer_service_pb2,
        "CustomerService/SetConsent",
        customer_service_pb2.SetConsentRequest,
        customer_pb2.Customer,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
GET_ORDER: Final = Remote(
    declare_method(
        "orders",
        order_service_pb2,
        "OrderService/GetOrder",
        order_service_pb2.GetOrderRequest,
        order_pb2.Order,
        idempotent=True,
        coalesced=True,
    ),
    PAGE_TIMEOUT_MS,
)
BATCH_GET_ORDERS: Final = Remote(
    declare_method(
        "orders",
        order_service_pb2,
        "OrderService/BatchGetOrders",
        order_service_pb2.BatchGetOrdersRequest,
        order_service_pb2.BatchGetOrdersResponse,
        idempotent=True,
    ),
    PAGE_TIMEOUT_MS,
)
WRITE_ORDER_EVENTS: Final = Remote(
    declare_method(
        "orders",
        order_service_pb2,
        "OrderService/WriteOrderEvents",
        order_service_pb2.WriteOrderEventsRequest,
        order_service_pb2.WriteOrderEventsResponse,
        idempotent=True,  # every fact is named by its source, or by its content
        coalesced=True,
    ),
    WRITE_TIMEOUT_MS,
)
CREATE_ORDER: Final = Remote(
    declare_method(
        "orders",
        order_service_pb2,
        "OrderService/CreateOrder",
        order_service_pb2.CreateOrderRequest,
        order_service_pb2.CreateOrderResponse,
        idempotent=True,  # by its number, as the two below by theirs
    ),
    WRITE_TIMEOUT_MS,
)
CREATE_SHIPMENT: Final = Remote(
    declare_method(
        "orders",
        order_service_pb2,
        "OrderService/CreateShipment",
        order_service_pb2.CreateShipmentRequest,
        order_service_pb2.CreateShipmentResponse,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
CREATE_RETURN: Final = Remote(
    declare_method(
        "orders",
        order_service_pb2,
        "OrderService/CreateReturn",
        order_service_pb2.CreateReturnRequest,
        order_service_pb2.CreateReturnResponse,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
IMPORT_PRODUCTS: Final = declare_method(
    "search", product_service_pb2, "ProductService/ImportProducts", import_pb2.ImportRequest, _Operation
)
IMPORT_CUSTOMERS: Final = declare_method(
    "knowledge", customer_service_pb2, "CustomerService/ImportCustomers", import_pb2.ImportRequest, _Operation
)
IMPORT_ORDERS: Final = declare_method(
    "orders", order_import_service_pb2, "OrderImportService/ImportOrders", import_pb2.ImportRequest, _Operation
)
IMPORT_EVENTS: Final = declare_method(
    "knowledge", user_event_service_pb2, "UserEventService/ImportUserEvents", import_pb2.ImportRequest, _Operation
)


def _for_each_service(module: Any, name: str, request: type[RequestT], response: type[ResponseT]) -> Any:
    return {service: declare_method(service, module, name, request, response, idempotent=True) for service in SERVICES}


GET_OPERATION: Final[dict[str, Method[operations_pb2.GetOperationRequest, operations_pb2.Operation]]] = (
    _for_each_service(operations_pb2, "Operations/GetOperation", operations_pb2.GetOperationRequest, _Operation)
)
GET_SYSTEM_STATUS: Final[
    dict[str, Method[system_service_pb2.GetSystemStatusRequest, system_service_pb2.SystemStatus]]
] = _for_each_service(
    system_service_pb2,
    "SystemService/GetSystemStatus",
    system_service_pb2.GetSystemStatusRequest,
    system_service_pb2.SystemStatus,
)
REBUILD_PROJECTION: Final[dict[str, Method[system_service_pb2.RebuildProjectionRequest, operations_pb2.Operation]]] = (
    _for_each_service(
        system_service_pb2,
        "SystemService/RebuildProjection",
        system_service_pb2.RebuildProjectionRequest,
        _Operation,
    )
)
LIST_DEAD_LETTERS: Final[
    dict[str, Method[system_service_pb2.ListDeadLettersRequest, system_service_pb2.ListDeadLettersResponse]]
] = _for_each_service(
    system_service_pb2,
    "SystemService/ListDeadLetters",
    system_service_pb2.ListDeadLettersRequest,
    system_service_pb2.ListDeadLettersResponse,
)
REDRIVE_DEAD_LETTERS: Final[
    dict[str, Method[system_service_pb2.RedriveDeadLettersRequest, operations_pb2.Operation]]
] = _for_each_service(
    system_service_pb2,
    "SystemService/RedriveDeadLetters",
    system_service_pb2.RedriveDeadLettersRequest,
    _Operation,
)
GET_LOG_EVENT: Final[dict[str, Method[event_log_service_pb2.GetLogEventRequest, event_log_service_pb2.LogEvent]]] = (
    _for_each_service(
        event_log_service_pb2,
        "EventLogService/GetLogEvent",
        event_log_service_pb2.GetLogEventRequest,
        event_log_service_pb2.LogEvent,
    )
)
READ_ARTIFACT: Final[
    dict[str, Method[system_service_pb2.ReadArtifactRequest, system_service_pb2.ReadArtifactResponse]]
] = _for_each_service(
    system_service_pb2,
    "SystemService/ReadArtifact",
    system_service_pb2.ReadArtifactRequest,
    system_service_pb2.ReadArtifactResponse,
)
GET_READINESS: Final[dict[str, Method[system_service_pb2.GetReadinessRequest, system_service_pb2.Readiness]]] = (
    _for_each_service(
        system_service_pb2,
        "SystemService/GetReadiness",
        system_service_pb2.GetReadinessRequest,
        system_service_pb2.Readiness,
    )
)
