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
from services.recommendation.store.people import Person
from services.recommendation.store.world import World
from services.recommendation.usecases.about_product import bought_together, similar_items
from services.recommendation.usecases.carts import cart_of
from services.recommendation.usecases.controlled import Ruling, asked_of, controlled
from services.recommendation.usecases.personal import buy_again, recently_viewed, recommend_for_you
from services.recommendation.usecases.popular import popular
from services.recommendation.usecases.taste import Profiles

NOBODY = Person((), consented=False)


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """The shop's default and how old the copy of consents may be (docs/consistency.md rules 12 and 15)."""

    default_consent: bool
    staleness_limit_s: float
    staleness_s: Callable[[], float]


async def predict(
    request: Request,
    world: World,
    *,
    profiles: Profiles,
    consent: ConsentRules,
    now: datetime,
    ruling: Ruling | None = None,
) -> Prediction:
    """Fill one placement, by the Controls in force where there are any. Raises ProductRequiredError."""
    person, is_ruled = NOBODY, ruling is not None and bool(ruling.controls)
    if is_ruled or request.placement is not Placement.POPULAR:
        person = world.people.resolve(request.identifiers, default_consent=consent.default_consent)
    filling = Filling(world, person, profiles, consent, int(now.timestamp()))
    if ruling is None or not is_ruled:
        return filling.fill(request)
    plan = ruling.controls.plan(asked_of(request, person, ruling, now))
    return filling.fill(request) if plan is None else controlled(world, request, plan, filling.fill)


@dataclass(frozen=True, slots=True)
class Filling:
    """What filling a placement for a person at a moment needs."""

    world: World
    person: Person
    profiles: Profiles
    consent: ConsentRules
    now_s: int

    def fill(self, request: Request) -> Prediction:
        """Retrieve and blend. Raises ProductRequiredError."""
        placement, world, now_s = request.placement, self.world, self.now_s
        if placement is Placement.POPULAR:
            return popular(world, request)
        if placement in PERSONAL:
            refusal = personal_refusal(
                consented=self.person.consented,
                staleness_s=self.consent.staleness_s(),
                staleness_limit_s=self.consent.staleness_limit_s,
            )
            if refusal is not FallbackReason.NONE:
                return popular(world, request, refusal)
            actors = world.ledger.actor_places(self.person.identifiers)
            if placement is Placement.RECOMMENDED_FOR_YOU:
                return recommend_for_you(world, request, actors, profiles=self.profiles, now_s=now_s)
            if placement is Placement.BUY_IT_AGAIN:
                return buy_again(world, request, actors, now_s=now_s)
            return recently_viewed(world, request, actors)
        if not request.product_ids and placement is Placement.FREQUENTLY_BOUGHT_TOGETHER:
            lines = cart_of(world, world.ledger.actor_places(self.person.identifiers), now_s=now_s)
            if not lines:
                return popular(world, request, FallbackReason.NO_HISTORY)
            request = replace(request, product_ids=tuple(line.product_id for line in lines))
        if not request.product_ids:
            raise ProductRequiredError(f"{placement.value} is about a product", field="product_ids")
        if placement is Placement.SIMILAR_ITEMS:
            return similar_items(world, request)
        return bought_together(world, request)
