"""Placements about a person: recommended-for-you, buy-it-again, recently-viewed."""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np

from services.kits.controls.plan import Verdict
from services.recommendation.domain.interactions import DAY_S, Kind
from services.recommendation.domain.prediction import FallbackReason, Pool, Prediction, Request, Slot, Source
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.domain.repurchase import DEFAULT_INTERVAL_DAYS, Repurchases, repurchases
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.world import World
from services.recommendation.usecases.carts import known_lines
from services.recommendation.usecases.popular import filled_up, offered, popular
from services.recommendation.usecases.taste import Profile, Profiles, ReadySlot

VIEWS_LOOKED_AT = 500  # newest rows of a person
NARROW_PLACES = 1_000  # of a ranking that a narrow request looks through
LAPSED_INTERVALS = 3  # after so many without a purchase it is no rhythm any more
BECAUSE = {Kind.VIEW: ReasonCode.BECAUSE_VIEWED, Kind.PURCHASE: ReasonCode.BECAUSE_BOUGHT}
NOTHING: frozenset[str] = frozenset()
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
    lines = profile.cart(now_s)
    in_cart = frozenset(line.product_id for line in known_lines(world.shelf, lines)) if lines else NOTHING
    without = in_cart.union(request.excluded, request.product_ids)
    sellable, plan = world.shelf.sellable_ids, request.plan
    if plan is None or not plan.is_selective:
        positions = offered_positions(profile, sellable, without, request.page_size)
    else:
        positions = allowed_positions(profile, sellable, without, request.page_size, verdicts=plan.verdicts)
    if profile.taste is not None:
        source, fallback = Source.ALS, FallbackReason.NONE
    else:
        source, fallback = Source.ITEM_TO_ITEM, FallbackReason.NO_MODEL
    is_full = len(positions) == request.page_size
    if is_full and plan is not None and plan.is_ranking:  # few of them will be shown
        head_ids = profile.head_ids
        pool = Pool(
            [head_ids[position] for position in positions],
            lambda chosen: _slots(model, profile, [positions[each] for each in chosen], source, in_cart=in_cart),
        )
        return Prediction(request.placement, (), source, fallback, pool=pool)
    slots = _slots(model, profile, positions, source, in_cart=in_cart)
    prediction = Prediction(request.placement, slots, source, fallback)
    if is_full:
        return prediction
    bought_ids = [model.product_ids[place] for place in profile.bought.tolist()]
    return filled_up(world, request, prediction, without.union(bought_ids))


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
    may_show = offered(world, request)
    found = repurchases(history.item, history.time_s, history.kind, usual_days=usual, now_s=now_s)
    slots: list[Slot] = []
    for index, product_id in _by_need(found, ledger.item_ids):
        if len(slots) == request.page_size:
            break
        if product_id in request.excluded or not may_show(product_id):
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
    latest = viewed[np.lexsort((-viewed, -history.time_s[viewed]))][:VIEWS_LOOKED_AT]  # of one second: the last
    without, may_show = set(request.excluded).union(request.product_ids), offered(world, request)
    slots: list[Slot] = []
    for row in latest.tolist():
        product_id = world.ledger.item_ids[int(history.item[row])]
        if len(slots) == request.page_size:
            break
        if product_id not in without and may_show(product_id):
            without.add(product_id)
            slots.append(Slot(product_id, float(history.time_s[row]), VIEWED_RECENTLY, Source.HISTORY))
    if not slots:
        return popular(world, request, FallbackReason.NO_HISTORY)
    return Prediction(request.placement, tuple(slots), Source.HISTORY)


def offered_positions(profile: Profile, sellable: Container[str], without: frozenset[str], count: int) -> list[int]:
    """Return the positions in the person's ranking of the first ``count`` products that may be shown now."""
    while True:
        positions: list[int] = []
        for position, product_id in enumerate(profile.head_ids):
            if product_id in sellable and product_id not in without:
                positions.append(position)
                if len(positions) == count:
                    return positions
        if profile.head.complete:
            return positions
        profile.deepen()


def allowed_positions(
    profile: Profile,
    sellable: Container[str],
    without: frozenset[str],
    count: int,
    *,
    verdicts: Mapping[str, Verdict],
) -> list[int]:
    """Return the same of what Controls let through as well.

    Where they let few through, the ranking is not walked to its end at each request. How much of it another request
    had ranked changes nothing.
    """
    reach = count + count // 4
    while True:
        reach = min(reach, NARROW_PLACES)
        while len(profile.head_ids) < reach and not profile.head.complete:
            profile.deepen()
        ids = profile.head_ids[:reach]
        positions = [
            position
            for position, product_id, verdict in zip(range(len(ids)), ids, map(verdicts.__getitem__, ids), strict=True)
            if verdict.allowed and product_id in sellable and product_id not in without
        ]
        if len(positions) >= count or len(ids) < reach or reach == NARROW_PLACES:
            return positions[:count]
        reach *= 4


def _slots(
    model: ServingModel, profile: Profile, positions: list[int], source: Source, *, in_cart: frozenset[str]
) -> tuple[Slot, ...]:
    ready = profile.ready
    missing = [position for position in positions if position not in ready]
    if missing:
        places = [profile.head.places[position] for position in missing]
        for position, because in zip(missing, profile.because(places), strict=True):
            ready[position] = _ready_slot(model, profile, position, because, source)
    slots = []
    for position in positions:
        found = ready[position]
        slots.append(found.slot if found.in_cart is None or found.cart_id not in in_cart else found.in_cart)
    return tuple(slots)


def _ready_slot(model: ServingModel, profile: Profile, position: int, because: int, source: Source) -> ReadySlot:
    """Say why: for what was put into the cart, in words for while it lies there and for afterwards."""
    place, score = profile.head.places[position], profile.head.scores[position]
    product_id = model.product_ids[place]
    if because < 0:
        return ReadySlot(Slot(product_id, score, VIEWED_RECENTLY if place in profile.touched else LIKED_ALIKE, source))
    kind = Kind(int(profile.strongest[np.searchsorted(profile.touched, because)]))
    params = {"product_id": model.product_ids[because]}
    if kind is Kind.ADD:
        later = Slot(product_id, score, Reason(ReasonCode.BECAUSE_VIEWED, params), source)
        now = Slot(product_id, score, Reason(ReasonCode.BECAUSE_IN_CART, params), source)
        return ReadySlot(later, params["product_id"], now)
    code = BECAUSE.get(kind)
    return ReadySlot(Slot(product_id, score, LIKED_ALIKE if code is None else Reason(code, params), source))


def _by_need(found: Repurchases, item_ids: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield (position in ``found``, product id), best first, equal ones by product id."""
    repeated, scores = (found.times_bought > 1).tolist(), found.scores.tolist()
    for _, equals in groupby(range(len(scores)), key=lambda index: (repeated[index], scores[index])):
        yield from sorted([(index, item_ids[found.items[index]]) for index in equals], key=itemgetter(1))


def _again(times: int, interval_days: int, days_ago: int) -> Reason:
    if times < 2:
        return Reason(ReasonCode.BOUGHT_BEFORE, {"days_ago": str(days_ago)})
    params = {"times": str(times), "interval_days": str(interval_days), "days_ago": str(days_ago)}
    if days_ago > LAPSED_INTERVALS * interval_days:
        return Reason(ReasonCode.BOUGHT_OFTEN, params)
    return Reason(ReasonCode.BUY_AGAIN_DUE if days_ago >= interval_days else ReasonCode.BUY_AGAIN, params)
