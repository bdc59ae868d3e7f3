"""Columns that only grow: numbers of one type, appended in batches, read as arrays without a copy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FIRST_CAPACITY = 1_024


class Column:
    """A growing array. A view that was handed out stays valid: growth moves to a new buffer and leaves the old one."""

    def __init__(self, dtype: npt.DTypeLike, values: npt.NDArray[Any] | None = None) -> None:
        self._buffer = np.empty(FIRST_CAPACITY, dtype=dtype)
        self._length = 0
        if values is not None:
            self._buffer = np.array(values, dtype=dtype)
            self._length = len(values)

    def __len__(self) -> int:
        return self._length

    def extend(self, values: Sequence[Any]) -> None:
        """Append ``values``."""
        needed = self._length + len(values)
        if needed > len(self._buffer):
            grown = np.empty(max(needed, 2 * len(self._buffer), FIRST_CAPACITY), dtype=self._buffer.dtype)
            grown[: self._length] = self._buffer[: self._length]
            self._buffer = grown
        self._buffer[self._length : needed] = values
        self._length = needed

    def view(self) -> npt.NDArray[Any]:
        """Return what is there now. Do not write to it."""
        return self._buffer[: self._length]

    def fill(self, start: int, end: int, value: float) -> None:
        """Overwrite a span with one value."""
        self._buffer[start:end] = value

    def put(self, start: int, values: npt.NDArray[Any]) -> None:
        """Overwrite a span with as many values."""
        self._buffer[start : start + len(values)] = values

    def take(self, places: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values at ``places``."""
        taken: npt.NDArray[Any] = self._buffer[places]
        return taken
