"""Inbound calls: tampered, stale, replayed and unsigned ones are refused by name; each true one is processed once."""

from datetime import timedelta
from random import Random

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.metrics import Metrics
from services.kits.webhooks.errors import (
    WebhookReplayedError,
    WebhookStaleError,
    WebhookTamperedError,
    WebhookUnsignedError,
)
from services.kits.webhooks.inbound import KEPT, RECEIVED, REPLAYABLE, InboundWebhooks
from services.kits.webhooks.metrics import WEBHOOK_METRICS
from services.kits.webhooks.signing import signed_headers
from services.kits.webhooks.signing_secrets import new_secret
from tests.fakes.clock import ManualClock

OLD, NEW = new_secret(Random(1).randbytes), new_secret(Random(2).randbytes)
BODY = b'{"status":"in transit"}'


class Door:
    """One door for inbound calls, and what came through it."""

    def __init__(self, **settings: int) -> None:
        self.clock, self.documents, self.metrics = ManualClock(), MemoryDocuments(), Metrics((WEBHOOK_METRICS,))
        self.inbound = InboundWebhooks(self.documents, self.clock, metrics=self.metrics, **settings)
        self.processed: list[str] = []

    def call(self, message_id: str = "m-1", secret: str = OLD) -> dict[str, str]:
        return signed_headers(message_id, BODY, [secret], self.clock.now())

    async def take(
        self, headers: dict[str, str], *, source: str = "sf", body: bytes = BODY, fails: bool = False
    ) -> bool:
        """Process a call; return whether it was a duplicate."""
        async with self.inbound.admitted(source, [NEW, OLD], headers, body) as call:
            if fails:
                raise RuntimeError("the store is away")
            if not call.duplicate:
                self.processed.append(call.id)
        return call.duplicate

    def count(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("zhike_webhook_received_total", {"result": result}) or 0


@pytest.fixture
async def door() -> Door:
    opened = Door()
    await opened.inbound.declare()
    return opened


async def test_a_call_under_either_live_secret_is_processed(door: Door) -> None:
    assert not await door.take(door.call("m-1", OLD))
    assert not await door.take(door.call("m-2", NEW))
    assert door.processed == ["m-1", "m-2"]
    assert door.count("taken") == 2


async def test_tampered_stale_and_unsigned_calls_are_refused_by_name_and_processed_not_at_all(door: Door) -> None:
    call = door.call()
    with pytest.raises(WebhookTamperedError):
        await door.take(call, body=BODY + b" ")
    with pytest.raises(WebhookUnsignedError):
        await door.take({})
    door.clock.advance(301)
    with pytest.raises(WebhookStaleError):
        await door.take(call)
    assert not door.processed
    assert [door.count(each) for each in ("tampered", "unsigned", "stale", "taken")] == [1, 1, 1, 0]


async def test_the_very_same_call_again_is_a_replay(door: Door) -> None:
    call = door.call()
    await door.take(call)
    for _ in range(2):
        with pytest.raises(WebhookReplayedError):
            await door.take(call)
    assert door.processed == ["m-1"]
    assert door.count("replayed") == 2


async def test_the_senders_own_repeat_is_a_duplicate_that_succeeds(door: Door) -> None:
    """Our answer was lost, so the sender signs the same id anew; were it refused, it would repeat for days."""
    await door.take(door.call())
    door.clock.advance(60)
    repeat = door.call()
    assert await door.take(repeat)
    assert door.processed == ["m-1"]
    with pytest.raises(WebhookReplayedError):
        await door.take(repeat)


async def test_a_call_whose_processing_failed_may_come_again(door: Door) -> None:
    call = door.call()
    with pytest.raises(RuntimeError):
        await door.take(call, fails=True)
    assert not await door.take(call)
    assert door.processed == ["m-1"]


async def test_sources_do_not_share_ids(door: Door) -> None:
    call = door.call()
    await door.take(call, source="sf")
    assert not await door.take(call, source="jd")


async def test_two_equal_calls_at_once_both_pass_and_leave_one_id(door: Door) -> None:
    call = door.call()
    admitted = door.inbound.admitted
    async with admitted("sf", [OLD], call, BODY) as first, admitted("sf", [OLD], call, BODY) as second:
        assert not first.duplicate
        assert not second.duplicate
    assert await door.documents.count(RECEIVED) == 1


async def test_a_replay_is_known_for_as_long_as_it_would_not_be_stale(door: Door) -> None:
    ahead = signed_headers("m-1", BODY, [OLD], door.clock.now() + timedelta(minutes=5))
    await door.take(ahead)
    door.clock.advance(REPLAYABLE.total_seconds())
    await door.inbound.tidy()
    with pytest.raises(WebhookReplayedError):
        await door.take(ahead)


async def test_ids_are_let_go_after_their_time(door: Door) -> None:
    await door.take(door.call("m-1"))
    door.clock.advance(KEPT.total_seconds() - 1)
    await door.inbound.tidy()
    assert await door.documents.count(RECEIVED) == 1
    door.clock.advance(2)
    await door.inbound.tidy()
    assert await door.documents.count(RECEIVED) == 0


async def test_of_one_id_past_the_bound_the_oldest_goes_but_none_that_could_be_replayed() -> None:
    door = Door(kept_limit=3)
    await door.inbound.declare()
    for number in range(4):
        await door.take(door.call(f"m-{number}"))
        door.clock.advance(1)
    await door.inbound.tidy()
    assert await door.documents.count(RECEIVED) == 4
    door.clock.advance(REPLAYABLE.total_seconds())
    await door.inbound.tidy()
    assert await door.documents.count(RECEIVED) == 3
    door.clock.advance(60)
    assert not await door.take(door.call("m-0"))  # forgotten, and long past replaying
    assert await door.take(door.call("m-1"))
