"""Kills a process that delivers webhooks while a call of it is in the receiver's hands, again and again.

In the end every event must have arrived, each under one id however often it came, and every call must verify with the
reference library of Standard Webhooks.
"""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random

import orjson
from standardwebhooks import Webhook, WebhookVerificationError
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from benchmarks.webhook_receiver import WebhookReceiver
from benchmarks.webhooks_process import LOG, OWNER, SERVICE, SHOP
from infra.local.plan import free_ports
from services.chassis.clients import Clients, declare_method
from services.chassis.eventlog.record import event_key
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings
from services.kits.webhooks.messages import delivery_id

START_LIMIT_S, DRAIN_LIMIT_S = 60.0, 180.0
KILL_AFTER_S = (0.0, 0.2)  # since a call came into the receiver's hands
CALL_TIMEOUT_MS = 30_000
REQUEST_ID = "the target of the benchmark"

CREATE = declare_method(
    SERVICE, pb, "WebhookService/CreateTarget", pb.CreateTargetRequest, pb.TargetSecret, idempotent=True
)


@dataclass(frozen=True)
class KillResult:
    """``sent``: events published; ``calls``: calls that arrived; ``ids_changed``: events that came under two ids."""

    kills: int
    sent: int
    calls: int
    received_unique: int
    lost: int
    ids_changed: int
    unverified: int


class Sender:
    """The process that is killed."""

    def __init__(self, folder: Path, events: int, receiver_port: int) -> None:
        self._folder, self._events = folder, events
        self.port = free_ports(1)[0]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
        self._env = kept | {
            "ZHIKE_DATA": str(folder),
            "ZHIKE_PORT": str(self.port),
            "ZHIKE_LOG_FORMAT": "json",
            "ZHIKE_WEBHOOK_ALLOWED_HOSTS": f"127.0.0.1:{receiver_port}",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self._folder / "sender.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "benchmarks.webhooks_process",
                str(self._events),
                env=self._env,
                stdout=output,
                stderr=output,
            )

    async def end(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            raise RuntimeError(f"the sender ended by itself; see {self._folder / 'sender.log'}")
        self._process.send_signal(number)
        await self._process.wait()


async def measure_kills(folder: Path, *, kills: int, events: int, seed: int) -> KillResult:
    """Kill ``kills`` times with a call in hand, then let everything arrive."""
    receiver, chance = WebhookReceiver(), Random(seed)
    await receiver.start()
    sender = Sender(folder, events, receiver.port)
    await sender.start()
    target_id, secret = await _create_target(sender, receiver)
    for _ in range(kills):
        receiver.in_hand.clear()
        receiver.hold = True
        async with asyncio.timeout(START_LIMIT_S):
            await receiver.in_hand.wait()
        await asyncio.sleep(chance.uniform(*KILL_AFTER_S))
        await sender.end(signal.SIGKILL)
        receiver.hold = False
        await sender.start()
    expected = {
        str(number): delivery_id(target_id, event_key(LOG, SHOP, OWNER, f"e-{number}")) for number in range(events)
    }
    try:
        async with asyncio.timeout(DRAIN_LIMIT_S):
            while len({call.id for call in receiver.calls}) < events:  # noqa: ASYNC110 - the calls come from outside
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass  # what did not arrive is counted
    await sender.end(signal.SIGTERM)
    await receiver.stop()
    return _result(receiver, expected, secret, kills)


async def _create_target(sender: Sender, receiver: WebhookReceiver) -> tuple[str, str]:
    settings = ChassisSettings(orders_address=f"127.0.0.1:{sender.port}")
    clients = Clients(settings, Metrics())
    request = pb.CreateTargetRequest(url=receiver.url, owner="benchmark", request_id=REQUEST_ID)
    try:
        made = await clients.call(CREATE, request, timeout_ms=CALL_TIMEOUT_MS)
    finally:
        await clients.close()
    return made.target.id, made.secret


def _result(receiver: WebhookReceiver, expected: dict[str, str], secret: str, kills: int) -> KillResult:
    ids: dict[str, set[str]] = defaultdict(set)
    for call in receiver.calls:
        ids[orjson.loads(call.body)["data"]["number"]].add(call.id)
    return KillResult(
        kills=kills,
        sent=len(expected),
        calls=len(receiver.calls),
        received_unique=len({call.id for call in receiver.calls}),
        lost=sum(number not in ids for number in expected),
        ids_changed=sum(found != {expected[number]} for number, found in ids.items()),
        unverified=sum(not _is_verified(call.headers, call.body, secret) for call in receiver.calls),
    )


def _is_verified(headers: dict[str, str], body: bytes, secret: str) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True
