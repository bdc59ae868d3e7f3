"""From a mention to a page on real ports: an alert within seconds, its life, its webhooks, its mails."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from google.protobuf.timestamp_pb2 import Timestamp
from standardwebhooks import Webhook
from zhike.reputation.v1 import alert_pb2 as alert_pb
from zhike.reputation.v1 import alert_service_pb2 as pb
from zhike.reputation.v1 import alert_service_pb2_grpc
from zhike.reputation.v1 import mention_service_pb2 as mentions_pb
from zhike.webhooks.v1 import webhook_service_pb2 as hooks_pb
from zhike.webhooks.v1 import webhook_service_pb2_grpc

from benchmarks.webhook_receiver import WebhookReceiver
from services.chassis.status import error_from_rpc
from services.reputation.domain.bursts import BUCKET_S
from tests.contract.reputation.conftest import SHOP, TIMEOUT_S, Reputation, mention, reputation_in, soon

pytestmark = pytest.mark.timeout(400)  # real processes start, and a busy machine takes its time

FAST = "I=0.01;II=0.01;III=0.01;IV=0.01"


def alerts_of(reputation: Reputation) -> Any:
    return alert_service_pb2_grpc.AlertServiceStub(reputation.clients.channel("reputation"))


async def listed(reputation: Reputation, **fields: Any) -> list[alert_pb.Alert]:
    request = pb.ListAlertsRequest(shop=SHOP, **fields)
    return list((await alerts_of(reputation).ListAlerts(request, timeout=TIMEOUT_S)).alerts)


async def read(reputation: Reputation, alert_id: str) -> alert_pb.Alert:
    alert: alert_pb.Alert = await alerts_of(reputation).GetAlert(pb.GetAlertRequest(id=alert_id), timeout=TIMEOUT_S)
    return alert


async def a_quiet_time(reputation: Reputation, days: int = 10) -> None:
    """Have the brand been spoken of now and then until an hour ago; no sale lasts so long, whatever day it is."""
    now = datetime.now(UTC)
    times = [now - timedelta(days=days) + timedelta(hours=hour) for hour in range(0, 24 * days, 2)]
    items = [mention(f"old-{place}", "知客 还行", published=each.isoformat()) for place, each in enumerate(times)]
    await reputation.write(*items)


COUNT, EACH = 40, 5_000
REACH = COUNT * EACH


async def a_burst(reputation: Reputation, count: int = COUNT) -> None:
    """Have many complain in the last closed bucket: a late batch completes it."""
    at = datetime.fromtimestamp(int(datetime.now(UTC).timestamp()) // BUCKET_S * BUCKET_S - 30, UTC)
    items = [
        mention(f"new-{each}", f"知客 的蛋糕发霉 {each} {'啊' * each}", published=at.isoformat(), reach=EACH, rating=1)
        for each in range(count)
    ]
    await reputation.write(*items)


async def raised(reputation: Reputation) -> alert_pb.Alert:
    """Return the alert once the whole burst is counted: of a part of it a busy machine raises it already."""
    (alert,) = await soon(lambda: listed(reputation), lambda alerts: len(alerts) == 1)
    return await soon(lambda: read(reputation, alert.id), _reaches_all)


def _reaches_all(alert: alert_pb.Alert) -> bool:
    return any(term.name == "reach" and term.value == REACH for term in alert.assessment.terms)


async def test_a_burst_raises_one_alert_with_its_terms_and_mentions(reputation: Reputation) -> None:
    await a_quiet_time(reputation)
    await a_burst(reputation)
    alert = await raised(reputation)
    assert (alert.alertname, alert.kind, alert.subject) == ("MentionBurst", alert_pb.ALERT_KIND_BRAND, "own")
    assert alert.state == alert_pb.ALERT_STATE_OPEN
    assert "negative" in {signal.series for signal in alert.signals}  # of volume there is none on a sale day
    terms = {term.name: term for term in alert.assessment.terms}
    assert set(terms) == {"volume", "negative-share", "reach", "tier", "speed", "sources", "grave-aspects"}
    assert all(term.explanation["zh"] and term.explanation["en"] for term in terms.values())
    assert terms["grave-aspects"].value == 1.0
    assert terms["reach"].value == REACH
    assert alert.level in {"I", "II"}
    assert alert.evidence
    found = [
        await reputation.mentions.GetMention(_mention(each.mention_id), timeout=TIMEOUT_S) for each in alert.evidence
    ]
    assert all("发霉" in each.text for each in found)
    kinds = [entry.kind for entry in alert.history]
    assert kinds[:2] == ["raised", "notified"]
    assert set(kinds[2:]) <= {"level-raised", "notified"}, "a part of the burst raised it, the rest its level"


def _mention(mention_id: str) -> mentions_pb.GetMentionRequest:
    return mentions_pb.GetMentionRequest(id=mention_id)


async def test_persons_take_it_through_its_life(reputation: Reputation) -> None:
    await a_quiet_time(reputation)
    await a_burst(reputation)
    stub, alert = alerts_of(reputation), await raised(reputation)
    change = pb.ChangeAlertRequest(id=alert.id, actor="li", comment="statement published")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.MitigateAlert(change, timeout=TIMEOUT_S)
    assert error_from_rpc(refused.value, service="reputation").reason == "ALERT_STATE"
    taken = await stub.AcknowledgeAlert(pb.AcknowledgeAlertRequest(id=alert.id, actor="li"), timeout=TIMEOUT_S)
    assert (taken.state, taken.owner) == (alert_pb.ALERT_STATE_ACKNOWLEDGED, "li")
    await stub.MitigateAlert(change, timeout=TIMEOUT_S)
    await stub.ResolveAlert(change, timeout=TIMEOUT_S)
    closed = await stub.CloseAlert(change, timeout=TIMEOUT_S)
    assert closed.state == alert_pb.ALERT_STATE_CLOSED
    remark = pb.CommentAlertRequest(id=alert.id, actor="wang", comment="the paper took it back", request_id="r-1")
    await stub.CommentAlert(remark, timeout=TIMEOUT_S)
    said = await stub.CommentAlert(remark, timeout=TIMEOUT_S)
    assert [entry.comment for entry in said.history if entry.kind == "commented"] == ["the paper took it back"]
    assert said.state == alert_pb.ALERT_STATE_CLOSED
    remark.comment = "another word"
    with pytest.raises(grpc.aio.AioRpcError) as taken_id:
        await stub.CommentAlert(remark, timeout=TIMEOUT_S)
    assert error_from_rpc(taken_id.value, service="reputation").reason == "ALERT_COMMENT_TAKEN"
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.CommentAlert(pb.CommentAlertRequest(id=alert.id, actor="li", comment="x"), timeout=TIMEOUT_S)
    assert await listed(reputation, live=True) == []
    reopened = await stub.ReopenAlert(change, timeout=TIMEOUT_S)
    assert (reopened.state, reopened.life, reopened.owner) == (alert_pb.ALERT_STATE_OPEN, 2, "")
    assert [each.id for each in await listed(reputation, live=True)] == [alert.id]
    with pytest.raises(grpc.aio.AioRpcError) as stale:
        request = pb.ChangeAlertRequest(id=alert.id, actor="li", comment="x", expected_version=1)
        await stub.ResolveAlert(request, timeout=TIMEOUT_S)
    assert error_from_rpc(stale.value, service="reputation").reason == "VERSION_MISMATCH"


async def test_a_silence_withholds_the_page_until_it_is_expired(reputation: Reputation) -> None:
    stub = alerts_of(reputation)
    end = Timestamp()
    end.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    request = pb.CreateSilenceRequest(
        request_id="r1",
        matchers=[alert_pb.SilenceMatcher(name="brand", value="own")],
        reason="planned",
        created_by="li",
        ends_time=end,
    )
    silence = await stub.CreateSilence(request, timeout=TIMEOUT_S)
    assert silence.active
    assert (await stub.CreateSilence(request, timeout=TIMEOUT_S)).id == silence.id
    await a_quiet_time(reputation)
    await a_burst(reputation)
    alert = await raised(reputation)
    assert {each.by for each in alert.withheld} == {f"silence:{silence.id}"}
    listed_silences = await stub.ListSilences(pb.ListSilencesRequest(), timeout=TIMEOUT_S)
    assert [each.id for each in listed_silences.silences] == [silence.id]
    await stub.ExpireSilence(pb.ExpireSilenceRequest(id=silence.id), timeout=TIMEOUT_S)
    paged = await soon(lambda: read(reputation, alert.id), lambda each: each.HasField("paged_time"))
    assert not paged.withheld
    assert not (await stub.GetSilence(pb.GetSilenceRequest(id=silence.id), timeout=TIMEOUT_S)).active


class MailBox:
    """A real SMTP server that keeps what it takes; it may be stopped and started again on its port."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._controller: Controller | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("gone"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


@contextmanager
def mail_box() -> Iterator[MailBox]:
    box = MailBox()
    try:
        yield box
    finally:
        box.stop()


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    started = WebhookReceiver()
    await started.start()
    yield started
    await started.stop()


async def test_webhooks_of_an_alert_verify_and_end_with_the_acknowledgement(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    changes = {"webhook_allowed_hosts": (f"127.0.0.1:{receiver.port}",), "escalation": FAST}
    async with reputation_in(tmp_path, **changes) as reputation:
        hooks = webhook_service_pb2_grpc.WebhookServiceStub(reputation.clients.channel("reputation"))
        made = await hooks.CreateTarget(
            hooks_pb.CreateTargetRequest(request_id="r1", url=receiver.url), timeout=TIMEOUT_S
        )
        await a_quiet_time(reputation)
        await a_burst(reputation)
        alert = await raised(reputation)
        await soon(_calls(receiver), lambda calls: len(calls) >= 2)
        stub = alerts_of(reputation)
        await stub.AcknowledgeAlert(pb.AcknowledgeAlertRequest(id=alert.id, actor="li"), timeout=TIMEOUT_S)
        await stub.ResolveAlert(pb.ChangeAlertRequest(id=alert.id, actor="li", comment="over"), timeout=TIMEOUT_S)
        await soon(_calls(receiver), lambda calls: any(b'"1/resolved"' in each.body for each in calls))
        bodies = [Webhook(made.secret).verify(call.body, call.headers) for call in receiver.calls]
        causes = {body["cause"] for body in bodies}
        assert causes == {"1/raised", f"1/escalation-{_rank(alert)}1", "1/acknowledged", "1/resolved"}
        assert len({call.id for call in receiver.calls}) == 4
        raising = next(body for body in bodies if body["cause"] == "1/raised")
        assert (raising["version"], raising["status"]) == ("4", "firing")
        assert raising["alerts"][0]["level"] == alert.level
        over = next(body for body in bodies if body["cause"] == "1/resolved")
        assert (over["status"], over["alerts"][0]["ack"], over["alerts"][0]["owner"]) == ("resolved", True, "li")
        assert all("发霉".encode() not in call.body for call in receiver.calls)  # words stay where they can be erased


def _calls(receiver: WebhookReceiver) -> Any:
    async def calls() -> Any:
        return receiver.calls

    return calls


def _rank(alert: alert_pb.Alert) -> int:
    return ("I", "II", "III", "IV").index(alert.level) + 1


async def test_a_mail_waits_for_its_server_through_a_restart(tmp_path: Path) -> None:
    with mail_box() as box:
        changes: dict[str, Any] = {
            "smtp_address": f"127.0.0.1:{box.port}",
            "smtp_security": "none",
            "mail_from": "zhike@shop.cn",
            "mail_to": ("pr@shop.cn", "gone@shop.cn"),
            "escalation": "",
            "console_url": "https://console.shop.cn/",
        }
        async with reputation_in(tmp_path, **changes) as reputation:
            await a_quiet_time(reputation)
            await a_burst(reputation)
            alert = await raised(reputation)
        box.start()
        async with reputation_in(tmp_path, **changes):

            async def taken() -> list[EmailMessage]:
                return box.taken

            (mail,) = await soon(taken, lambda mails: len(mails) >= 1)
        assert (mail["To"], mail["From"]) == ("pr@shop.cn", "zhike@shop.cn")
        assert mail["Subject"] == f"[{alert.level}] 新舆情警报 / new alert: own"
        text = mail.get_content()
        assert f"https://console.shop.cn/console/alerts/{alert.id}" in text
        assert "发霉" in text
        assert orjson.dumps(text)
