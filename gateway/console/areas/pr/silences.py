"""Silences: what keeps pages back, why, by whom and until when."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field
from zhike.reputation.v1 import alert_pb2
from zhike.reputation.v1 import alert_service_pb2 as pb

from gateway.alert_clients import CREATE_SILENCE, EXPIRE_SILENCE, LIST_SILENCES
from gateway.console.areas.pr.alert import DEFAULT_SILENCE_HOURS, SILENCE_HOURS
from gateway.console.areas.pr.marks import LEVELS, READERS, WRITERS, shop_of
from gateway.console.areas.pr.public_text import shown
from gateway.console.cells import Act, Cell, Chip, Column, Moment, Table
from gateway.console.formats import time_of
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit

HERE: Final = f"{ROOT}/silences"
LABELS: Final = ("subject", "brand", "kind", "level", "alertname")


class NewForm(FormModel):
    """Which alerts, how long, why."""

    label: Literal["subject", "brand", "kind", "level", "alertname"]
    value: Annotated[str, Field(min_length=1, max_length=128)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    hours: Annotated[int, Field(ge=1, le=720)] = DEFAULT_SILENCE_HOURS


class EndForm(FormModel):
    """One silence."""

    id: Annotated[str, Field(min_length=1, max_length=64)]


async def show(visit: Visit) -> View:
    """Show them, the last to end first."""
    request = pb.ListSilencesRequest(page_size=visit.page_size("silences"), page_token=visit.cursor("silences"))
    listed = await visit.ask(LIST_SILENCES, request)
    visit.form("new", {"label": "subject", "hours": DEFAULT_SILENCE_HOURS})
    visit.form("end")
    return {
        "silences": Table(
            "silences",
            _columns(visit),
            listed.silences,
            listed.next_page_token,
            empty="pr.silences.none",
            empty_hint="pr.silences.none_hint",
        ),
        "may": visit.may(StaffRole.PR),
        "label_options": [(each, visit.words(f"pr.label.{each}")) for each in LABELS],
        "hours": [(each, visit.formats.duration(each * 3_600)) for each in SILENCE_HOURS],
        "levels": ", ".join(LEVELS),
    }


async def create(visit: Visit, form: NewForm) -> Redirect:
    """Keep pages back."""
    matchers = [
        alert_pb2.SilenceMatcher(name="shop", value=shop_of(visit)),
        alert_pb2.SilenceMatcher(name=form.label, value=form.value),
    ]
    request = pb.CreateSilenceRequest(
        request_id=visit.submit_id, matchers=matchers, reason=form.reason, created_by=visit.staff.name
    )
    ends = visit.parts.clock.now() + timedelta(hours=form.hours)
    request.ends_time.FromDatetime(ends.replace(second=0, microsecond=0))
    made = await visit.ask(CREATE_SILENCE, request)
    await visit.record("silence.create", "silence", made.id, after={form.label: form.value, "hours": form.hours})
    return Redirect(HERE, Flash("pr.silences.made", {"until": visit.formats.moment(made.ends_time)}))


async def end(visit: Visit, form: EndForm) -> Redirect:
    """End one now; what it withheld goes out."""
    await visit.ask(EXPIRE_SILENCE, pb.ExpireSilenceRequest(id=form.id))
    await visit.record("silence.expire", "silence", form.id, before={"state": "active"}, after={"state": "expired"})
    return Redirect(HERE, Flash("pr.silences.ended"))


def state_chip(visit: Visit, silence: alert_pb2.Silence) -> Chip:
    """Return whether it is in force."""
    if silence.active:
        return Chip(visit.words("pr.silences.active"), "warn")
    begins, now = time_of(silence.starts_time), visit.parts.clock.now()
    if begins is not None and begins > now:
        return Chip(visit.words("pr.silences.coming"), "info")
    return Chip(visit.words("pr.silences.over"))


def _columns(visit: Visit) -> tuple[Column, ...]:
    def matchers(silence: alert_pb2.Silence) -> Cell:
        return [Chip(f"{each.name} {'≠' if each.is_not else '='} {shown(each.value, 60)}") for each in silence.matchers]

    def act(silence: alert_pb2.Silence) -> Cell:
        if not silence.active or not visit.may(StaffRole.PR):
            return None
        return Act("end", "pr.silences.end", {"id": silence.id}, "bad", "pr.silences.end_sure")

    return (
        Column("pr.silences.what", matchers, wide=True),
        Column("pr.silences.state", lambda each: state_chip(visit, each)),
        Column("pr.silences.reason", lambda each: shown(each.reason, 200)),
        Column("pr.silences.by", lambda each: each.created_by),
        Column("pr.silences.from", lambda each: Moment(each.starts_time, relative=False)),
        Column("pr.silences.until", lambda each: Moment(each.ends_time)),
        Column("", act, export=False),
    )


PAGE: Final = Page(
    path="/silences",
    roles=READERS,
    title="pr.silences.title",
    help="pr.silences.help",
    template="pr/silences.html",
    show=show,
    nav="clock",
    topics=("alerts",),
    forms=(Form("new", NewForm, create, WRITERS), Form("end", EndForm, end, WRITERS)),
)
