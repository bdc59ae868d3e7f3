"""Owns what is told of an alert: the webhook's body in Alertmanager's fourth version, and mails in zh and en.

The body is what Alertmanager sends to a ``webhook_config`` receiver, so whatever reads that reads this; each alert has
four fields more: ``ack``, ``owner``, ``level`` and ``state``. Its fingerprint is Prometheus' own over the labels that
make the alert; ``severity`` among the labels follows the level, and is left out of it.

Texts of mentions are strangers' texts: a mail is plain text, of one line each, without marks that turn its direction.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.reputation.domain.alerts import Alert, AlertName, AlertState, CauseKind, Entry, Evidence
from services.reputation.domain.levels import Level, level_words

VERSION: Final = "4"
NEVER: Final = "0001-01-01T00:00:00Z"  # Go's zero time: an alert that has not ended
SHOWN_EVIDENCE: Final = 5
LINE_LIMIT: Final = 200  # characters
SEVERITIES: Final = {Level.I: "critical", Level.II: "critical", Level.III: "warning", Level.IV: "info"}

_FNV_OFFSET: Final = 14_695_981_039_346_656_037
_FNV_PRIME: Final = 1_099_511_628_211
_SPACES: Final = re.compile(r"\s+")

_STATES: Final = {
    AlertState.OPEN: ("未处理", "open"),
    AlertState.ACKNOWLEDGED: ("已受理", "acknowledged"),
    AlertState.MITIGATING: ("处置中", "mitigating"),
    AlertState.RESOLVED: ("已解决", "resolved"),
    AlertState.CLOSED: ("已关闭", "closed"),
}
_WHYS: Final = {
    CauseKind.RAISED: ("新舆情警报", "new alert"),
    CauseKind.LEVEL: ("警报升级", "graver than before"),
    CauseKind.ESCALATION: ("仍无人受理", "still not acknowledged"),
    CauseKind.ACKNOWLEDGED: ("已有人受理", "acknowledged"),
    CauseKind.RESOLVED: ("已解决", "resolved"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One telling: which alert, as it stood, and why. ``id`` is the same however often it is sent."""

    id: str
    alert: Alert
    entry: Entry

    @property
    def wakes(self) -> bool:
        """Tell whether somebody is asked to act."""
        return self.entry.cause is not None and self.entry.cause.kind.wakes

    @property
    def step(self) -> int:
        """Return the step of the escalation, 0 for a first page and for news."""
        return self.entry.cause.step if self.entry.cause is not None else 0


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's subject and plain text, zh first, then en."""

    subject: str
    text: str


def notice_of(alert: Alert, entry: Entry) -> Notice:
    """Return the notice of a NOTIFIED entry. Raises ValueError for another one."""
    if entry.cause is None:
        raise ValueError(f"entry {entry.number} of {alert.id} tells nothing")
    return Notice(f"{alert.id}/{entry.cause}", alert, entry)


def webhook_body(notice: Notice, *, receiver: str, external_url: str) -> dict[str, Any]:
    """Return the body of the webhook. ``external_url``: of the console, without a slash at its end."""
    alert = notice.alert
    labels = {**alert.labels, "severity": SEVERITIES[alert.life.level]}
    annotations = _annotations(alert)
    group = {name: labels[name] for name in ("shop", "kind", "subject")}
    url = f"{external_url}/console/alerts/{alert.id}"
    firing = alert.life.state.is_live
    return {
        "version": VERSION,
        "groupKey": "{}:{" + ", ".join(f"{name}={_quoted(value)}" for name, value in sorted(group.items())) + "}",
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": external_url,
        "alerts": [
            {
                "status": "firing" if firing else "resolved",
                "labels": labels,
                "annotations": annotations,
                "startsAt": _timestamp(alert.starts_time),
                "endsAt": NEVER if firing else _timestamp(alert.life.resolved_time),
                "generatorURL": url,
                "fingerprint": fingerprint(alert.labels),
                "id": alert.id,
                "state": str(alert.life.state),
                "level": str(alert.life.level),
                "ack": bool(alert.life.owner),
                "owner": alert.life.owner,
                "evidence": [{"mention": each.mention_id, "url": each.url} for each in _shown(alert)],
            }
        ],
        "cause": str(notice.entry.cause),
    }


def mail_of(notice: Notice, excerpts: Mapping[str, str], *, external_url: str) -> Mail:
    """Return the mail: what happened, how grave with every term, the mentions, and where to act.

    ``excerpts``: words of mentions, by id; one that is not there any more is shown by its address alone.
    """
    alert, cause = notice.alert, notice.entry.cause
    if cause is None:
        raise ValueError("a notice has a cause")
    zh_why, en_why = _WHYS[cause.kind]
    words = level_words(alert.life.level)
    zh, en = summary(alert)
    subject = _line(f"[{alert.life.level}] {zh_why} / {en_why}: {alert.group.subject or alert.group.shop}")
    url = f"{external_url}/console/alerts/{alert.id}"
    parts = (
        [*_head(zh_why, zh, words["zh"], alert=alert, language="zh"), *_shown_lines(alert, excerpts, "证据：")],
        [*_head(en_why, en, words["en"], alert=alert, language="en"), *_shown_lines(alert, excerpts, "Evidence:")],
    )
    texts = ["\n".join([*lines, act + url]) for lines, act in zip(parts, ("处理：", "Act here: "), strict=True)]
    return Mail(subject, "\n\n----\n\n".join(texts) + "\n")


def summary(alert: Alert) -> tuple[str, str]:
    """Return one line in zh and one in en."""
    subject = _line(alert.group.subject or alert.group.shop)
    if alert.name is AlertName.SOURCE_SILENT:
        return f"来源「{subject}」没有声音", f"Source {subject} is silent"
    count = max((each.peak.count for each in alert.signals.values()), default=0)
    times = max((each.peak.times_usual for each in alert.signals.values()), default=0.0)
    negative = "negative" in alert.signals
    return (
        f"「{subject}」{'负面' if negative else ''}声量激增：15 分钟内 {count} 条，约为平时的 {times:.1f} 倍",
        f"{'Negative mentions' if negative else 'Mentions'} of {subject} burst: "
        f"{count} in 15 minutes, about {times:.1f} times the usual",
    )


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the fingerprint that Prometheus gives to a label set: FNV-1a of 64 bits, 16 hex digits."""
    value = _FNV_OFFSET
    for name, text in sorted(labels.items()):
        for byte in (*name.encode(), 255, *text.encode(), 255):
            value = (value ^ byte) * _FNV_PRIME % 2**64
    return f"{value:016x}"


def _annotations(alert: Alert) -> dict[str, str]:
    zh, en = summary(alert)
    terms = alert.assessment.terms
    return {
        "summary": en,
        "summary_zh": zh,
        "description": "; ".join(term.explanation["en"] for term in terms),
        "description_zh": "；".join(term.explanation["zh"] for term in terms),
    }


def _head(why: str, text: str, level: str, *, alert: Alert, language: str) -> list[str]:
    zh = language == "zh"
    state = _STATES[alert.life.state][0 if zh else 1]
    owner = _line(alert.life.owner) or ("无" if zh else "nobody")
    begun = _timestamp(alert.starts_time)
    lines = [f"{why}：{text}" if zh else f"{why}: {text}"]
    lines.append(f"级别：{level}（{alert.peak.points} 分）" if zh else f"Level: {level}, {alert.peak.points} points")
    lines += [f"  - {term.explanation[language]}" for term in alert.peak.terms]
    lines.append(f"状态：{state}；负责人：{owner}" if zh else f"State: {state}; owner: {owner}")
    lines.append(f"开始：{begun}" if zh else f"Begun: {begun}")
    return lines


def _shown_lines(alert: Alert, excerpts: Mapping[str, str], title: str) -> list[str]:
    lines = [
        f"  - {_line(excerpts.get(each.mention_id, ''))} ({_line(each.source)}) {_line(each.url)}".rstrip()
        for each in _shown(alert)
    ]
    return [title, *lines] if lines else []


def _shown(alert: Alert) -> tuple[Evidence, ...]:
    return alert.evidence[:SHOWN_EVIDENCE]


def _line(text: str) -> str:
    """Return a stranger's text as one line that stays what it looks like."""
    kept = "".join(each for each in text if unicodedata.category(each) not in {"Cf", "Cs", "Co"})
    plain = _SPACES.sub(" ", "".join(" " if unicodedata.category(each) == "Cc" else each for each in kept)).strip()
    return plain if len(plain) <= LINE_LIMIT else plain[: LINE_LIMIT - 1] + "…"


def _timestamp(time: datetime | None) -> str:
    return NEVER if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
