"""The smallest service that tells others of its events: ``python -m benchmarks.webhooks_process EVENTS``.

A real process of the chassis: server, store, log, reader, and the webhooks kit as orders and reputation compose it.
Once it has a target it appends EVENTS events under ids that every start repeats, so a start after a kill adds none.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import APPEND_LIMIT, Event, NewEvent
from services.chassis.jobs import Job
from services.chassis.server import Runtime, Service, run_service
from services.kits.webhooks.messages import Message, message
from services.kits.webhooks.settings import WebhookSettings
from services.kits.webhooks.webhooks import Webhooks

SERVICE, LOG, OWNER, SHOP = "orders", "order-events", "benchmark", "main"
EVENT_TYPE = "order.delayed"
BATCH = 50
LOOK_S = 0.02


def new_event(number: int) -> NewEvent:
    return NewEvent(
        client_event_id=f"e-{number}",
        owner=OWNER,
        type="delay-notified",
        occurred_time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        shop=SHOP,
        channel="web",
        subject=f"order:{SHOP}/{number}",
        payload={"order": {"shop": SHOP, "number": str(number)}},
    )


def messages_of(event: Event) -> list[Message]:
    return [message(event.key, EVENT_TYPE, event.occurred_time, event.payload["order"])]


async def append_all(log: DocumentsLog, webhooks: Webhooks, count: int) -> None:
    """Append once somebody listens: who comes later is not told of what was before."""
    while not await webhooks.targeting.list():  # noqa: ASYNC110 - made by another process, over the wire
        await asyncio.sleep(LOOK_S)
    for start in range(0, count, BATCH):
        await log.append([new_event(number) for number in range(start, min(start + BATCH, count))])


async def build(runtime: Runtime[WebhookSettings]) -> Service:
    """Compose it; the few lines that a service needs for webhooks are these."""
    assert BATCH <= APPEND_LIMIT
    log = runtime.event_log(LOG)
    webhooks = Webhooks(runtime, event_types=(EVENT_TYPE,))
    await webhooks.open()
    told = webhooks.follow("order-webhooks", runtime.source(LOG, SERVICE), messages_of)
    return Service(
        servicers=[webhooks.served],
        jobs=[
            *webhooks.jobs,
            Job("order-webhooks", told.run),
            Job("append", lambda: append_all(log, webhooks, int(sys.argv[1]))),
        ],
        close=[webhooks.close],
        readers=lambda: (told.reader,),
    )


if __name__ == "__main__":
    run_service(SERVICE, WebhookSettings, build)
