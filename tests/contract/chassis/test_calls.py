"""What stands around every call, over a real channel."""

import asyncio
from io import StringIO

import grpc
import orjson
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from services.chassis.clients import MESSAGE_LIMIT_BYTES, RETRY_LIMIT
from services.chassis.errors import ErrorKind
from services.chassis.logs import CallContext, bind_call
from services.chassis.status import STATUS_METADATA, RemoteError
from tests.contract.chassis.conftest import Echo
from tests.fakes.echo_service import SERVICE, method

TEXT = StringValue(value="牛奶 🥛")


def raw(echo: Echo, name: str) -> grpc.aio.UnaryUnaryMultiCallable:
    """Return a call that our clients would not make."""
    return echo.clients.channel("search").unary_unary(
        f"/{SERVICE}/{name}", StringValue.SerializeToString, StringValue.FromString
    )


def status_of(error: grpc.aio.AioRpcError) -> Status:
    for name, value in error.trailing_metadata():
        if name == STATUS_METADATA:
            return Status.FromString(value)
    raise AssertionError("the error carries no status")


def detail_of(status: Status, kind: type) -> object:
    for each in status.details:
        message = kind()
        if each.Unpack(message):
            return message
    raise AssertionError(f"the status carries no {kind.__name__}")


def sample(metrics: object, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_a_call_is_answered(echo: Echo) -> None:
    assert await echo.clients.call(method("Echo"), TEXT, timeout_ms=5_000) == TEXT


async def test_a_call_without_deadline_is_refused(echo: Echo) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(echo, "Echo")(TEXT)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert detail_of(status_of(caught.value), ErrorInfo).reason == "DEADLINE_REQUIRED"
    assert echo.servicer.calls == 0


async def test_a_call_that_is_nearly_over_does_not_start(echo: Echo) -> None:
    for timeout_s in (0.0, 0.0005, 0.001):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(echo, "Echo")(TEXT, timeout=timeout_s)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert echo.servicer.calls == 0


async def test_a_client_cannot_call_without_a_positive_bounded_timeout(echo: Echo) -> None:
    for timeout_ms in (0, -1, 600_001):
        with pytest.raises(ValueError, match="timeout_ms"):
            await echo.clients.call(method("Echo"), TEXT, timeout_ms=timeout_ms)


async def test_a_domain_error_arrives_with_kind_reason_metadata_and_domain(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(method("Refuse"), TEXT, timeout_ms=5_000)
    error = caught.value
    assert (error.kind, error.reason, error.service) == (ErrorKind.PRECONDITION, "TEAPOT", "search")
    assert error.message == "not while the pot is hot"
    assert error.metadata == {"pot": "牛奶 🥛", "retry_after_s": "3"}


async def test_the_status_carries_retry_info_and_the_domain(echo: Echo) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(echo, "Refuse")(TEXT, timeout=5)
    status = status_of(caught.value)
    assert detail_of(status, ErrorInfo).domain == "search.zhike"
    assert detail_of(status, RetryInfo).retry_delay.seconds == 3


async def test_a_wrong_field_is_a_bad_request_with_its_violation(echo: Echo) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(echo, "RefuseField")(TEXT, timeout=5)
    (violation,) = detail_of(status_of(caught.value), BadRequest).field_violations
    assert (violation.field, violation.description) == ("query", "too long")


async def test_an_unknown_exception_leaks_nothing_but_the_request_id(echo: Echo, log_lines: StringIO) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(echo, "Crash")(TEXT, timeout=5, metadata=(("x-request-id", "r-77"),))
    error = caught.value
    assert error.code() is grpc.StatusCode.INTERNAL
    everything = f"{error.details()} {error.debug_error_string()} {status_of(error)}"
    assert "13800138000" not in everything and "KeyError" not in everything
    assert detail_of(status_of(error), RequestInfo).request_id == "r-77"
    assert detail_of(status_of(error), ErrorInfo).reason == "INTERNAL"
    assert "13800138000" not in log_lines.getvalue()
    assert '"error_type":"KeyError"' in log_lines.getvalue() and "echo_service.py" in log_lines.getvalue()


async def test_a_stream_that_breaks_leaks_nothing_either(echo: Echo) -> None:
    received = []
    with pytest.raises(RemoteError) as caught:
        async for message in echo.clients.stream(method("BreakOff"), TEXT, timeout_ms=5_000):
            received.append(message.value)
    assert received == ["first"]
    assert (caught.value.kind, caught.value.message) == (ErrorKind.INTERNAL, "internal error")


async def test_an_unknown_method_is_unimplemented(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(method("Nowhere"), TEXT, timeout_ms=5_000)
    assert caught.value.kind is ErrorKind.UNIMPLEMENTED


async def test_request_id_and_trace_go_along_a_call(echo: Echo) -> None:
    bind_call(CallContext("r-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    seen = await echo.clients.call(method("Seen"), TEXT, timeout_ms=5_000)
    assert seen.value == f"r-1 0af7651916cd43dd8448eb211c80319c {SERVICE}/Seen"


@pytest.mark.parametrize("request_id", ["", "x" * 65])
async def test_an_unusable_request_id_is_replaced(echo: Echo, request_id: str) -> None:
    answer = await raw(echo, "Seen")(TEXT, timeout=5, metadata=(("x-request-id", request_id),))
    replaced = answer.value.split(" ")[0]
    assert len(replaced) == 16 and replaced != request_id


async def test_an_idempotent_call_is_made_again_after_a_lost_connection(echo: Echo) -> None:
    answer = await echo.clients.call(
        method("Flaky", idempotent=True), StringValue(value=str(RETRY_LIMIT)), timeout_ms=5_000
    )
    assert answer.value == str(RETRY_LIMIT + 1)
    assert sample(echo.metrics, "zhike_client_retries_total", rpc=f"{SERVICE}/Flaky") == RETRY_LIMIT


async def test_an_idempotent_call_is_made_again_a_bounded_number_of_times(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(
            method("Flaky", idempotent=True), StringValue(value=str(RETRY_LIMIT + 1)), timeout_ms=5_000
        )
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE")
    assert echo.servicer.calls == RETRY_LIMIT + 1


async def test_a_call_that_is_not_idempotent_is_never_made_again(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(method("Flaky"), StringValue(value="1"), timeout_ms=5_000)
    assert (caught.value.kind, caught.value.metadata["retry_after_s"]) == (ErrorKind.UNAVAILABLE, "1")
    assert echo.servicer.calls == 1


async def test_a_service_that_is_down_is_unavailable_not_late(echo: Echo) -> None:
    await echo.process.runtime.clients.close()
    nobody = echo.clients.__class__(
        echo.process.runtime.settings.model_copy(update={"knowledge_address": "127.0.0.1:1"}), echo.metrics
    )
    with pytest.raises(RemoteError) as caught:
        await nobody.call(method("Echo", service="knowledge", idempotent=True), TEXT, timeout_ms=300)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE")
    await nobody.close()


async def test_a_service_that_is_slow_is_late_not_unavailable(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(method("Wait"), TEXT, timeout_ms=200)
    assert caught.value.kind is ErrorKind.DEADLINE


async def test_streams_and_uploads_pass_through_the_same_door(echo: Echo) -> None:
    numbers = [
        message.value
        async for message in echo.clients.stream(method("Count"), StringValue(value="3"), timeout_ms=5_000)
    ]
    assert numbers == ["0", "1", "2"]

    async def parts():
        for part in ("知", "客"):
            yield StringValue(value=part)

    assert (await echo.clients.upload(method("Join"), parts(), timeout_ms=5_000)).value == "知客"


async def _large_parts():
    for _ in range(6):
        yield StringValue(value="x" * 500_000)
        await asyncio.sleep(0)


async def test_an_upload_that_is_refused_by_its_first_message_says_why_every_time(echo: Echo) -> None:
    for _ in range(200):
        with pytest.raises(RemoteError) as caught:
            await echo.clients.upload(method("RefuseFirst"), _large_parts(), timeout_ms=5_000)
        assert caught.value.reason == "INVALID_ARGUMENT"


async def test_an_upload_that_is_broken_off_in_the_middle_is_no_defect_of_ours(echo: Echo) -> None:
    kinds = set()
    for _ in range(60):
        with pytest.raises(RemoteError) as caught:
            await echo.clients.upload(method("RefuseSecond"), _large_parts(), timeout_ms=5_000)
        kinds.add(caught.value.kind)
    assert ErrorKind.INVALID in kinds
    assert kinds <= {ErrorKind.INVALID, ErrorKind.UNAVAILABLE}


async def test_a_stream_that_the_caller_leaves_is_closed_at_the_server(echo: Echo) -> None:
    stream = echo.clients.stream(method("Forever"), TEXT, timeout_ms=None)
    assert (await anext(stream)).value == "first"
    await echo.servicer.started.wait()
    await stream.aclose()
    while echo.servicer.streams_closed == 0:  # noqa: ASYNC110 - the other end of a socket
        await asyncio.sleep(0.01)


async def test_a_message_over_the_limit_is_refused(echo: Echo) -> None:
    with pytest.raises(RemoteError) as caught:
        await echo.clients.call(method("Echo"), StringValue(value="x" * MESSAGE_LIMIT_BYTES), timeout_ms=10_000)
    assert caught.value.kind is ErrorKind.EXHAUSTED
    under = StringValue(value="x" * (MESSAGE_LIMIT_BYTES - 100))
    assert await echo.clients.call(method("Echo"), under, timeout_ms=10_000) == under


async def test_calls_are_counted_by_code_and_reason(echo: Echo) -> None:
    await echo.clients.call(method("Echo"), TEXT, timeout_ms=5_000)
    with pytest.raises(RemoteError):
        await echo.clients.call(method("Refuse"), TEXT, timeout_ms=5_000)
    served = echo.process.runtime.metrics
    assert sample(served, "zhike_rpc_calls_total", rpc=f"{SERVICE}/Echo", code="OK") == 1
    assert sample(served, "zhike_rpc_calls_total", rpc=f"{SERVICE}/Refuse", code="FAILED_PRECONDITION") == 1
    assert sample(served, "zhike_rpc_errors_total", rpc=f"{SERVICE}/Refuse", reason="TEAPOT") == 1
    assert sample(served, "zhike_rpc_seconds_count", rpc=f"{SERVICE}/Echo") == 1
    async with asyncio.timeout(30):  # the caller has the answer a moment before the server has put the call away
        while sample(served, "zhike_rpc_in_flight") != 0:  # noqa: ASYNC110 - a metric tells nobody
            await asyncio.sleep(0.01)


async def test_a_call_that_the_caller_cancels_is_counted_as_cancelled(echo: Echo) -> None:
    call = asyncio.ensure_future(echo.clients.call(method("Wait"), TEXT, timeout_ms=5_000))
    await echo.servicer.started.wait()
    call.cancel()
    served = echo.process.runtime.metrics
    while not sample(served, "zhike_rpc_calls_total", rpc=f"{SERVICE}/Wait", code="CANCELLED"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert sample(served, "zhike_rpc_in_flight") == 0


async def test_every_call_writes_one_access_line(echo: Echo, log_lines: StringIO) -> None:
    bind_call(CallContext("r-9"))
    await echo.clients.call(method("Echo"), TEXT, timeout_ms=5_000)
    with pytest.raises(RemoteError):
        await echo.clients.call(method("Refuse"), TEXT, timeout_ms=5_000)
    lines = [orjson.loads(line) for line in log_lines.getvalue().splitlines()]
    assert [(each["rpc"], each["code"], each["request_id"]) for each in lines] == [
        (f"{SERVICE}/Echo", "OK", "r-9"),
        (f"{SERVICE}/Refuse", "FAILED_PRECONDITION", "r-9"),
    ]
    assert all(each["ms"] >= 0 for each in lines)
