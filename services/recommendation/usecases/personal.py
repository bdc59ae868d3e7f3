"""Placements about a person: recommended-for-you, buy-it-again, recently-viewed."""

import numpy as np

from services.recommendation.domain.fold_in import main_reasons
from services.recommendation.domain.interactions import DAY_S, Floats, Ints, Kind
from services.recommendation.domain.prediction import FallbackReason, Prediction, Request, Slot, Source
from services.recommendation.domain.ranking import best
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.domain.repurchase import DEFAULT_INTERVAL_DAYS, repurchases
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.world import World
from services.recommendation.usecases.carts import cart_of
from services.recommendation.usecases.popular import filled_up, popular
from services.recommendation.usecases.taste import Profile, Profiles

VIEWS_LOOKED_AT = 500  # newest rows of a person
LAPSED_INTERVALS = 3  # after so many without a purchase it is no rhythm any more
BECAUSE = {
    Kind.VIEW: ReasonCode.BECAUSE_VIEWED,
    Kind.ADD: ReasonCode.BECAUSE_IN_CART,
    Kind.PURCHASE: ReasonCode.BECAUSE_BOUGHT,
}
LIKED_ALIKE = Reason(ReasonCode.LIKED_ALIKE)
VIEWED_RECENTLY = Reason(ReasonCode.VIEWED_RECENTLY)


def recommend_for_you(
    world: World, request: Request, actors: tuple[int, ...], *, profiles: Profiles, now_s: int
) -> Prediction:
    """New products for a person: by the factor model in force, else item to item, else what is popular."""
    model = world.model
    if not actors:
        return popular(world, request, FallbackReason.NO_HISTORY)
    if model is None:
        return popular(world, request, FallbackReason.NO_MODEL)
    profile = profiles.profile(model, world.ledger, actors)
    if not len(profile.touched):
        return popular(world, request, FallbackReason.NO_HISTORY)
    in_cart = {line.product_id for line in cart_of(world, actors, now_s=now_s)}
    scores = _scores(model, profile)
    without = in_cart | request.excluded | frozenset(request.product_ids)
    _leave_out(scores, model, world, profile.bought, without)
    found = best(scores, request.page_size)
    if profile.taste is not None:
        because, source, fallback = main_reasons(model.factors, profile.taste, found), Source.ALS, FallbackReason.NONE
    else:
        because, source, fallback = profile.near_reasons[found], Source.ITEM_TO_ITEM, FallbackReason.NO_MODEL
    slots = [
        Slot(model.product_ids[place], score, _because(model, profile, touched, in_cart, shown=place), source)
        for place, score, touched in zip(found.tolist(), scores[found].tolist(), because.tolist(), strict=True)
    ]
    prediction = Prediction(request.placement, tuple(slots), source, fallback)
    bought_ids = (
        {model.product_ids[place] for place in profile.bought.tolist()} if len(slots) < request.page_size else set()
    )
    return filled_up(world, request, prediction, without | bought_ids)


def buy_again(world: World, request: Request, actors: tuple[int, ...], *, now_s: int) -> Prediction:
    """What the person buys again and again, what is due soonest and most often first."""
    if not actors:
        return popular(world, request, FallbackReason.NO_HISTORY)
    ledger, model = world.ledger, world.model
    history = ledger.history(actors)
    if model is not None:
        usual = model.intervals_of_ledger(ledger)
    else:
        usual = np.full(len(ledger.item_ids), DEFAULT_INTERVAL_DAYS, dtype=np.float32)
    found = repurchases(history.item, history.time_s, history.kind, usual_days=usual, now_s=now_s)
    slots: list[Slot] = []
    for index, item in enumerate(found.items.tolist()):
        product_id = ledger.item_ids[item]
        if len(slots) == request.page_size:
            break
        if product_id in request.excluded or not world.shelf.sellable(product_id):
            continue
        times, interval = int(found.times_bought[index]), float(found.interval_days[index])
        days_ago = max(0, round((now_s - int(found.last_time_s[index])) / DAY_S))
        reason = _again(times, max(1, round(interval)), days_ago)
        slots.append(Slot(product_id, float(found.scores[index]), reason, Source.HISTORY))
    if not slots:
        return popular(world, request, FallbackReason.NO_HISTORY)
    return Prediction(request.placement, tuple(slots), Source.HISTORY)


def recently_viewed(world: World, request: Request, actors: tuple[int, ...]) -> Prediction:
    """What the person looked at, the latest first."""
    if not actors:
        return popular(world, request, FallbackReason.NO_HISTORY)
    history = world.ledger.history(actors)
    viewed = np.flatnonzero(history.kind == Kind.VIEW)
    latest = viewed[np.lexsort((-viewed, -history.time_s[viewed]))][:VIEWS_LOOKED_AT]  # of one second: the last told
    without = set(request.excluded).union(request.product_ids)
    slots: list[Slot] = []
    for row in latest.tolist():
        product_id = world.ledger.item_ids[int(history.item[row])]
        if len(slots) == request.page_size:
            break
        if product_id not in without and world.shelf.sellable(product_id):
            without.add(product_id)
            slots.append(Slot(product_id, float(history.time_s[row]), VIEWED_RECENTLY, Source.HISTORY))
    if not slots:
        return popular(world, request, FallbackReason.NO_HISTORY)
    return Prediction(request.placement, tuple(slots), Source.HISTORY)


def _scores(model: ServingModel, profile: Profile) -> Floats:
    """Return a score per place, the caller's to change; -inf where item to item knows nothing."""
    if profile.taste is None:
        return profile.near_scores.copy()
    scores: Floats = model.factors.factors @ profile.taste.vector
    return scores


def _leave_out(
    scores: Floats, model: ServingModel, world: World, bought: Ints, without: frozenset[str] | set[str]
) -> None:
    """Mark in ``scores`` what must not be shown: sold out, withdrawn, bought before, in the cart, excluded."""
    scores[~model.columns(world.shelf).sellable] = -np.inf
    scores[bought] = -np.inf
    for product_id in without:
        place = model.place(product_id)
        if place >= 0:
            scores[place] = -np.inf


def _because(model: ServingModel, profile: Profile, place: int, in_cart: set[str], *, shown: int) -> Reason:
    if place < 0:
        return VIEWED_RECENTLY if shown in profile.touched else LIKED_ALIKE
    product_id = model.product_ids[place]
    kind = Kind(int(profile.strongest[np.searchsorted(profile.touched, place)]))
    if kind is Kind.ADD and product_id not in in_cart:
        kind = Kind.VIEW
    code = BECAUSE.get(kind)
    return LIKED_ALIKE if code is None else Reason(code, {"product_id": product_id})


def _again(times: int, interval_days: int, days_ago: int) -> Reason:
    if times < 2:
        return Reason(ReasonCode.BOUGHT_BEFORE, {"days_ago": str(days_ago)})
    params = {"times": str(times), "interval_days": str(interval_days), "days_ago": str(days_ago)}
    if days_ago > LAPSED_INTERVALS * interval_days:
        return Reason(ReasonCode.BOUGHT_OFTEN, params)
    return Reason(ReasonCode.BUY_AGAIN_DUE if days_ago >= interval_days else ReasonCode.BUY_AGAIN, params)
