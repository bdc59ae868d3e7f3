"""What people search for: top, rising, empty and weak queries of a window."""

from collections.abc import Sequence
from typing import Final

from zhike.search.v1 import query_insight_service_pb2 as pb

from gateway.clients import LIST_QUERY_INSIGHTS
from gateway.console.cells import Chip, Column, Link, Share, Table
from gateway.console.pages import Page, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit

READERS: Final = frozenset({StaffRole.MERCHANDISER, StaffRole.ANALYST})
VIEWS: Final = {
    "top": pb.QUERY_VIEW_TOP,
    "rising": pb.QUERY_VIEW_RISING,
    "empty": pb.QUERY_VIEW_EMPTY,
    "weak": pb.QUERY_VIEW_WEAK,
}
WINDOWS: Final = ("7", "28", "90")
WINDOW_DEFAULT: Final = "28"
LANGUAGES: Final = ("zh", "en")
CHARTED: Final = 12  # queries of the page that are drawn
TABLE: Final = "queries"


def window_of(visit: Visit) -> int:
    """Return the window that the address asks for, in days."""
    return int(visit.choice("days", dict.fromkeys(WINDOWS), WINDOW_DEFAULT))


def windows(visit: Visit) -> Sequence[tuple[str, str]]:
    """Return the windows to choose from."""
    return [(days, visit.words("insight.days", count=int(days))) for days in WINDOWS]


async def show(visit: Visit) -> View:
    """Show a view."""
    view = visit.choice("view", VIEWS, "top")
    days = window_of(visit)
    request = pb.ListQueryInsightsRequest(
        view=VIEWS[view],
        window_days=days,
        page_size=visit.page_size(TABLE),
        page_token=visit.cursor(TABLE),
        language=visit.choice("language_of", dict.fromkeys(LANGUAGES)),
    )
    found = await visit.ask(LIST_QUERY_INSIGHTS, request)
    return {
        "view": view,
        "tabs": [(name, visit.words(f"insight.view.{name}")) for name in VIEWS],
        "windows": windows(visit),
        "languages": [(name, visit.words(f"insight.language.{name}")) for name in LANGUAGES],
        "charted": found.queries[:CHARTED],
        "as_of": found.as_of_time,
        "table": Table(
            TABLE,
            _columns(visit, days),
            found.queries,
            found.next_page_token,
            empty=f"insight.none.{view}",
            empty_hint="insight.none.hint",
        ),
    }


def _columns(visit: Visit, days: int) -> Sequence[Column]:
    kept = f"?days={days}"
    return (
        Column(
            "insight.query",
            lambda each: Link(each.query, f"{visit.link('/queries/{query}', query=each.query)}{kept}"),
            wide=True,
        ),
        Column("insight.searches", lambda each: each.searches, numeric=True),
        Column("insight.before", lambda each: each.searches_before, numeric=True),
        Column("insight.change", lambda each: _change(visit, each)),
        Column("insight.click_rate", lambda each: Share(each.click_rate, bar=True), numeric=True),
        Column("insight.position", lambda each: each.mean_click_position or None, numeric=True),
        Column("insight.results", lambda each: each.results, numeric=True),
        Column("insight.purchases", lambda each: each.purchases, numeric=True),
    )


def _change(visit: Visit, insight: pb.QueryInsight) -> Chip:
    if not insight.searches_before:
        return Chip(visit.words("insight.new"), "info")
    share = (insight.searches - insight.searches_before) / insight.searches_before
    tone = "good" if share > 0 else "warn" if share < 0 else "plain"
    return Chip(("+" if share > 0 else "") + visit.formats.percent(share, 0), tone)


PAGE: Final = Page(
    path="/queries",
    roles=READERS,
    title="insight.queries",
    help="insight.queries_help",
    template="insight/queries.html",
    show=show,
    nav="queries",
)
