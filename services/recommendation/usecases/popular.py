"""What everybody is shown who cannot, or must not, be shown something of their own."""

from collections.abc import Collection

from services.recommendation.domain.prediction import FallbackReason, Placement, Prediction, Request, Slot, Source
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.store.world import World

POPULAR_NOW = Reason(ReasonCode.POPULAR_NOW)
IN_THE_RANGE = Reason(ReasonCode.IN_THE_RANGE)


def popular_slots(world: World, count: int, without: Collection[str]) -> list[Slot]:
    """Return up to ``count`` sellable products, the most bought lately first, then the range by product id."""
    slots: list[Slot] = []
    shelf, board = world.shelf, world.board
    for product_id, score in zip(board.product_ids, board.scores, strict=True):
        if len(slots) == count:
            return slots
        if product_id not in without and shelf.sellable(product_id):
            slots.append(Slot(product_id, score, POPULAR_NOW, Source.POPULAR))
    if len(slots) < count:
        shown = {slot.product_id for slot in slots}
        for product_id in shelf.ids():
            if len(slots) == count:
                break
            if product_id not in without and product_id not in shown and shelf.sellable(product_id):
                slots.append(Slot(product_id, 0.0, IN_THE_RANGE, Source.CATALOG))
    return slots


def popular(world: World, request: Request, reason: FallbackReason = FallbackReason.NONE) -> Prediction:
    """Fill a placement with what is popular, and say why if that was not what was asked for."""
    slots = popular_slots(world, request.page_size, request.excluded | frozenset(request.product_ids))
    return Prediction(Placement(request.placement), tuple(slots), Source.POPULAR, reason)


def filled_up(world: World, request: Request, prediction: Prediction, without: Collection[str]) -> Prediction:
    """Return the prediction with popular products after its own slots where it has too few."""
    missing = request.page_size - len(prediction.slots)
    if missing <= 0:
        return prediction
    taken = {slot.product_id for slot in prediction.slots}.union(without, request.excluded)
    more = popular_slots(world, missing, taken)
    return Prediction(prediction.placement, (*prediction.slots, *more), prediction.source, prediction.fallback_reason)
