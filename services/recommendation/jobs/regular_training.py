"""Trains anew when the model in the list has grown old."""

import asyncio
from datetime import timedelta

from services.chassis.clock import Clock
from services.chassis.operations import Operations
from services.recommendation.domain.model import EngineName
from services.recommendation.store.models import ModelStore
from services.recommendation.store.world import World

TRAIN_CHECK_INTERVAL_S = 600.0


class RegularTraining:
    """Starts a training when the newest version is older than ``every`` and something was bought since."""

    def __init__(
        self, models: ModelStore, operations: Operations, world: World, clock: Clock, *, every: timedelta, kind: str
    ) -> None:
        self._models, self._operations, self._world, self._clock = models, operations, world, clock
        self._every, self._kind = every, kind

    async def run(self) -> None:
        """Look at intervals, the first time after one: a start has better things to do."""
        while True:
            await asyncio.sleep(TRAIN_CHECK_INTERVAL_S)
            await self.train_if_due()

    async def train_if_due(self) -> bool:
        """Start a training if one is due; the request id makes several replicas start the same one."""
        if not self._world.ledger.purchases:
            return False
        newest, _ = await self._models.newest(after=None, limit=1)
        now = self._clock.now()
        if newest and (now - newest[0].create_time < self._every or not self._bought_after(newest[0].anchor_s)):
            return False
        arguments = {"engine": EngineName.RAY.value, "sweep": False, "dry_run": False}
        after = newest[0].version if newest else "first"
        await self._operations.start(self._kind, arguments, request_id=f"regular-after-{after}-{now:%Y%m%d%H}")
        return True

    def _bought_after(self, anchor_s: int) -> bool:
        last_s = self._world.ledger.snapshot().last_purchase_s()
        return last_s is not None and last_s > anchor_s
