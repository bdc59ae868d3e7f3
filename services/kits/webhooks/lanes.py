"""One lane for each target: a few calls at a time, in order, and a rest while the target does not answer.

Lanes know nothing of one another, so a slow target delays its own deliveries alone. First tries of a target begin in
the order of publishing, at most LANE_WIDTH at once; a try that failed comes back when its wait is over, behind what was
due before. After DOWN_AFTER failures in a row that tell of the target and not of a message, the lane rests, then sends
a single delivery to see: what waits meanwhile keeps its tries. When the target answers again, what failed during that
outage is due at once.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import ZhikeError
from services.chassis.logs import get_log
from services.chassis.metrics import Metrics
from services.kits.webhooks.deliveries import ENDED, OF_THE_TARGET, Delivery, DeliveryState, Outcome
from services.kits.webhooks.delivery_store import DeliveryStore
from services.kits.webhooks.errors import TargetNotFoundError
from services.kits.webhooks.sending import Answer, Sender
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targets import DisableCause, Target

LANE_WIDTH: Final = 4  # calls of one target at once
PICKED_LIMIT: Final = 8  # deliveries that are read ahead; a disabled target may still get those
DOWN_AFTER: Final = 3  # failures in a row
REST_FIRST_S: Final = 5.0
REST_LIMIT_S: Final = 300.0
FORWARD_PAGE: Final = 100  # deliveries brought forward at once
DRAIN_S: Final = 3.0  # that calls under way get when the process stops, so that a restart doubles few

log = get_log("webhooks")


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What every lane works with. ``claimer`` names this process; new with every start."""

    targets: TargetStore
    deliveries: DeliveryStore
    sender: Sender
    clock: Clock
    chance: Random
    claimer: str
    metrics: Metrics


class Lane:
    """The deliveries of one target. ``wake`` when something may be due; ``idle`` returns when nothing is under way."""

    def __init__(self, target_id: str, parts: LaneParts) -> None:
        self._target_id, self._parts = target_id, parts
        self._picked: deque[Delivery] = deque()
        self._target: Target | None = None
        self._picking = asyncio.Lock()
        self._workers: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._failures = 0  # in a row
        self._down_since: datetime | None = None
        self._resume_s = 0.0  # monotonic
        self._edited: datetime | None = None
        self._is_stopping = False
        metrics = parts.metrics
        self._attempts = metrics.counter("zhike_webhook_attempts_total")
        self._seconds = metrics.histogram("zhike_webhook_attempt_seconds")
        self._ended = metrics.counter("zhike_webhook_ended_total")

    @property
    def is_resting(self) -> bool:
        """Whether the target is left alone at present."""
        return self._parts.clock.monotonic() < self._resume_s

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._workers

    def renew(self, target: Target) -> None:
        """Take note of the target as it is stored: after an edit, a rest ends at once."""
        if self._edited not in (None, target.update_time):
            self._resume_s = 0.0
            self._picked.clear()
        self._edited = target.update_time

    def wake(self) -> None:
        """Look for what is due, beside what is under way already."""
        if len(self._workers) < LANE_WIDTH and self._may_begin:
            self._workers.add(asyncio.create_task(self._work(), name=f"webhooks {self._target_id}"))

    async def idle(self) -> None:
        """Return when nothing is under way and nothing more is due. Raises what went wrong."""
        while self._workers:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
            self.reap()

    def reap(self) -> None:
        """Take away the workers that ended; raise what one ended with."""
        ended = {worker for worker in self._workers if worker.done()}
        self._workers -= ended
        for worker in ended:
            worker.result()

    async def stop(self) -> None:
        """Begin nothing more and let what is under way end; what does not is cut: who comes next takes its claim up."""
        self._is_stopping = True
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=DRAIN_S)
            for worker in late:
                worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers.clear()

    @property
    def _may_begin(self) -> bool:
        width = LANE_WIDTH if self._failures < DOWN_AFTER else 1
        return self._under_way < width and not self.is_resting and not self._is_stopping

    async def _work(self) -> None:
        """Deliver one after the other until nothing is due."""
        while (taken := await self._take()) is not None:
            target, delivery = taken
            self.wake()  # where one was due there may be more
            try:
                answer = await self._parts.sender.send(target, delivery)
            finally:
                self._under_way -= 1
            await self._record(delivery, answer)
            await self._note(answer)

    async def _take(self) -> tuple[Target, Delivery] | None:
        """Return the next delivery, claimed for this process; None when nothing is due or nothing may begin."""
        parts = self._parts
        while self._may_begin:
            async with self._picking:
                if not self._picked:
                    await self._pick()
            if not self._picked or self._target is None:
                return None
            target, wanted = self._target, self._picked.popleft()
            self._under_way += 1
            try:
                claimed = await parts.deliveries.save(wanted.claimed(parts.claimer, parts.clock.now()))
            except ZhikeError:
                self._under_way -= 1
                raise
            if claimed is not None:
                return target, claimed
            self._under_way -= 1
        return None

    async def _pick(self) -> None:
        parts = self._parts
        target = await parts.targets.find(self._target_id)
        self._target = target if target is not None and target.is_enabled else None
        if self._target is not None:
            self._picked.extend(await parts.deliveries.due(self._target_id, parts.clock.now(), PICKED_LIMIT))

    async def _record(self, delivery: Delivery, answer: Answer) -> None:
        """Save how the try went. Where another took the claim over, only a success is still worth telling."""
        parts, attempt = self._parts, answer.attempt
        self._attempts.labels(attempt.outcome.value).inc()
        self._seconds.observe(attempt.duration_ms / 1_000)
        current: Delivery | None = delivery
        while current is not None:
            ended = current.after(attempt, parts.clock.now(), parts.chance, retry_after=answer.retry_after)
            if await parts.deliveries.save(ended) is not None:
                self._tell(ended)
                return
            current = await parts.deliveries.get(delivery.id)
            if attempt.outcome is not Outcome.DELIVERED or (current is not None and current.state in ENDED):
                return

    def _tell(self, delivery: Delivery) -> None:
        if delivery.state in ENDED:
            self._ended.labels(delivery.state.value).inc()
        if delivery.state is DeliveryState.DEAD:
            log.warning(
                "webhook given up",
                target=self._target_id,
                delivery=delivery.id,
                tries=delivery.tries,
                outcome=delivery.attempts[-1].outcome.value,
            )

    async def _note(self, answer: Answer) -> None:
        """Learn from the try how the target is."""
        parts, outcome = self._parts, answer.attempt.outcome
        if outcome is Outcome.GONE:
            now = parts.clock.now()
            with contextlib.suppress(TargetNotFoundError):  # deleted meanwhile
                await parts.targets.change(self._target_id, lambda known: known.disabled(DisableCause.GONE, now))
            log.warning("webhook target says that it is gone, disabled", target=self._target_id)
            self._picked.clear()
        elif outcome in OF_THE_TARGET:
            self._note_failure(answer)
        else:
            await self._note_answer()

    def _note_failure(self, answer: Answer) -> None:
        self._failures += 1
        if self._down_since is None:
            self._down_since = answer.attempt.start_time
        rest_s = answer.retry_after.total_seconds()
        if self._failures >= DOWN_AFTER:
            doubled_s = REST_FIRST_S * 2.0 ** min(self._failures - DOWN_AFTER, 16)
            rest_s = max(rest_s, min(REST_LIMIT_S, doubled_s) * self._parts.chance.uniform(0.8, 1.2))
            if self._failures == DOWN_AFTER:
                log.warning(
                    "webhook target does not answer", target=self._target_id, outcome=answer.attempt.outcome.value
                )
        if rest_s:
            self._resume_s = max(self._resume_s, self._parts.clock.monotonic() + rest_s)
            self._picked.clear()  # stale by the time that the rest is over

    async def _note_answer(self) -> None:
        was_down, since = self._failures >= DOWN_AFTER, self._down_since
        self._failures, self._down_since, self._resume_s = 0, None, 0.0
        if was_down and since is not None:
            forward = await self._bring_forward(since)
            log.info("webhook target answers again", target=self._target_id, brought_forward=forward)

    async def _bring_forward(self, since: datetime) -> int:
        """Make due now what failed since then for the target's sake; return how many."""
        parts, brought, after = self._parts, 0, None
        while True:
            page, after = await parts.deliveries.waiting(self._target_id, after=after, limit=FORWARD_PAGE)
            now = parts.clock.now()
            late = [each for each in page if each.time > now and _failed_since(each, since)]
            saved = await asyncio.gather(*(parts.deliveries.save(each.brought_forward(now)) for each in late))
            brought += sum(each is not None for each in saved)
            if after is None:
                return brought


def _failed_since(delivery: Delivery, since: datetime) -> bool:
    last = delivery.attempts[-1] if delivery.attempts else None
    return last is not None and last.start_time >= since and last.outcome in OF_THE_TARGET
