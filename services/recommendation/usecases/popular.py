"""What everybody is shown who cannot, or must not, be shown something of their own."""

from collections.abc import Callable, Collection

from services.recommendation.domain.prediction import FallbackReason, Placement, Prediction, Request, Slot, Source
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.store.world import World

POPULAR_NOW = Reason(ReasonCode.POPULAR_NOW)
IN_THE_RANGE = Reason(ReasonCode.IN_THE_RANGE)


def offered(world: World, request: Request) -> Callable[[str], bool]:
    """Return what tells whether a product may be shown: sellable, and let through by the Controls that apply."""
    sellable, plan = world.shelf.sellable, request.plan
    if plan is None or not plan.is_selective:
        return sellable
    return plan.allowing(world.shelf.sellable_ids)


def popular_slots(world: World, request: Request, count: int, without: Collection[str]) -> list[Slot]:
    """Return up to ``count`` sellable products, the most bought lately first, then the range by product id."""
    slots: list[Slot] = []
    shelf, board, plan = world.shelf, world.board, request.plan
    may_show = offered(world, request)
    for product_id, score in zip(board.product_ids, board.scores, strict=True):
        if len(slots) == count:
            return slots
        if product_id not in without and may_show(product_id):
            slots.append(Slot(product_id, score, POPULAR_NOW, Source.POPULAR))
    if len(slots) < count:
        shown = {slot.product_id for slot in slots}
        for product_id in shelf.ids() if plan is None or not plan.is_selective else plan.allowed_ids():
            if len(slots) == count:
                break
            if product_id not in without and product_id not in shown and may_show(product_id):
                slots.append(Slot(product_id, 0.0, IN_THE_RANGE, Source.CATALOG))
    return slots


def popular(world: World, request: Request, reason: FallbackReason = FallbackReason.NONE) -> Prediction:
    """Fill a placement with what is popular, and say why if that was not what was asked for."""
    slots = popular_slots(world, request, request.page_size, request.excluded | frozenset(request.product_ids))
    return Prediction(Placement(request.placement), tuple(slots), Source.POPULAR, reason)


def filled_up(world: World, request: Request, prediction: Prediction, without: Collection[str]) -> Prediction:
    """Return the prediction with popular products after its own slots where it has too few."""
    missing = request.page_size - len(prediction.slots)
    if missing <= 0:
        return prediction
    taken = {slot.product_id for slot in prediction.slots}.union(without, request.excluded)
    more = popular_slots(world, request, missing, taken)
    return Prediction(prediction.placement, (*prediction.slots, *more), prediction.source, prediction.fallback_reason)
