"""What customers would see with a Control: one of them slot by slot, a thousand in numbers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from services.chassis.clock import Clock
from services.chassis.operation_run import OperationRun
from services.kits.controls.arranging import Placed
from services.kits.controls.control import Control
from services.kits.controls.live_controls import ControlSet, LiveControls
from services.kits.controls.previewing import Look, Preview, Side, Tally, TracedSlot
from services.recommendation.domain.errors import UnknownPlacementError
from services.recommendation.domain.interactions import Kind
from services.recommendation.domain.prediction import FallbackReason, Placement, Prediction, Request, Slot, Source
from services.recommendation.store.people import Person
from services.recommendation.store.world import World
from services.recommendation.usecases.controlled import Ruling, asked_of, origins
from services.recommendation.usecases.predict import ConsentRules, predict
from services.recommendation.usecases.taste import Profiles

LOOKED_THROUGH: Final = 500  # identifiers, in search of a customer, before requests have their turn
SLOTS: Final = 12  # of a dry run's page
MODELS: Final = frozenset({Source.ALS, Source.ITEM_TO_ITEM, Source.EASE})
ABOUT_PRODUCT: Final = frozenset({Placement.SIMILAR_ITEMS, Placement.FREQUENTLY_BOUGHT_TOGETHER})


class RecommendationPreviewer:
    """Looks at placements through the same use case that answers shoppers.

    ``words``: the sentence of a slot's reason in a language. Profiles are its own: a dry run turns nobody's out.
    """

    def __init__(
        self,
        world: World,
        live: LiveControls,
        consent: ConsentRules,
        clock: Clock,
        *,
        segments: Callable[[Person, datetime], Sequence[str]],
        words: Callable[[Slot, str], str],
    ) -> None:
        self._world, self._live, self._consent, self._clock = world, live, consent, clock
        self._segments, self._words = segments, words

    async def preview(self, control: Control, look: Look) -> Preview:
        """Look at one request. Raises UnknownPlacementError, ProductRequiredError."""
        try:
            placement = Placement(look.placement or first_placement(control))
        except ValueError:
            known = ", ".join(Placement)
            raise UnknownPlacementError("there is no such placement", field="placement", known=known) from None
        language = "en" if look.language.startswith("en") else "zh"
        request = Request(
            placement,
            look.identifiers,
            tuple(each for each in look.product_ids if each),
            look.page_size,
            language=language,
            shop=look.shop,
            channel=look.channel,
        )
        profiles = Profiles()
        before = await self._predicted(request, self._live.without(control.id), profiles)
        after_set = self._live.with_draft(control)
        after = await self._predicted(request, after_set, profiles)
        applies = self._applies(control, request, after_set)
        return Preview(self._side(before, language), self._side(after, language), applies)

    async def dry_run(self, control: Control, run: OperationRun, *, sample: int) -> Mapping[str, Any]:
        """Look at a placement of up to ``sample`` consenting customers, spread over all; return what changes."""
        before_set, after_set = self._live.without(control.id), self._live.with_draft(control)
        placement, tally, profiles = Placement(first_placement(control)), Tally(), Profiles()
        async for identifiers in self._customers(sample):
            await asyncio.sleep(0)  # a person takes milliseconds: requests have their turn after each
            await run.report()
            product_ids = self._about(control, placement, identifiers)
            run.progress.rows += 1
            if placement in ABOUT_PRODUCT and not product_ids:
                run.progress.rejected += 1
                continue
            request = Request(placement, identifiers, product_ids, SLOTS)
            before = await self._predicted(request, before_set, profiles)
            after = before
            if self._applies(control, request, after_set):
                after = await self._predicted(request, after_set, profiles)
            tally.add(_ids(before), _ids(after))
            run.progress.accept("customer")
        shelf = self._world.shelf
        titles = {each: dict(found.titles) for each in tally.movers() if (found := shelf.get(each)) is not None}
        return {**tally.result("customers", titles), "placement": placement.value}

    async def _predicted(self, request: Request, controls: ControlSet, profiles: Profiles) -> Prediction:
        return await predict(
            request,
            self._world,
            profiles=profiles,
            consent=self._consent,
            now=self._clock.now(),
            ruling=Ruling(controls, self._segments),
        )

    def _applies(self, control: Control, request: Request, controls: ControlSet) -> bool:
        """Tell whether a Control is among those that apply to a request; where it is not, it changes nothing."""
        person = self._world.people.resolve(request.identifiers, default_consent=self._consent.default_consent)
        plan = controls.plan(asked_of(request, person, Ruling(controls, self._segments), self._clock.now()))
        return plan is not None and any(each.id == control.id for each in plan.controls)

    async def _customers(self, sample: int) -> AsyncIterator[tuple[str, ...]]:
        """Yield the identifiers of customers who may be answered personally, one line a person, spread evenly."""
        identifiers, people, seen = self._world.ledger.identifiers(), self._world.people, set[str]()
        # A step that has no factor in common with the count visits every place once.
        count = len(identifiers)
        step = next((each for each in (7_919, 6_053, 104_729) if count % each), 1)
        for turn in range(count):
            if len(seen) >= sample:
                return
            if turn % LOOKED_THROUGH == 0:
                await asyncio.sleep(0)
            identifier = identifiers[turn * step % count]
            customer_id, members = people.shown(identifier)
            name = customer_id or identifier
            if name in seen or not people.resolve(members, default_consent=self._consent.default_consent).consented:
                continue
            seen.add(name)
            yield members

    def _about(self, control: Control, placement: Placement, identifiers: Sequence[str]) -> tuple[str, ...]:
        """Return the product that the page is about: one that the condition names, or the person's latest."""
        if placement not in ABOUT_PRODUCT:
            return ()
        if control.condition.product_ids:
            return control.condition.product_ids[:1]
        ledger = self._world.ledger
        history = ledger.history(ledger.actor_places(identifiers))
        rows = np.flatnonzero((history.kind == Kind.PURCHASE) | (history.kind == Kind.VIEW))
        return (ledger.item_ids[int(history.item[rows[-1]])],) if len(rows) else ()

    def _side(self, prediction: Prediction, language: str) -> Side:
        placed = prediction.placed or tuple(
            Placed(slot.product_id, position, rank, origin, ())
            for position, (slot, rank, origin) in enumerate(origins(prediction), 1)
        )
        model = self._world.model
        version = "" if model is None else model.version
        slots = tuple(
            TracedSlot(
                product_id=slot.product_id,
                card=self._world.shelf.card(slot.product_id, language),
                reason=self._words(slot, language),
                source=slot.source.value,
                model=version if slot.source in MODELS else "",
                score=slot.score,
                rank=each.rank,
                origin=each.origin,
                position=each.position,
                effects=each.effects,
            )
            for slot, each in zip(prediction.slots, placed, strict=True)
        )
        fallback = prediction.fallback_reason
        return Side(slots, fallback_reason="" if fallback is FallbackReason.NONE else fallback.value)


def first_placement(control: Control) -> str:
    """Return the placement that a Control is looked at in where none is named."""
    return next(iter(control.condition.placements), Placement.RECOMMENDED_FOR_YOU.value)


def _ids(prediction: Prediction) -> list[str]:
    return [slot.product_id for slot in prediction.slots]
