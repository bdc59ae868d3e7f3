"""Where the public is heard: sources and their health, one source, adding and editing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field
from zhike.reputation.v1 import mention_pb2
from zhike.reputation.v1 import mention_service_pb2 as mentions_pb
from zhike.reputation.v1 import source_service_pb2 as pb

from gateway.console.areas.pr.marks import READERS, SOURCE_KINDS, WRITERS, shop_of, standing_chip, word_of
from gateway.console.areas.pr.mentions import Counts, Row, columns, summed
from gateway.console.areas.pr.public_text import safe_url, shown
from gateway.console.cells import Cell, Column, Link, Moment, Spark, Stacked, Table
from gateway.console.formats import time_of
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.fallbacks import is_absent
from gateway.pr_clients import (
    COUNT_MENTIONS,
    CREATE_SOURCE,
    DELETE_SOURCE,
    GET_SOURCE,
    LIST_MENTIONS,
    LIST_SOURCES,
    POLL_SOURCE,
    UPDATE_SOURCE,
)
from services.chassis.errors import ZhikeError

HERE: Final = f"{ROOT}/sources"
SEEN_READ: Final = 50  # sources whose last mention is looked up for a page
CHART_DAYS: Final = 14
Title = Annotated[str, Field(max_length=200)]
Url = Annotated[str, Field(max_length=2_000)]
Tier = Annotated[int, Field(ge=1, le=3)]
Reach = Annotated[int, Field(ge=0, le=10_000_000_000)]
Interval = Annotated[int, Field(ge=60, le=86_400)]


class NewForm(FormModel):
    """A source to listen to."""

    id: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: Literal["feed", "push", "reviews"]
    title: Title = ""
    url: Url = ""
    tier: Tier = 3
    reach: Reach | None = None
    poll_interval_s: Interval = 900


class EditForm(FormModel):
    """What may be changed of a source."""

    title: Title = ""
    url: Url = ""
    tier: Tier = 3
    reach: Reach | None = None
    poll_interval_s: Interval = 900
    disabled: bool = False


class Nothing(FormModel):
    """A button."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A source, its last mention, and its days."""

    source: pb.Source
    last: mention_pb2.Mention | None
    days: Sequence[float]


async def show(visit: Visit) -> View:
    """Show all sources with how they stand."""
    request = pb.ListSourcesRequest(page_size=visit.page_size("sources"), page_token=visit.cursor("sources"))
    listed = await visit.ask(LIST_SOURCES, request)
    heard = await asyncio.gather(*(_heard(visit, each, place) for place, each in enumerate(listed.sources)))
    visit.form("new", {"kind": "feed", "tier": 3, "poll_interval_s": 900})
    missed = [each for each in listed.sources if each.standing.state in _MISSED]
    return {
        "sources": Table(
            "sources",
            _columns(visit),
            heard,
            listed.next_page_token,
            empty="pr.sources.none",
            empty_hint="pr.sources.none_hint",
        ),
        "may": visit.may(StaffRole.PR),
        "kind_options": [(each, visit.words(f"pr.source_kind.{each}")) for each in SOURCE_KINDS],
        "tier_options": tier_options(visit),
        "count": len(listed.sources),
        "missed": len(missed),
        "off": sum(each.disabled for each in listed.sources),
    }


async def create(visit: Visit, form: NewForm) -> Redirect:
    """Listen to another one."""
    source = pb.Source(
        id=form.id,
        kind=SOURCE_KINDS[form.kind],
        shop=shop_of(visit),
        title=form.title,
        url=form.url,
        tier=form.tier,
        reach=form.reach,
        poll_interval_s=form.poll_interval_s if form.kind == "feed" else 0,
    )
    made = await visit.ask(CREATE_SOURCE, pb.CreateSourceRequest(source=source))
    await visit.record("source.create", "source", made.id, after={"kind": form.kind, "url": form.url})
    return Redirect(f"{HERE}/{made.id}", Flash("pr.sources.made", {"name": made.title or made.id}))


async def show_one(visit: Visit) -> View:
    """Show one with its days and what it said last."""
    source = await visit.ask(GET_SOURCE, pb.GetSourceRequest(id=visit.path["id"]))
    shop = source.shop or shop_of(visit)
    counts = await _days(visit, shop, source.id)
    request = mentions_pb.ListMentionsRequest(shop=shop, source=source.id, page_size=10)
    latest = await visit.part(visit.words("pr.mentions.title"), LIST_MENTIONS, request)
    stored = {
        "title": source.title,
        "url": source.url,
        "tier": source.tier or 3,
        "reach": source.reach if source.HasField("reach") else "",
        "poll_interval_s": source.poll_interval_s or 900,
        "disabled": source.disabled,
    }
    visit.form("edit", stored, version=source.version)
    for name in ("poll", "enable", "disable", "delete"):
        visit.form(name, version=source.version)
    return {
        "source": source,
        "name": shown(source.title, 200) or source.id,
        "state": standing_chip(visit, source),
        "why": source.standing.explanation.get(visit.language, "") or source.standing.error,
        "facts": _facts(visit, source),
        "counts": counts,
        "latest": Table("latest", columns(visit), [Row(each, 1) for each in latest.mentions] if latest else []),
        "may": visit.may(StaffRole.PR),
        "is_feed": source.kind == pb.SOURCE_KIND_FEED,
        "tier_options": tier_options(visit),
    }


async def edit(visit: Visit, form: EditForm) -> Redirect:
    """Save, unless somebody else did meanwhile."""
    before = await visit.ask(GET_SOURCE, pb.GetSourceRequest(id=visit.path["id"]))
    source = pb.Source(id=before.id, title=form.title, url=form.url, tier=form.tier, disabled=form.disabled)
    mask = ["title", "tier", "disabled", "reach"]
    if form.reach is not None:
        source.reach = form.reach
    if before.kind == pb.SOURCE_KIND_FEED:
        source.poll_interval_s = form.poll_interval_s
        mask += ["url", "poll_interval_s"]
    return await _update(visit, before, source, mask, "source.edit", "pr.sources.saved")


async def enable(visit: Visit, _form: Nothing) -> Redirect:
    """Listen again."""
    before = await visit.ask(GET_SOURCE, pb.GetSourceRequest(id=visit.path["id"]))
    source = pb.Source(id=before.id, disabled=False)
    return await _update(visit, before, source, ["disabled"], "source.enable", "pr.sources.enabled")


async def disable(visit: Visit, _form: Nothing) -> Redirect:
    """Listen no more for now."""
    before = await visit.ask(GET_SOURCE, pb.GetSourceRequest(id=visit.path["id"]))
    source = pb.Source(id=before.id, disabled=True)
    return await _update(visit, before, source, ["disabled"], "source.disable", "pr.sources.disabled")


async def poll(visit: Visit, _form: Nothing) -> Redirect:
    """Have a feed fetched soon."""
    await visit.ask(POLL_SOURCE, pb.PollSourceRequest(id=visit.path["id"]))
    await visit.record("source.poll", "source", visit.path["id"])
    return Redirect(f"{HERE}/{visit.path['id']}", Flash("pr.sources.polled_said"))


async def delete(visit: Visit, _form: Nothing) -> Redirect:
    """Watch it no longer; what it said stays."""
    before = await visit.ask(GET_SOURCE, pb.GetSourceRequest(id=visit.path["id"]))
    request = pb.DeleteSourceRequest(id=visit.path["id"], expected_version=visit.expected_version)
    await visit.ask(DELETE_SOURCE, request)
    await visit.record("source.delete", "source", visit.path["id"], before={"title": before.title, "url": before.url})
    return Redirect(HERE, Flash("pr.sources.deleted", {"name": visit.path["id"]}))


def tier_options(visit: Visit) -> list[tuple[int, str]]:
    """Return the tiers as a form offers them."""
    return [(each, visit.words(f"pr.tier.{each}")) for each in (1, 2, 3)]


async def _update(
    visit: Visit, before: pb.Source, source: pb.Source, mask: list[str], action: str, said: str
) -> Redirect:
    request = pb.UpdateSourceRequest(source=source, expected_version=visit.expected_version)
    request.update_mask.paths.extend(mask)
    after = await visit.ask(UPDATE_SOURCE, request)
    await visit.record(
        action,
        "source",
        after.id,
        before={name: getattr(before, name) for name in mask},
        after={name: getattr(after, name) for name in mask},
    )
    return Redirect(f"{HERE}/{after.id}", Flash(said, {"name": after.title or after.id}))


_MISSED: Final = (pb.SOURCE_STATE_DEAD, pb.SOURCE_STATE_FAILING, pb.SOURCE_STATE_SILENT)


async def _heard(visit: Visit, source: pb.Source, place: int) -> Heard:
    """Look up what a source said last, for so many of a page; what does not answer is left out."""
    if place >= SEEN_READ:
        return Heard(source, None, ())
    shop = source.shop or shop_of(visit)
    try:
        request = mentions_pb.ListMentionsRequest(shop=shop, source=source.id, page_size=1)
        listed = await LIST_MENTIONS.briefly(visit.parts.caller, request)
        counted = await COUNT_MENTIONS.briefly(visit.parts.caller, _fortnight(visit, shop, source.id))
    except ZhikeError as error:
        if not is_absent(error):
            raise
        return Heard(source, None, ())
    last = listed.mentions[0] if listed.mentions else None
    return Heard(source, last, [float(each.mentions) for each in counted.counts])


def _fortnight(visit: Visit, shop: str, source: str) -> mentions_pb.CountMentionsRequest:
    now = visit.parts.clock.now()
    request = mentions_pb.CountMentionsRequest(shop=shop, source=source, step="1d")
    request.start_time.FromDatetime(now - timedelta(days=CHART_DAYS - 1))
    request.end_time.FromDatetime(now)
    return request


async def _days(visit: Visit, shop: str, source: str) -> Counts | None:
    counted = await visit.part(visit.words("pr.mentions.chart"), COUNT_MENTIONS, _fortnight(visit, shop, source))
    return None if counted is None else summed(visit, counted.counts, days=True)


def _columns(visit: Visit) -> tuple[Column, ...]:
    def name(row: Heard) -> Cell:
        return Link(shown(row.source.title, 120) or row.source.id, f"{HERE}/{row.source.id}", row.source.id)

    def state(row: Heard) -> Cell:
        return standing_chip(visit, row.source)

    def why(row: Heard) -> Cell:
        standing = row.source.standing
        return standing.explanation.get(visit.language, "") or standing.error or None

    def fetched(row: Heard) -> Cell:
        return Moment(row.source.standing.success_time) if time_of(row.source.standing.success_time) else None

    return (
        Column("pr.sources.name", name, wide=True),
        Column("pr.sources.state", state),
        Column("pr.sources.why", why),
        Column(
            "pr.sources.kind",
            lambda row: visit.words(f"pr.source_kind.{word_of(dict(SOURCE_KINDS), row.source.kind) or 'push'}"),
        ),
        Column("pr.mention.tier", lambda row: row.source.tier or 3, numeric=True),
        Column("pr.sources.last", lambda row: Moment(row.last.published_time) if row.last is not None else None),
        Column("pr.sources.fetched", fetched),
        Column("pr.sources.days", lambda row: _spark(row.days)),
        Column("pr.sources.items", lambda row: row.source.standing.new_items or None, numeric=True),
    )


def _spark(days: Sequence[float]) -> Cell:
    return Spark(days) if any(days) else None


def _facts(visit: Visit, source: pb.Source) -> list[tuple[str, Cell]]:
    words, standing = visit.words, source.standing
    url = safe_url(source.url)
    return [
        (words("pr.sources.kind"), words(f"pr.source_kind.{word_of(dict(SOURCE_KINDS), source.kind) or 'push'}")),
        (words("pr.mention.tier"), words(f"pr.tier.{source.tier or 3}")),
        (words("pr.sources.url"), shown(url) or None),
        (words("pr.mentions.reach"), source.reach if source.HasField("reach") else None),
        (
            words("pr.sources.interval"),
            visit.formats.duration(source.poll_interval_s) if source.poll_interval_s else None,
        ),
        (words("pr.sources.polled"), Moment(standing.polled_time)),
        (words("pr.sources.fetched"), Moment(standing.success_time)),
        (words("pr.sources.next"), Moment(standing.next_poll_time)),
        (words("pr.sources.since"), Moment(standing.since_time)),
        (words("pr.sources.failures"), Stacked(str(standing.failures), standing.error) if standing.failures else None),
        (words("pr.sources.items"), standing.new_items),
        (words("pr.sources.skipped"), standing.skipped_items),
    ]


PAGE: Final = Page(
    path="/sources",
    roles=READERS,
    title="pr.sources.title",
    help="pr.sources.help",
    template="pr/sources.html",
    show=show,
    nav="sources",
    topics=("mentions",),
    forms=(Form("new", NewForm, create, WRITERS),),
)
ONE_PAGE: Final = Page(
    path="/sources/{id}",
    roles=READERS,
    title="pr.sources.one",
    template="pr/source.html",
    show=show_one,
    topics=("mentions",),
    forms=(
        Form("edit", EditForm, edit, WRITERS),
        Form("enable", Nothing, enable, WRITERS),
        Form("disable", Nothing, disable, WRITERS),
        Form("poll", Nothing, poll, WRITERS),
        Form("delete", Nothing, delete, WRITERS),
    ),
)
