"""Taking in user events: each gets a verdict, what is stored is durable, a bad one harms nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.canonical import canonical_json
from services.chassis.erasure.suppression import ERASED_MESSAGE, SubjectErasedError, Suppression
from services.chassis.eventlog.port import EventLog, NewEvent, VerdictStatus
from services.kits.event_forms import EventRefusedError
from services.knowledge.domain.errors import BatchSizeError
from services.knowledge.domain.user_events import (
    MAX_BATCH_EVENTS,
    CheckedEvent,
    IntakeRules,
    UserEventForm,
    check_event,
)

MAX_EVENT_BYTES = 900_000  # below what the log keeps, so that one long order never fails the batch
_WEIGHED_PRODUCTS = 400  # an event with fewer cannot be that large

STORED, DUPLICATE, REJECTED = "stored", "duplicate", "rejected"


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """An item that could not even be read. ``id`` as far as it was legible."""

    id: str
    error: EventRefusedError


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """What became of one event."""

    id: str
    status: str
    error: EventRefusedError | None = None


@dataclass(frozen=True, slots=True)
class BatchVerdict:
    """What became of a batch, in its order."""

    items: tuple[ItemVerdict, ...]

    def count(self, status: str) -> int:
        """Return how many have the status."""
        return sum(1 for item in self.items if item.status == status)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the stable id of the key, whether all of it is a load test's, and the request's trace."""

    owner: str
    synthetic: bool = False
    trace: str = ""


async def write_user_events(
    log: EventLog,
    forms: Sequence[UserEventForm | RefusedForm],
    rules: IntakeRules,
    writer: Writer,
    *,
    suppression: Suppression | None = None,
) -> BatchVerdict:
    """Check each, append what can be kept in one go, and tell what became of each. Raises BatchSizeError."""
    if not 1 <= len(forms) <= MAX_BATCH_EVENTS:
        raise BatchSizeError(
            f"a batch has 1 to {MAX_BATCH_EVENTS} events, this one {len(forms)}", field="events", limit=MAX_BATCH_EVENTS
        )
    items: list[ItemVerdict | None] = [None] * len(forms)
    kept: list[NewEvent] = []
    places: list[int] = []
    for place, form in enumerate(forms):
        if isinstance(form, RefusedForm):
            items[place] = ItemVerdict(form.id, REJECTED, form.error)
            continue
        try:
            event = check_event(form, rules)
            check_weight(event)
            check_not_erased(event, suppression)
        except EventRefusedError as error:
            items[place] = ItemVerdict(form.id, REJECTED, error)
        else:
            kept.append(_new_event(event, writer))
            places.append(place)
    if kept:
        for place, written, verdict in zip(places, kept, await log.append(kept), strict=True):
            items[place] = _item(written.client_event_id, verdict.status)
    return BatchVerdict(tuple([item for item in items if item is not None]))


def check_weight(event: CheckedEvent) -> None:
    """Raise EventRefusedError for an event that the log would not take."""
    products = event.payload.get("products", ())
    if len(products) > _WEIGHED_PRODUCTS and len(canonical_json(event.payload)) > MAX_EVENT_BYTES:
        raise EventRefusedError("EVENT_TOO_LARGE", f"an event takes at most {MAX_EVENT_BYTES} bytes", field="products")


def check_not_erased(event: CheckedEvent, suppression: Suppression | None) -> None:
    """Raise EventRefusedError for an event of a person who was erased."""
    if suppression is not None and suppression.any_erased((event.subject, *event.payload["identifiers"])):
        suppression.count("user-events")
        raise EventRefusedError(SubjectErasedError.reason, ERASED_MESSAGE, field="identifiers")


def _new_event(event: CheckedEvent, writer: Writer) -> NewEvent:
    return NewEvent(
        client_event_id=event.id,
        owner=writer.owner,
        type=event.type,
        occurred_time=event.time,
        shop=event.shop,
        channel=event.channel,
        subject=event.subject,
        payload=event.payload,
        trace=writer.trace,
        synthetic=writer.synthetic,
    )


def _item(event_id: str, status: VerdictStatus) -> ItemVerdict:
    if status is VerdictStatus.REUSED:
        error = EventRefusedError("EVENT_ID_REUSED", "this id came with another event before", field="id")
        return ItemVerdict(event_id, REJECTED, error)
    return ItemVerdict(event_id, STORED if status is VerdictStatus.STORED else DUPLICATE)
