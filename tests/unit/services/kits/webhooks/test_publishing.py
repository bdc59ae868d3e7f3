"""From events to deliveries: each once, to who listens, durable before anything is sent."""

import asyncio
from random import Random

import pytest

from services.chassis.eventlog.cursors import DocumentCursors
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.port import Event, GenerationMismatchError, NewEvent
from services.chassis.eventlog.reader import Reader
from services.chassis.metrics import Metrics
from services.kits.webhooks.messages import Message, message
from services.kits.webhooks.publishing import MESSAGES_LIMIT, RETELL_LIMIT, FollowedLog, WebhookFollower
from services.kits.webhooks.targeting import TargetEdit
from services.kits.webhooks.tidying import Keeping
from tests.fakes.clock import START_TIME
from tests.fakes.webhooks import WebhookBench


def event(key: str, type_: str = "promise-slipped", *, synthetic: bool = False) -> Event:
    return Event(
        log="order-events",
        partition=0,
        seq=1,
        key=key,
        type=type_,
        occurred_time=START_TIME,
        recorded_time=START_TIME,
        shop="main",
        channel="web",
        subject="order:main/1",
        payload={},
        synthetic=synthetic,
    )


def new_event(name: str) -> NewEvent:
    return NewEvent(name, "shop", "promise-slipped", START_TIME, "main", "web", f"order:main/{name}", {})


def by_subject(event: Event) -> list[Message]:
    return [message(event.subject.rpartition("/")[2], "order.delayed", event.occurred_time, {})]


def messages_of(event: Event) -> list[Message]:
    if event.type != "promise-slipped":
        return []
    return [message(event.key, "order.delayed", event.occurred_time, {"order": event.subject})]


async def test_publishing_stores_and_sends_nothing_yet(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    assert await bench.publish("e-1") == 1
    (delivery,) = await bench.all_of(target_id)
    assert (delivery.event_key, delivery.tries) == ("e-1", 0)
    assert not bench.receivers.calls


async def test_without_a_target_that_listens_nothing_is_stored(bench: WebhookBench) -> None:
    assert await bench.publish("e-1") == 0
    target_id, _ = await bench.target("alerts.example", "alert.opened")
    disabled_id, _ = await bench.target("disabled.example")
    await bench.targeting.edit(disabled_id, TargetEdit(enabled=False))
    assert await bench.publish("e-2") == 0
    assert await bench.all_of(target_id) == await bench.all_of(disabled_id) == []


async def test_of_a_batch_that_is_repeated_in_part_only_the_rest_is_new(bench: WebhookBench) -> None:
    await bench.target("a.example")
    await bench.target("b.example")
    assert await bench.publish("e-1", "e-3") == 4
    assert await bench.publish("e-0", "e-1", "e-2", "e-3", "e-4") == 6
    assert await bench.publish("e-0", "e-1", "e-2", "e-3", "e-4") == 0


async def test_the_first_body_of_an_event_stays(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    bench.clock.advance(60)
    await bench.publish("e-1")
    (delivery,) = await bench.all_of(target_id)
    assert START_TIME.strftime("%H:%M") in delivery.body


async def test_one_message_past_the_bound_is_a_defect(bench: WebhookBench) -> None:
    await bench.target("a.example")
    messages = [bench.message(f"e-{number}") for number in range(MESSAGES_LIMIT + 1)]
    assert await bench.publisher.publish(messages[:-1]) == MESSAGES_LIMIT
    with pytest.raises(ValueError, match="at most"):
        await bench.publisher.publish(messages)


async def test_a_follower_publishes_what_events_mean_and_may_repeat_itself(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    follower = WebhookFollower("order-webhooks", bench.publisher, messages_of, bench.clock)
    assert follower.name == "order-webhooks"
    events = [event("e-1"), event("e-2", "stage-entered"), event("e-3")]
    for _ in range(2):
        await follower.apply(events)
    assert sorted(each.event_key for each in await bench.all_of(target_id)) == ["e-1", "e-3"]


async def test_load_test_events_leave_no_webhooks(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    follower = WebhookFollower("order-webhooks", bench.publisher, messages_of, bench.clock)
    await follower.apply([event("e-1", synthetic=True)])
    assert await bench.all_of(target_id) == []


async def test_what_was_recorded_too_long_ago_is_not_told_however_it_is_read_again(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    follower = WebhookFollower("order-webhooks", bench.publisher, messages_of, bench.clock)
    bench.clock.advance(RETELL_LIMIT.total_seconds())
    await follower.apply([event("e-1")])
    bench.clock.advance(1)
    await follower.apply([event("e-2")])
    assert [each.event_key for each in await bench.all_of(target_id)] == ["e-1"]


def test_what_may_be_told_again_is_still_known() -> None:
    assert Keeping().delivered > RETELL_LIMIT


async def test_a_log_that_began_anew_is_followed_anew_and_nothing_is_told_twice(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")
    documents, metrics = bench.documents, Metrics((EVENTLOG_METRICS,))
    for generation in range(2):
        log = DocumentsLog(documents, f"order-events-{generation}", 1, bench.clock, Random(1), metrics=metrics)
        await log.open()
        log.name = "order-events"  # the same name, another generation
        await log.append([new_event("a"), new_event("b")])
        follower = WebhookFollower("order-webhooks", bench.publisher, by_subject, bench.clock)
        reader = Reader(log, follower, documents, bench.clock, rng=Random(1), metrics=metrics)
        followed = FollowedLog(reader, DocumentCursors(documents, follower.name))
        if generation:
            with pytest.raises(GenerationMismatchError):
                await followed.run()
        job = asyncio.create_task(FollowedLog(reader, DocumentCursors(documents, follower.name)).run())
        cursors = DocumentCursors(documents, follower.name)
        await cursors.declare()
        async with asyncio.timeout(5):
            while not (await cursors.load("order-events")).seqs:  # noqa: ASYNC110 - kept by the reader
                await asyncio.sleep(0.001)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await log.close()
    assert sorted(each.event_key for each in await bench.all_of(target_id)) == ["a", "b"]


async def test_a_follower_publishes_more_than_one_call_takes(bench: WebhookBench) -> None:
    target_id, _ = await bench.target("a.example")

    def two_of(each: Event) -> list[Message]:
        return [*messages_of(each), bench.message(f"{each.key}/b")]

    follower = WebhookFollower("f", bench.publisher, two_of, bench.clock)
    await follower.apply([event(f"e-{number}") for number in range(MESSAGES_LIMIT // 2 + 1)])
    found, after = await bench.deliveries.of_target(target_id, None, limit=1_000)
    rest, _ = await bench.deliveries.of_target(target_id, None, after=after, limit=1_000)
    assert len(found) + len(rest) == MESSAGES_LIMIT + 2
