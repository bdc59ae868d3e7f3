"""The delivery job: takes up what a dead process left, and keeps a lane for each target that has something due.

It runs under a lease, which spares replicas the work; two at once change nothing in the result, for every claim is a
compare and set and every call carries its delivery's id (docs/consistency.md rules 1, 5 and 8).
"""

import asyncio
from typing import Final

from services.chassis.logs import get_log
from services.kits.webhooks.deliveries import Delivery, DeliveryState
from services.kits.webhooks.lanes import Lane, LaneParts
from services.kits.webhooks.targets import Target, TargetState

LOOK_INTERVAL_S: Final = 0.5  # how soon another replica's publishing is seen; this process's own announces itself
TAKE_OVER_PAGE: Final = 100

log = get_log("webhooks")


class Dispatcher:
    """Delivers what is due. ``exclusive``: this process holds its store's lock, so every other claimer is dead."""

    def __init__(self, parts: LaneParts, *, exclusive: bool = False) -> None:
        self._parts, self._exclusive = parts, exclusive
        self._lanes: dict[str, Lane] = {}
        self._announced = asyncio.Event()
        self._interrupted = parts.metrics.counter("zhike_webhook_attempts_total").labels("interrupted")
        self._resting = parts.metrics.gauge("zhike_webhook_targets").labels("resting")
        self._dead = parts.metrics.counter("zhike_webhook_ended_total").labels("dead")

    def announce(self) -> None:
        """Say that something was published, so that ``run`` looks at once."""
        self._announced.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            await self.take_over()
            while True:
                self._announced.clear()
                await self.look()
                try:
                    async with asyncio.timeout(LOOK_INTERVAL_S):
                        await self._announced.wait()
                except TimeoutError:
                    continue
        finally:
            await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
            self._lanes.clear()
            self._resting.set(0)

    async def take_over(self) -> None:
        """Make due again what dead processes, or this one before a crash of this job, had claimed."""
        while True:
            claimed = await self._parts.deliveries.of_state(DeliveryState.SENDING, until=None, limit=TAKE_OVER_PAGE)
            orphans = [each for each in claimed if self._exclusive or each.claimed_by == self._parts.claimer]
            await asyncio.gather(*(self._free(each) for each in orphans))
            if len(orphans) < TAKE_OVER_PAGE:
                return

    async def look(self) -> None:
        """Set to work every lane that has something due. Raises what a lane's work ended with."""
        parts, now = self._parts, self._parts.clock.now()
        for lane in self._lanes.values():
            lane.reap()
        self._resting.set(sum(lane.is_resting for lane in self._lanes.values()))
        lapsed = await parts.deliveries.of_state(DeliveryState.SENDING, until=now, limit=TAKE_OVER_PAGE)
        await asyncio.gather(*(self._free(each) for each in lapsed))
        if not await parts.deliveries.of_state(DeliveryState.WAITING, until=now, limit=1):
            return
        targets = await parts.targets.of_state(TargetState.ENABLED)
        self._let_go(targets)
        for target in targets:
            if target.id not in self._lanes:
                self._lanes[target.id] = Lane(target.id, parts)
            self._lanes[target.id].renew(target)
            self._lanes[target.id].wake()

    async def settle(self) -> None:
        """Return when nothing is under way and nothing more is due now."""
        for lane in list(self._lanes.values()):
            await lane.idle()

    async def _free(self, delivery: Delivery) -> None:
        freed = await self._parts.deliveries.save(delivery.interrupted(self._parts.clock.now()))
        if freed is not None:
            self._interrupted.inc()
        if freed is not None and freed.state is DeliveryState.DEAD:
            self._dead.inc()
            log.error("webhook given up: each process that sent it died", delivery=delivery.id)

    def _let_go(self, targets: tuple[Target, ...]) -> None:
        """Forget the lanes of targets that take nothing any more, once they are empty."""
        enabled = {target.id for target in targets}
        for target_id in [each for each, lane in self._lanes.items() if each not in enabled and lane.is_idle]:
            del self._lanes[target_id]
