"""Owns what one event of a log says about queries and products: which numbers it moves and by how much."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from services.kits.purchases import CHARGE, RETURN, tells_of_purchase
from services.kits.text.language import language_of
from services.search.domain.attribution import Attribution, query_key
from services.search.domain.insights import Act
from services.search.domain.popularity import WEIGHTS
from services.search.domain.query import QUERY_LIMIT, normalised_query

# Popularity is kept in so many documents, so that a batch of events writes a few and not one for each product.
SHARDS: Final = 64
SHARDS_CACHED: Final = 65_536  # products whose shard is remembered: each is asked for with every line that names it
PRODUCTS_LIMIT: Final = 500  # of one event
CLICK: Final = "detail-page-view"
SEARCH: Final = "search"


def language_tag(query: str) -> str:
    """Return "zh", "en" or "" for a query, by its script."""
    tag = language_of(query).value
    return "" if tag == "und" else tag


@lru_cache(maxsize=SHARDS_CACHED)
def shard_of(product_id: str) -> int:
    """Return the document of popularity that holds a product."""
    return int.from_bytes(blake2b(product_id.encode("utf-8", "replace"), digest_size=2).digest()) % SHARDS


def wanted_products(event_type: str, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the products that an event speaks for, each once; a return speaks for none, charges are no products."""
    if event_type not in WEIGHTS or is_return(payload):
        return ()
    lines = (payload.get("products") or ())[:PRODUCTS_LIMIT]
    return tuple(dict.fromkeys(line["id"] for line in lines if line.get("id") and line.get("kind") != CHARGE))


def is_return(payload: Mapping[str, Any]) -> bool:
    """Tell whether the payload tells of goods that came back."""
    return bool((payload.get("order") or {}).get("kind") == RETURN)


def served_search(payload: Mapping[str, Any], *, day: str, time_us: int) -> Act | None:
    """Return what a served search counts; a later page of the same search counts nothing."""
    results = payload.get("results") or ()
    if results and results[0]["position"] > 1:
        return None
    query, language = payload["normalised_query"], payload["language"]
    if not query:
        return None
    return Act(
        query_key=query_key(query, language),
        day=day,
        query=query,
        language=language,
        search=True,
        results=None if payload["filters"] else payload["total"],  # under a filter few or none say nothing
        time_us=time_us,
    )


def user_act(
    event_type: str, payload: Mapping[str, Any], *, attributed: Attribution | None, day: str, time_us: int
) -> Act | None:
    """Return what a user event counts for a query, None when it speaks of none.

    With an attribution token of ours the query is the token's; a ``search`` event that carries one is the search that
    was logged when it was served, and is not counted again. Without one the event's own words name the query (shops
    that search elsewhere, and history), and its products are what it found, none when it found nothing, as in Retail. A
    return counts for no query.
    """
    search, click, purchase = event_type == SEARCH, event_type == CLICK, tells_of_purchase(event_type)
    if not (search or click or purchase) or (purchase and is_return(payload)):
        return None
    position = payload.get("position") or 0
    if attributed is not None:
        if search:
            return None
        return Act(attributed.query_key, attributed.day, click=click, purchase=purchase, position=position)
    query = normalised_query(((payload.get("search") or {}).get("query") or "")[:QUERY_LIMIT])
    if not query:
        return None
    language = language_tag(query)
    return Act(
        query_key=query_key(query, language),
        day=day,
        query=query,
        language=language,
        search=search,
        click=click,
        purchase=purchase,
        position=position,
        results=len(payload.get("products") or ()) if search else None,
        time_us=time_us,
    )


def attribution_tokens(payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tokens that an event carries, its own first."""
    for token in (payload.get("attribution_token"), (payload.get("search") or {}).get("attribution_token")):
        if token:
            yield token
