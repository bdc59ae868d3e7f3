"""Serves a search: finds a page, makes it an answer, and notes what was shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from random import Random
from typing import Any, Final

from services.chassis.clock import Clock
from services.chassis.paging import decode_page_token, encode_page_token
from services.kits.controls.live_controls import ControlSet
from services.kits.money import Money, amount_text
from services.kits.text.highlight import Highlighter
from services.search.domain.answers import FacetValue, FoundProduct, SearchAnswer
from services.search.domain.attribution import SEARCH_ID_BITS, Attribution, query_key, token_of
from services.search.domain.mining import language_tag
from services.search.domain.product import CATEGORY_SEPARATOR
from services.search.domain.query import (
    PAGE_LIMIT,
    FacetField,
    MatchedTerms,
    filter_value,
    normalised_query,
    parsed_facets,
    parsed_filters,
    parsed_order,
)
from services.search.store.product_index import ProductIndex, facet_buckets
from services.search.usecases.controlled import Sheet, first_sheet, next_sheet, redirect_of, ruled, ruling_of
from services.search.usecases.finding import Finder, Found, Plan, Request

DEPTH_LIMIT: Final = 10_000  # hits that paging walks through
_RANGE_PARTS: Final = 2


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who searches. ``identifiers`` in text form, the strongest first."""

    identifiers: tuple[str, ...] = ()
    shop: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it came, texts not yet read; ``language`` and ``query`` are checked."""

    query: str
    language: str
    limit: int
    page_token: str = ""
    filters: tuple[str, ...] = ()
    order_by: str = ""
    facets: tuple[str, ...] = ()
    shopper: Shopper = Shopper()
    exact_spelling: bool = False
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """What was shown: what the search log keeps."""

    search_id: str
    time: datetime
    shopper: Shopper
    synthetic: bool
    first_position: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Searching:
    """What serving needs. ``note`` takes what was shown and never waits; ``zone`` says when the shop's day begins."""

    finder: Finder
    clock: Clock
    chance: Random
    secret: bytes
    zone: tzinfo
    note: Callable[[Served], None]
    currency: Callable[[], str] = lambda: ""
    controls: Callable[[], ControlSet | None] = lambda: None


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where a walk through the pages of one search stands."""

    plan: Plan
    after: str | None
    shown: int
    search_id: str
    day: str


async def serve_search(query: Query, searching: Searching) -> SearchAnswer:
    """Answer one page and note it. Raises the errors of its texts, InvalidPageTokenError, IndexUnavailableError."""
    request = request_of(query)
    identity = _identity(query)
    walk = _walk_in(decode_page_token(query.page_token, query=identity), query.query)
    started = searching.clock.monotonic()
    shopper, finder = query.shopper, searching.finder
    ruling = ruling_of(searching.controls(), request, shopper.identifiers, shop=shopper.shop, channel=shopper.channel)
    request, redirect = ruled(request, ruling), ""
    if walk is None:
        redirect = redirect_of(ruling)
        sheet = await first_sheet(finder, request, ruling)
        now = searching.clock.now()
        search_id = f"{searching.chance.getrandbits(SEARCH_ID_BITS):016x}"
        walk = _Walk(sheet.found.plan, None, 0, search_id, now.astimezone(searching.zone).strftime("%Y%m%d"))
    else:
        sheet = await next_sheet(finder, request, ruling, walk.plan, after=walk.after, shown=walk.shown)
    engine_us = round((searching.clock.monotonic() - started) * 1_000_000)
    answer = _answer(query, sheet, walk, searching, engine_us=engine_us, identity=identity)
    answer = replace(answer, redirect_url=redirect) if redirect else answer
    searching.note(_served(query, answer, walk, searching))
    return answer


def request_of(query: Query) -> Request:
    """Read a query's texts. Raises FilterError, FacetError, OrderByError."""
    return Request(
        query=query.query,
        language=query.language,
        limit=min(query.limit, PAGE_LIMIT),
        conditions=parsed_filters(list(query.filters)),
        facets=parsed_facets(list(query.facets)),
        order_by=parsed_order(query.order_by),
        exact_spelling=query.exact_spelling,
    )


def _identity(query: Query) -> dict[str, Any]:
    """Return what a page token belongs to: all but the page's size and place."""
    return {
        "query": query.query,
        "language": query.language,
        "filters": list(query.filters),
        "order_by": query.order_by,
        "exact_spelling": query.exact_spelling,
    }


def _walk_in(position: Any, query: str) -> _Walk | None:
    if position is None:
        return None
    after, shown, repaired, matched, characters, search_id, day = position
    return _Walk(Plan(repaired or query, MatchedTerms(matched), characters), after, shown, search_id, day)


def _answer(
    query: Query, sheet: Sheet, walk: _Walk, searching: Searching, *, engine_us: int, identity: dict[str, Any]
) -> SearchAnswer:
    found = sheet.found
    results = _results(query, sheet, walk, searching.finder.index)
    shown = walk.shown + len(results)
    repaired = found.plan.query if found.plan.query != query.query else ""
    next_page_token = ""
    if sheet.has_more and shown < DEPTH_LIMIT:
        plan = (repaired, found.plan.matched.value, found.plan.characters)
        position_after = [sheet.next_after, shown, *plan, walk.search_id, walk.day]
        next_page_token = encode_page_token(position_after, query=identity)
    return SearchAnswer(
        language=query.language,
        results=results,
        facets=tuple((name, facet_values(found, FacetField(name), searching, query.language)) for name in query.facets),
        total_size=sheet.total,
        next_page_token=next_page_token,
        attribution_token=token_of(_attribution(query, walk), searching.secret),
        corrected_query=repaired,
        matched_terms=found.plan.matched,
        engine_us=engine_us,
    )


def _results(query: Query, sheet: Sheet, walk: _Walk, index: ProductIndex) -> tuple[FoundProduct, ...]:
    highlighter = Highlighter(sheet.found.words)
    results: list[FoundProduct] = []
    for position, hit in enumerate(sheet.hits, walk.shown + 1):
        shown = index.shown(hit, query.language)
        results.append(FoundProduct(hit.id, position, highlighter.spans(shown.read_title), shown))
    return tuple(results)


def facet_values(found: Found, facet: FacetField, searching: Searching, language: str) -> tuple[FacetValue, ...]:
    """Return the counts of one facet with the words to show; price ranges without a product are left out."""
    buckets = facet_buckets(found.page, facet, language)
    if facet is FacetField.PRICE:
        currency = searching.currency()
        return tuple(
            FacetValue(bucket.value, _price_label(bucket.value, currency), bucket.count)
            for bucket in buckets
            if bucket.count
        )
    return tuple(
        FacetValue(filter_value(bucket.value), bucket.value.rpartition(CATEGORY_SEPARATOR)[2], bucket.count)
        for bucket in buckets
    )


def _price_label(value: str, currency: str) -> str:
    sides = [amount_text(Money(int(side), currency)) if side != "*" else "" for side in value.split("..")]
    if len(sides) != _RANGE_PARTS:
        return value
    low, high = sides
    if not low:
        return f"< {high}"
    return f"≥ {low}" if not high else f"{low} - {high}"


def _attribution(query: Query, walk: _Walk) -> Attribution:
    normalised = normalised_query(query.query)
    return Attribution(walk.search_id, query_key(normalised, language_tag(normalised)), walk.day)


def _served(query: Query, answer: SearchAnswer, walk: _Walk, searching: Searching) -> Served:
    normalised = normalised_query(query.query)
    payload = {
        "query": query.query,
        "normalised_query": normalised,
        "corrected_query": answer.corrected_query,
        "language": language_tag(normalised),
        "total": answer.total_size,
        "results": _impressions(answer.results),
        "filters": list(query.filters),
        "order_by": query.order_by,
        "attribution_token": answer.attribution_token,
        "identifiers": list(query.shopper.identifiers),
        "matched_terms": answer.matched_terms.value,
    }
    return Served(walk.search_id, searching.clock.now(), query.shopper, query.synthetic, walk.shown + 1, payload)


def _impressions(results: Sequence[FoundProduct]) -> list[dict[str, Any]]:
    return [{"product_id": found.product_id, "position": found.position} for found in results]
