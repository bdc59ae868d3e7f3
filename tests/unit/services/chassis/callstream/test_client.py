"""A stream that breaks off in the middle is a service that cannot be reached, whatever grpc.aio calls it."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc.aio import Metadata

from services.chassis.callstream.client import Asked, CallFailedError, _Exchange


class Breaking:
    """A stream on which one side fails with a code; the other waits for ever."""

    def __init__(self, code: grpc.StatusCode, *, at: str) -> None:
        self._error = grpc.aio.AioRpcError(code, Metadata(), Metadata(), "Internal error from Core")
        self._at = at

    async def write(self, _message: Any) -> None:
        await self._fail("write")

    async def read(self) -> Any:
        await self._fail("read")

    async def _fail(self, at: str) -> None:
        if self._at == at:
            raise self._error
        await asyncio.Event().wait()

    def cancel(self) -> None: ...


@pytest.mark.parametrize("at", ["write", "read"])
async def test_a_death_in_the_middle_of_a_message_is_an_absence(at: str) -> None:
    exchange = _Exchange(Breaking(grpc.StatusCode.INTERNAL, at=at), "search")
    end = asyncio.get_running_loop().time() + 60
    with pytest.raises(CallFailedError) as caught:
        await exchange.call(Asked("/zhike.search.v1.SearchService/Search", b"", end, "r-1", ""))
    assert (caught.value.code, caught.value.error.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert exchange.is_broken


async def test_any_other_end_keeps_its_code() -> None:
    exchange = _Exchange(Breaking(grpc.StatusCode.UNIMPLEMENTED, at="read"), "search")
    end = asyncio.get_running_loop().time() + 60
    with pytest.raises(CallFailedError) as caught:
        await exchange.call(Asked("/zhike.search.v1.SearchService/Search", b"", end, "r-1", ""))
    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED
