"""One query: what it finds now, where its results are clicked, how it went day by day."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import orjson
from zhike.search.v1 import query_insight_service_pb2 as pb
from zhike.search.v1 import search_service_pb2
from zhike.type.v1 import answer_pb2, identifier_pb2

from gateway.clients import GET_QUERY_COURSE, SEARCH
from gateway.console.areas.insight.queries import READERS, window_of, windows
from gateway.console.cells import Chip, Column, Money, Stacked, Table
from gateway.console.pages import Page, View
from gateway.console.visit import Visit

RESULTS_SHOWN: Final = 10
CHANNEL: Final = "console"


async def show(visit: Visit) -> View:
    """Show a query."""
    query, days = visit.path["query"], window_of(visit)
    request = pb.GetQueryCourseRequest(query=query, window_days=days)
    course = await visit.ask(GET_QUERY_COURSE, request)
    found = await visit.part("results", SEARCH, _search(visit, query))
    answer: dict[str, Any] | None = None if found is None else orjson.loads(found.json)
    searches, empty = course.insight.searches, sum(day.empty for day in course.days)
    return {
        "query": query,
        "insight": course.insight,
        "change": _change(course.insight),
        "empty_share": empty / searches if searches else None,
        "days": [visit.formats.short_day(date.fromisoformat(day.day)) for day in course.days],
        "searches": [day.searches for day in course.days],
        "clicks": [day.clicks for day in course.days],
        "empty": [day.empty for day in course.days],
        "positions": [*map(str, range(1, len(course.clicks_by_position))), f"{len(course.clicks_by_position)}+"],
        "by_position": list(course.clicks_by_position),
        "windows": windows(visit),
        "chosen": str(days),
        "as_of": course.as_of_time,
        "answer": answer,
        "results": Table(
            "results", _columns(visit), [] if answer is None else answer["results"], empty="insight.nothing"
        ),
    }


def _search(visit: Visit, query: str) -> search_service_pb2.SearchRequest:
    """Look as a shopper would; the log of searches does not count it."""
    return search_service_pb2.SearchRequest(
        query=query,
        language=visit.language,
        page_size=RESULTS_SHOWN,
        shopper=identifier_pb2.Shopper(shop=visit.shop, channel=CHANNEL),
        format=answer_pb2.ANSWER_FORMAT_JSON,
        synthetic=True,
    )


def _change(insight: pb.QueryInsight) -> float | None:
    before = insight.searches_before
    return (insight.searches - before) / before if before else None


def _columns(visit: Visit) -> Sequence[Column]:
    return (
        Column("insight.place", lambda hit: hit["position"], numeric=True),
        Column("insight.product", lambda hit: Stacked(_title(visit, hit["product"]), hit["product"]["id"]), wide=True),
        Column("insight.price", lambda hit: Money(hit["product"]["price"]) if hit["product"].get("price") else None),
        Column("insight.stock", lambda hit: _stock(visit, hit["product"])),
    )


def _title(visit: Visit, product: dict[str, Any]) -> str:
    titles = product.get("titles") or {}
    return str(titles.get(visit.language) or product.get("title") or product["id"])


def _stock(visit: Visit, product: dict[str, Any]) -> Chip:
    gone = product.get("availability") == "out-of-stock"
    return Chip(visit.words("insight.out_of_stock" if gone else "insight.in_stock"), "bad" if gone else "good")


PAGE: Final = Page(
    path="/queries/{query}",
    roles=READERS,
    title="insight.one_query",
    help="insight.one_query_help",
    template="insight/query.html",
    show=show,
    example={"query": "milk"},
)
