"""Searches, suggestions and insights on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from zhike.search.v1 import query_insight_service_pb2, search_service_pb2

from services.chassis.paging import page_size
from services.kits.text.highlight import marked
from services.search.domain.answers import HIGHLIGHT_END, HIGHLIGHT_START, SearchAnswer
from services.search.domain.errors import InsightViewError
from services.search.domain.insights import Insight, QueryView
from services.search.domain.query import PAGE_DEFAULT, PAGE_LIMIT, checked_query, parsed_language
from services.search.domain.suggestions import Phrase
from services.search.usecases.insights import InsightPage, InsightQuery, QueryCourse
from services.search.usecases.searching import Query, Shopper
from services.search.wire.products import money_to_pb, product_to_pb

IDENTIFIERS_LIMIT: Final = 8
_VIEWS: Final = {
    query_insight_service_pb2.QUERY_VIEW_UNSPECIFIED: QueryView.TOP,
    query_insight_service_pb2.QUERY_VIEW_TOP: QueryView.TOP,
    query_insight_service_pb2.QUERY_VIEW_RISING: QueryView.RISING,
    query_insight_service_pb2.QUERY_VIEW_EMPTY: QueryView.EMPTY,
    query_insight_service_pb2.QUERY_VIEW_WEAK: QueryView.WEAK,
}
_LANGUAGES: Final = frozenset({"", "zh", "en"})


def query_from_pb(request: search_service_pb2.SearchRequest, *, default_language: str) -> Query:
    """Decode a search. Raises QueryTooLongError, LanguageError, InvalidArgumentError."""
    shopper = request.shopper
    return Query(
        query=checked_query(request.query),
        language=parsed_language(request.language, default=default_language),
        limit=page_size(request.page_size, default=PAGE_DEFAULT, maximum=PAGE_LIMIT),
        page_token=request.page_token,
        filters=tuple(request.filters),
        order_by=request.order_by,
        facets=tuple(request.facets),
        shopper=Shopper(tuple(shopper.identifiers[:IDENTIFIERS_LIMIT]), shopper.shop, shopper.channel),
        exact_spelling=request.exact_spelling,
        synthetic=request.synthetic,
    )


def answer_to_pb(answer: SearchAnswer) -> search_service_pb2.SearchAnswer:
    """Encode what was found."""
    return search_service_pb2.SearchAnswer(
        results=[
            search_service_pb2.SearchResult(
                product=product_to_pb(found.product),
                highlighted_title=marked(found.title, found.spans, opening=HIGHLIGHT_START, closing=HIGHLIGHT_END),
                position=found.position,
            )
            for found in answer.results
        ],
        facets=[
            search_service_pb2.Facet(
                field=name,
                values=[
                    search_service_pb2.FacetValue(value=each.value, label=each.label, count=each.count)
                    for each in values
                ],
            )
            for name, values in answer.facets
        ],
        total_size=answer.total_size,
        next_page_token=answer.next_page_token,
        attribution_token=answer.attribution_token,
        corrected_query=answer.corrected_query,
        matched_terms=answer.matched_terms.value,
        engine_us=answer.engine_us,
        redirect_url=answer.redirect_url,
    )


def suggestions_to_pb(phrases: Sequence[Phrase]) -> search_service_pb2.CompleteQueryResponse:
    """Encode suggestions."""
    response = search_service_pb2.CompleteQueryResponse()
    for phrase in phrases:
        suggestion = response.suggestions.add(text=phrase.text, kind=phrase.kind.value, product_id=phrase.product_id)
        if phrase.price is not None:
            suggestion.price.CopyFrom(money_to_pb(phrase.price))
    return response


def insight_query_from_pb(request: query_insight_service_pb2.ListQueryInsightsRequest) -> InsightQuery:
    """Decode a view. Raises InsightViewError."""
    if request.view not in _VIEWS:
        raise InsightViewError("no such view of the search log", field="view")
    language = checked_language(request.language)
    return InsightQuery(_VIEWS[request.view], request.window_days, request.page_size, request.page_token, language)


def insights_to_pb(page: InsightPage, as_of: datetime) -> query_insight_service_pb2.ListQueryInsightsResponse:
    """Encode a page of a view."""
    response = query_insight_service_pb2.ListQueryInsightsResponse(
        queries=[_insight_to_pb(insight) for insight in page.insights], next_page_token=page.next_page_token
    )
    response.as_of_time.FromDatetime(as_of)
    return response


def course_to_pb(course: QueryCourse, as_of: datetime) -> query_insight_service_pb2.QueryCourse:
    """Encode one query day by day."""
    message = query_insight_service_pb2.QueryCourse(
        insight=_insight_to_pb(course.insight),
        days=[
            query_insight_service_pb2.QueryDay(
                day=f"{each.day[:4]}-{each.day[4:6]}-{each.day[6:]}",
                searches=each.searches,
                empty=each.empty,
                clicks=each.clicks,
                purchases=each.purchases,
            )
            for each in course.days
        ],
        clicks_by_position=course.by_position,
    )
    message.as_of_time.FromDatetime(as_of)
    return message


def checked_language(language: str) -> str:
    """Return zh, en or empty. Raises InsightViewError."""
    if language not in _LANGUAGES:
        raise InsightViewError("language is zh, en or empty", field="language")
    return language


def _insight_to_pb(insight: Insight) -> query_insight_service_pb2.QueryInsight:
    totals = insight.totals
    return query_insight_service_pb2.QueryInsight(
        query=totals.query,
        searches=totals.searches,
        searches_before=totals.searches_before,
        clicks=totals.clicks,
        click_rate=insight.click_rate,
        results=max(0, totals.results),
        purchases=totals.purchases,
        mean_click_position=totals.mean_click_position,
    )
