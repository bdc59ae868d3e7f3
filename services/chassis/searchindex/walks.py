"""Owns the states of an index that pages were read from, so that a walk through the pages sees one state.

A score depends on everything that is indexed: read from the state of now, a later page would repeat and leave out what
writes moved across its beginning meanwhile. Measured with tantivy on the demo shop (5,927 products) with a write
between every two states, a held one costs 0.06 MB of its own and 0.74 MB of index files that only it still maps (clean
pages, which the system takes back when it needs them): 48 MB for STATES_LIMIT. A page read from an old state adds up to
0.4 MB to that state, for blocks of documents that the engine keeps.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, TypeVar

from services.chassis.clock import Clock
from services.chassis.searchindex.port import Hit, IndexCursorError, IndexPage

STATES_LIMIT: Final = 60  # the last minute of a shop that writes each second, six seconds of one that never rests
HOLD_S: Final = 120.0  # since a page was last read from it: a shopper's walk, not a crawler's
_NUMBER_DIGITS: Final = 16
_MARK: Final = "."  # in no cursor of a state


State = TypeVar("State")  # whatever an adapter reads one state of its index from


class Walks(Generic[State]):
    """The held states by number. Numbers begin anew with the process: an old cursor then leads on in another state.

    ``let_go`` is told of each state that is no longer held.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limit: int = STATES_LIMIT,
        hold_s: float = HOLD_S,
        let_go: Callable[[State], None] | None = None,
    ) -> None:
        self._clock, self._limit, self._hold_s, self._tell = clock, limit, hold_s, let_go
        self._states: OrderedDict[int, tuple[State, float]] = OrderedDict()  # the longest unread first
        self._newest = 0

    def __len__(self) -> int:
        return len(self._states)

    def state(self, number: int, newest: State) -> State:
        """Return the state of that number while it is held, else the newest."""
        held = self._states.get(number)
        return newest if held is None or held[1] < self._clock.monotonic() else held[0]

    def hold(self, state: State, number: int) -> int:
        """Hold the state for another while and return its number; ``number`` as it came with the cursor, or 0."""
        known = self._states.get(number)
        if known is None or known[0] is not state:
            number = self._number_of(state)
        self._states[number] = (state, self._clock.monotonic() + self._hold_s)
        self._states.move_to_end(number)
        self._let_go()
        return number

    def holds(self, state: State) -> bool:
        """Return whether the state is held under any number."""
        return any(held is state for held, _ in self._states.values())

    def forget(self, state: State) -> None:
        """Let one state go under every number that it has: it cannot be read any more."""
        for number in [number for number, (held, _) in self._states.items() if held is state]:
            del self._states[number]

    def clear(self) -> None:
        """Let every state go."""
        gone = [state for state, _ in self._states.values()]
        self._states.clear()
        for state in gone:
            self._told(state)

    def _number_of(self, state: State) -> int:
        held = self._states.get(self._newest)
        if held is None or held[0] is not state:
            self._newest += 1
        return self._newest

    def _let_go(self) -> None:
        now = self._clock.monotonic()
        while self._states:
            number, (state, until) = next(iter(self._states.items()))
            if until >= now and len(self._states) <= self._limit:
                return
            del self._states[number]
            self._told(state)

    def _told(self, state: State) -> None:
        if self._tell is not None:
            self._tell(state)


def with_number(cursor: str, number: int) -> str:
    """Return a cursor that names its state."""
    return f"{number:x}{_MARK}{cursor}"


def parted(cursor: str) -> tuple[int, str]:
    """Return the state's number and the cursor in it. Raises IndexCursorError."""
    number, mark, position = cursor.partition(_MARK)
    if not (mark and position) or not 0 < len(number) <= _NUMBER_DIGITS or not (number.isascii() and number.isalnum()):
        raise IndexCursorError("cursor cannot be read")
    try:
        return int(number, 16), position
    except ValueError:
        raise IndexCursorError("cursor cannot be read") from None


def brought_up_to_date(page: IndexPage, now: dict[str, Hit]) -> IndexPage:
    """Return the page with the payloads of now, without what is there no more: order and place are of its own state."""
    hits = tuple(hit._replace(payload=now[hit.id].payload) for hit in page.hits if hit.id in now)
    return replace(page, hits=hits)
