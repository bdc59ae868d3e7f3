"""Owns a bounded memory of what was read lately, for things that are dear to read again and never change."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, never more than ``limit_bytes`` by the sizes that come with them; the longest unused goes first.

    Any thread may call.
    """

    __slots__ = ("_bytes", "_held", "_limit_bytes", "_putting")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()  # the longest unused first
        self._bytes = 0
        self._putting = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """Return the value, None when it is not held."""
        held = self._held.get(key)
        if held is None:
            return None
        try:  # noqa: SIM105 - suppress costs more than the look-up
            self._held.move_to_end(key)
        except KeyError:  # another thread let it go meanwhile
            pass
        return held[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Hold the value; one larger than the limit is not held."""
        with self._putting:
            before = self._held.pop(key, None)
            self._bytes -= before[1] if before is not None else 0
            if size_bytes > self._limit_bytes:
                return
            self._held[key] = (value, size_bytes)
            self._bytes += size_bytes
            while self._bytes > self._limit_bytes:
                _, (_, let_go_bytes) = self._held.popitem(last=False)
                self._bytes -= let_go_bytes
