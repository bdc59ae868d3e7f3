"""What an order of an imported file says of one that is known: the same, or a correction of it.

A shop's books are told again and again, mended in between. The file that was imported last holds: a placing with other
content corrects all that stand. What was corrected is void for good (events.py), so content that comes back is told
anew, under a name of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.kits.purchases import ORDER_PLACED
from services.orders.domain.events import OrderEvent, in_order, uncorrected
from services.orders.domain.payloads import fact_of
from services.orders.domain.reports import MAX_CORRECTED, MAX_ID_CHARACTERS


def placing_to_tell(
    payload: Mapping[str, Any], occurred_us: int, known: Sequence[OrderEvent], *, again: str
) -> Mapping[str, Any] | None:
    """Return the payload of the ``order-placed`` to append, None where what stands says the same.

    ``again`` names a telling of content that was corrected away before; the same for a run that is done again.
    """
    placed = [fact for fact in uncorrected(in_order(known)) if fact.type == ORDER_PLACED]
    new = fact_of(ORDER_PLACED, payload, occurred_us=occurred_us)
    if [(fact.occurred_us, fact.details) for fact in placed] == [(new.occurred_us, new.details)]:
        return None
    told = dict(payload)
    if placed:
        told["corrects"] = [{"id": fact.source_event_id, "source": fact.source} for fact in placed[-MAX_CORRECTED:]]
    if any(fact.id == new.id for fact in known):
        told["source_event_id"] = f"{payload['source_event_id']}@{again}"[-MAX_ID_CHARACTERS:]
    return told
