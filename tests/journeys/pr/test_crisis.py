"""A crisis from its first mentions to its end on real processes: seen, followed, told, through a killed service."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from infra.local.plan import free_ports
from services.reputation.domain.bursts import BUCKET_S
from tests.journeys.callers import Caller, eventually, problem_of
from tests.journeys.platform import Platform
from tests.strategies.tone import reviews

STREAM_LIMIT_S = 60.0


class MailBox:
    """A real SMTP server that keeps what it takes."""

    def __init__(self, port: int) -> None:
        self.taken: list[Any] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


class Watching(threading.Thread):
    """A screen that follows the alerts, and comes again by itself with the last id that it saw."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(daemon=True)
        self._platform, self._ended = platform, threading.Event()
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.contacts = 0

    def run(self) -> None:
        last = ""
        while not self._ended.is_set():
            headers = {"Last-Event-ID": last} if last else {}
            self.contacts += 1
            try:
                with (
                    self._platform.operator() as client,
                    client.stream("GET", "/v1/alerts/stream", headers=headers, timeout=STREAM_LIMIT_S) as answer,
                ):
                    last = self._follow(answer, last)
            except httpx.HTTPError:
                time.sleep(0.2)

    def _follow(self, answer: httpx.Response, last: str) -> str:
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if self._ended.is_set():
                return last
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if fields.get("event") == "alert":
                last = fields.get("id", last)
                self.seen.append((last, json.loads(fields["data"])))
            fields = {}
        return last

    def stop(self) -> None:
        self._ended.set()


@pytest.fixture(scope="module")
def box() -> Iterator[MailBox]:
    made = MailBox(free_ports(1)[0])
    yield made
    made.stop()


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory, box: MailBox) -> Iterator[Platform]:
    """Return a shop that is spoken of now and then, with a tone model and a mail server that is not there yet."""
    made = Platform.at(tmp_path_factory.mktemp("newsroom") / "data")
    settings = (
        ("ZHIKE_OWN_NAMES", "知客"),
        ("ZHIKE_ESCALATION", "I="),
        ("ZHIKE_SMTP_ADDRESS", f"127.0.0.1:{box._controller.port}"),
        ("ZHIKE_SMTP_SECURITY", "none"),
        ("ZHIKE_MAIL_TO", "pr@shop.cn"),
    )
    platform = Platform(made.data, made.port, settings)
    try:
        platform.up()
        yield platform
    finally:
        platform.down()


@pytest.fixture(scope="module")
def staff(newsroom: Platform) -> Iterator[Caller]:
    with newsroom.operator() as client:
        yield Caller(client)


def write(staff: Caller, items: list[dict[str, Any]]) -> None:
    answer = staff.post("/v1/mentions", {"mentions": items})
    assert answer["stored"] == len(items), answer


def mention(name: str, text: str, published: datetime) -> dict[str, Any]:
    return {"id": name, "source": "weibo", "text": text, "published": published.isoformat()}


def alerts(staff: Caller, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = staff.get("/v1/alerts", **query)["alerts"]
    return found


def test_tone_is_trained_on_the_operators_own_texts(newsroom: Platform, staff: Caller, tmp_path: Path) -> None:
    assert staff.get("/v1/tone-models")["models"] == []
    rows = [{"review": text, "good": int(label)} for text, label in zip(*reviews(1_200), strict=True)]
    file = tmp_path / "reviews.ndjson"
    file.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    done = newsroom.zhike("train", "tone", str(file), "--text-column", "review", "--label-column", "good")
    assert done.returncode == 0, done.stdout + done.stderr
    (model,) = staff.get("/v1/tone-models")["models"]
    assert model["version"] in done.stdout
    assert model["data"] == {"reviews.ndjson": 1_200}


def test_a_crisis_is_seen_followed_taken_in_hand_and_ended(newsroom: Platform, staff: Caller, box: MailBox) -> None:
    now = datetime.now(UTC)
    # So long that no sale lasts as long, whatever day it is.
    old = [mention(f"old-{hour}", "知客 还行", now - timedelta(hours=2 * hour + 2)) for hour in range(120)]
    write(staff, old)
    screen = Watching(newsroom)
    screen.start()
    try:
        end = datetime.fromtimestamp(int(now.timestamp()) // BUCKET_S * BUCKET_S, UTC)
        at = end - timedelta(seconds=30)
        write(staff, [mention(f"new-{each}", f"知客 恶心 变质 难吃 {'啊' * each}", at) for each in range(40)])
        eventually(lambda: alerts(staff), "no alert was raised", limit_s=30)
        (alert,) = alerts(staff)
        assert (alert["kind"], alert["subject"], alert["state"]) == ("brand", "own", "open")
        assert "negative" in {signal["series"] for signal in alert["signals"]}
        path = f"/v1/alerts/{alert['id']}"
        evidence = staff.get(f"/v1/mentions/{alert['evidence'][0]['mention_id']}")
        assert (evidence["tone"], "变质" in evidence["text"]) == ("negative", True)
        eventually(lambda: screen.seen, "the screen shows nothing", limit_s=30)

        run = newsroom.run_file()
        assert run is not None
        psutil.Process(run.pids["reputation"]).kill()
        taken = _patiently(staff, f"{path}:acknowledge", {"owner": "wang", "comment": "on it"})
        assert (taken["state"], taken["owner"]) == ("acknowledged", "wang")
        assert problem_of(staff.send("POST", f"{path}:close", json={}))["reason"] == "ALERT_STATE"
        staff.post(f"{path}:mitigate", {"comment": "statement out"})
        staff.post(f"{path}:resolve", {"comment": "over"})
        closed = staff.post(f"{path}:close", {})
        assert closed["state"] == "closed"
        assert alerts(staff, state="live") == []

        eventually(lambda: any(each["state"] == "closed" for _, each in screen.seen), "the screen stopped", limit_s=60)
        versions = [each["version"] for _, each in screen.seen]
        assert versions == sorted(versions)
        assert len([entry for entry in closed["history"] if entry["kind"] == "notified"]) == 3

        box.start()  # only now: mails waited, through the kill too
        eventually(lambda: len(box.taken) >= 2, "the mails did not come", limit_s=120)
        assert sorted(mail["Subject"].split(" ")[1] for mail in box.taken) == sorted(["新舆情警报", "已解决"])
        assert len({mail["Message-ID"] for mail in box.taken}) == 2
    finally:
        screen.stop()


def _patiently(staff: Caller, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Do it as soon as the killed service is back."""
    answers: list[dict[str, Any]] = []

    def done() -> bool:
        answer = staff.send("POST", path, json=body)
        if answer.is_success:
            answers.append(answer.json())
        return answer.is_success

    eventually(done, "the service did not come back", limit_s=60)
    return answers[0]
