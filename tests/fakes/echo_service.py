"""A small gRPC service for tests of what stands around a call: it answers, fails, streams and waits as it is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from services.chassis.clients import Method
from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError
from services.chassis.logs import bound_call

SERVICE = "zhike.test.v1.EchoService"


class TeapotError(ZhikeError):
    """A refusal of the domain's own."""

    kind = ErrorKind.PRECONDITION
    reason = "TEAPOT"


def method(
    name: str, *, idempotent: bool = False, coalesced: bool = False, service: str = "search"
) -> Method[StringValue, StringValue]:
    """Return a method of the echo service as clients declare it."""
    return Method(service, f"/{SERVICE}/{name}", StringValue, StringValue, idempotent or coalesced, coalesced)


class EchoServicer:
    """Each handler does one thing. ``release`` lets the waiting ones go on, ``started`` tells that one waits."""

    def __init__(self) -> None:
        self.release, self.started = asyncio.Event(), asyncio.Event()
        self.calls = 0
        self.streams_closed = 0

    async def Echo(self, request: StringValue, context: Any) -> StringValue:
        self.calls += 1
        return request

    async def Seen(self, request: StringValue, context: Any) -> StringValue:
        """Answer the request id and trace that the handler sees."""
        call = bound_call()
        assert call is not None
        return StringValue(value=f"{call.request_id} {call.trace_id} {call.rpc}")

    async def Refuse(self, request: StringValue, context: Any) -> StringValue:
        raise TeapotError("not while the pot is hot", pot=request.value, retry_after_s=3)

    async def RefuseField(self, request: StringValue, context: Any) -> StringValue:
        raise InvalidArgumentError("too long", field="query")

    async def Crash(self, request: StringValue, context: Any) -> StringValue:
        raise KeyError("13800138000 lives in secret street")

    async def Flaky(self, request: StringValue, context: Any) -> StringValue:
        """Fail as a lost connection does, as often as the request says, then answer."""
        self.calls += 1
        if self.calls <= int(request.value):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "connection lost")
        return StringValue(value=str(self.calls))

    async def Wait(self, request: StringValue, context: Any) -> StringValue:
        self.started.set()
        await self.release.wait()
        return request

    async def Count(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        for number in range(int(request.value)):
            yield StringValue(value=str(number))

    async def Forever(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        try:
            yield StringValue(value="first")
            self.started.set()
            await asyncio.Event().wait()
        finally:
            self.streams_closed += 1

    async def BreakOff(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        yield StringValue(value="first")
        raise RuntimeError("13800138000 again")

    async def Join(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        return StringValue(value="".join([request.value async for request in requests]))

    async def RefuseFirst(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        first = await anext(aiter(requests))
        raise InvalidArgumentError(f"{first.value} is refused", field="first")

    async def RefuseSecond(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        read = aiter(requests)
        await anext(read)
        await anext(read)
        raise InvalidArgumentError("the second is refused", field="second")


def add_echo_servicer(servicer: EchoServicer, server: grpc.aio.Server) -> None:
    """Register the service, as generated code would."""
    shapes: dict[str, Any] = {
        "Count": grpc.unary_stream_rpc_method_handler,
        "Forever": grpc.unary_stream_rpc_method_handler,
        "BreakOff": grpc.unary_stream_rpc_method_handler,
        "Join": grpc.stream_unary_rpc_method_handler,
        "RefuseFirst": grpc.stream_unary_rpc_method_handler,
        "RefuseSecond": grpc.stream_unary_rpc_method_handler,
    }
    names = [name for name in dir(servicer) if name[0].isupper()]
    handlers = {
        name: shapes.get(name, grpc.unary_unary_rpc_method_handler)(
            getattr(servicer, name), StringValue.FromString, StringValue.SerializeToString
        )
        for name in names
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
