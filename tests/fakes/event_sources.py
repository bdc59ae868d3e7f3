"""Event sources that misbehave on request."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace

from services.chassis.documents.port import StoreUnavailableError
from services.chassis.eventlog.port import Batch, EventSource, Head


class ChoppedSource:
    """The source with its batches cut into pieces of ``size`` events, so that more can happen between them."""

    def __init__(self, source: EventSource, size: int) -> None:
        self.name = source.name
        self._source = source
        self._size = size

    async def head(self) -> Head:
        return await self._source.head()

    async def subscribe(self, *, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        async for batch in self._source.subscribe(generation=generation, after=after):
            for start in range(0, max(1, len(batch.events)), self._size):
                yield replace(batch, events=batch.events[start : start + self._size])


class ScriptedSource:
    """Yields the batches that it is given, subscription by subscription, and then says that the owner is away."""

    def __init__(self, name: str, head: Head, *subscriptions: Sequence[Batch | Callable[[], Batch]]) -> None:
        self.name = name
        self.asked: list[Mapping[int, int]] = []
        self._head = head
        self._subscriptions = list(subscriptions)

    async def head(self) -> Head:
        return self._head

    async def subscribe(self, *, generation: str, after: Mapping[int, int]) -> AsyncGenerator[Batch, None]:
        self.asked.append(dict(after))
        batches = self._subscriptions.pop(0) if self._subscriptions else ()
        for batch in batches:
            yield batch() if callable(batch) else batch
        raise StoreUnavailableError("the owner is away")
