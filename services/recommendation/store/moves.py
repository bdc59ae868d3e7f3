"""What moved the pieces of each order, in memory: what was cancelled before it was sent follows from it (rule 17).

Most orders that are sent have two or three such facts, so each order's are kept as one text, about 100 bytes a fact.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from services.kits.pieces import Step, row_of_step, step_from_row, with_step

ORDERS, ENDS, TEXTS = "moved_order", "moved_end", "moved_text"  # arrays of a dump
_NONE: Final = b"[]"


class Moves:
    """The steps of orders, by the ledger's key of the order."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
        self._texts: dict[int, bytes] = {}
        if arrays is not None:
            texts, bounds = arrays[TEXTS].tobytes(), [0, *arrays[ENDS].tolist()]
            spans = zip(arrays[ORDERS].tolist(), pairwise(bounds), strict=True)
            self._texts = {order: texts[start:end] for order, (start, end) in spans}

    def steps_of(self, order: int) -> tuple[Step, ...]:
        """Return what moved the order's pieces, as it happened."""
        return tuple([step_from_row(row) for row in orjson.loads(self._texts.get(order, _NONE))])

    def add(self, order: int, step: Step) -> tuple[Step, ...] | None:
        """Keep one more and return all of the order's; None where that changes nothing."""
        steps = with_step(self.steps_of(order), step)
        if steps is not None:
            self._texts[order] = orjson.dumps([row_of_step(each) for each in steps])
        return steps

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all of it, for a dump."""
        return {
            ORDERS: np.array(list(self._texts), dtype=np.uint64),
            ENDS: np.cumsum([len(text) for text in self._texts.values()], dtype=np.int64),
            TEXTS: np.frombuffer(b"".join(self._texts.values()), dtype=np.uint8),
        }
