"""What the public says, as it says it: filters, near-duplicates folded, one mention whole."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.reputation.v1 import mention_pb2
from zhike.reputation.v1 import mention_service_pb2 as pb
from zhike.reputation.v1 import source_service_pb2 as sources_pb

from gateway.console.areas.pr.marks import READERS, TONES, aspect_word, shop_of, tone_chip
from gateway.console.areas.pr.public_text import safe_url, shown
from gateway.console.cells import Cell, Chip, Column, Link, Moment, Table
from gateway.console.pages import ROOT, Page, View
from gateway.console.visit import Visit
from gateway.pr_clients import COUNT_MENTIONS, GET_MENTION, LIST_BRANDS, LIST_MENTIONS, LIST_SOURCES

TEXT_SHOWN: Final = 220  # characters of a mention in a list
SOURCES_SHOWN: Final = 200  # in the filter
LANGUAGES: Final = ("zh", "en")
TIERS: Final = {"1": 1, "2": 2, "3": 3}
CHART_HOURS: Final = 48
TONES_DRAWN: Final = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Row:
    """A mention, and how many of the page's say the same."""

    mention: mention_pb2.Mention
    here: int


async def show(visit: Visit) -> View:
    """Show the newest mentions that the filters let through."""
    request = _asked(visit)
    listed = await visit.ask(LIST_MENTIONS, request)
    folded = visit.query.get("fold") != "no" and not request.cluster_id
    table = Table(
        "mentions",
        columns(visit),
        _folded(listed.mentions) if folded else [Row(each, 1) for each in listed.mentions],
        listed.next_page_token,
        empty="pr.mentions.none",
        empty_hint="pr.mentions.none_hint",
    )
    if visit.exporting:  # page by page: what stands around the table would be read for each of them
        return {"mentions": table}
    counts, sources, brands = await asyncio.gather(
        _counts(visit, request),
        visit.part(
            visit.words("pr.sources.title"), LIST_SOURCES, sources_pb.ListSourcesRequest(page_size=SOURCES_SHOWN)
        ),
        visit.part(visit.words("pr.brands.title"), LIST_BRANDS, sources_pb.ListBrandsRequest()),
    )
    return {
        "mentions": table,
        "counts": counts,
        "source_options": [(each.id, each.title or each.id) for each in sources.sources] if sources else [],
        "brand_options": [(each.id, each.names[0] if each.names else each.id) for each in brands.brands]
        if brands
        else [],
        "tone_options": [(tone, visit.words(f"pr.tone.{tone}")) for tone in TONES],
        "language_options": [(each, visit.words(f"pr.language.{each}")) for each in LANGUAGES],
        "tier_options": [(each, visit.words(f"pr.tier.{each}")) for each in TIERS],
    }


async def show_one(visit: Visit) -> View:
    """Show one mention with the others of its cluster."""
    mention = await visit.ask(GET_MENTION, pb.GetMentionRequest(id=visit.path["id"]))
    others: Sequence[mention_pb2.Mention] = ()
    if mention.cluster_id and mention.cluster_size > 1:
        request = pb.ListMentionsRequest(shop=mention.shop, cluster_id=mention.cluster_id, page_size=50)
        listed = await visit.part(visit.words("pr.mention.copies"), LIST_MENTIONS, request)
        others = [each for each in listed.mentions if each.id != mention.id] if listed else ()
    return {
        "mention": mention,
        "title": shown(mention.title, TEXT_SHOWN) or visit.words("pr.mention.title"),
        "text": shown(mention.text),
        "url": safe_url(mention.url),
        "tone": tone_chip(visit, mention.tone),
        "facts": _facts(visit, mention),
        "copies": Table("copies", columns(visit), [Row(each, 1) for each in others]),
    }


def columns(visit: Visit) -> tuple[Column, ...]:
    """Return the columns of a list of mentions."""

    def said(row: Row) -> Cell:
        mention = row.mention
        author = shown(mention.author, 60)
        text = shown(mention.title or mention.text, TEXT_SHOWN) or "–"
        return Link(text, f"{ROOT}/mentions/{mention.id}", author)

    def copies(row: Row) -> Cell:
        size = max(row.mention.cluster_size, row.here)
        if size < 2:
            return None
        return Link(
            visit.words("pr.mentions.copies", count=size), f"{ROOT}/mentions?cluster={row.mention.cluster_id}&fold=no"
        )

    return (
        Column("pr.mentions.time", lambda row: Moment(row.mention.published_time)),
        Column("pr.mentions.text", said, wide=True),
        Column("pr.mentions.tone", lambda row: tone_chip(visit, row.mention.tone)),
        Column("pr.mentions.aspect", lambda row: aspect_word(visit, row.mention.aspect) or None),
        Column("pr.mentions.source", lambda row: _source(row.mention)),
        Column("pr.mentions.brands", lambda row: [Chip(each) for each in row.mention.brands[:3]] or None),
        Column("pr.mentions.reach", lambda row: row.mention.reach or None, numeric=True),
        Column("pr.mentions.alike", copies),
    )


def _asked(visit: Visit) -> pb.ListMentionsRequest:
    request = pb.ListMentionsRequest(
        shop=shop_of(visit),
        brand=visit.text("brand", 64),
        product_id=visit.text("product", 128),
        source=visit.text("source", 64),
        text=visit.text("q", 200),
        cluster_id=visit.text("cluster", 128),
        author=visit.text("author", 200),
        language=visit.choice("language", dict.fromkeys(LANGUAGES)),
        tone=TONES.get(visit.query.get("tone", ""), mention_pb2.TONE_UNSPECIFIED),
        tier=TIERS.get(visit.query.get("tier", ""), 0),
        page_size=visit.page_size("mentions"),
        page_token=visit.cursor("mentions"),
    )
    start, end = visit.day("from"), visit.day("to", 1)
    if start is not None:
        request.start_time.FromDatetime(start)
    if end is not None:
        request.end_time.FromDatetime(end)
    return request


def _folded(mentions: Iterable[mention_pb2.Mention]) -> list[Row]:
    """Keep the newest of each cluster."""
    kept: dict[str, mention_pb2.Mention] = {}
    here: Counter[str] = Counter()
    for mention in mentions:
        cluster = mention.cluster_id or mention.id
        kept.setdefault(cluster, mention)
        here[cluster] += 1
    return [Row(mention, here[cluster]) for cluster, mention in kept.items()]


@dataclass(frozen=True, slots=True)
class Counts:
    """The last two days by the hour."""

    labels: Sequence[str]
    series: Sequence[Sequence[int]]
    names: Sequence[str]
    mentions: int
    negative: int
    clusters: int
    reach: int

    @property
    def negative_share(self) -> float | None:
        """Return how many of all speak badly."""
        return self.negative / self.mentions if self.mentions else None


async def _counts(visit: Visit, asked: pb.ListMentionsRequest) -> Counts | None:
    """Count what the filter's brand, product or source makes of the last two days."""
    request = pb.CountMentionsRequest(shop=asked.shop, step="1h")
    for scope in ("brand", "product_id", "source"):
        if getattr(asked, scope):
            setattr(request, scope, getattr(asked, scope))
            break
    now = visit.parts.clock.now()
    request.start_time.FromDatetime(now - timedelta(hours=CHART_HOURS - 1))
    request.end_time.FromDatetime(now)
    counted = await visit.part(visit.words("pr.mentions.chart"), COUNT_MENTIONS, request)
    return None if counted is None else summed(visit, counted.counts)


def summed(visit: Visit, counts: Sequence[mention_pb2.MentionCount], *, days: bool = False) -> Counts:
    """Return counts as a chart draws them."""
    write = visit.formats.short_day if days else _hour(visit)
    return Counts(
        labels=[write(each.start_time) for each in counts],
        series=[[each.by_tone.get(tone, 0) for each in counts] for tone in TONES_DRAWN],
        names=[visit.words(f"pr.tone.{tone}") for tone in TONES_DRAWN],
        mentions=sum(each.mentions for each in counts),
        negative=sum(each.by_tone.get("negative", 0) for each in counts),
        clusters=sum(each.clusters for each in counts),
        reach=sum(each.reach for each in counts),
    )


def _hour(visit: Visit) -> Callable[[Timestamp], str]:
    def write(moment: Timestamp) -> str:
        return f"{visit.formats.short_day(moment)} {visit.formats.clock(moment)}"

    return write


def _source(mention: mention_pb2.Mention) -> Link:
    """Return what else came from there: not every source is one that is fetched, with a page of its own."""
    return Link(mention.source, f"{ROOT}/mentions?{urlencode({'source': mention.source})}")


def _facts(visit: Visit, mention: mention_pb2.Mention) -> list[tuple[str, Cell]]:
    words = visit.words
    facts: list[tuple[str, Cell]] = [
        (words("pr.mentions.source"), _source(mention)),
        (words("pr.mention.author"), shown(mention.author, 200) or None),
        (words("pr.mention.published"), Moment(mention.published_time, relative=False)),
        (words("pr.mention.seen"), Moment(mention.seen_time, relative=False)),
        (words("pr.mention.tier"), words(f"pr.tier.{mention.tier}") if str(mention.tier) in TIERS else None),
        (words("pr.mention.language"), mention.language or None),
        (words("pr.mentions.aspect"), aspect_word(visit, mention.aspect) or None),
        (words("pr.mentions.brands"), [Chip(each) for each in mention.brands] or None),
        (words("pr.mention.products"), ", ".join(mention.product_ids) or None),
        (words("pr.mentions.reach"), mention.reach if mention.HasField("reach") else None),
        (words("pr.mention.rating"), mention.rating if mention.HasField("rating") else None),
        (words("pr.mention.repost"), mention.repost),
    ]
    return facts


PAGE: Final = Page(
    path="/mentions",
    roles=READERS,
    title="pr.mentions.title",
    help="pr.mentions.help",
    template="pr/mentions.html",
    show=show,
    nav="mentions",
    topics=("mentions",),
)
ONE_PAGE: Final = Page(
    path="/mentions/{id}",
    roles=READERS,
    title="pr.mention.title",
    template="pr/mention.html",
    show=show_one,
)
