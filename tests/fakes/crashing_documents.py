"""A document store that dies at a chosen write: before it, half-way through it, or after it with the answer lost."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    DocumentStore,
    Page,
    Range,
    Scalar,
    StoreUnavailableError,
)

T = TypeVar("T")


class CrashPoint(StrEnum):
    """Where the write is cut."""

    BEFORE = "before"  # nothing was written
    HALF_WAY = "half-way"  # of a batch, the first half was written
    AFTER = "after"  # all was written, the answer never arrived


class CrashingDocuments:
    """Keeps DocumentStore over ``inner`` until its ``crash_at``-th write (from 1); dead from there on, like a process.

    ``writes`` counts the writes so far: run once with crash_at=0 to learn how many there are to crash at.
    """

    def __init__(
        self, inner: DocumentStore, *, crash_at: int = 0, point: CrashPoint = CrashPoint.BEFORE, once: bool = False
    ) -> None:
        self.inner = inner
        self.crash_at = crash_at
        self.point = point
        self.once = once  # a store that was away for one call, instead of a process that died
        self.writes = 0
        self.crashed = False
        self.died = asyncio.Event()

    def _check(self) -> None:
        if self.crashed and not self.once:
            raise StoreUnavailableError("the process died")

    def _strikes(self, number: int, *points: CrashPoint) -> bool:
        if number != self.crash_at or self.point not in points:
            return False
        self._die()
        return True

    def _die(self) -> None:
        self.crashed = True
        self.died.set()

    async def _write(self, call: Callable[[], Awaitable[T]]) -> T:
        self._check()
        self.writes += 1
        number = self.writes
        if self._strikes(number, CrashPoint.BEFORE, CrashPoint.HALF_WAY):
            raise StoreUnavailableError("died before the write")
        result = await call()
        if self._strikes(number, CrashPoint.AFTER):
            raise StoreUnavailableError("died before the answer")
        self._check()  # another write may have killed the process while this one was under way
        return result

    async def declare(self, *collections: Collection) -> None:
        self._check()
        await self.inner.declare(*collections)

    async def get(self, collection: Collection, key: str) -> Document | None:
        self._check()
        return await self.inner.get(collection, key)

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        self._check()
        return await self.inner.get_many(collection, keys)

    async def insert(self, collection: Collection, key: str, body: Body) -> Document:
        return await self._write(lambda: self.inner.insert(collection, key, body))

    async def insert_many(self, collection: Collection, items: Sequence[tuple[str, Body]]) -> None:
        self._check()
        if self.writes + 1 == self.crash_at and self.point == CrashPoint.HALF_WAY and len(items) > 1:
            self.writes += 1
            self._die()
            await self.inner.insert_many(collection, items[: len(items) // 2])
            raise StoreUnavailableError("died half-way")
        await self._write(lambda: self.inner.insert_many(collection, items))

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        return await self._write(lambda: self.inner.replace(collection, key, body, expected_revision=expected_revision))

    async def delete(self, collection: Collection, key: str, *, expected_revision: int | None = None) -> bool:
        return await self._write(lambda: self.inner.delete(collection, key, expected_revision=expected_revision))

    async def find(
        self,
        collection: Collection,
        index: str,
        equals: Mapping[str, Scalar],
        *,
        range_: Range | None = None,
        after: str | None = None,
        limit: int = 100,
        descending: bool = False,
    ) -> Page:
        self._check()
        return await self.inner.find(
            collection, index, equals, range_=range_, after=after, limit=limit, descending=descending
        )

    async def scan(self, collection: Collection, *, after: str | None = None, limit: int = 100) -> Page:
        self._check()
        return await self.inner.scan(collection, after=after, limit=limit)

    async def count(
        self, collection: Collection, index: str | None = None, equals: Mapping[str, Scalar] | None = None
    ) -> int:
        self._check()
        return await self.inner.count(collection, index, equals)

    async def drop(self, collection: Collection) -> None:
        await self._write(lambda: self.inner.drop(collection))

    async def collections(self) -> tuple[Collection, ...]:
        self._check()
        return await self.inner.collections()

    async def leave_no_trace(self) -> None:
        await self._write(self.inner.leave_no_trace)

    async def ping(self) -> None:
        self._check()
        await self.inner.ping()

    async def close(self) -> None:
        await self.inner.close()
