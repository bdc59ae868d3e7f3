"""A search under Controls: synonyms and filters go into what the index is asked, boosts and pins arrange what it found.

The first POOL hits are arranged as one, whatever the page's size, so that pages fit together; what lies beyond comes as
the index ranks it. Where a shopper chose an order, only filters and excludes count: the order is the shopper's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.chassis.searchindex.port import FILTER_LIMIT, FILTER_VALUES_LIMIT, PAGE_LIMIT, Hit
from services.kits.controls.arranging import Origin, Placed, arrange
from services.kits.controls.catalogue import category_names
from services.kits.controls.control import Control, Target
from services.kits.controls.control_checks import POSITION_LIMIT
from services.kits.controls.live_controls import ControlSet
from services.kits.controls.matching import Asked, place_of, triggers
from services.kits.controls.plan import Plan as Ruling
from services.search.domain.product import CATEGORY_SEPARATOR, Availability
from services.search.domain.query import Condition, Keywords, OrderBy, normalised_query
from services.search.store.product_index import ProductSearch, product_in
from services.search.usecases.finding import Finder, Found, Plan, Request

POOL: Final = 100
VARIANTS_LIMIT: Final = 8  # other wordings of a query that are searched for too
IDS_LIMIT: Final = 10 * FILTER_VALUES_LIMIT  # products of exclusions that no filter says, left out by their ids
PINS_TRIED: Final = PAGE_LIMIT  # of all Controls that apply, the first places first: one look into the index
MEMBER, ANONYMOUS = "member", "anonymous"
SEGMENTS: Final = (MEMBER, ANONYMOUS)
VISITOR_PREFIX: Final = "visitor:"
_FIELDS: Final = {"product_ids": "product", "categories": "category", "brands": "brand", "tags": "tag"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page as it is shown. ``next_after`` leads on in the index, None while the pool lasts or at the end."""

    found: Found
    hits: tuple[Hit, ...]
    placed: tuple[Placed, ...]
    total: int
    next_after: str | None
    has_more: bool


def ruling_of(
    controls: ControlSet | None, request: Request, identifiers: Sequence[str], *, shop: str, channel: str
) -> Ruling | None:
    """Return what the Controls say to a search, None where none applies."""
    if not controls:
        return None
    categories = [
        value.split(CATEGORY_SEPARATOR)
        for condition in request.conditions
        if isinstance(condition, Keywords) and condition.field == "category"
        for value in condition.values
    ]
    named = any(not each.startswith(VISITOR_PREFIX) for each in identifiers)
    asked = Asked(
        query=normalised_query(request.query),
        categories=category_names(categories, CATEGORY_SEPARATOR),
        segments=frozenset({MEMBER if named else ANONYMOUS}),
        channel=channel,
        shop=shop,
    )
    return controls.plan(asked)


def ruled(request: Request, ruling: Ruling | None) -> Request:
    """Return the request with the filters, the exclusions and the synonyms that apply."""
    if ruling is None:
        return request
    return replace(
        request,
        rules=rules_of(ruling, FILTER_LIMIT - len(request.conditions)),
        variants=variants_of(ruling.synonyms, normalised_query(request.query)),
    )


def redirect_of(ruling: Ruling | None) -> str:
    """Return where the shopper is sent, "" for nowhere; of several the Control made first decides."""
    return ruling.redirects[0].action.url if ruling is not None and ruling.redirects else ""


def rules_of(ruling: Ruling, room: int) -> tuple[Condition, ...]:
    """Return filters and exclusions as the index takes them, at most ``room``.

    Exclusions share filters. What has no room is left out of each page after the search, and only counted in totals.
    """
    rules = dict.fromkeys(keywords for target in ruling.filters for keywords in _keywords(target))
    excluded: defaultdict[str, dict[str, None]] = defaultdict(dict)
    wide: list[Target] = []
    for target in ruling.exclusions:
        keywords = _keywords(target)
        if len(keywords) == 1:
            excluded[keywords[0].field].update(dict.fromkeys(keywords[0].values))
        else:
            wide.append(target)
    for field in _FIELDS.values():
        rules.update(dict.fromkeys(_excluding(field, tuple(excluded.get(field, ())))))
    rules.update(dict.fromkeys(_excluding("product", _ids_of(wide, ruling))))
    return tuple(rules)[:room]


def variants_of(synonyms: Sequence[Control], query: str) -> tuple[str, ...]:
    """Return the query in other words: each phrase that calls a Control replaced by each of its words."""
    found: dict[str, None] = {}
    for control in synonyms:
        for phrase in triggers(control):
            start = place_of(query, phrase)
            if start < 0:
                continue
            for word in control.action.words:
                if word != phrase:
                    found.setdefault(query[:start] + word + query[start + len(phrase) :])
    found.pop(query, None)
    return tuple(found)[:VARIANTS_LIMIT]


async def first_sheet(finder: Finder, request: Request, ruling: Ruling | None) -> Sheet:
    """Find the first page and settle the plan."""
    if not _arranges(request, ruling):
        return _plain(await finder.first_page(request), ruling)
    assert ruling is not None
    found = await finder.first_page(replace(request, limit=POOL))
    return await _arranged(finder, request, ruling, found, shown=0)


async def next_sheet(
    finder: Finder, request: Request, ruling: Ruling | None, plan: Plan, *, after: str | None, shown: int
) -> Sheet:
    """Find the page after ``shown`` results by the plan of the first; ``after`` None while the pool lasts.

    Who walks through the pool stays in it, also where no Control arranges it any more.
    """
    if after is None:
        found = await finder.next_page(replace(request, limit=POOL), plan, after=None)
        return await _arranged(finder, request, ruling, found, shown=shown)
    return _plain(await finder.next_page(request, plan, after=after), ruling, beyond=_arranges(request, ruling))


def _arranges(request: Request, ruling: Ruling | None) -> bool:
    if ruling is None or request.order_by is not OrderBy.RELEVANCE:
        return False
    return ruling.is_ranking or bool(ruling.pins)


def _plain(found: Found, ruling: Ruling | None, *, beyond: bool = False) -> Sheet:
    """Show hits as they were found. ``beyond`` the pool: what is pinned and in stock stands in it already."""
    hits = found.page.hits
    if ruling is not None and (beyond or ruling.is_selective):
        pinned = _pins(ruling) if beyond else {}
        hits = tuple(hit for hit in hits if ruling.allows(hit.id) and not (hit.id in pinned and _in_stock(hit)))
    after = found.page.next_after
    return Sheet(found, hits, (), found.page.total, after, after is not None)


async def _arranged(finder: Finder, request: Request, ruling: Ruling | None, found: Found, *, shown: int) -> Sheet:
    """Arrange the pool and cut a page out of it; the page after its last leads on in the index."""
    hits = {hit.id: hit for hit in found.page.hits}
    pinned: dict[str, Hit] = {}
    places = untouched(found.page.hits, 0)
    if ruling is not None:
        pins = _pins(ruling) if _arranges(request, ruling) else {}
        pinned = {each: hits[each] for each in pins if each in hits and _in_stock(hits[each])}
        pinned |= await _pinned(finder, request, [each for each in pins if each not in hits])
        room = len(hits) + len(pinned) + POSITION_LIMIT  # for every hit, and every pin at its place
        places = arrange(ruling, list(hits), (), room, may_pin=pinned.__contains__)
    showable = pinned | hits
    cut = places[shown : shown + request.limit]
    is_whole = found.page.next_after is None
    foreign = sum(place.product_id not in hits for place in places) if is_whole else 0
    ends = shown + len(cut) >= len(places)
    return Sheet(
        found,
        tuple(showable[place.product_id] for place in cut),
        cut,
        found.page.total + foreign,
        found.page.next_after if ends else None,
        not ends or not is_whole,
    )


async def _pinned(finder: Finder, request: Request, missing: Sequence[str]) -> dict[str, Hit]:
    """Return pinned products that were not found, if they are in stock and pass the shopper's own filters."""
    if not missing:
        return {}
    search = ProductSearch(
        words=(),
        required=0,
        conditions=(Keywords("product", tuple(missing)), Keywords("in_stock", ("true",)), *request.conditions),
        language=request.language,
        limit=len(missing),
    )
    return {hit.id: hit for hit in (await finder.index.search(search)).hits}


def _keywords(target: Target) -> list[Keywords]:
    return [
        Keywords(name, values, always=True) for field, name in _FIELDS.items() if (values := getattr(target, field))
    ]


def _excluding(field: str, values: Sequence[str]) -> list[Keywords]:
    return [
        Keywords(field, tuple(values[start : start + FILTER_VALUES_LIMIT]), negated=True, always=True)
        for start in range(0, len(values), FILTER_VALUES_LIMIT)
    ]


def _ids_of(targets: Iterable[Target], ruling: Ruling) -> tuple[str, ...]:
    """Return products of targets of several fields, by which they are excluded: no filter says "not both"."""
    ids: dict[str, None] = {}
    for target in targets:
        if len(ids) >= IDS_LIMIT:
            break
        ids.update(dict.fromkeys(ruling.ids_in(target, limit=IDS_LIMIT)))
    return tuple(ids)[:IDS_LIMIT]


def _pins(ruling: Ruling) -> Mapping[str, None]:
    """Return what is pinned if it can be, by place."""
    return dict.fromkeys(rule.pin.product_id for rule in ruling.pins[:PINS_TRIED])


def _in_stock(hit: Hit) -> bool:
    return product_in(hit.payload).availability is not Availability.OUT_OF_STOCK


def untouched(hits: Sequence[Hit], shown: int) -> tuple[Placed, ...]:
    """Return the places of hits that no Control arranged."""
    return tuple(Placed(hit.id, position, position, Origin.RANKED, ()) for position, hit in enumerate(hits, shown + 1))
