"""Calls that share a stream behave as unary ones do, one by one and many at once."""

import asyncio
from io import StringIO
from pathlib import Path
from random import Random

import grpc
import orjson
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from zhike.chassis.v1 import call_stream_service_pb2 as pb

from services.chassis.callstream import client as client_end
from services.chassis.callstream import servicer as serving_end
from services.chassis.callstream.client import Asked, CallFailedError, CallStream
from services.chassis.clients import Clients
from services.chassis.errors import ErrorKind
from services.chassis.logs import CallContext, bind_call
from services.chassis.metrics import Metrics
from services.chassis.server import Runtime, Service, running
from services.chassis.settings import ChassisSettings
from services.chassis.status import RemoteError
from tests.contract.chassis.conftest import Echo, settings_in
from tests.contract.chassis.test_calls import TEXT, sample
from tests.fakes.echo_service import SERVICE, EchoServicer, add_echo_servicer, method

ECHO = method("Echo", coalesced=True)
WAIT = method("Wait", coalesced=True)


def open_exchange(echo: Echo):
    """Return a stream of our own making."""
    return echo.clients.channel("search").stream_stream(
        client_end.PATH, pb.ExchangeRequest.SerializeToString, pb.ExchangeResponse.FromString
    )()


def a_call(call_id: int, name: str = "Echo", *, value: str = "", timeout_us: int = 5_000_000) -> pb.StreamedCall:
    request = StringValue(value=value).SerializeToString()
    return pb.StreamedCall(id=call_id, method=f"/{SERVICE}/{name}", request=request, timeout_us=timeout_us)


async def until(true) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - the other end of a socket
            await asyncio.sleep(0.01)


def test_only_a_method_that_may_be_called_twice_can_be_coalesced() -> None:
    with pytest.raises(ValueError, match="called twice"):
        ECHO.__class__("search", "/a/B", StringValue, StringValue, idempotent=False, coalesced=True)


async def test_many_calls_at_once_are_each_answered_with_their_own(echo: Echo) -> None:
    texts = [StringValue(value=f"知客 {number}") for number in range(3 * client_end.MESSAGE_CALLS_LIMIT)]
    answers = await asyncio.gather(*(echo.clients.call(ECHO, each, timeout_ms=5_000) for each in texts))
    assert answers == texts
    served = echo.process.runtime.metrics
    assert sample(served, "zhike_rpc_calls_total", rpc=f"{SERVICE}/Echo", code="OK") == len(texts)
    assert sample(echo.metrics, "zhike_client_calls_total", rpc=f"{SERVICE}/Echo", code="OK") == len(texts)


async def test_an_empty_answer_is_an_answer(echo: Echo) -> None:
    assert await echo.clients.call(ECHO, StringValue(), timeout_ms=5_000) == StringValue()


async def test_a_slow_call_holds_nobody_up(echo: Echo) -> None:
    slow = asyncio.ensure_future(echo.clients.call(WAIT, TEXT, timeout_ms=5_000))
    await echo.servicer.started.wait()
    assert await echo.clients.call(ECHO, TEXT, timeout_ms=5_000) == TEXT
    assert not slow.done()
    echo.servicer.release.set()
    assert await slow == TEXT


async def test_a_refusal_arrives_with_kind_reason_metadata_and_domain(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(method("Refuse", coalesced=True), TEXT, timeout_ms=5_000)
    error = caught.value
    assert (error.kind, error.reason, error.service) == (ErrorKind.PRECONDITION, "TEAPOT", "search")
    assert error.metadata == {"pot": "牛奶 🥛", "retry_after_s": "3"}
    assert await echo.clients.call(ECHO, TEXT, timeout_ms=5_000) == TEXT


async def test_a_defect_leaks_nothing(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(method("Crash", coalesced=True), TEXT, timeout_ms=5_000)
    assert (caught.value.kind, caught.value.message) == (ErrorKind.INTERNAL, "internal error")


async def test_a_method_that_nobody_serves_or_that_is_not_unary_is_unimplemented(echo: Echo) -> None:
    for name in ("Nowhere", "Count", "Join"):
        with pytest.raises(RemoteError) as caught:
            await echo.clients.call(method(name, coalesced=True), TEXT, timeout_ms=5_000)
        assert caught.value.kind is ErrorKind.UNIMPLEMENTED


async def test_a_request_that_cannot_be_read_fails_alone(echo: Echo) -> None:
    stream = open_exchange(echo)
    broken = pb.StreamedCall(id=1, method=f"/{SERVICE}/Echo", request=b"\xff\xff", timeout_us=5_000_000)
    await stream.write(pb.ExchangeRequest(calls=[broken, a_call(2, value="牛奶")]))
    answers = {}
    while len(answers) < 2:
        answers |= {answer.id: answer for answer in (await stream.read()).answers}
    assert answers[1].status and not answers[1].response
    assert StringValue.FromString(answers[2].response).value == "牛奶"
    stream.cancel()


async def test_request_id_and_trace_go_along(echo: Echo) -> None:
    bind_call(CallContext("r-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    seen = await echo.clients.call(method("Seen", coalesced=True), TEXT, timeout_ms=5_000)
    assert seen.value == f"r-1 0af7651916cd43dd8448eb211c80319c {SERVICE}/Seen"


async def test_every_call_writes_its_access_line(echo: Echo, log_lines: StringIO) -> None:
    bind_call(CallContext("r-9"))
    await asyncio.gather(*(echo.clients.call(ECHO, TEXT, timeout_ms=5_000) for _ in range(3)))
    lines = [orjson.loads(line) for line in log_lines.getvalue().splitlines()]
    assert [(each["rpc"], each["code"], each["request_id"]) for each in lines] == [(f"{SERVICE}/Echo", "OK", "r-9")] * 3


async def test_a_call_that_is_late_ends_at_both_ends(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(WAIT, TEXT, timeout_ms=100)
    assert caught.value.kind is ErrorKind.DEADLINE
    served = echo.process.runtime.metrics
    await until(lambda: sample(served, "zhike_rpc_calls_total", rpc=f"{SERVICE}/Wait", code="DEADLINE_EXCEEDED"))
    assert await echo.clients.call(ECHO, TEXT, timeout_ms=5_000) == TEXT


async def test_a_call_that_is_nearly_over_does_not_start(echo: Echo) -> None:
    stream = open_exchange(echo)
    await stream.write(pb.ExchangeRequest(calls=[a_call(1, timeout_us=1_000), a_call(2)]))
    answers = {answer.id: answer for answer in (await stream.read()).answers}
    while 2 not in answers:
        answers |= {answer.id: answer for answer in (await stream.read()).answers}
    assert echo.servicer.calls == 1
    stream.cancel()


async def test_a_call_that_the_caller_leaves_is_cancelled_at_the_server(echo: Echo) -> None:
    call = asyncio.ensure_future(echo.clients.call(WAIT, TEXT, timeout_ms=5_000))
    await echo.servicer.started.wait()
    call.cancel()
    served = echo.process.runtime.metrics
    await until(lambda: sample(served, "zhike_rpc_calls_total", rpc=f"{SERVICE}/Wait", code="CANCELLED"))
    assert await echo.clients.call(ECHO, TEXT, timeout_ms=5_000) == TEXT


async def test_a_call_cancelled_in_the_message_that_begins_it_leaves_nothing_behind(echo: Echo) -> None:
    stream = open_exchange(echo)
    for _ in range(3):
        calls = [a_call(number, "Wait") for number in range(1, serving_end.OPEN_CALLS_LIMIT)]
        await stream.write(pb.ExchangeRequest(calls=calls, cancelled_ids=[each.id for each in calls]))
    await stream.write(pb.ExchangeRequest(calls=[a_call(7_000, value="still served")]))
    answers = (await stream.read()).answers
    assert [answer.id for answer in answers] == [7_000]
    stream.cancel()


async def test_more_calls_than_the_server_takes_at_once_wait_and_are_all_answered(echo: Echo) -> None:
    waiting = [
        asyncio.ensure_future(echo.clients.call(WAIT, StringValue(value=str(number)), timeout_ms=20_000))
        for number in range(serving_end.OPEN_CALLS_LIMIT + 300)
    ]
    await until(lambda: (sample(echo.process.runtime.metrics, "zhike_rpc_in_flight") or 0) >= client_end.SENT_LIMIT)
    echo.servicer.release.set()
    answers = await asyncio.gather(*waiting)
    assert [answer.value for answer in answers] == [str(number) for number in range(len(waiting))]


async def test_a_server_with_as_many_calls_as_it_takes_begins_no_other_before_one_ends(echo: Echo) -> None:
    stream = open_exchange(echo)
    calls = [a_call(number, "Wait") for number in range(1, serving_end.OPEN_CALLS_LIMIT + 1)]
    await stream.write(pb.ExchangeRequest(calls=calls))
    await stream.write(pb.ExchangeRequest(calls=[a_call(7_000)]))
    await echo.servicer.started.wait()
    await asyncio.sleep(0.1)
    assert echo.servicer.calls == 0
    await echo.clients.call(ECHO, TEXT, timeout_ms=5_000)  # of another stream
    echo.servicer.release.set()
    await until(lambda: echo.servicer.calls == 2)
    stream.cancel()


async def test_calls_that_are_given_up_hold_up_none_that_come_after(echo: Echo) -> None:
    waiting = [
        asyncio.ensure_future(echo.clients.call(WAIT, TEXT, timeout_ms=60_000))
        for _ in range(serving_end.OPEN_CALLS_LIMIT + 300)
    ]
    served = echo.process.runtime.metrics
    await until(lambda: (sample(served, "zhike_rpc_in_flight") or 0) >= client_end.SENT_LIMIT)
    for call in waiting:
        call.cancel()
    assert await echo.clients.call(ECHO, TEXT, timeout_ms=5_000) == TEXT
    await until(lambda: sample(served, "zhike_rpc_in_flight") == 1)  # the stream itself
    assert all(call.cancelled() for call in waiting)


async def test_calls_whose_time_is_over_are_not_begun_after_it(echo: Echo) -> None:
    late = [
        asyncio.ensure_future(echo.clients.call(WAIT, TEXT, timeout_ms=1_000))
        for _ in range(client_end.UNANSWERED_LIMIT)
    ]
    failures = await asyncio.gather(*late, return_exceptions=True)
    assert {failure.kind for failure in failures} == {ErrorKind.DEADLINE}
    assert await echo.clients.call(ECHO, TEXT, timeout_ms=5_000) == TEXT
    served = echo.process.runtime.metrics
    begun = sample(served, "zhike_rpc_calls_total", rpc=f"{SERVICE}/Wait", code="DEADLINE_EXCEEDED")
    assert begun < 2 * client_end.SENT_LIMIT  # a message of the last moment is on its way


async def test_calls_to_a_service_that_is_down_leave_nothing_waiting() -> None:
    nobody = Clients(ChassisSettings(search_address="127.0.0.1:1"), Metrics())
    stream = CallStream(nobody.channel("search"), "search")
    loop = asyncio.get_running_loop()
    for _ in range(3):
        late = [stream.call(Asked("/a/B", b"x", loop.time() + 0.05, "", "")) for _ in range(1_000)]
        assert all(isinstance(each, CallFailedError) for each in await asyncio.gather(*late, return_exceptions=True))
        left = [asyncio.ensure_future(stream.call(Asked("/a/B", b"x", loop.time() + 60, "", ""))) for _ in range(1_000)]
        await asyncio.sleep(0.01)
        for call in left:
            call.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        assert stream.waiting == 0
    stream.close()
    await nobody.close()


async def test_an_id_that_comes_again_while_its_call_is_open_is_one_call(echo: Echo) -> None:
    stream = open_exchange(echo)
    await stream.write(pb.ExchangeRequest(calls=[a_call(1, "Wait", timeout_us=4_000_000_000) for _ in range(50)]))
    served = echo.process.runtime.metrics
    await echo.servicer.started.wait()
    await asyncio.sleep(0.05)
    assert sample(served, "zhike_rpc_in_flight") == 2
    stream.cancel()
    await until(lambda: sample(served, "zhike_rpc_in_flight") == 0)


async def test_answers_that_cannot_be_read_end_the_stream_and_the_next_call_opens_another() -> None:
    opened = 0

    async def exchange(_: object, context: grpc.aio.ServicerContext) -> None:
        nonlocal opened
        opened += 1
        await context.read()
        await context.write(b"\xff\xff")
        await asyncio.Event().wait()

    server = grpc.aio.server()
    handlers = {"Exchange": grpc.stream_stream_rpc_method_handler(exchange)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("zhike.chassis.v1.CallStreamService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    clients = Clients(ChassisSettings(search_address=f"127.0.0.1:{port}"), Metrics())
    with pytest.raises(RemoteError) as caught:
        await clients.call(ECHO, TEXT, timeout_ms=20_000)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE")
    assert opened == 3  # the call and its two repetitions
    await clients.close()
    await server.stop(None)


async def test_one_call_more_than_may_wait_is_refused_with_a_time_to_try_again(echo: Echo) -> None:
    waiting = [
        asyncio.ensure_future(echo.clients.call(WAIT, TEXT, timeout_ms=20_000))
        for _ in range(client_end.UNANSWERED_LIMIT)
    ]
    await asyncio.sleep(0)
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(ECHO, TEXT, timeout_ms=5_000)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "OVERLOADED")
    assert caught.value.metadata["retry_after_s"] == "1"
    echo.servicer.release.set()
    assert len(await asyncio.gather(*waiting)) == client_end.UNANSWERED_LIMIT


async def test_a_large_request_is_called_alone_and_a_large_answer_arrives(echo: Echo) -> None:
    for size in (client_end.REQUEST_LIMIT_BYTES + 1, client_end.REQUEST_LIMIT_BYTES - 100, 5_000_000):
        text = StringValue(value="x" * size)
        assert await echo.clients.call(ECHO, text, timeout_ms=10_000) == text


async def test_an_answer_that_no_message_holds_is_refused_and_the_others_are_answered(echo: Echo) -> None:
    stream = open_exchange(echo)
    large = a_call(1, value="x" * (serving_end.RESPONSE_LIMIT_BYTES + 1))
    await stream.write(pb.ExchangeRequest(calls=[large]))
    (answer,) = (await stream.read()).answers
    assert answer.status and not answer.response
    stream.cancel()


async def test_a_lost_answer_is_asked_again(echo: Echo) -> None:
    answer = await echo.clients.call(method("Flaky", coalesced=True), StringValue(value="2"), timeout_ms=5_000)
    assert answer.value == "3"


async def test_a_service_that_is_down_is_unavailable_not_late() -> None:
    nobody = Clients(ChassisSettings(search_address="127.0.0.1:1"), Metrics())
    with pytest.raises(RemoteError) as caught:
        await nobody.call(ECHO, TEXT, timeout_ms=300)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE")
    await nobody.close()


async def test_closing_the_channels_fails_what_waits(echo: Echo) -> None:
    call = asyncio.ensure_future(echo.clients.call(WAIT, TEXT, timeout_ms=5_000))
    await echo.servicer.started.wait()
    await echo.clients.close()
    with pytest.raises(RemoteError) as caught:
        await call
    assert caught.value.kind is ErrorKind.UNAVAILABLE


@pytest.mark.parametrize("round_", range(10))
async def test_a_stop_answers_what_was_begun_and_loses_nothing(tmp_path: Path, round_: int) -> None:
    servicer = EchoServicer()

    async def build(_: Runtime[ChassisSettings]) -> Service:
        return Service(servicers=[(add_echo_servicer, servicer)])

    settings = settings_in(tmp_path, grace_ms=5_000)
    async with running("search", settings, build, chance=Random(1)) as process:
        await process.become_ready()
        clients = Clients(ChassisSettings(search_address=process.address), Metrics(), chance=Random(1))
        begun = [
            asyncio.ensure_future(clients.call(WAIT, StringValue(value=str(number)), timeout_ms=10_000))
            for number in range(20)
        ]
        await servicer.started.wait()
        await until(lambda: sample(process.runtime.metrics, "zhike_rpc_in_flight") >= len(begun))
        asyncio.get_running_loop().call_later(0.05 * (round_ % 3), servicer.release.set)
    assert [answer.value for answer in await asyncio.gather(*begun)] == [str(number) for number in range(20)]
    await clients.close()


async def test_calls_wait_for_a_restart_inside_their_deadline(tmp_path: Path) -> None:
    servicer = EchoServicer()

    async def build(_: Runtime[ChassisSettings]) -> Service:
        return Service(servicers=[(add_echo_servicer, servicer)])

    async with running("search", settings_in(tmp_path), build) as process:
        await process.become_ready()
        clients = Clients(ChassisSettings(search_address=process.address), Metrics())
        assert await clients.call(ECHO, TEXT, timeout_ms=5_000) == TEXT
        port = process.port
    calls = [asyncio.ensure_future(clients.call(ECHO, TEXT, timeout_ms=10_000)) for _ in range(20)]
    await asyncio.sleep(0.2)
    async with running("search", settings_in(tmp_path, port=port), build) as process:
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in calls)  # it does not call itself ready yet
        await process.become_ready()
        assert await asyncio.gather(*calls) == [TEXT] * 20
        await clients.close()


async def test_a_server_without_call_streams_is_unimplemented() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    clients = Clients(ChassisSettings(search_address=f"127.0.0.1:{port}"), Metrics())
    with pytest.raises(RemoteError) as caught:
        await clients.call(ECHO, TEXT, timeout_ms=5_000)
    assert caught.value.kind is ErrorKind.UNIMPLEMENTED
    await clients.close()
    await server.stop(None)
