"""One try: what is sent, what its answer means, and that no answer can hold it up or fill it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from standardwebhooks import Webhook

from services.kits.outbound.guard import AddressRefusedError, HostUnknownError
from services.kits.webhooks import sending
from services.kits.webhooks.deliveries import RESPONSE_LIMIT, Outcome
from services.kits.webhooks.sending import READ_LIMIT_BYTES, outcome_of
from tests.fakes.webhooks import WebhookBench


class Drops(httpx.AsyncByteStream):
    """A body that comes in pieces, for ever; ``sent`` counts its bytes."""

    def __init__(self, piece: bytes, *, pause_s: float = 0.0) -> None:
        self.sent, self.closed, self._piece, self._pause_s = 0, False, piece, pause_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(self._pause_s)
            self.sent += len(self._piece)
            yield self._piece

    async def aclose(self) -> None:
        self.closed = True


async def outcome_with(bench: WebhookBench, answer: object) -> tuple[Outcome, int, str]:
    bench.receivers.answer["a.example"] = answer  # type: ignore[assignment]
    target_id, _ = await bench.target("a.example")
    await bench.publish("e-1")
    await bench.deliver()
    (delivery,) = await bench.all_of(target_id)
    return delivery.attempts[0].outcome, delivery.attempts[0].status, delivery.attempts[0].response


async def test_a_call_is_signed_json_that_its_receiver_can_verify(bench: WebhookBench) -> None:
    _, secret = await bench.target("a.example")
    await bench.publish("e-1")
    await bench.deliver()
    (call,) = bench.receivers.calls
    assert call.headers["content-type"] == "application/json"
    assert call.headers["accept-encoding"] == "identity"
    assert call.headers["user-agent"].startswith("Zhike-Webhooks/")
    signature = Webhook(secret).sign(call.id, bench.clock.now(), call.body.decode())
    assert call.headers["webhook-signature"] == signature
    assert call.headers["webhook-timestamp"] == str(int(bench.clock.now().timestamp()))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (299, Outcome.DELIVERED),
        (301, Outcome.REFUSED),
        (302, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (410, Outcome.GONE),
        (429, Outcome.THROTTLED),
        (500, Outcome.BROKEN),
        (502, Outcome.BROKEN),
        (503, Outcome.BROKEN),
        (504, Outcome.BROKEN),
    ],
)
def test_a_status_means_what_the_specification_says(status: int, outcome: Outcome) -> None:
    assert outcome_of(status, asked_to_wait=False) is outcome


def test_unavailable_with_a_time_to_come_back_is_throttling() -> None:
    assert outcome_of(503, asked_to_wait=True) is Outcome.THROTTLED


async def test_a_redirect_is_not_followed(bench: WebhookBench) -> None:
    answer = httpx.Response(302, headers={"location": "https://b.example/"}, content=b"moved")
    assert await outcome_with(bench, answer) == (Outcome.REFUSED, 302, "moved")
    assert [call.host for call in bench.receivers.calls] == ["a.example"]


@pytest.mark.parametrize(
    ("error", "outcome", "words"),
    [
        (httpx.ConnectTimeout("10.0.0.1"), Outcome.TIMEOUT, "ConnectTimeout"),
        (httpx.ReadTimeout("slow"), Outcome.TIMEOUT, "ReadTimeout"),
        (httpx.ConnectError("10.0.0.1 refused"), Outcome.UNREACHABLE, "ConnectError"),
        (httpx.RemoteProtocolError("no http"), Outcome.UNREACHABLE, "RemoteProtocolError"),
        (OSError("network is down"), Outcome.UNREACHABLE, "OSError"),
        (HostUnknownError("a.example cannot be resolved"), Outcome.UNREACHABLE, "HOST_UNKNOWN"),
        (AddressRefusedError("inner"), Outcome.BLOCKED, "ADDRESS_REFUSED"),
    ],
)
async def test_without_an_answer_the_kind_of_failure_is_kept_and_no_address(
    bench: WebhookBench, error: Exception, outcome: Outcome, words: str
) -> None:
    assert await outcome_with(bench, error) == (outcome, 0, words)


async def test_a_receiver_that_never_answers_is_given_up_in_time(
    bench: WebhookBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "CALL_TIMEOUT_S", 0.01)

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert await outcome_with(bench, never) == (Outcome.TIMEOUT, 0, "TimeoutError")


async def test_a_success_whose_body_never_ends_is_a_success(
    bench: WebhookBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BODY_TIMEOUT_S", 0.05)
    slow = Drops(b"ok ", pause_s=0.02)

    async def drip(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=slow)

    outcome, status, response = await outcome_with(bench, drip)
    assert (outcome, status) == (Outcome.DELIVERED, 200)
    assert set(response) <= set("ok ")
    assert slow.closed


async def test_an_answer_is_read_to_its_bound_and_kept_to_a_smaller_one(bench: WebhookBench) -> None:
    flood = Drops("知".encode() * 1_000)

    async def flooded(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, stream=flood)

    _, _, response = await outcome_with(bench, flooded)
    assert response == "知" * RESPONSE_LIMIT
    assert READ_LIMIT_BYTES < flood.sent <= READ_LIMIT_BYTES + 3_000
    assert flood.closed


async def test_one_character_past_the_bound_is_cut(bench: WebhookBench) -> None:
    answer = httpx.Response(200, content=b"x" * (RESPONSE_LIMIT + 1))
    assert await outcome_with(bench, answer) == (Outcome.DELIVERED, 200, "x" * RESPONSE_LIMIT)


async def test_a_cookie_is_not_kept(bench: WebhookBench) -> None:
    await bench.target("a.example")
    bench.receivers.answer["a.example"] = httpx.Response(200, headers={"set-cookie": "session=1"})
    await bench.publish("e-1", "e-2")
    await bench.deliver()
    assert [call.headers.get("cookie") for call in bench.receivers.calls] == [None, None]
