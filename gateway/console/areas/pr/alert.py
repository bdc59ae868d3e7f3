"""One alert: why it is as grave as it is, what was said, what happened, and what is done about it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field
from zhike.reputation.v1 import alert_pb2, mention_pb2
from zhike.reputation.v1 import alert_service_pb2 as pb
from zhike.reputation.v1 import mention_service_pb2 as mentions_pb

from gateway.alert_clients import (
    ACKNOWLEDGE_ALERT,
    CLOSE_ALERT,
    COMMENT_ALERT,
    CREATE_SILENCE,
    GET_ALERT,
    MITIGATE_ALERT,
    REOPEN_ALERT,
    RESOLVE_ALERT,
)
from gateway.clients import Remote
from gateway.console.areas.pr.alerts import subject_of, summary_of
from gateway.console.areas.pr.marks import (
    ALERT_KINDS,
    READERS,
    WRITERS,
    level_chip,
    state_chip,
    state_of,
    tone_chip,
    word_of,
)
from gateway.console.areas.pr.mentions import Counts, summed
from gateway.console.areas.pr.public_text import safe_url, shown
from gateway.console.cells import Cell, Column, Link, Moment, Table
from gateway.console.formats import time_of
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.pr_clients import COUNT_MENTIONS, GET_MENTION
from services.chassis.errors import ZhikeError

HERE: Final = f"{ROOT}/alerts"
EVIDENCE_READ: Final = 15  # mentions whose words are fetched
BEFORE: Final = timedelta(hours=12)  # of the trouble, in the chart
AFTER: Final = timedelta(hours=2)
LONGEST: Final = timedelta(days=10)
SILENCE_HOURS: Final = (1, 4, 12, 24, 72, 168, 720)
DEFAULT_SILENCE_HOURS: Final = 4
COMMENT_LIMIT: Final = 2_000
BREAKERS: Final = frozenset({"raised", "level-raised", "reopened", "recurred"})
TERMS: Final = ("volume", "negative-share", "reach", "tier", "speed", "sources", "grave-aspects")
ENTRIES: Final = (
    "raised",
    "reopened",
    "level-raised",
    "recurred",
    "acknowledged",
    "handed-over",
    "mitigating",
    "commented",
    "resolved",
    "closed",
    "notified",
    "withheld",
)
Comment = Annotated[str, Field(max_length=COMMENT_LIMIT)]
Needed = Annotated[str, Field(min_length=1, max_length=COMMENT_LIMIT)]


class TakeForm(FormModel):
    """Who has it in hand."""

    owner: Annotated[str, Field(max_length=128)] = ""
    comment: Comment = ""


class RemarkForm(FormModel):
    """A step with a remark."""

    comment: Comment = ""


class ReasonForm(FormModel):
    """A step that says why, or a remark that stands alone."""

    comment: Needed


class SilenceForm(FormModel):
    """How long pages about this subject are kept back, and why."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    hours: Annotated[int, Field(ge=1, le=720)] = DEFAULT_SILENCE_HOURS


async def show(visit: Visit) -> View:
    """Show all that is known of it."""
    alert = await visit.ask(GET_ALERT, pb.GetAlertRequest(id=visit.path["id"]))
    people, course, evidence = await asyncio.gather(_people(visit), _course(visit, alert), _evidence(visit, alert))
    _declare(visit, alert)
    state = state_of(alert)
    live = state in ("open", "acknowledged", "mitigating")
    return {
        "alert": alert,
        "summary": summary_of(visit, alert),
        "subject": subject_of(visit, alert),
        "level": level_chip(visit, alert),
        "state": state_chip(visit, alert),
        "may": visit.may(StaffRole.PR),
        "steps": {
            "take": live,
            "mitigate": state == "acknowledged",
            "resolve": live,
            "close": state == "resolved",
            "reopen": state in ("resolved", "closed"),
            "silence": live,
        },
        "people": people,
        "hours": [(each, visit.formats.duration(each * 3_600)) for each in SILENCE_HOURS],
        "terms": _terms(visit, alert),
        "course": course,
        "evidence": Table("evidence", _columns(visit), evidence, empty="pr.alert.no_evidence"),
        "timeline": [_entry(visit, each) for each in reversed(alert.history)],
        "facts": _facts(visit, alert),
    }


async def take(visit: Visit, form: TakeForm) -> Redirect:
    """Take it in hand or hand it over."""
    before = await visit.ask(GET_ALERT, pb.GetAlertRequest(id=visit.path["id"]))
    request = pb.AcknowledgeAlertRequest(
        id=before.id,
        actor=visit.staff.name,
        owner=form.owner or visit.staff.name,
        comment=form.comment,
        expected_version=visit.expected_version,
    )
    after = await visit.ask(ACKNOWLEDGE_ALERT, request)
    await _record(visit, "alert.acknowledge", before, after)
    return _back(visit, "pr.alert.taken", owner=after.owner)


async def mitigate(visit: Visit, form: RemarkForm) -> Redirect:
    """Say that something is being done."""
    return await _step(visit, MITIGATE_ALERT, "mitigate", form.comment)


async def comment(visit: Visit, form: ReasonForm) -> Redirect:
    """Say something beside it."""
    request = pb.CommentAlertRequest(
        id=visit.path["id"],
        actor=visit.staff.name,
        comment=form.comment,
        request_id=f"{visit.staff.actor}/{visit.submit_id}",
    )
    after = await visit.ask(COMMENT_ALERT, request)
    await visit.record("alert.comment", "alert", after.id, after={"entries": len(after.history)})
    return _back(visit, "pr.done.comment")


async def resolve(visit: Visit, form: ReasonForm) -> Redirect:
    """Say that it is over."""
    return await _step(visit, RESOLVE_ALERT, "resolve", form.comment)


async def close(visit: Visit, form: RemarkForm) -> Redirect:
    """Put it away."""
    return await _step(visit, CLOSE_ALERT, "close", form.comment)


async def reopen(visit: Visit, form: ReasonForm) -> Redirect:
    """Begin a new life of it."""
    return await _step(visit, REOPEN_ALERT, "reopen", form.comment)


async def silence(visit: Visit, form: SilenceForm) -> Redirect:
    """Keep pages about the same subject back for a time."""
    alert = await visit.ask(GET_ALERT, pb.GetAlertRequest(id=visit.path["id"]))
    matchers = [
        alert_pb2.SilenceMatcher(name="shop", value=alert.shop),
        alert_pb2.SilenceMatcher(name="kind", value=word_of(dict(ALERT_KINDS), alert.kind)),
    ]
    if alert.subject:
        matchers.append(alert_pb2.SilenceMatcher(name="subject", value=alert.subject))
    request = pb.CreateSilenceRequest(
        request_id=visit.submit_id, matchers=matchers, reason=form.reason, created_by=visit.staff.name
    )
    ends = visit.parts.clock.now() + timedelta(hours=form.hours)
    request.ends_time.FromDatetime(ends.replace(second=0, microsecond=0))
    made = await visit.ask(CREATE_SILENCE, request)
    await visit.record("silence.create", "silence", made.id, after={"alert": alert.id, "hours": form.hours})
    return _back(visit, "pr.silences.made", until=visit.formats.moment(made.ends_time))


async def _step(
    visit: Visit, remote: Remote[pb.ChangeAlertRequest, alert_pb2.Alert], verb: str, comment: str
) -> Redirect:
    before = await visit.ask(GET_ALERT, pb.GetAlertRequest(id=visit.path["id"]))
    request = pb.ChangeAlertRequest(
        id=before.id, actor=visit.staff.name, comment=comment, expected_version=visit.expected_version
    )
    after = await visit.ask(remote, request)
    await _record(visit, f"alert.{verb}", before, after)
    return _back(visit, f"pr.done.{verb}")


async def _record(visit: Visit, action: str, before: alert_pb2.Alert, after: alert_pb2.Alert) -> None:
    await visit.record(
        action,
        "alert",
        after.id,
        before={"state": state_of(before), "owner": before.owner},
        after={"state": state_of(after), "owner": after.owner},
    )


def _back(visit: Visit, key: str, **values: str) -> Redirect:
    return Redirect(f"{HERE}/{visit.path['id']}", Flash(key, values))


def _declare(visit: Visit, alert: alert_pb2.Alert) -> None:
    visit.form("take", {"owner": alert.owner or visit.staff.name}, version=alert.version)
    for name in ("mitigate", "resolve", "close", "reopen"):
        visit.form(name, version=alert.version)
    visit.form("comment")
    visit.form("silence", {"hours": DEFAULT_SILENCE_HOURS})


async def _people(visit: Visit) -> list[tuple[str, str]]:
    """Return who may have an alert in hand: PR staff, whoever asks among them."""
    members = await visit.parts.staff.members.list()
    names = {each.name for each in members if StaffRole.PR in each.roles and not each.disabled}
    return [(name, name) for name in sorted(names | {visit.staff.name})]


def _terms(visit: Visit, alert: alert_pb2.Alert) -> dict[str, object]:
    """Return the terms of the level, at the height and now, as bars and in words."""
    now = {term.name: term for term in alert.assessment.terms}
    peak = {term.name: term for term in alert.peak.terms}
    names = [name for name in TERMS if name in now or name in peak]
    rows = [
        {
            "name": visit.words(f"pr.term.{name}"),
            "points": peak[name].points if name in peak else 0,
            "now": now[name].points if name in now else 0,
            "why": (peak.get(name) or now[name]).explanation.get(visit.language, "") or visit.words("pr.alert.unknown"),
            "floor": name in (alert.peak.floor, alert.assessment.floor),
        }
        for name in names
    ]
    return {
        "labels": [row["name"] for row in rows],
        # One bar a term: what it gives now, and on top of it what it gave more at the height.
        "series": [
            [now[name].points if name in now else 0 for name in names],
            [
                max(0, peak[name].points - (now[name].points if name in now else 0)) if name in peak else 0
                for name in names
            ],
        ],
        "names": [visit.words("pr.alert.at_present"), visit.words("pr.alert.at_height")],
        "rows": rows,
        "points": alert.peak.points or alert.assessment.points,
        "now": alert.assessment.points,
    }


async def _course(visit: Visit, alert: alert_pb2.Alert) -> Counts | None:
    """Return how much was said around it."""
    if alert.kind not in (alert_pb2.ALERT_KIND_SHOP, alert_pb2.ALERT_KIND_BRAND, alert_pb2.ALERT_KIND_PRODUCT):
        return None
    begin, last = time_of(alert.starts_time), time_of(alert.last_time)
    if begin is None or last is None:
        return None
    end = min(max(last + AFTER, begin + AFTER), visit.parts.clock.now() + timedelta(hours=1), begin + LONGEST)
    start = begin - BEFORE
    if end <= start:
        return None
    step = "15m" if end - start <= timedelta(days=1) else "1h"
    request = mentions_pb.CountMentionsRequest(shop=alert.shop, step=step)
    if alert.kind == alert_pb2.ALERT_KIND_BRAND:
        request.brand = alert.subject
    elif alert.kind == alert_pb2.ALERT_KIND_PRODUCT:
        request.product_id = alert.subject
    request.start_time.FromDatetime(start)
    request.end_time.FromDatetime(end)
    counted = await visit.part(visit.words("pr.alert.course"), COUNT_MENTIONS, request)
    return None if counted is None else summed(visit, counted.counts)


async def _evidence(
    visit: Visit, alert: alert_pb2.Alert
) -> Sequence[tuple[alert_pb2.AlertEvidence, mention_pb2.Mention | None]]:
    """Return the mentions that speak for it, the first of them with their words."""

    async def read(evidence: alert_pb2.AlertEvidence) -> mention_pb2.Mention | None:
        try:
            return await GET_MENTION.briefly(visit.parts.caller, mentions_pb.GetMentionRequest(id=evidence.mention_id))
        except ZhikeError:  # erased since, or not answering: its place and time are known all the same
            return None

    first = await asyncio.gather(*(read(each) for each in alert.evidence[:EVIDENCE_READ]))
    rest = [None] * (len(alert.evidence) - len(first))
    return list(zip(alert.evidence, [*first, *rest], strict=True))


def _columns(visit: Visit) -> tuple[Column, ...]:
    def said(row: tuple[alert_pb2.AlertEvidence, mention_pb2.Mention | None]) -> Cell:
        evidence, mention = row
        text = shown(mention.title or mention.text, 200) if mention is not None else ""
        url = safe_url(evidence.url)
        return Link(text or visit.words("pr.mention.title"), f"{ROOT}/mentions/{evidence.mention_id}", shown(url, 80))

    return (
        Column("pr.mentions.time", lambda row: Moment(row[0].published_time)),
        Column("pr.mentions.text", said, wide=True),
        Column("pr.mentions.tone", lambda row: tone_chip(visit, row[0].tone)),
        Column("pr.mentions.source", lambda row: row[0].source),
        Column("pr.mentions.reach", lambda row: row[0].reach or None, numeric=True),
    )


def _entry(visit: Visit, entry: alert_pb2.AlertEntry) -> tuple[object, str, str, str]:
    """Return one thing that happened, for the timeline."""
    kind = entry.kind if entry.kind in ENTRIES else "notified"
    actor = visit.words("pr.entry.system") if entry.actor == "system" else entry.actor
    text = visit.words(f"pr.entry.{kind}", actor=actor, owner=entry.owner, level=entry.level)
    detail = " · ".join(part for part in (shown(entry.comment), entry.by) if part)
    tone = "bad" if kind in BREAKERS else "good" if kind in ("resolved", "closed") else ""
    return entry.time, text, detail, tone


def _facts(visit: Visit, alert: alert_pb2.Alert) -> list[tuple[str, Cell]]:
    words = visit.words
    signals = ", ".join(
        words(
            "pr.alert.signal",
            series=words(f"pr.series.{each.series}"),
            count=each.count,
            times=round(each.times_usual, 1),
        )
        for each in alert.signals
        if each.series in ("volume", "negative")
    )
    return [
        (words("pr.alerts.owner"), alert.owner or words("pr.alerts.nobody")),
        (words("pr.alert.signals"), signals or None),
        (words("pr.alert.began"), Moment(alert.starts_time, relative=False)),
        (words("pr.alerts.last"), Moment(alert.last_time, relative=False)),
        (words("pr.alert.paged"), Moment(alert.paged_time, relative=False)),
        (words("pr.alerts.escalated"), alert.escalated),
        (words("pr.alert.life"), alert.life),
        (words("pr.alert.withheld"), ", ".join(each.by for each in alert.withheld) or None),
    ]


PAGE: Final = Page(
    path="/alerts/{id}",
    roles=READERS,
    title="pr.alert.title",
    help="pr.alert.help",
    template="pr/alert.html",
    show=show,
    forms=(
        Form("take", TakeForm, take, WRITERS),
        Form("mitigate", RemarkForm, mitigate, WRITERS),
        Form("comment", ReasonForm, comment, WRITERS),
        Form("resolve", ReasonForm, resolve, WRITERS),
        Form("close", RemarkForm, close, WRITERS),
        Form("reopen", ReasonForm, reopen, WRITERS),
        Form("silence", SilenceForm, silence, WRITERS),
    ),
    topics=("alerts",),
)
