"""zhike.webhooks.v1.WebhookService, the same for every service that sends webhooks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty
from zhike.webhooks.v1 import webhook_service_pb2 as pb
from zhike.webhooks.v1 import webhook_service_pb2_grpc

from services.chassis.clock import Clock
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.kits.webhooks.targeting import Targeting
from services.kits.webhooks.wire import delivery_to_pb, edit_from_pb, state_from_pb, target_to_pb

PAGE_DEFAULT, PAGE_LIMIT = 50, 200  # deliveries
_BODIES_LIMIT: Final = 20  # deliveries on a page that shows what was sent


class WebhookServicer(webhook_service_pb2_grpc.WebhookServiceServicer):
    """Targets and deliveries for an operator."""

    def __init__(self, targeting: Targeting, clock: Clock) -> None:
        self._targeting, self._clock = targeting, clock

    async def CreateTarget(self, request: pb.CreateTargetRequest, context: Any) -> pb.TargetSecret:
        target, secret = await self._targeting.create(
            request.url, request.event_types, owner=request.owner, request_id=request.request_id
        )
        return pb.TargetSecret(target=target_to_pb(target, self._clock.now()), secret=secret)

    async def GetTarget(self, request: pb.GetTargetRequest, context: Any) -> pb.Target:
        return target_to_pb(await self._targeting.get(request.id), self._clock.now())

    async def ListTargets(self, request: pb.ListTargetsRequest, context: Any) -> pb.ListTargetsResponse:
        targets, now = await self._targeting.list(), self._clock.now()
        return pb.ListTargetsResponse(
            targets=[target_to_pb(each, now) for each in targets], event_types=self._targeting.event_types
        )

    async def UpdateTarget(self, request: pb.UpdateTargetRequest, context: Any) -> pb.Target:
        target = await self._targeting.edit(request.target.id, edit_from_pb(request))
        return target_to_pb(target, self._clock.now())

    async def DeleteTarget(self, request: pb.DeleteTargetRequest, context: Any) -> Empty:
        await self._targeting.delete(request.id)
        return Empty()

    async def RotateSecret(self, request: pb.RotateSecretRequest, context: Any) -> pb.TargetSecret:
        target, secret = await self._targeting.rotate_secret(
            request.id, overlap=timedelta(seconds=request.overlap_s), request_id=request.request_id
        )
        return pb.TargetSecret(target=target_to_pb(target, self._clock.now()), secret=secret)

    async def SendTest(self, request: pb.SendTestRequest, context: Any) -> pb.Delivery:
        return delivery_to_pb(await self._targeting.send_test(request.id, request_id=request.request_id))

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, context: Any) -> pb.ListDeliveriesResponse:
        state = state_from_pb(request.state)
        query = {"list": "webhook-deliveries", "target": request.id, "state": request.state}
        maximum = _BODIES_LIMIT if request.with_body else PAGE_LIMIT
        found, position = await self._targeting.deliveries(
            request.id,
            state,
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=min(PAGE_DEFAULT, maximum), maximum=maximum),
        )
        return pb.ListDeliveriesResponse(
            deliveries=[delivery_to_pb(each, with_body=request.with_body) for each in found],
            next_page_token="" if position is None else encode_page_token(position, query=query),
        )

    async def ReplayDeliveries(self, request: pb.ReplayDeliveriesRequest, context: Any) -> pb.ReplayDeliveriesResponse:
        done = await self._targeting.replay(request.id, request.delivery_ids, request_id=request.request_id)
        return pb.ReplayDeliveriesResponse(replayed=done.replayed, more=done.more)


def webhook_servicer(targeting: Targeting, clock: Clock) -> tuple[Callable[..., None], object]:
    """Return what a service adds to its servicers."""
    return webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server, WebhookServicer(targeting, clock)
