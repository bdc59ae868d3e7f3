"""Real processes and sockets of this machine: a receiver, and a delivering process that is killed in mid-delivery."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from benchmarks.webhook_receiver import WebhookReceiver
from benchmarks.webhooks_kills import measure_kills
from services.kits.outbound.allowed_hosts import allowed_hosts
from services.kits.outbound.guard import AddressRefusedError, OutboundGuard, UrlSchemeError
from services.kits.outbound.transport import GuardedTransport
from services.kits.webhooks.deliveries import Outcome
from services.kits.webhooks.sending import Sender
from tests.fakes.webhooks import WebhookBench, open_bench


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    started = WebhookReceiver()
    await started.start()
    yield started
    await started.stop()


async def bench_calling(receiver: WebhookReceiver) -> WebhookBench:
    """Return a kit that may call the receiver, over real sockets."""
    guard = OutboundGuard(allowed_hosts([f"127.0.0.1:{receiver.port}"]))
    return await open_bench(transport=GuardedTransport(guard), guard=guard)


async def test_a_real_receiver_verifies_what_it_gets(receiver: WebhookReceiver) -> None:
    bench = await bench_calling(receiver)
    target, secret = await bench.targeting.create(receiver.url, [], owner="", request_id="r")
    await bench.publish(*(f"e-{number}" for number in range(20)))
    await bench.deliver()
    await bench.sender.close()
    assert len({call.id for call in receiver.calls}) == len(receiver.calls) == 20
    for call in receiver.calls:
        assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
        signature = Webhook(secret).sign(call.id, bench.clock.now(), call.body.decode())
        assert call.headers["webhook-signature"] == signature
    assert {each.state.value for each in await bench.all_of(target.id)} == {"delivered"}


async def test_the_machines_own_ports_are_out_of_reach_without_the_operators_leave(receiver: WebhookReceiver) -> None:
    bench = await bench_calling(receiver)
    target, _ = await bench.targeting.create(receiver.url, [], owner="", request_id="r")
    guard = OutboundGuard(allowed_hosts(()))
    for url, error in (
        (receiver.url, UrlSchemeError),
        (receiver.url.replace("http://", "https://"), AddressRefusedError),
        (f"https://localhost:{receiver.port}/", AddressRefusedError),
    ):
        with pytest.raises(error):
            await guard.check(url)
        async with httpx.AsyncClient(transport=GuardedTransport(guard)) as client:
            with pytest.raises(error):
                await client.post(url, content=b"{}")
    # The list may be shortened after a target was made: then its calls are blocked, and none reaches the port.
    blocked = Sender(GuardedTransport(guard), bench.clock)
    await bench.publish("e-1")
    (delivery,) = await bench.all_of(target.id)
    answer = await blocked.send(await bench.targets.get(target.id), delivery)
    assert (answer.attempt.outcome, answer.attempt.response) == (Outcome.BLOCKED, "URL_SCHEME_REFUSED")
    assert not receiver.calls
    await blocked.close()
    await bench.sender.close()


async def test_a_port_where_nobody_listens_is_unreachable(receiver: WebhookReceiver) -> None:
    bench = await bench_calling(receiver)
    target, _ = await bench.targeting.create(receiver.url, [], owner="", request_id="r")
    await receiver.stop()
    await bench.publish("e-1")
    await bench.deliver()
    await bench.sender.close()
    (delivery,) = await bench.all_of(target.id)
    assert delivery.attempts[0].outcome is Outcome.UNREACHABLE


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_process_killed_in_mid_delivery_loses_nothing_and_changes_no_id(tmp_path: Path) -> None:
    result = await measure_kills(tmp_path, kills=3, events=120, seed=5)
    assert (result.kills, result.lost, result.ids_changed, result.unverified) == (3, 0, 0, 0)
    assert result.received_unique == result.sent == 120
    assert result.calls > result.sent, "what was in the receiver's hands at a kill came again"
