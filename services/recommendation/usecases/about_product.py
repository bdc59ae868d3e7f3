"""Placements about products: similar-items and frequently-bought-together. The same for everyone."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from services.recommendation.domain.baskets import together_scores
from services.recommendation.domain.catalog import LEVEL_SEPARATOR, Product
from services.recommendation.domain.interactions import Floats, Ints
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.neighbours import neighbour_scores
from services.recommendation.domain.prediction import FallbackReason, Prediction, Request, Slot, Source
from services.recommendation.domain.ranking import Head, head_of
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.store.serving import NO_CATEGORY, Columns, ServingModel
from services.recommendation.store.shelf import AISLE_LANGUAGE
from services.recommendation.store.world import World
from services.recommendation.usecases.popular import filled_up, offered, popular

# A product of the same most specific category ranks above all others of like taste: substitutes first, then what the
# same people buy. Cosines lie in -1 … 1; the shares of common levels add up to CATEGORY_WEIGHT.
CATEGORY_WEIGHT = 2.0
NARROW_PLACES = 1_000  # of a ranking that is looked through for what Controls let through
HEAD_PLACES = 128  # ranked at first for each product: two pages of the longest, with some sold out


def similar_items(world: World, request: Request) -> Prediction:
    """Products like the first of ``product_ids``: near in the model and in the catalogue."""
    model, anchor = world.model, request.product_ids[0]
    place = -1 if model is None else model.place(anchor)
    if model is None or place < 0:
        fallback = FallbackReason.NO_MODEL if model is None else FallbackReason.NO_HISTORY
        return _same_category(world, request, fallback)
    columns = model.columns(world.shelf)
    head = model.alike(place, lambda like: head_of(_alikeness(model, columns, like), HEAD_PLACES))
    found = _offered(world, head, request)
    if len(found) < request.page_size and not head.complete:
        depth = NARROW_PLACES if _is_narrow(request) else len(model)
        found = _offered(world, head_of(_alikeness(model, columns, place), depth), request)
    source = Source.ALS if model.ranker is Ranker.ALS else Source.ITEM_TO_ITEM
    slots = [
        Slot(product_id, score, _likeness(world, product_id, anchor, request.language), source)
        for product_id, score in found
    ]
    prediction = Prediction(request.placement, tuple(slots), source)
    return (
        filled_up(world, request, prediction, request.product_ids)
        if slots
        else _same_category(world, request, FallbackReason.NO_HISTORY)
    )


def bought_together(world: World, request: Request) -> Prediction:
    """Products that baskets with ``product_ids`` hold as well. Fewer than asked for where the baskets know no more."""
    model = world.model
    if model is None:
        return popular(world, request, FallbackReason.NO_MODEL)
    places = np.array([p for p in map(model.place, request.product_ids) if p >= 0], dtype=np.int32)
    if not len(places):
        return popular(world, request, FallbackReason.NO_HISTORY)
    table = model.arrays.together
    scores, sources, columns = together_scores(table, places, catalogue=len(model))
    scores[scores <= 0] = -np.inf
    scores[~model.columns(world.shelf).sellable] = -np.inf
    _drop(scores, model, request)
    depth = NARROW_PLACES if _is_narrow(request) else request.page_size
    slots = []
    for found, _ in islice(_let_through(world, head_of(scores, depth), request), request.page_size):
        source, column = int(sources[found]), int(columns[found])
        params = {
            "product_id": model.product_ids[source],
            "lift": f"{float(table.lifts[source, column]):.1f}",
            "baskets": str(int(table.counts[source, column])),
        }
        reason = Reason(ReasonCode.BOUGHT_TOGETHER, params)
        slots.append(Slot(model.product_ids[found], float(scores[found]), reason, Source.EASE))
    if not slots:
        return popular(world, request, FallbackReason.NO_HISTORY)
    return Prediction(request.placement, tuple(slots), Source.EASE)


def _offered(world: World, head: Head, request: Request) -> list[tuple[str, float]]:
    """Return the first of a ranking that may be shown now, with their scores."""
    assert world.model is not None
    product_ids = world.model.product_ids
    let_through = _let_through(world, head, request)
    return [(product_ids[place], score) for place, score in islice(let_through, request.page_size)]


def _let_through(world: World, head: Head, request: Request) -> Iterator[tuple[int, float]]:
    """Yield the places of a ranking that may be shown now, with their scores."""
    assert world.model is not None
    product_ids, may_show = world.model.product_ids, offered(world, request)
    without = request.excluded.union(request.product_ids)
    for place, score in zip(head.places, head.scores, strict=True):
        product_id = product_ids[place]
        if product_id not in without and may_show(product_id):
            yield place, score


def _is_narrow(request: Request) -> bool:
    return request.plan is not None and request.plan.is_selective


def _alikeness(model: ServingModel, columns: Columns, place: int) -> Floats:
    """Return how like the one at ``place`` each product is, -inf where it is not: (n,)."""
    nearness = _nearness(model, place)
    share = _shared_categories(columns.levels, place)
    scores: Floats = nearness + np.float32(CATEGORY_WEIGHT) * share
    scores[(nearness <= 0) & (share < 1)] = -np.inf
    return scores


def _nearness(model: ServingModel, place: int) -> Floats:
    if model.ranker is Ranker.ALS:
        nearness: Floats = model.factors.unit @ model.factors.unit[place]
        return nearness
    one: Ints = np.array([place], dtype=np.int32)
    return neighbour_scores(
        model.arrays.near_places, model.arrays.near_cosines, one, np.ones(1, dtype=np.float32), catalogue=len(model)
    )


def _shared_categories(levels: Ints, place: int) -> Floats:
    """Return, for each product, the share of the category levels of the one at ``place`` that it has too: 0 … 1."""
    own = [level for level in range(len(levels)) if levels[level, place] != NO_CATEGORY]
    share = np.zeros(levels.shape[1], dtype=np.float32)
    for level in own:
        share[levels[level] == levels[level, place]] += np.float32(1 / len(own))
    share[share > 1 - 1e-3] = 1.0
    return share


def _drop(scores: Floats, model: ServingModel, request: Request) -> None:
    for product_id in (*request.product_ids, *request.excluded):
        place = model.place(product_id)
        if place >= 0:
            scores[place] = -np.inf


def _likeness(world: World, product_id: str, anchor: str, language: str) -> Reason:
    """Say why two products are alike: the category that they share, else their buyers."""
    product, other = world.shelf.get(product_id), world.shelf.get(anchor)
    if product is not None and other is not None:
        path = product.category(language)
        if path and path == other.category(language):
            return Reason(ReasonCode.SAME_CATEGORY, {"category": path[-1], "product_id": anchor})
    return Reason(ReasonCode.SIMILAR_BUYERS, {"product_id": anchor})


def _same_category(world: World, request: Request, fallback: FallbackReason) -> Prediction:
    """Products that share most of the category path, the popular ones first: for a product nobody bought yet."""
    anchor = world.shelf.get(request.product_ids[0])
    path = anchor.category(AISLE_LANGUAGE) if anchor is not None else ()
    without, may_show = request.excluded.union(request.product_ids), offered(world, request)
    slots: dict[str, Slot] = {}
    for common in range(len(path), 0, -1):
        for product_id in world.aisles.ranked(world.shelf, world.board.product_ids, path[:common]):
            if len(slots) == request.page_size:
                break
            if product_id in slots or product_id in without or not may_show(product_id):
                continue
            product = world.shelf.get(product_id)
            if product is not None:
                reason = _shared(product, path, common, request.language)
                slots[product_id] = Slot(product_id, float(common), reason, Source.CATEGORY)
    if not slots:
        return popular(world, request, fallback)
    return Prediction(request.placement, tuple(slots.values()), Source.CATEGORY, fallback)


def _shared(product: Product, path: tuple[str, ...], common: int, language: str) -> Reason:
    levels = product.category(language)
    name = levels[min(common, len(levels)) - 1] if levels else LEVEL_SEPARATOR.join(path[:common])
    return Reason(ReasonCode.SAME_CATEGORY, {"category": name})
