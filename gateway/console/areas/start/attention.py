"""Cards of the start page that need no page of their own to be read: alerts, sources, queries, dead letters."""

from collections.abc import Sequence
from typing import Final

from zhike.reputation.v1 import alert_service_pb2
from zhike.reputation.v1 import source_service_pb2 as sources_pb
from zhike.search.v1 import query_insight_service_pb2 as insight_pb

from gateway.alert_clients import LIST_ALERTS
from gateway.clients import LIST_QUERY_INSIGHTS
from gateway.console.areas.pr.marks import opinion_shop
from gateway.console.pages import Attention, Card
from gateway.console.staffing import StaffRole
from gateway.console.standings import standings_of
from gateway.console.visit import Visit
from gateway.pr_clients import LIST_SOURCES

SHOWN: Final = 4  # of each card
COUNTED: Final = 200  # at most; the page behind the card knows the rest
WINDOW_DAYS: Final = 7
GRAVE: Final = frozenset({"I", "II"})
MISSED: Final = frozenset(
    {sources_pb.SOURCE_STATE_DEAD, sources_pb.SOURCE_STATE_SILENT, sources_pb.SOURCE_STATE_FAILING}
)


async def alerts(visit: Visit) -> Attention:
    """Alerts that go on, those that nobody has in hand first."""
    shop = opinion_shop(visit.parts, visit.shop)
    request = alert_service_pb2.ListAlertsRequest(shop=shop, live=True, page_size=COUNTED)
    found = sorted((await LIST_ALERTS.briefly(visit.parts.caller, request)).alerts, key=lambda each: bool(each.owner))
    grave = any(alert.level in GRAVE for alert in found)
    return Attention(
        "start.attention.alerts",
        visit.link("/alerts"),
        len(found),
        "bad" if grave else "warn",
        [
            (alert.summary.get(visit.language, alert.subject), visit.link("/alerts/{id}", id=alert.id))
            for alert in found[:SHOWN]
        ],
    )


async def sources(visit: Visit) -> Attention:
    """Sources that are dead, failing, or silent against their own rhythm."""
    request = sources_pb.ListSourcesRequest(page_size=COUNTED)
    found = (await LIST_SOURCES.briefly(visit.parts.caller, request)).sources
    missed = [source for source in found if source.standing.state in MISSED]
    return Attention(
        "start.attention.sources",
        visit.link("/sources"),
        len(missed),
        "warn",
        [(_missed(source, visit.language), visit.link("/sources")) for source in missed[:SHOWN]],
    )


def _missed(source: sources_pb.Source, language: str) -> str:
    why = source.standing.explanation.get(language, "") or source.standing.error
    return f"{source.title or source.id}: {why}"


async def _queries(visit: Visit, view: insight_pb.QueryView.ValueType, name: str) -> Attention:
    request = insight_pb.ListQueryInsightsRequest(view=view, window_days=WINDOW_DAYS, page_size=COUNTED)
    found = (await LIST_QUERY_INSIGHTS.briefly(visit.parts.caller, request)).queries
    return Attention(
        f"start.attention.{name}",
        f"{visit.link('/queries')}?view={name}" if visit.link("/queries") else "",
        len(found),
        "warn" if name == "empty" else "info",
        [
            (
                visit.words("start.attention.query", query=each.query, count=each.searches),
                visit.link("/queries/{query}", query=each.query),
            )
            for each in found[:SHOWN]
        ],
    )


async def empty_queries(visit: Visit) -> Attention:
    """Searches of the week that found nothing."""
    return await _queries(visit, insight_pb.QUERY_VIEW_EMPTY, "empty")


async def weak_queries(visit: Visit) -> Attention:
    """Searches of the week that found what few clicked."""
    return await _queries(visit, insight_pb.QUERY_VIEW_WEAK, "weak")


async def services(visit: Visit) -> Attention:
    """Services that are away, degraded or behind."""
    standings, link = await standings_of(visit), visit.link("/system")
    troubled = []
    for each in standings:
        if each.status is None:
            troubled.append((visit.words("start.attention.away", service=each.service), link))
        else:
            troubled += [(f"{each.service}: {part} – {cause}", link) for part, cause in each.status.degraded.items()]
    tone = "bad" if any(each.status is None for each in standings) else "warn"
    return Attention("start.attention.services", link, len(troubled), tone, troubled[:SHOWN])


async def dead_letters(visit: Visit) -> Attention:
    """Events that readers set aside."""
    aside = [
        (each.service, reader.projection, reader.dead_letters)
        for each in await standings_of(visit)
        if each.status is not None
        for reader in each.status.readers
        if reader.dead_letters
    ]
    items: Sequence[tuple[str, str]] = [
        (f"{service}/{projection}: {visit.formats.number(count)}", visit.link("/dead-letters"))
        for service, projection, count in aside[:SHOWN]
    ]
    total = sum(count for _, _, count in aside)
    return Attention("start.attention.letters", visit.link("/dead-letters"), total, "warn", items)


_MERCHANDISING: Final = frozenset({StaffRole.MERCHANDISER, StaffRole.ANALYST})
_PR: Final = frozenset({StaffRole.PR, StaffRole.ANALYST})
_ADMIN: Final = frozenset({StaffRole.ADMIN})
CARDS: Final = (
    Card("alerts", _PR | _ADMIN, alerts, ("alerts",)),
    Card("sources", _PR, sources),
    Card("empty", _MERCHANDISING, empty_queries),
    Card("weak", _MERCHANDISING, weak_queries),
    Card("services", _ADMIN, services, ("system",)),
    Card("letters", _ADMIN, dead_letters, ("system",)),
)
