"""Whom services tell of their events: targets, their secrets, what became of each delivery, replays."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from google.protobuf.field_mask_pb2 import FieldMask
from pydantic import Field
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS
from gateway.console.areas.operations.system import ADMINS
from gateway.console.areas.pr.public_text import shown
from gateway.console.cells import Act, Cell, Chip, Column, Link, Moment, Stacked, Table
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.webhook_clients import (
    CREATE_WEBHOOK_TARGET,
    DELETE_WEBHOOK_TARGET,
    GET_WEBHOOK_TARGET,
    LIST_WEBHOOK_DELIVERIES,
    LIST_WEBHOOK_TARGETS,
    REPLAY_WEBHOOK_DELIVERIES,
    ROTATE_WEBHOOK_SECRET,
    SEND_WEBHOOK_TEST,
    UPDATE_WEBHOOK_TARGET,
    WEBHOOK_SERVICES,
)
from services.chassis.errors import NotFoundError, ZhikeError

HERE: Final = f"{ROOT}/webhooks"
OVERLAP_S: Final = 86_400  # how long the old secret signs beside the new one
STATES: Final = {
    "waiting": pb.DELIVERY_STATE_WAITING,
    "sending": pb.DELIVERY_STATE_SENDING,
    "delivered": pb.DELIVERY_STATE_DELIVERED,
    "dead": pb.DELIVERY_STATE_DEAD,
    "cancelled": pb.DELIVERY_STATE_CANCELLED,
}
_LOOKS: Final = {"waiting": "info", "sending": "info", "delivered": "good", "dead": "bad", "cancelled": "plain"}
Url = Annotated[str, Field(min_length=1, max_length=2_000)]
Types = Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=64)]
Row = tuple[str, pb.Target]


class NewForm(FormModel):
    """Who is told of what."""

    service: Literal["orders", "reputation"]
    url: Url
    owner: Annotated[str, Field(max_length=64)] = ""
    event_types: Types = ()


class EditForm(FormModel):
    """What may be changed of a target."""

    url: Url
    owner: Annotated[str, Field(max_length=64)] = ""
    event_types: Types = ()


class Nothing(FormModel):
    """A button."""


class ReplayForm(FormModel):
    """One delivery, or all dead ones."""

    id: Annotated[str, Field(max_length=64)] = ""


async def show(visit: Visit) -> View:
    """Show all targets of all services."""
    found = await asyncio.gather(*(_targets(visit, service) for service in WEBHOOK_SERVICES))
    rows = [row for rows, _ in found for row in rows]
    visit.form("new", {"service": WEBHOOK_SERVICES[0], "event_types": ()})
    return {
        "targets": Table(
            "targets",
            _columns(visit),
            rows,
            total=len(rows),
            empty="operations.hooks.none",
            empty_hint="operations.hooks.none_hint",
        ),
        "services": [(each, each) for each in WEBHOOK_SERVICES],
        "types": [(each, each) for _, types in found for each in types],
    }


async def create(visit: Visit, form: NewForm) -> Redirect:
    """Tell another one, and show its secret this once."""
    request = pb.CreateTargetRequest(
        url=form.url, event_types=form.event_types, owner=form.owner or visit.staff.name, request_id=visit.submit_id
    )
    made = await visit.parts.caller.call(CREATE_WEBHOOK_TARGET[form.service], request, timeout_ms=WRITE_TIMEOUT_MS)
    await visit.record("webhook.create", "webhook", made.target.id, after={"service": form.service, "url": form.url})
    flash = Flash("operations.hooks.made", {"secret": made.secret}, "info")
    return Redirect(f"{HERE}/{form.service}/{made.target.id}", flash)


async def show_one(visit: Visit) -> View:
    """Show a target and what became of each delivery."""
    service, target_id = _place(visit)
    target, (_, types) = await visit.once(
        "target", lambda: asyncio.gather(_target(visit, service, target_id), _targets(visit, service))
    )
    state = visit.choice("state", STATES)
    request = pb.ListDeliveriesRequest(
        id=target_id,
        state=STATES.get(state, pb.DELIVERY_STATE_UNSPECIFIED),
        page_size=visit.page_size("deliveries"),
        page_token=visit.cursor("deliveries"),
    )
    listed = await visit.parts.caller.call(LIST_WEBHOOK_DELIVERIES[service], request, timeout_ms=READ_TIMEOUT_MS)
    stored = {"url": target.url, "owner": target.owner, "event_types": list(target.event_types)}
    visit.form("edit", stored)
    for name in ("enable", "disable", "rotate", "test", "delete", "replay"):
        visit.form(name)
    last = [attempt for delivery in listed.deliveries for attempt in delivery.attempts]
    return {
        "service": service,
        "target": target,
        "state": state_chip(visit, target),
        "on": target.state == pb.TARGET_STATE_ENABLED,
        "types": [(each, each) for each in (types or target.event_types)],
        "facts": _facts(visit, target),
        "tabs": [
            ("", visit.words("operations.hooks.every")),
            *((each, visit.words(f"operations.delivery.{each}")) for each in STATES),
        ],
        "tab": state,
        "deliveries": Table(
            "deliveries",
            _delivery_columns(visit),
            listed.deliveries,
            listed.next_page_token,
            empty="operations.hooks.quiet",
        ),
        "took": _took(visit, last),
    }


async def edit(visit: Visit, form: EditForm) -> Redirect:
    """Save."""
    service, target_id = _place(visit)
    before = await _target(visit, service, target_id)
    target = pb.Target(id=target_id, url=form.url, owner=form.owner, event_types=form.event_types)
    await _update(visit, service, target, ["url", "owner", "event_types"])
    await visit.record("webhook.edit", "webhook", target_id, before=_said(before), after=_said(target))
    return _back(visit, "operations.hooks.saved")


async def enable(visit: Visit, _form: Nothing) -> Redirect:
    """Tell it again."""
    return await _switch(visit, pb.TARGET_STATE_ENABLED, "enable")


async def disable(visit: Visit, _form: Nothing) -> Redirect:
    """Tell it nothing for now."""
    return await _switch(visit, pb.TARGET_STATE_DISABLED, "disable")


async def rotate(visit: Visit, _form: Nothing) -> Redirect:
    """Give it another secret and say it this once; the old one signs for a day more."""
    service, target_id = _place(visit)
    request = pb.RotateSecretRequest(id=target_id, overlap_s=OVERLAP_S, request_id=visit.submit_id)
    made = await visit.parts.caller.call(ROTATE_WEBHOOK_SECRET[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    await visit.record("webhook.rotate", "webhook", target_id)
    return _back(visit, "operations.hooks.made", "info", secret=made.secret)


async def test(visit: Visit, _form: Nothing) -> Redirect:
    """Send a test event."""
    service, target_id = _place(visit)
    request = pb.SendTestRequest(id=target_id, request_id=visit.submit_id)
    await visit.parts.caller.call(SEND_WEBHOOK_TEST[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    await visit.record("webhook.test", "webhook", target_id)
    return _back(visit, "operations.hooks.tested")


async def delete(visit: Visit, _form: Nothing) -> Redirect:
    """Delete it and cancel what waits."""
    service, target_id = _place(visit)
    request = pb.DeleteTargetRequest(id=target_id)
    before = await _target(visit, service, target_id)
    await visit.parts.caller.call(DELETE_WEBHOOK_TARGET[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    await visit.record("webhook.delete", "webhook", target_id, before=_said(before))
    return Redirect(HERE, Flash("operations.hooks.deleted"))


async def replay(visit: Visit, form: ReplayForm) -> Redirect:
    """Begin deliveries anew: one, or all dead ones."""
    service, target_id = _place(visit)
    request = pb.ReplayDeliveriesRequest(
        id=target_id, delivery_ids=[form.id] if form.id else [], request_id=visit.submit_id
    )
    done = await visit.parts.caller.call(REPLAY_WEBHOOK_DELIVERIES[service], request, timeout_ms=WRITE_TIMEOUT_MS)
    await visit.record("webhook.replay", "webhook", target_id, after={"id": form.id or "all", "count": done.replayed})
    flash = Flash("operations.hooks.replayed", {"count": done.replayed})
    return Redirect(f"{HERE}/{service}/{target_id}", flash)


def state_chip(visit: Visit, target: pb.Target) -> Chip:
    """Return whether a target is told of things, and why not."""
    if target.state == pb.TARGET_STATE_ENABLED:
        return Chip(visit.words("operations.hooks.on"), "good")
    causes = {pb.DISABLE_CAUSE_GONE: "gone", pb.DISABLE_CAUSE_BACKLOG: "backlog"}
    cause = causes.get(target.disable_cause)
    return Chip(visit.words(f"operations.cause.{cause}"), "bad") if cause else Chip(visit.words("operations.hooks.off"))


def _place(visit: Visit) -> tuple[str, str]:
    service, target_id = visit.path["service"], visit.path["id"]
    if service not in WEBHOOK_SERVICES:
        raise NotFoundError("there is no such target", resource="webhook target")
    return service, target_id


def _back(visit: Visit, key: str, tone: str = "good", **values: str) -> Redirect:
    service, target_id = _place(visit)
    return Redirect(f"{HERE}/{service}/{target_id}", Flash(key, values, tone))


async def _target(visit: Visit, service: str, target_id: str) -> pb.Target:
    request = pb.GetTargetRequest(id=target_id)
    return await visit.parts.caller.call(GET_WEBHOOK_TARGET[service], request, timeout_ms=READ_TIMEOUT_MS)


def _said(target: pb.Target) -> dict[str, object]:
    return {"url": target.url, "owner": target.owner, "event_types": list(target.event_types)}


async def _targets(visit: Visit, service: str) -> tuple[Sequence[Row], Sequence[str]]:
    try:
        listed = await visit.parts.caller.call(
            LIST_WEBHOOK_TARGETS[service], pb.ListTargetsRequest(), timeout_ms=READ_TIMEOUT_MS, waits=False
        )
    except ZhikeError:
        visit.missing.add(service)
        return (), ()
    return [(service, each) for each in listed.targets], list(listed.event_types)


async def _update(visit: Visit, service: str, target: pb.Target, fields: list[str]) -> None:
    request = pb.UpdateTargetRequest(target=target, update_mask=FieldMask(paths=fields))
    await visit.parts.caller.call(UPDATE_WEBHOOK_TARGET[service], request, timeout_ms=WRITE_TIMEOUT_MS)


async def _switch(visit: Visit, state: pb.TargetState.ValueType, verb: str) -> Redirect:
    service, target_id = _place(visit)
    before = await _target(visit, service, target_id)
    await _update(visit, service, pb.Target(id=target_id, state=state), ["state"])
    was, now = (pb.TargetState.Name(each).removeprefix("TARGET_STATE_").lower() for each in (before.state, state))
    await visit.record(f"webhook.{verb}", "webhook", target_id, before={"state": was}, after={"state": now})
    return _back(visit, "operations.hooks.saved")


def _delivery_state(delivery: pb.Delivery) -> str:
    return next((word for word, number in STATES.items() if number == delivery.state), "waiting")


def _took(visit: Visit, attempts: Sequence[pb.Attempt]) -> dict[str, Sequence[object]]:
    """Return how long the shown tries took, the oldest first."""
    ordered = sorted(attempts, key=lambda each: each.start_time.ToNanoseconds())[-60:]
    return {
        "labels": [visit.formats.moment(each.start_time) for each in ordered],
        "values": [each.duration_ms for each in ordered],
    }


def _columns(visit: Visit) -> tuple[Column, ...]:
    return (
        Column(
            "operations.hooks.url",
            lambda row: Link(shown(row[1].url, 120), f"{HERE}/{row[0]}/{row[1].id}", row[1].owner),
            wide=True,
        ),
        Column("operations.hooks.service", lambda row: row[0]),
        Column("operations.hooks.state", lambda row: state_chip(visit, row[1])),
        Column(
            "operations.hooks.types",
            lambda row: ", ".join(row[1].event_types) or visit.words("operations.hooks.all_types"),
        ),
        Column("operations.hooks.secrets", lambda row: len(row[1].secrets), numeric=True),
        Column("operations.hooks.since", lambda row: Moment(row[1].create_time)),
    )


def _delivery_columns(visit: Visit) -> tuple[Column, ...]:
    def state(delivery: pb.Delivery) -> Cell:
        word = _delivery_state(delivery)
        return Chip(visit.words(f"operations.delivery.{word}"), _LOOKS[word])

    def last(delivery: pb.Delivery) -> Cell:
        if not delivery.attempts:
            return None
        attempt = delivery.attempts[-1]
        outcome = pb.AttemptOutcome.Name(attempt.outcome).removeprefix("ATTEMPT_OUTCOME_").lower()
        status = f"{attempt.status} · " if attempt.status else ""
        return Stacked(
            visit.words(f"operations.outcome.{outcome}"), f"{status}{visit.formats.number(attempt.duration_ms)} ms"
        )

    def again(delivery: pb.Delivery) -> Cell:
        if _delivery_state(delivery) in ("waiting", "sending"):
            return None
        return Act("replay", "operations.hooks.replay", {"id": delivery.id})

    return (
        Column("operations.hooks.delivery", lambda each: Stacked(each.event_type, each.id), wide=True),
        Column("operations.hooks.state", state),
        Column("operations.hooks.tries", lambda each: each.tries, numeric=True),
        Column("operations.hooks.replays", lambda each: each.replays or None, numeric=True),
        Column("operations.hooks.last", last),
        Column("operations.hooks.began", lambda each: Moment(each.create_time)),
        Column(
            "operations.hooks.next", lambda each: Moment(each.next_try_time) if each.HasField("next_try_time") else None
        ),
        Column("", again, export=False),
    )


def _facts(visit: Visit, target: pb.Target) -> list[tuple[str, Cell]]:
    words = visit.words
    secrets: list[Chip] = []
    for secret in target.secrets:
        made = visit.formats.day(secret.create_time)
        until = visit.formats.moment(secret.end_time) if secret.HasField("end_time") else ""
        text = (
            words("operations.hooks.secret_until", made=made, until=until)
            if until
            else words("operations.hooks.secret_of", made=made)
        )
        secrets.append(Chip(text, "warn" if until else "good"))
    return [
        (words("operations.hooks.owner"), target.owner or None),
        (words("operations.hooks.types"), ", ".join(target.event_types) or words("operations.hooks.all_types")),
        (words("operations.hooks.secrets"), secrets or None),
        (words("operations.hooks.since"), Moment(target.create_time, relative=False)),
        (words("operations.hooks.changed"), Moment(target.update_time, relative=False)),
    ]


PAGE: Final = Page(
    path="/webhooks",
    roles=ADMINS,
    title="operations.hooks.title",
    help="operations.hooks.help",
    template="operations/webhooks.html",
    show=show,
    nav="webhooks",
    topics=("system",),
    forms=(Form("new", NewForm, create),),
)
ONE_PAGE: Final = Page(
    path="/webhooks/{service}/{id}",
    roles=ADMINS,
    title="operations.hooks.one",
    template="operations/webhook.html",
    show=show_one,
    forms=(
        Form("edit", EditForm, edit),
        Form("enable", Nothing, enable),
        Form("disable", Nothing, disable),
        Form("rotate", Nothing, rotate),
        Form("test", Nothing, test),
        Form("delete", Nothing, delete),
        Form("replay", ReplayForm, replay),
    ),
    topics=("system",),
)
