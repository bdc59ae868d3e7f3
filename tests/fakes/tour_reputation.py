"""The part of the tour's gateway that hears the public: brands, mentions, alerts, and the webhooks that tell of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from infra.tour.receiver import Received
from services.kits.webhooks.signing import signed_headers
from services.kits.webhooks.signing_secrets import new_secret

SECRET = new_secret(lambda count: b"s" * count)
OTHER_SECRET = new_secret(lambda count: b"o" * count)
BURST = 30


@dataclass
class TourEar:
    """Where the fake gateway's webhooks come in."""

    calls: list[Received] = field(default_factory=list)
    url: str = "http://127.0.0.1:1/tour"


class TourReputation:
    """Answers what the tour asks of mentions and alerts. ``broken`` names the one promise that is not kept."""

    broken: str

    def __init__(self) -> None:
        self.ear = TourEar()
        self.brands: set[str] = set()
        self.targets: set[str] = set()
        self.said = 0
        self.alert: dict[str, Any] | None = None

    def answer_reputation(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response | None:
        """Return an answer, None for what is not about the public."""
        if path.startswith("/v1/webhooks/reputation/targets"):
            return self._targets(method)
        if path.startswith("/v1/brands/"):
            kept = self.brands.add if method == "PUT" else self.brands.discard
            kept(path.rpartition("/")[2])
            return httpx.Response(200, json={})
        if path == "/v1/mentions":
            return self._mentions(method, body)
        if path.startswith("/v1/alerts"):
            return self._alerts(path, body)
        return None

    def _targets(self, method: str) -> httpx.Response:
        if method == "DELETE":
            self.targets.clear()
            return httpx.Response(204)
        self.targets.add("t-1")
        return httpx.Response(201, json={"id": "t-1", "secret": SECRET})

    def _mentions(self, method: str, body: dict[str, Any]) -> httpx.Response:
        if method == "GET":
            return httpx.Response(200, json={"mentions": [{}] if self.said and self.broken != "brand" else []})
        mentions = body["mentions"]
        self.said += len(mentions)
        is_burst = sum("burst" in each["id"] for each in mentions) >= BURST
        if is_burst and self.said > BURST * 3 and self.broken != "burst":
            self._raise(next(iter(self.brands)))
        return httpx.Response(200, json={"stored": len(mentions), "rejected": 0})

    def _raise(self, brand: str) -> None:
        self.alert = {
            "id": "a-1",
            "kind": "brand",
            "subject": brand,
            "state": "open",
            "level_name": {"zh": "二级", "en": "II"},
            "summary": {"zh": "激增", "en": "burst"},
            "owner": "",
            "version": 1,
            "escalated": 0,
            "withheld": [],
            "evidence": [] if self.broken == "evidence" else [{"mention_id": "m-1"}],
            "assessment": {"terms": [{"name": "volume"}]},
            "history": [{"kind": "raised", "cause": "", "comment": ""}],
        }
        self._tell("raised")
        for told in {"rising": ("level-2",), "told-twice": ("level-2", "level-2")}.get(self.broken, ()):
            self.alert["history"].append({"kind": "notified", "cause": f"1/{told}", "comment": ""})

    def _alerts(self, path: str, body: dict[str, Any]) -> httpx.Response:
        _, _, verb = path.partition(":")
        alert = self.alert
        if path == "/v1/alerts":
            is_live = alert is not None and (alert["state"] not in {"resolved", "closed"} or self.broken == "resolve")
            known = [alert] if alert is not None else []
            listed = known * 2 if self.broken == "two-alerts" else known
            return httpx.Response(200, json={"alerts": listed if is_live else []})
        assert alert is not None
        states = {"acknowledge": "acknowledged", "resolve": "resolved", "close": "closed"}
        if verb and (alert["state"] != states[verb] or self.broken == "acknowledge"):
            alert |= {
                "state": states[verb],
                "owner": body.get("owner", alert["owner"]),
                "version": alert["version"] + 1,
            }
            alert["history"].append({"kind": states[verb], "cause": "", "comment": body.get("comment", "")})
            if verb != "close":
                self._tell(states[verb])
        return httpx.Response(200, json=alert)

    def _tell(self, what: str) -> None:
        """Call whoever listens, signed."""
        assert self.alert is not None
        self.alert["history"].append({"kind": "notified", "cause": f"1/{what}", "comment": ""})
        if self.broken == "webhook" or not self.targets:
            return
        status = "resolved" if what == "resolved" else "firing"
        content = orjson.dumps({"status": status, "alerts": [{"id": self.alert["id"]}]})
        secret = OTHER_SECRET if self.broken == "signature" else SECRET
        headers = signed_headers(f"msg_{what}", content, [secret], datetime.now(UTC))
        for _ in range(2 if self.broken == "webhook-twice" else 1):
            self.ear.calls.append(Received("/tour", headers, content))
