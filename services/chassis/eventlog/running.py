"""Coroutines that run for the length of a block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(works: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run each as a task; at the end of the block every one is cancelled and gone."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def first_end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Return when one of the tasks ends; raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def all_of(works: Iterable[Awaitable[None]]) -> None:
    """Return when all have returned."""
    await asyncio.gather(*works)


async def set_of(event: asyncio.Event) -> None:
    """Return when the event is set."""
    await event.wait()
