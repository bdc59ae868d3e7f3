"""Webhooks of any service as the gateway sees them: one target, one delivery, and what goes wrong by its name."""

from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError

TARGET = "wht_1"
SECRET = "whsec_shown_once"
TIME = Timestamp(seconds=1_770_000_000)


class SecretsFullError(ZhikeError):
    kind = ErrorKind.CONFLICT
    reason = "WEBHOOK_SECRET_LIMIT"


class FakeWebhooks:
    """The methods of WebhookService, for FakeServices."""

    def _CreateTarget(self, request: Any) -> Any:
        return pb.TargetSecret(target=_target(request.url, request.event_types, request.owner), secret=SECRET)

    def _ListTargets(self, request: Any) -> Any:
        return pb.ListTargetsResponse(targets=[_target()], event_types=["order.delayed"])

    def _GetTarget(self, request: Any) -> Any:
        _known(request.id)
        return _target()

    def _UpdateTarget(self, request: Any) -> Any:
        _known(request.target.id)
        return request.target

    def _DeleteTarget(self, request: Any) -> Any:
        _known(request.id)
        return Empty()

    def _RotateSecret(self, request: Any) -> Any:
        _known(request.id)
        if request.overlap_s == 7:
            raise SecretsFullError("two secrets are live already")
        return pb.TargetSecret(target=_target(), secret=SECRET)

    def _SendTest(self, request: Any) -> Any:
        _known(request.id)
        return pb.Delivery(id="msg_1", event_type="webhook.test", state=pb.DELIVERY_STATE_WAITING, create_time=TIME)

    def _ListDeliveries(self, request: Any) -> Any:
        _known(request.id)
        delivery = pb.Delivery(
            id="msg_1",
            event_type="order.delayed",
            state=request.state or pb.DELIVERY_STATE_DEAD,
            tries=10,
            replays=1,
            create_time=TIME,
            end_time=TIME,
            body_json=b'{"type":"order.delayed"}' if request.with_body else b"",
        )
        delivery.attempts.add(
            start_time=TIME, duration_ms=20_000, outcome=pb.ATTEMPT_OUTCOME_TIMEOUT, response="ReadTimeout"
        )
        return pb.ListDeliveriesResponse(deliveries=[delivery], next_page_token="more")

    def _ReplayDeliveries(self, request: Any) -> Any:
        _known(request.id)
        return pb.ReplayDeliveriesResponse(replayed=len(request.delivery_ids) or 500, more=not request.delivery_ids)


def _known(target_id: str) -> None:
    if target_id != TARGET:
        raise NotFoundError("there is no such target", resource="webhook target")


def _target(url: str = "https://a.example/", event_types: Any = (), owner: str = "ERP") -> Any:
    target = pb.Target(
        id=TARGET,
        url=url,
        event_types=event_types,
        owner=owner,
        state=pb.TARGET_STATE_ENABLED,
        create_time=TIME,
        update_time=TIME,
    )
    target.secrets.add(create_time=TIME)
    return target
