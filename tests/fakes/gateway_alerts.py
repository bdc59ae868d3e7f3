"""Alerts and tone models as the gateway sees them: one open alert, one silence, one model, and what goes wrong."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.reputation.v1 import alert_pb2, alert_service_pb2, tone_service_pb2

from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError
from services.chassis.eventlog.port import Event
from tests.fakes.order_log import TIME as LOG_TIME
from tests.fakes.order_log import FakeOrderLog

ALERT_ID = "e063c373cb4e7c5fd3-1"
SILENCE_ID = "sil_1"
NO_SUCH_ALERT = "nobody"
TIME = Timestamp(seconds=1_770_000_000)


class WrongStateError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "ALERT_STATE"


class FakeAlertLog(FakeOrderLog):
    """The log of alerts with one partition."""

    name = "alerts"
    owner = "reputation"

    def append(self, order_id: str = ALERT_ID, *, redrive_of: str = "", shop: str = "main") -> int:
        """Append that something happened to an alert; return its number."""
        seq = len(self.events) + 1
        payload = {"alert": {"id": order_id}, "entry": {"number": seq}}
        self.events.append(
            Event(
                log=self.name, partition=0, seq=seq, key=f"k{seq}", type="alert-raised", occurred_time=LOG_TIME,
                recorded_time=LOG_TIME, shop=shop, channel="social", subject="alert:main", payload=payload,
                redrive_of=redrive_of,
            )
        )  # fmt: skip
        self._wake()
        return seq


class FakeAlerts:
    """The methods of AlertService and ToneService, for FakeServices."""

    def _ListAlerts(self, request: Any) -> Any:
        return alert_service_pb2.ListAlertsResponse(alerts=[alert()], next_page_token="" if request.live else "next")

    def _GetAlert(self, request: Any) -> Any:
        _known(request.id, "alert")
        return alert(request.id)

    def _AcknowledgeAlert(self, request: Any) -> Any:
        _known(request.id, "alert")
        return alert(request.id, state=alert_pb2.ALERT_STATE_ACKNOWLEDGED, owner=request.owner or request.actor)

    def _MitigateAlert(self, request: Any) -> Any:
        _known(request.id, "alert")
        return alert(request.id, state=alert_pb2.ALERT_STATE_MITIGATING)

    def _CommentAlert(self, request: Any) -> Any:
        _known(request.id, "alert")
        said = alert_pb2.AlertEntry(number=2, kind="commented", time=TIME, actor=request.actor, comment=request.comment)
        return alert(request.id, history=[*alert().history, said])

    def _ResolveAlert(self, request: Any) -> Any:
        _known(request.id, "alert")
        return alert(request.id, state=alert_pb2.ALERT_STATE_RESOLVED)

    def _CloseAlert(self, request: Any) -> Any:
        _known(request.id, "alert")
        return alert(request.id, state=alert_pb2.ALERT_STATE_CLOSED)

    def _ReopenAlert(self, request: Any) -> Any:
        _known(request.id, "alert")
        return alert(request.id)

    def _CreateSilence(self, request: Any) -> Any:
        return silence(
            matchers=request.matchers,
            reason=request.reason,
            created_by=request.created_by,
            starts_time=request.starts_time if request.HasField("starts_time") else TIME,
            ends_time=request.ends_time,
        )

    def _GetSilence(self, request: Any) -> Any:
        _known(request.id, "silence")
        return silence(id=request.id)

    def _ListSilences(self, request: Any) -> Any:
        return alert_service_pb2.ListSilencesResponse(silences=[silence()], next_page_token="next")

    def _ExpireSilence(self, request: Any) -> Any:
        _known(request.id, "silence")
        return silence(id=request.id, active=False)

    def _ListToneModels(self, request: Any) -> Any:
        return tone_service_pb2.ListToneModelsResponse(models=[tone_model()])

    def _PromoteToneModel(self, request: Any) -> Any:
        _known(request.version, "tone model")
        return tone_model(request.version)


def alert(alert_id: str = ALERT_ID, **fields: Any) -> alert_pb2.Alert:
    """Return an alert with one of everything."""
    words = {"zh": "声量：6 倍于平时", "en": "volume: 6 times the usual"}
    term = alert_pb2.AlertTerm(name="volume", value=6.0, points=2, step=5.0, explanation=words)
    assessment = alert_pb2.AlertAssessment(level="III", points=6, terms=[term, alert_pb2.AlertTerm(name="reach")])
    given: dict[str, Any] = {
        "state": alert_pb2.ALERT_STATE_OPEN,
        "alertname": "MentionBurst",
        "shop": "main",
        "kind": alert_pb2.ALERT_KIND_BRAND,
        "subject": "own",
        "number": 1,
        "level": "III",
        "level_name": {"zh": "三级", "en": "Level III"},
        "summary": {"zh": "声量激增", "en": "Mentions burst"},
        "starts_time": TIME,
        "last_time": TIME,
        "raised_time": TIME,
        "life": 1,
        "assessment": assessment,
        "peak": assessment,
        "signals": [alert_pb2.AlertSignal(series="negative", first_time=TIME, last_time=TIME, count=60)],
        "evidence": [alert_pb2.AlertEvidence(mention_id="m-1", source="weibo", published_time=TIME)],
        "withheld": [alert_pb2.WithheldPage(cause="1/raised", by="silence:sil_1")],
        "history": [alert_pb2.AlertEntry(number=1, kind="raised", time=TIME, actor="system", level="III")],
        "version": 4,
        **fields,
    }
    return alert_pb2.Alert(id=alert_id, **given)


def tone_model(version: str = "tone-1") -> tone_service_pb2.ToneModel:
    """Return a model with its card."""
    return tone_service_pb2.ToneModel(
        version=version,
        in_force=True,
        create_time=TIME,
        promote_time=TIME,
        data={"reviews.csv": 1_200},
        texts=1_200,
        by_label={"positive": 600, "negative": 600},
        by_language={"zh": 1_200},
        accuracy=0.9,
        majority=0.5,
    )


def silence(**fields: Any) -> alert_pb2.Silence:
    """Return a silence over one brand."""
    given: dict[str, Any] = {
        "id": SILENCE_ID,
        "matchers": [alert_pb2.SilenceMatcher(name="brand", value="own")],
        "reason": "launch",
        "created_by": "li",
        "starts_time": TIME,
        "ends_time": TIME,
        "active": True,
        **fields,
    }
    return alert_pb2.Silence(**given)


def _known(named: str, noun: str) -> None:
    if named == NO_SUCH_ALERT:
        raise NotFoundError(f"there is no {noun} of this id", resource=noun)
