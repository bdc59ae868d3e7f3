"""Webhooks on fakes: receivers in memory, a clock that is moved by hand, and all parts of the kit wired on a store."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

import httpx

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentStore
from services.chassis.metrics import Metrics
from services.kits.outbound.allowed_hosts import allowed_hosts
from services.kits.outbound.guard import OutboundGuard
from services.kits.webhooks.deliveries import Delivery
from services.kits.webhooks.delivery_store import DeliveryStore
from services.kits.webhooks.dispatching import Dispatcher
from services.kits.webhooks.lanes import LaneParts
from services.kits.webhooks.messages import Message, message
from services.kits.webhooks.metrics import WEBHOOK_METRICS
from services.kits.webhooks.publishing import Publisher
from services.kits.webhooks.sending import Sender
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targeting import Targeting
from services.kits.webhooks.tidying import Keeping, Tidying
from tests.fakes.clock import ManualClock

EVENT_TYPES = ("order.delayed", "order.delivered", "alert.opened")
PUBLIC_ADDRESS = "93.184.216.34"

Respond = Callable[[httpx.Request], Awaitable[httpx.Response]]


@dataclass
class Call:
    """One call as it reached a receiver."""

    host: str
    headers: Mapping[str, str]
    body: bytes
    time: datetime

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receivers(httpx.AsyncBaseTransport):
    """Every receiver of the world. ``answer[host]``: a status, an exception, or a coroutine function; else 204."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.calls: list[Call] = []
        self.answer: dict[str, int | Exception | httpx.Response | Respond] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append(Call(request.url.host, headers, body, self._clock.now()))
        answer = self.answer.get(request.url.host, 204)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            answer = httpx.Response(answer)
        response = answer if isinstance(answer, httpx.Response) else await answer(request)
        if not response.is_stream_consumed:
            return response
        # As from the network: not read yet.
        stream = httpx.ByteStream(response.content)
        return httpx.Response(response.status_code, headers=response.headers, stream=stream)

    def ids(self, host: str) -> list[str]:
        """Return the ids that a receiver was called with, in order."""
        return [call.id for call in self.calls if call.host == host]


async def resolve_publicly(host: str, port: int) -> Sequence[str]:
    return [PUBLIC_ADDRESS]


@dataclass
class WebhookBench:
    """Everything of the kit on one store. ``replica()`` makes a second process of it."""

    clock: ManualClock
    documents: DocumentStore
    receivers: Receivers
    claimer: str = "first"
    exclusive: bool = False
    seed: int = 7
    backlog_limit: int = 100_000
    keeping: Keeping = field(default_factory=Keeping)
    transport: httpx.AsyncBaseTransport | None = None  # None: the receivers above
    guard: OutboundGuard = field(
        default_factory=lambda: OutboundGuard(allowed_hosts(["inner.example:8443"]), resolve_publicly)
    )

    def __post_init__(self) -> None:
        self.metrics = Metrics((WEBHOOK_METRICS,))
        self.targets, self.deliveries = TargetStore(self.documents), DeliveryStore(self.documents)
        self.sender = Sender(self.transport or self.receivers, self.clock)
        chance = Random(self.seed)
        self.parts = LaneParts(
            self.targets, self.deliveries, self.sender, self.clock, chance, self.claimer, self.metrics
        )
        self.dispatcher = Dispatcher(self.parts, exclusive=self.exclusive)
        self.publisher = Publisher(
            self.targets, self.deliveries, self.clock, metrics=self.metrics, announce=self.dispatcher.announce
        )
        self.targeting = Targeting(
            self.targets,
            self.deliveries,
            self.publisher,
            self.guard,
            clock=self.clock,
            event_types=EVENT_TYPES,
            random_bytes=chance.randbytes,
            announce=self.dispatcher.announce,
        )
        self.tidying = Tidying(
            self.targets,
            self.deliveries,
            self.clock,
            metrics=self.metrics,
            keeping=self.keeping,
            backlog_limit=self.backlog_limit,
        )

    async def open(self) -> "WebhookBench":
        await self.targets.declare()
        await self.deliveries.declare()
        return self

    def replica(
        self, claimer: str, *, exclusive: bool = False, documents: DocumentStore | None = None
    ) -> "WebhookBench":
        """Return another process on the same store, or on a view of it."""
        return WebhookBench(
            self.clock, documents or self.documents, self.receivers, claimer, exclusive, seed=self.seed + 1
        )

    async def target(self, host: str, *event_types: str) -> tuple[str, str]:
        """Make a target; return its id and secret."""
        target, secret = await self.targeting.create(
            f"https://{host}/hook", event_types, owner="tests", request_id=f"create {host} {event_types}"
        )
        return target.id, secret

    async def publish(self, *keys: str, event_type: str = "order.delayed") -> int:
        return await self.publisher.publish([self.message(key, event_type) for key in keys])

    def message(self, key: str, event_type: str = "order.delayed") -> Message:
        return message(key, event_type, self.clock.now(), {"order": key})

    async def pass_time(self, seconds: float, *, step_s: float = 30.0) -> None:
        """Let time pass in steps, delivering what is due at each."""
        while seconds > 0:
            self.clock.advance(min(step_s, seconds))
            seconds -= step_s
            await self.deliver()

    async def deliver(self) -> None:
        """Deliver what is due now."""
        await self.dispatcher.look()
        await self.dispatcher.settle()

    async def all_of(self, target_id: str) -> list[Delivery]:
        found, after = await self.deliveries.of_target(target_id, None, limit=1_000)
        assert after is None
        return list(found)

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def open_bench(documents: DocumentStore | None = None, **settings: object) -> WebhookBench:
    clock = ManualClock()
    bench = WebhookBench(clock, documents or MemoryDocuments(), Receivers(clock), **settings)  # type: ignore[arg-type]
    return await bench.open()
