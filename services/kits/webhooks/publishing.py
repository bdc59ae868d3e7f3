"""From an event to its deliveries: one for each enabled target that listens, stored before anything is sent.

The id of a delivery follows from target and event key, so publishing an event again (a reader that repeats, a second
replica) adds nothing. Deliveries are numbered as they are published, which orders those of one moment.
"""

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from services.chassis.clock import Clock
from services.chassis.eventlog.cursors import DocumentCursors
from services.chassis.eventlog.port import Event, GenerationMismatchError
from services.chassis.eventlog.reader import Reader
from services.chassis.metrics import Metrics
from services.kits.webhooks.deliveries import Delivery, new_delivery
from services.kits.webhooks.delivery_store import DeliveryStore
from services.kits.webhooks.messages import Message
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targets import Target, TargetState

MESSAGES_LIMIT: Final = 1_000  # in one call
RETELL_LIMIT: Final = timedelta(days=4)  # below the time that delivered ones are kept: what is read again is known

Messages = Callable[[Event], Sequence[Message]]


class Publisher:
    """Begins deliveries. ``announce`` is called after something new was stored."""

    def __init__(
        self,
        targets: TargetStore,
        deliveries: DeliveryStore,
        clock: Clock,
        *,
        metrics: Metrics,
        announce: Callable[[], None],
    ) -> None:
        self._targets, self._deliveries, self._clock = targets, deliveries, clock
        self._announce = announce
        self._published = metrics.counter("zhike_webhook_published_total")
        self._order = itertools.count()

    async def publish(self, messages: Sequence[Message]) -> int:
        """Store a delivery for each message and enabled target that listens; return how many were new.

        Durable when it returns, at any number of calls with the same messages. At most MESSAGES_LIMIT.
        """
        if len(messages) > MESSAGES_LIMIT:
            raise ValueError(f"{len(messages)} messages; at most {MESSAGES_LIMIT} are published at once")
        targets = await self._targets.of_state(TargetState.ENABLED) if messages else ()
        return await self._store(
            [(each, target) for each in messages for target in targets if target.wants(each.event_type)]
        )

    async def publish_to(self, target: Target, message: Message) -> int:
        """Store the delivery of a message to one target, whatever it listens to; return whether it was new."""
        return await self._store([(message, target)])

    async def _store(self, wanted: Sequence[tuple[Message, Target]]) -> int:
        if not wanted:
            return 0
        stored = await self._deliveries.insert([self._delivery(message, target) for message, target in wanted])
        if stored:
            self._published.inc(stored)
            self._announce()
        return stored

    def _delivery(self, message: Message, target: Target) -> Delivery:
        return new_delivery(message, target.id, self._clock.now(), next(self._order))


class WebhookFollower:
    """Keeps services.chassis.eventlog.applier.Projection: publishes what ``messages`` makes of each event of a log.

    Load-test events leave no webhooks: what listens outside is real. Neither does what was recorded RETELL_LIMIT ago,
    however it comes to be read again (a restored store, a log that began anew): it was told, or is no news any more.
    """

    def __init__(self, name: str, publisher: Publisher, messages: Messages, clock: Clock) -> None:
        self.name = name
        self._publisher, self._messages, self._clock = publisher, messages, clock

    async def apply(self, events: Sequence[Event]) -> None:
        oldest = self._clock.now() - RETELL_LIMIT
        news = [event for event in events if not event.synthetic and event.recorded_time >= oldest]
        found = [message for event in news for message in self._messages(event)]
        for start in range(0, len(found), MESSAGES_LIMIT):
            await self._publisher.publish(found[start : start + MESSAGES_LIMIT])


class FollowedLog:
    """A log and the reader that tells of it. ``reader`` is for Service.readers."""

    def __init__(self, reader: Reader, cursors: DocumentCursors) -> None:
        self.reader, self._cursors = reader, cursors

    async def run(self) -> None:
        """Follow the log until cancelled; where it began anew, so does the reader, and tells nothing twice."""
        try:
            await self.reader.run()
        except GenerationMismatchError:
            await self._cursors.declare()
            await self._cursors.forget(self.reader.log_name)
            raise
