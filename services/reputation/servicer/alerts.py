"""zhike.reputation.v1.AlertService."""

from hashlib import blake2b
from typing import Any, Final

from zhike.reputation.v1 import alert_pb2, alert_service_pb2_grpc
from zhike.reputation.v1 import alert_service_pb2 as pb

from services.chassis.errors import InvalidArgumentError
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.reputation.usecases.alerts import (
    AlertDesk,
    Deed,
    acknowledge_alert,
    close_alert,
    comment_alert,
    create_silence,
    expire_silence,
    get_alert,
    get_silence,
    list_alerts,
    list_silences,
    mitigate_alert,
    reopen_alert,
    resolve_alert,
)
from services.reputation.wire.alerts import alert_to_pb, deed_from_pb, silence_from_pb, silence_to_pb, state_from_pb

PAGE_ALERTS: Final = 50
PAGE_LIMIT: Final = 200
REQUEST_ID_LIMIT: Final = 256  # characters


class AlertServicer(alert_service_pb2_grpc.AlertServiceServicer):
    """Alerts and silences."""

    def __init__(self, desk: AlertDesk) -> None:
        self._desk = desk

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Any) -> pb.ListAlertsResponse:
        query = {"list": "alerts", "shop": request.shop, "state": int(request.state), "live": request.live}
        alerts, after = await list_alerts(
            self._desk,
            request.shop,
            state_from_pb(request.state),
            live=request.live,
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_ALERTS, maximum=PAGE_LIMIT),
        )
        return pb.ListAlertsResponse(
            alerts=[alert_to_pb(alert, history=False) for alert in alerts],
            next_page_token="" if after is None else encode_page_token(after, query=query),
        )

    async def GetAlert(self, request: pb.GetAlertRequest, context: Any) -> alert_pb2.Alert:
        return alert_to_pb(await get_alert(self._desk, request.id), history=True)

    async def AcknowledgeAlert(self, request: pb.AcknowledgeAlertRequest, context: Any) -> alert_pb2.Alert:
        alert = await acknowledge_alert(self._desk, deed_from_pb(request), owner=request.owner)
        return alert_to_pb(alert, history=True)

    async def MitigateAlert(self, request: pb.ChangeAlertRequest, context: Any) -> alert_pb2.Alert:
        return alert_to_pb(await mitigate_alert(self._desk, deed_from_pb(request)), history=True)

    async def CommentAlert(self, request: pb.CommentAlertRequest, context: Any) -> alert_pb2.Alert:
        deed = Deed(request.id, request.actor, request.comment)
        return alert_to_pb(await comment_alert(self._desk, deed, request=_digest(request.request_id)), history=True)

    async def ResolveAlert(self, request: pb.ChangeAlertRequest, context: Any) -> alert_pb2.Alert:
        return alert_to_pb(await resolve_alert(self._desk, deed_from_pb(request)), history=True)

    async def CloseAlert(self, request: pb.ChangeAlertRequest, context: Any) -> alert_pb2.Alert:
        return alert_to_pb(await close_alert(self._desk, deed_from_pb(request)), history=True)

    async def ReopenAlert(self, request: pb.ChangeAlertRequest, context: Any) -> alert_pb2.Alert:
        return alert_to_pb(await reopen_alert(self._desk, deed_from_pb(request)), history=True)

    async def CreateSilence(self, request: pb.CreateSilenceRequest, context: Any) -> alert_pb2.Silence:
        now = self._desk.clock.now()
        silence = silence_from_pb(request, silence_id(request.request_id), now)
        return silence_to_pb(await create_silence(self._desk, silence), now)

    async def GetSilence(self, request: pb.GetSilenceRequest, context: Any) -> alert_pb2.Silence:
        return silence_to_pb(await get_silence(self._desk, request.id), self._desk.clock.now())

    async def ListSilences(self, request: pb.ListSilencesRequest, context: Any) -> pb.ListSilencesResponse:
        query, now = {"list": "silences"}, self._desk.clock.now()
        silences, after = await list_silences(
            self._desk,
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_ALERTS, maximum=PAGE_LIMIT),
        )
        return pb.ListSilencesResponse(
            silences=[silence_to_pb(silence, now) for silence in silences],
            next_page_token="" if after is None else encode_page_token(after, query=query),
        )

    async def ExpireSilence(self, request: pb.ExpireSilenceRequest, context: Any) -> alert_pb2.Silence:
        return silence_to_pb(await expire_silence(self._desk, request.id), self._desk.clock.now())


def silence_id(request_id: str) -> str:
    """Return the id of the silence that a request sets, equal for its repetition. Raises InvalidArgumentError."""
    return f"sil_{_digest(request_id)}"


def _digest(request_id: str) -> str:
    if not 1 <= len(request_id) <= REQUEST_ID_LIMIT:
        raise InvalidArgumentError(f"a request id has 1 to {REQUEST_ID_LIMIT} characters", field="request_id")
    return blake2b(request_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
