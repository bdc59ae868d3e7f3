"""zhike.search.v1.SearchService and QueryInsightService."""

from collections.abc import Callable
from typing import Any

import orjson
from zhike.search.v1 import (
    query_insight_service_pb2,
    query_insight_service_pb2_grpc,
    search_service_pb2,
    search_service_pb2_grpc,
)
from zhike.type.v1 import answer_pb2

from services.search.domain.answers import search_answer_to_json, suggestions_to_json
from services.search.domain.query import parsed_language
from services.search.domain.suggestions import Completion
from services.search.usecases.insights import QueryInsights
from services.search.usecases.searching import Searching, serve_search
from services.search.usecases.suggesting import PriceOf, complete_query
from services.search.wire.searches import (
    answer_to_pb,
    checked_language,
    course_to_pb,
    insight_query_from_pb,
    insights_to_pb,
    query_from_pb,
    suggestions_to_pb,
)

DEFAULT_LANGUAGE = "zh"


class SearchServicer(search_service_pb2_grpc.SearchServiceServicer):
    """Search and completion."""

    def __init__(self, searching: Searching, completion: Callable[[], Completion], price_of: PriceOf) -> None:
        self._searching = searching
        self._completion = completion
        self._price_of = price_of

    async def Search(
        self, request: search_service_pb2.SearchRequest, context: Any
    ) -> search_service_pb2.SearchResponse:
        answer = await serve_search(query_from_pb(request, default_language=DEFAULT_LANGUAGE), self._searching)
        if request.format == answer_pb2.ANSWER_FORMAT_JSON:
            return search_service_pb2.SearchResponse(json=orjson.dumps(search_answer_to_json(answer, orjson.Fragment)))
        return search_service_pb2.SearchResponse(answer=answer_to_pb(answer))

    async def CompleteQuery(
        self, request: search_service_pb2.CompleteQueryRequest, context: Any
    ) -> search_service_pb2.CompleteQueryResponse:
        language = parsed_language(request.language, default=DEFAULT_LANGUAGE)
        phrases = complete_query(self._completion(), self._price_of, request.query, language, request.max_suggestions)
        if request.format == answer_pb2.ANSWER_FORMAT_JSON:
            return search_service_pb2.CompleteQueryResponse(json=orjson.dumps(suggestions_to_json(phrases)))
        return suggestions_to_pb(phrases)


class QueryInsightServicer(query_insight_service_pb2_grpc.QueryInsightServiceServicer):
    """What people search for."""

    def __init__(self, insights: QueryInsights, staleness_s: Callable[[], float]) -> None:
        self._insights = insights
        self._staleness_s = staleness_s

    async def ListQueryInsights(
        self, request: query_insight_service_pb2.ListQueryInsightsRequest, context: Any
    ) -> query_insight_service_pb2.ListQueryInsightsResponse:
        page = await self._insights.list_page(insight_query_from_pb(request))
        return insights_to_pb(page, self._insights.as_of(self._staleness_s()))

    async def GetQueryCourse(
        self, request: query_insight_service_pb2.GetQueryCourseRequest, context: Any
    ) -> query_insight_service_pb2.QueryCourse:
        course = await self._insights.course(
            request.query, days=request.window_days, language=checked_language(request.language)
        )
        return course_to_pb(course, self._insights.as_of(self._staleness_s()))
