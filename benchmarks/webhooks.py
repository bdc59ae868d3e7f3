"""What webhooks keep, out and in: ``python -m benchmarks.webhooks --json``.

Inbound calls that were tampered with, are stale or come again; deliveries through an outage of 6 hours on a simulated
clock; a process that is killed with a call in the receiver's hands; and how many deliveries a second go to receivers on
this machine, everything durable on SQLite before and after each call.

The last line of ``--json`` is {tampered_refused, stale_refused, replayed_refused, true_taken, outage_published,
delivered_after_outage, outage_duplicates, outage_tries, delivered_within_min, kill: {kills, sent, calls,
received_unique, lost, ids_changed, unverified}, deliveries_per_s, cpu_us_per_delivery}. Exit 1 when anything was lost.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx
from standardwebhooks import Webhook

from benchmarks.webhooks_kills import KillResult, measure_kills
from services.chassis.clock import Clock, SystemClock
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.errors import ZhikeError
from services.chassis.metrics import Metrics
from services.kits.outbound.allowed_hosts import allowed_hosts
from services.kits.outbound.guard import OutboundGuard
from services.kits.outbound.transport import GuardedTransport
from services.kits.webhooks.deliveries import DeliveryState
from services.kits.webhooks.delivery_store import DeliveryStore
from services.kits.webhooks.dispatching import Dispatcher
from services.kits.webhooks.inbound import InboundWebhooks
from services.kits.webhooks.lanes import LaneParts
from services.kits.webhooks.messages import message
from services.kits.webhooks.metrics import WEBHOOK_METRICS
from services.kits.webhooks.publishing import Publisher
from services.kits.webhooks.sending import Sender
from services.kits.webhooks.signing import TOLERANCE
from services.kits.webhooks.signing_secrets import SigningSecret, new_secret
from services.kits.webhooks.target_store import TargetStore
from services.kits.webhooks.targets import DisableCause, Target, TargetState

SEED = 20_260_301
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
INBOUND_CALLS = 500
OUTAGE = timedelta(hours=6)
OUTAGE_EVENTS = 600
STEP_S = 10.0
KILLS, KILL_EVENTS = 12, 400
RATE_TARGETS, RATE_EVENTS = 4, 1_000  # each event goes to each target
EVENT_TYPE = "order.delayed"


class SimulatedClock:
    """Keeps services.chassis.clock.Clock; time passes when ``advance`` says so."""

    def __init__(self) -> None:
        self._now, self._monotonic = START, 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class OutageTransport(httpx.AsyncBaseTransport):
    """A receiver that takes no connection until ``is_up``; it remembers the ids that it took."""

    def __init__(self) -> None:
        self.is_up, self.tries, self.ids = False, 0, list[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tries += 1
        if not self.is_up:
            raise httpx.ConnectError("the receiver is down")
        self.ids.append(request.headers["webhook-id"])
        return httpx.Response(204, stream=httpx.ByteStream(b""))


class Outbox:
    """The parts that deliver, on one store."""

    def __init__(self, documents: DocumentStore, clock: Clock, transport: httpx.AsyncBaseTransport) -> None:
        metrics = Metrics((WEBHOOK_METRICS,))
        self.clock, self.targets, self.deliveries = clock, TargetStore(documents), DeliveryStore(documents)
        self.sender = Sender(transport, clock)
        parts = LaneParts(
            self.targets, self.deliveries, self.sender, clock, Random(SEED), claimer="benchmark", metrics=metrics
        )
        self.dispatcher = Dispatcher(parts, exclusive=True)
        self.publisher = Publisher(
            self.targets, self.deliveries, clock, metrics=metrics, announce=self.dispatcher.announce
        )

    async def open(self, *urls: str) -> None:
        await self.targets.declare()
        await self.deliveries.declare()
        now, chance = self.clock.now(), Random(SEED)
        for number, url in enumerate(urls):
            secrets = (SigningSecret(new_secret(chance.randbytes), now),)
            target = Target(f"wht_{number}", url, (), "", TargetState.ENABLED, DisableCause.NONE, secrets, now, now)
            await self.targets.insert(target)

    async def publish(self, first: int, count: int) -> int:
        now = self.clock.now()
        numbers = range(first, first + count)
        return await self.publisher.publish(
            [message(f"e-{each}", EVENT_TYPE, now, {"order": each}) for each in numbers]
        )


async def measure_inbound() -> dict[str, int]:
    """Send true calls, and each of them again with a byte changed, six minutes late, and unchanged."""
    clock, metrics, chance = SimulatedClock(), Metrics((WEBHOOK_METRICS,)), Random(SEED)
    inbound = InboundWebhooks(MemoryDocuments(), clock, metrics=metrics)
    await inbound.declare()
    old, new = new_secret(chance.randbytes), new_secret(chance.randbytes)
    counts = dict.fromkeys(("true_taken", "tampered_refused", "stale_refused", "replayed_refused"), 0)

    async def reason_of(headers: dict[str, str], body: bytes) -> str:
        try:
            async with inbound.admitted("carrier", [new, old], headers, body) as call:
                return "WEBHOOK_DUPLICATE" if call.duplicate else "taken"
        except ZhikeError as error:
            return error.reason

    for number in range(INBOUND_CALLS):
        body = json.dumps({"number": number, "noise": chance.random()}).encode()
        headers = _signed_by_the_reference(f"m-{number}", body, chance.choice((old, new)), clock.now())
        late = _signed_by_the_reference(f"late-{number}", body, new, clock.now() - TOLERANCE - timedelta(seconds=1))
        changed = bytearray(body)
        changed[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        counts["tampered_refused"] += await reason_of(headers, bytes(changed)) == "WEBHOOK_TAMPERED"
        counts["stale_refused"] += await reason_of(late, body) == "WEBHOOK_STALE"
        counts["true_taken"] += await reason_of(headers, body) == "taken"
        counts["replayed_refused"] += await reason_of(headers, body) == "WEBHOOK_REPLAYED"
        clock.advance(1)
    return counts


def _signed_by_the_reference(message_id: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body.decode()),
    }


async def measure_outage() -> dict[str, float]:
    """Publish all through an outage of six hours, then let the receiver come back."""
    clock, transport = SimulatedClock(), OutageTransport()
    outbox = Outbox(MemoryDocuments(), clock, transport)
    await outbox.open("https://receiver.example/hook")
    steps, published = int(OUTAGE.total_seconds() / STEP_S), 0
    for step in range(steps):
        due = (step + 1) * OUTAGE_EVENTS // steps - published
        published += await outbox.publish(published, due) if due else 0
        await _pass(outbox, clock)
    tries, transport.is_up, waited_s = transport.tries, True, 0.0
    while await outbox.deliveries.count(DeliveryState.DELIVERED) < published and waited_s < 4 * 86_400:
        await _pass(outbox, clock)
        waited_s += STEP_S
    return {
        "outage_published": published,
        "delivered_after_outage": len(set(transport.ids)),
        "outage_duplicates": len(transport.ids) - len(set(transport.ids)),
        "outage_tries": tries,
        "delivered_within_min": round(waited_s / 60, 1),
    }


async def _pass(outbox: Outbox, clock: SimulatedClock) -> None:
    clock.advance(STEP_S)
    await outbox.dispatcher.look()
    await outbox.dispatcher.settle()


async def measure_rate(folder: Path) -> dict[str, float]:
    """Deliver to receivers in a process of their own, from a store that flushes every commit to the disk."""
    with _receiver_process() as port:
        guard = OutboundGuard(allowed_hosts([f"127.0.0.1:{port}"]))
        documents = SqliteDocuments.open(folder / "documents.sqlite")
        outbox = Outbox(documents, SystemClock(), GuardedTransport(guard))
        await outbox.open(*(f"http://127.0.0.1:{port}/{number}" for number in range(RATE_TARGETS)))
        wanted = await outbox.publish(0, RATE_EVENTS)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        await outbox.dispatcher.look()
        await outbox.dispatcher.settle()
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        assert await outbox.deliveries.count(DeliveryState.DELIVERED) == wanted
        await outbox.sender.close()
        await documents.close()
    return {"deliveries_per_s": round(wanted / took_s), "cpu_us_per_delivery": round(cpu_s / wanted * 1_000_000)}


@contextmanager
def _receiver_process() -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.webhook_receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def is_whole(result: dict[str, object], kill: KillResult) -> bool:
    """Tell whether nothing was lost, doubled in name, or let through."""
    refused = [result[name] for name in ("true_taken", "tampered_refused", "stale_refused", "replayed_refused")]
    return (
        refused == [INBOUND_CALLS] * 4
        and result["delivered_after_outage"] == result["outage_published"]
        and kill.lost == kill.ids_changed == kill.unverified == 0
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--events", type=int, default=KILL_EVENTS, help="published while the sender is killed")
    arguments = parser.parse_args()
    result: dict[str, object] = dict(asyncio.run(measure_inbound()))
    result |= asyncio.run(measure_outage())
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        killing = measure_kills(Path(folder), kills=arguments.kills, events=arguments.events, seed=SEED)
        kill = asyncio.run(killing)
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        rate = asyncio.run(measure_rate(Path(folder)))
    result |= {"kill": asdict(kill), **rate}
    for name, value in result.items():
        print(f"{name:<24} {value}")
    if arguments.json:
        print(json.dumps(result))
    return 0 if is_whole(result, kill) else 1


if __name__ == "__main__":
    sys.exit(main())
