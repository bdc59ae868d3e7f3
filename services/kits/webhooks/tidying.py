"""What keeps deliveries bounded: those that waited too long, those that ended long ago, targets with too many.

And what shows how they stand: each replica looks for itself, so that none goes on showing what it saw before another
took the jobs over.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics
from services.kits.webhooks.deliveries import ENDED, DeliveryState
from services.kits.webhooks.delivery_store import DeliveryStore
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targets import DisableCause, TargetState

TIDY_INTERVAL_S: Final = 30.0
MEASURE_INTERVAL_S: Final = 10.0
OVERDUE_LIMIT: Final = timedelta(days=4)  # a little longer than all tries take
BACKLOG_LIMIT: Final = 100_000  # deliveries that wait for one target
PAGE: Final = 200
PASS_LIMIT: Final = 20_000  # documents that one pass deletes or gives up; the next goes on

log = get_log("webhooks")


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long ended deliveries can be looked up and replayed."""

    delivered: timedelta = timedelta(days=5)  # longer than an event may be told again (publishing.RETELL_LIMIT)
    dead: timedelta = timedelta(days=30)
    cancelled: timedelta = timedelta(days=1)

    def of(self, state: DeliveryState) -> timedelta:
        """Return the time for a state."""
        return {
            DeliveryState.DELIVERED: self.delivered,
            DeliveryState.DEAD: self.dead,
            DeliveryState.CANCELLED: self.cancelled,
        }[state]


class Tidying:
    """Passes of two jobs; each may be cut anywhere and done by two at once."""

    def __init__(
        self,
        targets: TargetStore,
        deliveries: DeliveryStore,
        clock: Clock,
        *,
        metrics: Metrics,
        keeping: Keeping | None = None,
        backlog_limit: int = BACKLOG_LIMIT,
    ) -> None:
        self._targets, self._deliveries, self._clock = targets, deliveries, clock
        self._keeping, self._backlog_limit = keeping or Keeping(), backlog_limit
        self._ended = metrics.counter("zhike_webhook_ended_total")
        self._waiting = metrics.gauge("zhike_webhook_waiting_deliveries")
        self._late = metrics.gauge("zhike_webhook_late_seconds")
        self._targets_by_state = metrics.gauge("zhike_webhook_targets")

    async def tidy(self) -> None:
        """Do a pass."""
        now = self._clock.now()
        await self._give_up_overdue(now)
        for state in ENDED:
            await self._delete_ended(state, now - self._keeping.of(state))
        await self._disable_the_overfull(now)

    async def measure(self) -> None:
        """Show how targets and deliveries stand."""
        now, late_s = self._clock.now(), 0.0
        enabled = await self._targets.of_state(TargetState.ENABLED)
        for target in enabled:
            for first in await self._deliveries.due(target.id, now, 1):
                late_s = max(late_s, (now - first.time).total_seconds())
        disabled = await self._targets.of_state(TargetState.DISABLED)
        self._late.set(late_s)
        self._waiting.set(await self._deliveries.count(DeliveryState.WAITING))
        self._targets_by_state.labels("enabled").set(len(enabled))
        self._targets_by_state.labels("disabled").set(len(disabled))

    async def _give_up_overdue(self, now: datetime) -> None:
        """What could not even be tried for longer than all tries take is dead: its target rests, or is disabled."""
        given_up = 0
        while given_up < PASS_LIMIT:
            overdue = await self._deliveries.of_state(DeliveryState.WAITING, until=now - OVERDUE_LIMIT, limit=PAGE)
            if not overdue:
                break
            saved = await asyncio.gather(*(self._deliveries.save(each.dead(now)) for each in overdue))
            given_up += len(overdue)
            self._ended.labels(DeliveryState.DEAD.value).inc(sum(each is not None for each in saved))
        if given_up:
            log.warning("webhooks given up: due for too long", deliveries=given_up)

    async def _delete_ended(self, state: DeliveryState, until: datetime) -> None:
        deleted = 0
        while deleted < PASS_LIMIT:
            ended = await self._deliveries.of_state(state, until=until, limit=PAGE)
            if not ended:
                return
            await asyncio.gather(*(self._deliveries.delete(each) for each in ended))
            deleted += len(ended)

    async def _disable_the_overfull(self, now: datetime) -> None:
        for target in await self._targets.of_state(TargetState.ENABLED):
            waiting = await self._deliveries.count(DeliveryState.WAITING, target.id)
            if waiting > self._backlog_limit:
                await self._targets.change(target.id, lambda known: known.disabled(DisableCause.BACKLOG, now))
                log.error("webhook target disabled: too much waits for it", target=target.id, waiting=waiting)
