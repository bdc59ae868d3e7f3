"""A kit on fakes."""

import pytest

from tests.fakes.webhooks import WebhookBench, open_bench


@pytest.fixture
async def bench() -> WebhookBench:
    return await open_bench()
