"""The services as the gateway sees them, in one process: they keep the contracts, remember what they were asked,
and are down, late or refusing when a test says so. Errors take the way over google.rpc.Status, as on the wire."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from google.longrunning import operations_pb2
from google.protobuf import timestamp_pb2
from google.protobuf.message import Message
from zhike.chassis.v1 import event_log_service_pb2, system_service_pb2
from zhike.knowledge.v1 import customer_pb2, customer_service_pb2, user_event_service_pb2
from zhike.orders.v1 import order_pb2, order_service_pb2
from zhike.recommendation.v1 import model_service_pb2, prediction_service_pb2
from zhike.search.v1 import product_pb2, product_service_pb2, query_insight_service_pb2, search_service_pb2
from zhike.type.v1 import import_pb2

from services.chassis.clients import Method
from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError
from services.chassis.status import RemoteError, error_from_status, status_from_error
from tests.fakes.gateway_alerts import FakeAlertLog, FakeAlerts
from tests.fakes.gateway_controls import FakeControls
from tests.fakes.gateway_delivery import FakeDelivery
from tests.fakes.gateway_desk import FakeDesk
from tests.fakes.gateway_privacy import FakePrivacy
from tests.fakes.gateway_reputation import FakeReputation
from tests.fakes.gateway_scenes import FakeScenes, media
from tests.fakes.gateway_webhooks import FakeWebhooks
from tests.fakes.order_log import FakeOrderLog

ERROR_DIGEST = "ab" * 32
ERROR_LINES = b'{"row":2,"reason":"PRICE_MISSING"}\n', b'{"row":9,"reason":"TITLE_MISSING"}\n'
MODEL = "m-7"
ORDER_ID = "o-1"
NO_ORDER_ID = "o-none"


class OperationArgumentsError(ZhikeError):
    kind = ErrorKind.CONFLICT
    reason = "REQUEST_ID_REUSED"


class StaleVersionError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class NotYoursError(ZhikeError):
    kind = ErrorKind.FORBIDDEN
    reason = "ORDER_NOT_YOURS"


class EmptyPartError(InvalidArgumentError):
    reason = "GROUP_EMPTY"


class FakeServices(
    FakeReputation, FakeAlerts, FakeWebhooks, FakeDelivery, FakeScenes, FakeControls, FakePrivacy, FakeDesk
):
    """``down``: services that cannot be reached. ``failures``: method name to the error that it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Message]] = []
        self.uploads: list[bytes] = []
        self.down: set[str] = set()
        self.degraded: dict[str, str] = {}
        self.waited: list[bool] = []
        self.failures: dict[str, ZhikeError] = {}
        self.refuse_upload_after: int | None = None
        self.version = 3
        self.operations: dict[str, operations_pb2.Operation] = {}
        self.artifacts: dict[str, tuple[bytes, ...]] = {ERROR_DIGEST: ERROR_LINES}
        self.imports: dict[str, str] = {}
        self.order_log = FakeOrderLog()
        self.alert_log = FakeAlertLog()
        self.order_versions: dict[str, int] = {ORDER_ID: 1}

    def last(self, name: str) -> Any:
        """Return the last request to a method."""
        return next(request for method, request in reversed(self.asked) if method == name)

    def count(self, name: str) -> int:
        return sum(method == name for method, _ in self.asked)

    async def call(self, method: Method[Any, Any], request: Any, *, timeout_ms: int, waits: bool = True) -> Any:
        assert timeout_ms > 0
        self.waited.append(waits)
        name = method.path.rpartition("/")[2]
        self.asked.append((name, request))
        assert request.ByteSize() >= 0
        return self._guarded(method, name, lambda: getattr(self, f"_{name}")(request))

    async def upload(self, method: Method[Any, Any], requests: AsyncIterator[Any], *, timeout_ms: int) -> Any:
        name = method.path.rpartition("/")[2]
        self._guarded(method, name, lambda: None)
        config, content = None, bytearray()
        async for message in requests:
            if config is None:
                config = message.config
                self.asked.append((name, config))
            else:
                assert len(message.chunk) <= 1024 * 1024
                content += message.chunk
                if self.refuse_upload_after is not None and len(content) > self.refuse_upload_after:
                    self._fail(method, EmptyPartError("a row is longer than its bound", field="row"))
        self.uploads.append(bytes(content))
        if name == "UploadMedia":
            return self._guarded(method, name, media)
        return self._guarded(method, name, lambda: self._started(method.service, config, bytes(content)))

    async def stream(self, method: Method[Any, Any], request: Any, *, timeout_ms: int | None) -> AsyncIterator[Any]:
        name = method.path.rpartition("/")[2]
        self.asked.append((name, request))
        self._guarded(method, name, lambda: None)
        for line in self.artifacts[request.digest]:
            yield system_service_pb2.ReadArtifactResponse(chunk=line)

    def _guarded(self, method: Method[Any, Any], name: str, answer: Callable[[], Any]) -> Any:
        if method.service in self.down:
            raise RemoteError(
                f"{method.service} cannot be reached",
                kind=ErrorKind.UNAVAILABLE,
                reason="SERVICE_UNAVAILABLE",
                service=method.service,
                retry_after_s=1,
            )
        if name in self.failures:
            self._fail(method, self.failures[name])
        try:
            return answer()
        except ZhikeError as error:
            self._fail(method, error)

    @staticmethod
    def _fail(method: Method[Any, Any], error: ZhikeError) -> None:
        raise error_from_status(status_from_error(error, service=method.service), service=method.service) from None

    # knowledge

    def _WriteUserEvents(self, request: Any) -> Any:
        try:
            batch = orjson.loads(request.json)
        except orjson.JSONDecodeError:
            raise InvalidArgumentError("the body is no JSON", field="body") from None
        if not isinstance(batch, dict) or not isinstance(batch.get("events"), list):
            raise InvalidArgumentError("events must be a list", field="events")
        verdicts = [self._verdict(event, set(request.only_identifiers)) for event in batch["events"]]
        counts = {status: sum(each["status"] == status for each in verdicts) for status in ("stored", "rejected")}
        body = orjson.dumps({"verdicts": verdicts, "duplicate": 0, **counts})
        return user_event_service_pb2.WriteUserEventsResponse(json=body, **counts)

    @staticmethod
    def _verdict(event: Any, only: set[str]) -> dict[str, Any]:
        if not isinstance(event, dict) or not isinstance(event.get("id"), str):
            return {"id": "", "status": "rejected", "error": {"reason": "MALFORMED_EVENT", "message": "no event"}}
        identifiers = event.get("identifiers")
        named = set(map(str, identifiers)) if isinstance(identifiers, list) else set()
        named |= {f"visitor:{event['visitor_id']}"} if event.get("visitor_id") else set()
        if only and not named <= only:
            error = {"reason": "IDENTIFIER_NOT_ALLOWED", "message": "not yours", "field": "visitor_id"}
            return {"id": event["id"], "status": "rejected", "error": error}
        return {"id": event["id"], "status": "stored"}

    def _GetCustomer(self, request: Any) -> Any:
        if request.id == "card:999":
            raise NotFoundError("there is no such customer", resource="customer")
        customer = customer_pb2.Customer(id="c-1", identifiers=[{"identifier": request.id or "card:1000231"}])
        customer.purchases.orders = 4
        customer.purchases.spend.CopyFrom(_money(1_234, 500_000_000))
        customer.classes.add(scheme="abc", value="A", explanation={"zh": "大客户", "en": "large"}, terms={"share": 0.5})
        customer.consents.add(purpose="personalization", state="granted")
        customer.first_seen_time.FromJsonString("2026-01-02T03:04:05Z")
        return customer

    def _WriteClaims(self, request: Any) -> Any:
        return self._GetCustomer(customer_service_pb2.GetCustomerRequest(id=request.identifiers[0].identifier))

    def _MergeCustomers(self, request: Any) -> Any:
        return self._GetCustomer(customer_service_pb2.GetCustomerRequest(id=request.ids[0]))

    def _UnmergeCustomer(self, request: Any) -> Any:
        both = [customer_pb2.Customer(id="c-1"), customer_pb2.Customer(id="c-2")]
        return customer_service_pb2.UnmergeCustomerResponse(customers=both)

    def _SetConsent(self, request: Any) -> Any:
        return self._GetCustomer(customer_service_pb2.GetCustomerRequest(id=request.id))

    # search

    def _Search(self, request: Any) -> Any:
        body = {"results": [], "facets": [], "total_size": 0, "attribution_token": "t-1", "corrected_query": ""}
        return search_service_pb2.SearchResponse(json=orjson.dumps(body))

    def _CompleteQuery(self, request: Any) -> Any:
        return search_service_pb2.CompleteQueryResponse(json=b'{"suggestions":[]}')

    def _GetProduct(self, request: Any) -> Any:
        if request.id == "no-such-product":
            raise NotFoundError("there is no such product", resource="product", id=request.id)
        body = orjson.dumps({"id": request.id, "version": self.version})
        return product_service_pb2.GetProductResponse(json=body, version=self.version)

    def _UpdateProduct(self, request: Any) -> Any:
        if request.expected_version not in {0, self.version}:
            raise StaleVersionError("somebody changed it", version=self.version)
        self.version += 1
        product = product_pb2.Product()
        product.CopyFrom(request.product)
        product.version = self.version
        product.title.by_language["zh"] = "奶酪"
        product.attributes["size"].values.append("2 L")
        return product

    def _ListQueryInsights(self, request: Any) -> Any:
        return query_insight_service_pb2.ListQueryInsightsResponse(queries=[{"query": "牛奶", "searches": 7}])

    def _GetQueryCourse(self, request: Any) -> Any:
        days = [{"day": f"2026-01-{day:02}", "searches": day, "empty": 1, "clicks": day // 2} for day in range(1, 29)]
        return query_insight_service_pb2.QueryCourse(
            insight={"query": request.query, "searches": 406, "searches_before": 300, "clicks": 190, "results": 5},
            days=days,
            clicks_by_position=[90, 40, 20, *[1] * 18],
        )

    # recommendation

    def _Predict(self, request: Any) -> Any:
        if request.placement == "no-such-placement":
            raise NotFoundError("there is no such placement", resource="placement")
        body = {"slots": [], "placement": request.placement, "source": "popular"}
        return prediction_service_pb2.PredictResponse(json=orjson.dumps(body))

    def _GetCart(self, request: Any) -> Any:
        body = {"lines": [], "total": None, "as_of_time": "2026-01-02T03:04:05Z"}
        return prediction_service_pb2.GetCartResponse(json=orjson.dumps(body))

    def _ListModels(self, request: Any) -> Any:
        windows = [{"ndcg_at_10": 0.06 + n / 100, "popularity_ndcg_at_10": 0.05, "customers": 9} for n in range(3)]
        models = [
            model_service_pb2.Model(version=name, promoted=name == MODEL, windows=windows, earned=True, actor="li")
            for name in (MODEL, "m-6")
        ]
        for model in models:
            model.create_time.FromSeconds(1_770_000_000)
        promotions = [{"number": 4, "version": MODEL, "ranker": "als", "reason": "by hand", "actor": "li"}]
        running = [
            name for name, each in self.operations.items() if name.startswith("recommendation.") and not each.done
        ]
        return model_service_pb2.ListModelsResponse(
            models=models, promotions=promotions, training=running[0] if running else ""
        )

    def _TrainModel(self, request: Any) -> Any:
        return self._started("recommendation", None, b"")

    def _ScoreCustomers(self, request: Any) -> Any:
        return self._started("recommendation", None, b"")

    def _PromoteModel(self, request: Any) -> Any:
        if request.version not in {MODEL, "m-6"}:
            raise NotFoundError("there is no such version", resource="model")
        if request.expected_number not in {0, 4}:
            raise StaleVersionError("another one was put in force", version=4)
        return model_service_pb2.Model(version=request.version, promoted=True)

    # orders

    def order(self, order_id: str = ORDER_ID) -> Any:
        """Return an order as it stands: a fact for each of its versions."""
        version = self.order_versions[order_id]
        order = order_pb2.Order(
            id=order_id,
            shop="main",
            number="7",
            kind="sale",
            version=version,
            headline=order_pb2.HEADLINE_SHIPPED,
            headline_words={"by_language": {"zh": "运输中", "en": "On its way"}},
            payment=order_pb2.Payment(state=order_pb2.PAYMENT_STATE_PAID, total=_money(20, 0)),
            events=[
                order_pb2.OrderEvent(id=f"e{seq}", seq=seq, type="payment-captured") for seq in range(1, version + 1)
            ],
            linked_data_json=b'{"@type":"Order"}',
        )
        for event in order.events:
            event.occurred_time.FromJsonString("2026-01-02T03:04:05Z")
        return order

    def _GetOrder(self, request: Any) -> Any:
        order_id = request.id or (ORDER_ID if request.number == "7" else NO_ORDER_ID)
        if order_id == "p-1":
            order_id = ORDER_ID
        if order_id not in self.order_versions:
            raise NotFoundError("nothing was told of this order", resource="order")
        if request.only_identifiers and "login:u42" not in request.only_identifiers:
            raise NotYoursError("this order is another shopper's")
        order = self.order(order_id)
        if request.view == order_service_pb2.ORDER_VIEW_SHOP:
            order.identifiers.append("login:u42")
        return order

    def _BatchGetOrders(self, request: Any) -> Any:
        known = [each for each in request.ids if each in self.order_versions]
        return order_service_pb2.BatchGetOrdersResponse(orders=[self.order(each) for each in known])

    def _CreateOrder(self, request: Any) -> Any:
        assert orjson.loads(request.json)["number"]
        return order_service_pb2.CreateOrderResponse(order=self.order(), created=True)

    def _CreateShipment(self, request: Any) -> Any:
        shipment = order_pb2.Shipment(id="s-1", carrier=orjson.loads(request.json)["carrier"])
        remarks = [order_pb2.Remark(reason="OVER_SHIPPED", line=1, quantity=3)]
        return order_service_pb2.CreateShipmentResponse(
            order_id=ORDER_ID, shipment=shipment, remarks=remarks, created=True
        )

    def _CreateReturn(self, request: Any) -> Any:
        goods = order_pb2.Return(id="r-1", state=order_pb2.RETURN_STATE_REQUESTED)
        return order_service_pb2.CreateReturnResponse(order_id=ORDER_ID, goods=goods, created=True)

    def _WriteOrderEvents(self, request: Any) -> Any:
        try:
            batch = orjson.loads(request.json)
        except orjson.JSONDecodeError:
            raise InvalidArgumentError("the body is no JSON", field="body") from None
        if not isinstance(batch, dict) or not isinstance(batch.get("events"), list):
            raise InvalidArgumentError("events must be a list", field="events")
        count = len(batch["events"])
        verdicts = [
            {"id": f"e{n}", "status": "stored", "event_id": "", "order_id": "", "remarks": []} for n in range(count)
        ]
        body = orjson.dumps({"verdicts": verdicts, "stored": count, "duplicate": 0, "rejected": 0})
        return order_service_pb2.WriteOrderEventsResponse(json=body, stored=count)

    # what every service has

    def _GetReadiness(self, request: Any) -> Any:
        return system_service_pb2.Readiness(serving=True, degraded=self.degraded)

    def _GetSystemStatus(self, request: Any) -> Any:
        status = system_service_pb2.SystemStatus(ready=True, pid=42, facts={"products": "5927"}, version="0.0.9")
        status.readers.add(projection="interactions", log="user-events", lag_events=2, staleness_s=0.1)
        return status

    def _RebuildProjection(self, request: Any) -> Any:
        if request.projection != "interactions":
            raise NotFoundError("rebuilds no such projection", resource="projection")
        return self._started("recommendation", None, b"")

    def _ListDeadLetters(self, request: Any) -> Any:
        if request.projection not in {"", "interactions"}:
            raise NotFoundError("no reader here feeds it", resource="projection")
        page = system_service_pb2.ListDeadLettersResponse(next_page_token="more")
        for number, owner in enumerate(("knowledge", "search"), 1):
            page.dead_letters.add(
                id=f"e-{number}",
                projection="interactions",
                log="user-events",
                log_owner=owner,
                seq=number,
                type="purchase-complete",
                reason="KeyError",
                tries=10,
                redrives=1,
                message="'card:1'" if request.with_message else "",
                fail_time=timestamp_pb2.Timestamp(seconds=1_770_000_000),
            )
        return page

    def _GetLogEvent(self, request: Any) -> Any:
        return event_log_service_pb2.LogEvent(
            seq=request.seq,
            key=request.key,
            type="purchase-complete",
            subject="card:1",
            shop="main",
            occurred_time_us=1_770_000_000_000_000,
            recorded_time_us=1_770_000_001_000_000,
            payload=b'{"order":{"number":"7"}}',
        )

    def _RedriveDeadLetters(self, request: Any) -> Any:
        if request.projection != "interactions" or set(request.ids) - {"e-1", "e-2"}:
            raise NotFoundError("never set this event aside", resource="dead letter")
        return self._started("recommendation", None, b"")

    def _GetOperation(self, request: Any) -> Any:
        if request.name not in self.operations:
            raise NotFoundError("there is no such operation", resource="operation")
        return self.operations[request.name]

    def finish(self, operation_id: str, *, error: ZhikeError | None = None, error_file: str = ERROR_DIGEST) -> None:
        """End an operation with two refused rows, or with an error."""
        operation = self.operations[operation_id]
        progress = import_pb2.ImportProgress(
            rows=9, accepted=7, rejected=2, error_file=error_file, result_file=error_file
        )
        operation.done = True
        operation.metadata.Pack(progress)
        if error is None:
            operation.response.Pack(progress)
        else:
            operation.error.CopyFrom(status_from_error(error, service=operation_id.partition(".")[0]))

    def _started(self, service: str, config: Any, content: bytes) -> Any:
        key = config.request_id if config is not None else ""
        known = self.imports.get(key)
        if known is not None:
            if known != repr((config, content)):
                raise OperationArgumentsError("this request id started another operation")
            return self.operations[f"{service}.{key}"]
        operation_id = f"{service}.{key or len(self.operations)}"
        if key:
            self.imports[key] = repr((config, content))
        operation = self.operations[operation_id] = operations_pb2.Operation(name=operation_id)
        operation.metadata.Pack(import_pb2.ImportProgress(total_bytes=len(content)))
        return operation


def _money(units: int, nanos: int) -> Any:
    return customer_pb2.PurchaseSummary(spend={"currency_code": "CNY", "units": units, "nanos": nanos}).spend
