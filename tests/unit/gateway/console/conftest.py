"""Consoles on fakes, closed after each test."""

from collections.abc import AsyncIterator

import pytest

from tests.fakes.console import ConsoleOnFakes, open_console


@pytest.fixture
async def console() -> AsyncIterator[ConsoleOnFakes]:
    opened = await open_console()
    async with opened.client, opened.shop.client:
        yield opened
