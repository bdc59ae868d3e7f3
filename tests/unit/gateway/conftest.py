"""Gateways on fakes, closed after each test."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.fakes.gateway_shop import Shop, open_shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    opened = await open_shop()
    async with opened.client:
        yield opened


@pytest.fixture
async def open_with() -> AsyncIterator[Callable[..., Awaitable[Shop]]]:
    """Open gateways with settings of their own."""
    opened: list[Shop] = []

    async def open_it(**settings: object) -> Shop:
        opened.append(await open_shop(**settings))
        return opened[-1]

    yield open_it
    for each in opened:
        await each.client.aclose()
