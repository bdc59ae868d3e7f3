"""What the copies hold of a person, as an export tells it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from services.chassis.erasure.subjects import Subject
from services.recommendation.domain.interactions import Kind
from services.recommendation.store.world import World

ROWS_LIMIT: Final = 20_000  # the latest


async def exported_interactions(world: World, subject: Subject) -> Mapping[str, Any]:
    """Return what recommendations for the person are made from; empty where there is nothing."""
    ledger = world.ledger
    history = ledger.history(ledger.actor_places(subject.identifiers))
    rows = [
        {
            "product": ledger.item_ids[item],
            "time": datetime.fromtimestamp(time_s, UTC).isoformat(),
            "act": Kind(kind).name.lower(),
            "quantity": quantity,
        }
        for item, time_s, kind, quantity in zip(
            history.item[-ROWS_LIMIT:].tolist(),
            history.time_s[-ROWS_LIMIT:].tolist(),
            history.kind[-ROWS_LIMIT:].tolist(),
            history.quantity[-ROWS_LIMIT:].tolist(),
            strict=True,
        )
    ]
    return {"interactions": rows} if rows else {}
