"""The remote methods behind the routes of alerts."""

from typing import Final

from zhike.reputation.v1 import alert_pb2, alert_service_pb2

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

_SERVICE: Final = "reputation"


def _change(name: str) -> Remote[alert_service_pb2.ChangeAlertRequest, alert_pb2.Alert]:
    """All may be called twice: what a step did already it leaves as it is."""
    return Remote(
        declare_method(
            _SERVICE,
            alert_service_pb2,
            f"AlertService/{name}",
            alert_service_pb2.ChangeAlertRequest,
            alert_pb2.Alert,
            idempotent=True,
        ),
        WRITE_TIMEOUT_MS,
    )


LIST_ALERTS: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/ListAlerts",
        alert_service_pb2.ListAlertsRequest,
        alert_service_pb2.ListAlertsResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
GET_ALERT: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/GetAlert",
        alert_service_pb2.GetAlertRequest,
        alert_pb2.Alert,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
ACKNOWLEDGE_ALERT: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/AcknowledgeAlert",
        alert_service_pb2.AcknowledgeAlertRequest,
        alert_pb2.Alert,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
MITIGATE_ALERT: Final = _change("MitigateAlert")
RESOLVE_ALERT: Final = _change("ResolveAlert")
CLOSE_ALERT: Final = _change("CloseAlert")
REOPEN_ALERT: Final = _change("ReopenAlert")
COMMENT_ALERT: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/CommentAlert",
        alert_service_pb2.CommentAlertRequest,
        alert_pb2.Alert,
        idempotent=True,  # it carries a request id
    ),
    WRITE_TIMEOUT_MS,
)
CREATE_SILENCE: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/CreateSilence",
        alert_service_pb2.CreateSilenceRequest,
        alert_pb2.Silence,
        idempotent=True,  # it carries a request id
    ),
    WRITE_TIMEOUT_MS,
)
GET_SILENCE: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/GetSilence",
        alert_service_pb2.GetSilenceRequest,
        alert_pb2.Silence,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
LIST_SILENCES: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/ListSilences",
        alert_service_pb2.ListSilencesRequest,
        alert_service_pb2.ListSilencesResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
EXPIRE_SILENCE: Final = Remote(
    declare_method(
        _SERVICE,
        alert_service_pb2,
        "AlertService/ExpireSilence",
        alert_service_pb2.ExpireSilenceRequest,
        alert_pb2.Silence,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
