"""Composes webhooks for a service's main.py: what it opens, serves, runs beside requests, and closes.

In the service's ``build``::

    webhooks = Webhooks(runtime, event_types=("order.delayed", "order.delivered"))
    await webhooks.open()
    told = webhooks.follow("order-webhooks", runtime.source("order-events", "orders"), webhooks_of_event)
    return Service(
        servicers=[..., webhooks.served],
        jobs=[..., *webhooks.jobs, Job("order-webhooks", told.run)],
        close=[..., webhooks.close],
        readers=lambda: (..., told.reader),
    )

where ``webhooks_of_event`` turns an Event into Messages (``messages.message(event.key, "order.delayed", …)``), and the
service's settings subclass WebhookSettings. What does not come from a log is published by ``webhooks.publisher``.
"""

import secrets
from collections.abc import Callable, Collection
from typing import Any

import httpx

from services.chassis.eventlog.cursors import DocumentCursors
from services.chassis.eventlog.port import EventSource
from services.chassis.eventlog.reader import Reader
from services.chassis.jobs import Job, JobKind
from services.chassis.server import Runtime
from services.kits.outbound.allowed_hosts import allowed_hosts
from services.kits.outbound.guard import OutboundGuard
from services.kits.outbound.transport import GuardedTransport
from services.kits.webhooks.delivery_store import DeliveryStore
from services.kits.webhooks.dispatching import Dispatcher
from services.kits.webhooks.inbound import InboundWebhooks
from services.kits.webhooks.lanes import LANE_WIDTH, LaneParts
from services.kits.webhooks.messages import EVENT_TYPE
from services.kits.webhooks.metrics import WEBHOOK_METRICS
from services.kits.webhooks.publishing import FollowedLog, Messages, Publisher, WebhookFollower
from services.kits.webhooks.sending import Sender
from services.kits.webhooks.servicer import webhook_servicer
from services.kits.webhooks.settings import WebhookSettings
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targeting import Targeting
from services.kits.webhooks.targets import TARGETS_LIMIT
from services.kits.webhooks.tidying import MEASURE_INTERVAL_S, TIDY_INTERVAL_S, Tidying


class Webhooks:
    """The webhooks of one service. ``event_types``: all that it sends. ``transport``: None calls the real world."""

    def __init__(
        self,
        runtime: Runtime[Any],
        *,
        event_types: Collection[str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        settings: WebhookSettings = runtime.settings
        malformed = [each for each in event_types if not EVENT_TYPE.fullmatch(each)]
        if malformed:
            raise ValueError(f"event types are words joined by points, not {malformed}")
        runtime.metrics.declare(WEBHOOK_METRICS)
        self._runtime = runtime
        metrics, clock = runtime.metrics, runtime.clock
        guard = OutboundGuard(allowed_hosts(settings.webhook_allowed_hosts))
        # As many connections as calls there can be, so that no target waits for another's.
        connections = TARGETS_LIMIT * LANE_WIDTH
        self._sender = Sender(transport or GuardedTransport(guard, connections_limit=connections), clock)
        self._targets, self._deliveries = TargetStore(runtime.documents), DeliveryStore(runtime.documents)
        parts = LaneParts(
            targets=self._targets,
            deliveries=self._deliveries,
            sender=self._sender,
            clock=clock,
            chance=runtime.chance,
            claimer=runtime.instance,
            metrics=metrics,
        )
        self.dispatcher = Dispatcher(parts, exclusive=settings.embedded)
        self.publisher = Publisher(
            self._targets, self._deliveries, clock, metrics=metrics, announce=self.dispatcher.announce
        )
        self.targeting = Targeting(
            self._targets,
            self._deliveries,
            self.publisher,
            guard,
            clock=clock,
            event_types=event_types,
            random_bytes=secrets.token_bytes,
            announce=self.dispatcher.announce,
        )
        self.inbound = InboundWebhooks(runtime.documents, clock, metrics=metrics)
        self._tidying = Tidying(self._targets, self._deliveries, clock, metrics=metrics)

    async def open(self) -> None:
        """Create the collections; before anything else."""
        await self._targets.declare()
        await self._deliveries.declare()
        await self.inbound.declare()

    @property
    def served(self) -> tuple[Callable[..., None], object]:
        """What answers the operator's routes, for Service.servicers."""
        return webhook_servicer(self.targeting, self._runtime.clock)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What runs beside requests, for Service.jobs: one delivering replica, one that tidies, all that measure."""
        return (
            Job("webhook-deliveries", self.dispatcher.run),
            Job("webhook-tidying", self._tidy, every_s=TIDY_INTERVAL_S),
            Job("webhook-measuring", self._tidying.measure, JobKind.PER_REPLICA, every_s=MEASURE_INTERVAL_S),
        )

    def follow(self, name: str, source: EventSource, messages: Messages) -> FollowedLog:
        """Return what tells of a log: its ``run`` is a job. ``messages``: what an event is told as, maybe nothing."""
        runtime = self._runtime
        follower = WebhookFollower(name, self.publisher, messages, runtime.clock)
        reader = Reader(source, follower, runtime.documents, runtime.clock, rng=runtime.chance, metrics=runtime.metrics)
        return FollowedLog(reader, DocumentCursors(runtime.documents, name))

    async def close(self) -> None:
        """Let go of every connection, for Service.close."""
        await self._sender.close()

    async def _tidy(self) -> None:
        await self._tidying.tidy()
        await self.inbound.tidy()
