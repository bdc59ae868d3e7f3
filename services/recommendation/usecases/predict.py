"""Predict: check who asks and whether the answer may be personal, then fill the placement."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.recommendation.domain.errors import ProductRequiredError
from services.recommendation.domain.prediction import (
    PERSONAL,
    FallbackReason,
    Placement,
    Prediction,
    Request,
    personal_refusal,
)
from services.recommendation.store.world import World
from services.recommendation.usecases.about_product import bought_together, similar_items
from services.recommendation.usecases.carts import cart_of
from services.recommendation.usecases.personal import buy_again, recently_viewed, recommend_for_you
from services.recommendation.usecases.popular import popular
from services.recommendation.usecases.taste import Profiles


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """The shop's default and how old the copy of consents may be (docs/consistency.md rules 12 and 15)."""

    default_consent: bool
    staleness_limit_s: float
    staleness_s: Callable[[], float]


async def predict(
    request: Request, world: World, *, profiles: Profiles, consent: ConsentRules, now: datetime
) -> Prediction:
    """Fill one placement. Raises ProductRequiredError."""
    placement, now_s = request.placement, int(now.timestamp())
    if placement is Placement.POPULAR:
        return popular(world, request)
    person = world.people.resolve(request.identifiers, default_consent=consent.default_consent)
    if placement in PERSONAL:
        refusal = personal_refusal(
            consented=person.consented,
            staleness_s=consent.staleness_s(),
            staleness_limit_s=consent.staleness_limit_s,
        )
        if refusal is not FallbackReason.NONE:
            return popular(world, request, refusal)
        actors = world.ledger.actor_places(person.identifiers)
        if placement is Placement.RECOMMENDED_FOR_YOU:
            return recommend_for_you(world, request, actors, profiles=profiles, now_s=now_s)
        if placement is Placement.BUY_IT_AGAIN:
            return buy_again(world, request, actors, now_s=now_s)
        return recently_viewed(world, request, actors)
    if not request.product_ids and placement is Placement.FREQUENTLY_BOUGHT_TOGETHER:
        actors = world.ledger.actor_places(person.identifiers)
        lines = cart_of(world, actors, now_s=now_s)
        if not lines:
            return popular(world, request, FallbackReason.NO_HISTORY)
        request = replace(request, product_ids=tuple(line.product_id for line in lines))
    if not request.product_ids:
        raise ProductRequiredError(f"{placement.value} is about a product", field="product_ids")
    return similar_items(world, request) if placement is Placement.SIMILAR_ITEMS else bought_together(world, request)
