"""Taking in mentions: each gets a verdict, what is stored is durable, a bad one harms nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.erasure.suppression import ERASED_MESSAGE, SubjectErasedError, Suppression
from services.chassis.eventlog.port import EventLog, NewEvent, VerdictStatus
from services.reputation.domain.errors import BatchSizeError, MentionRefusedError
from services.reputation.domain.mentions import (
    CHANNEL,
    MAX_BATCH_MENTIONS,
    MENTION_PUBLISHED,
    CheckedMention,
    MentionForm,
    MentionRules,
    check_mention,
    writer_of,
)

STORED, DUPLICATE, REJECTED = "stored", "duplicate", "rejected"


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """An item that could not even be read. ``id`` as far as it was legible."""

    id: str
    error: MentionRefusedError


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """What became of one mention. ``mention_id``: under which it can be read, "" for a rejected one."""

    id: str
    status: str
    mention_id: str = ""
    error: MentionRefusedError | None = None


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


async def write_mentions(
    log: EventLog,
    forms: Sequence[MentionForm | RefusedForm],
    rules: MentionRules,
    writer: Writer,
    *,
    dry_run: bool = False,
    suppression: Suppression | None = None,
) -> BatchVerdict:
    """Check each, append what can be kept in one go, and tell what became of each. Raises BatchSizeError.

    ``dry_run``: nothing is written, and what would be has the verdict of what is.
    """
    if not 1 <= len(forms) <= MAX_BATCH_MENTIONS:
        message = f"a batch has 1 to {MAX_BATCH_MENTIONS} mentions, this one {len(forms)}"
        raise BatchSizeError(message, field="mentions", limit=MAX_BATCH_MENTIONS)
    items: list[ItemVerdict | None] = [None] * len(forms)
    kept: list[NewEvent] = []
    places: list[int] = []
    for place, form in enumerate(forms):
        if isinstance(form, RefusedForm):
            items[place] = ItemVerdict(form.id, REJECTED, error=form.error)
            continue
        try:
            mention = _not_erased(check_mention(form, rules), suppression)
        except MentionRefusedError as error:
            items[place] = ItemVerdict(form.id, REJECTED, error=error)
        else:
            kept.append(_new_event(mention, writer))
            places.append(place)
    if dry_run:
        for place, written in zip(places, kept, strict=True):
            items[place] = ItemVerdict(written.client_event_id, STORED)
    elif kept:
        for place, written, verdict in zip(places, kept, await log.append(kept), strict=True):
            items[place] = _item(written.client_event_id, verdict.status, verdict.key)
    return BatchVerdict(tuple([item for item in items if item is not None]))


def _not_erased(mention: CheckedMention, suppression: Suppression | None) -> CheckedMention:
    """Return the mention; raises MentionRefusedError for one by a person who was erased."""
    if suppression is not None and suppression.is_erased(mention.subject):
        suppression.count("mentions")
        raise MentionRefusedError(SubjectErasedError.reason, ERASED_MESSAGE, field="author")
    return mention


def _new_event(mention: CheckedMention, writer: Writer) -> NewEvent:
    return NewEvent(
        client_event_id=mention.id,
        owner=writer_of(writer.owner, mention.source),
        type=MENTION_PUBLISHED,
        occurred_time=mention.published,
        shop=mention.shop,
        channel=CHANNEL,
        subject=mention.subject,
        payload=mention.payload,
        trace=writer.trace,
        synthetic=writer.synthetic,
    )


def _item(mention_id: str, status: VerdictStatus, key: str) -> ItemVerdict:
    if status is VerdictStatus.REUSED:
        message = "this id came with another mention of the source before"
        return ItemVerdict(mention_id, REJECTED, error=MentionRefusedError("MENTION_ID_REUSED", message, field="id"))
    return ItemVerdict(mention_id, STORED if status is VerdictStatus.STORED else DUPLICATE, key)
