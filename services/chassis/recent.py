"""Owns a bounded memory of what was read lately, for things that are dear to read again and never change."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, never more than ``limit_bytes`` by the sizes that come with them.

    Two halves: what is used moves into the newer one; when that is full it becomes the older, and what nobody used
    since goes. A look-up costs one dictionary, as no order is kept. Any thread may call: a race costs a second reading.
    """

    __slots__ = ("_bytes", "_half_bytes", "_newer", "_older")

    def __init__(self, limit_bytes: int) -> None:
        self._half_bytes = limit_bytes // 2
        self._newer: dict[K, tuple[V, int]] = {}
        self._older: dict[K, tuple[V, int]] = {}
        self._bytes = 0  # of the newer half

    def __len__(self) -> int:
        return len(self._newer.keys() | self._older.keys())

    def get(self, key: K) -> V | None:
        """Return the value, None when it is not held."""
        held = self._newer.get(key)
        if held is None:
            held = self._older.get(key)
            if held is None:
                return None
            self.put(key, *held)
        return held[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Hold the value; one larger than half of everything is not held."""
        if size_bytes > self._half_bytes:
            return
        if self._bytes + size_bytes > self._half_bytes:
            self._older, self._newer, self._bytes = self._newer, {}, 0
        self._newer[key] = (value, size_bytes)
        self._bytes += size_bytes
