"""The remote methods behind the webhook routes: the same at each service that tells others of its events."""

from typing import Final, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from services.chassis.clients import Method, declare_method

WEBHOOK_SERVICES: Final = ("orders", "reputation")

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


def _for_webhooks(
    name: str, request: type[RequestT], response: type[ResponseT]
) -> dict[str, Method[RequestT, ResponseT]]:
    """All may be called twice: what makes something carries a request id."""
    full = f"WebhookService/{name}"
    return {
        service: declare_method(service, pb, full, request, response, idempotent=True) for service in WEBHOOK_SERVICES
    }


CREATE_WEBHOOK_TARGET: Final = _for_webhooks("CreateTarget", pb.CreateTargetRequest, pb.TargetSecret)
GET_WEBHOOK_TARGET: Final = _for_webhooks("GetTarget", pb.GetTargetRequest, pb.Target)
LIST_WEBHOOK_TARGETS: Final = _for_webhooks("ListTargets", pb.ListTargetsRequest, pb.ListTargetsResponse)
UPDATE_WEBHOOK_TARGET: Final = _for_webhooks("UpdateTarget", pb.UpdateTargetRequest, pb.Target)
DELETE_WEBHOOK_TARGET: Final = _for_webhooks("DeleteTarget", pb.DeleteTargetRequest, Empty)
ROTATE_WEBHOOK_SECRET: Final = _for_webhooks("RotateSecret", pb.RotateSecretRequest, pb.TargetSecret)
SEND_WEBHOOK_TEST: Final = _for_webhooks("SendTest", pb.SendTestRequest, pb.Delivery)
LIST_WEBHOOK_DELIVERIES: Final = _for_webhooks("ListDeliveries", pb.ListDeliveriesRequest, pb.ListDeliveriesResponse)
REPLAY_WEBHOOK_DELIVERIES: Final = _for_webhooks(
    "ReplayDeliveries", pb.ReplayDeliveriesRequest, pb.ReplayDeliveriesResponse
)
