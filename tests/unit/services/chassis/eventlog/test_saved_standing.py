"""How far a projection is, by its saved cursors: what is known where its reader does not run."""

import asyncio
from math import inf

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.eventlog.cursors import Cursor, DocumentCursors
from services.chassis.eventlog.port import Head
from services.chassis.eventlog.saved_standing import SavedStanding
from tests.fakes.clock import ManualClock


class MovingLog:
    """A log whose head a test moves; it may be away."""

    name, owner = "orders", ""

    def __init__(self) -> None:
        self.seqs = (0, 0)
        self.generation = "g"
        self.away = False

    async def head(self) -> Head:
        if self.away:
            raise StoreUnavailableError("the owner is away")
        return Head(self.generation, self.seqs)


class World:
    """A log, what another replica saved of it, and this replica's look at both."""

    def __init__(self) -> None:
        self.clock, self.log = ManualClock(), MovingLog()
        documents = MemoryDocuments()
        self.holder = DocumentCursors(documents, "copy")
        self.standing = SavedStanding(self.log, DocumentCursors(documents, "copy"), self.clock)  # type: ignore[arg-type]

    async def read(self, *seqs: int) -> None:
        """The holder reads so far."""
        for partition, seq in enumerate(seqs):
            await self.holder.save("orders", partition, generation=self.log.generation, seq=seq)


@pytest.fixture
async def world() -> World:
    world = World()
    await world.holder.declare()
    return world


@pytest.mark.parametrize(
    ("cursor", "head", "reached", "behind"),
    [
        (Cursor(), Head("g", (0, 0)), True, 0),
        (Cursor(), Head("g", (2, 1)), False, 3),
        (Cursor("g", {0: 2}), Head("g", (2, 1)), False, 1),
        (Cursor("g", {0: 2, 1: 1}), Head("g", (2, 1)), True, 0),
        (Cursor("g", {0: 3, 1: 0}), Head("g", (2, 1)), False, 1),
        (Cursor("f", {0: 2, 1: 1}), Head("g", (2, 1)), False, 3),
    ],
)
def test_a_cursor_is_held_against_a_head_partition_by_partition(
    cursor: Cursor, head: Head, reached: bool, behind: int
) -> None:
    assert (cursor.has_reached(head), cursor.lag_events(head)) == (reached, behind)


async def test_nothing_is_known_before_the_first_look(world: World) -> None:
    assert (world.standing.staleness_s(), world.standing.lag_events()) == (inf, None)


async def test_what_was_read_to_the_head_is_as_old_as_the_look(world: World) -> None:
    world.log.seqs = (3, 1)
    await world.read(3, 1)
    await world.standing.look()
    world.clock.advance(2.5)
    assert (world.standing.staleness_s(), world.standing.lag_events()) == (2.5, 0)


async def test_a_log_without_events_is_read(world: World) -> None:
    await world.standing.look()
    assert world.standing.staleness_s() == 0


async def test_what_is_behind_grows_staler_and_shows_its_lag(world: World) -> None:
    await world.standing.look()
    world.log.seqs = (3, 1)
    await world.read(1, 1)
    for _ in range(3):
        world.clock.advance(1.0)
        await world.standing.look()
    assert (world.standing.staleness_s(), world.standing.lag_events()) == (3.0, 2)


async def test_who_never_stands_at_the_head_of_a_busy_log_is_as_old_as_the_head_that_was_reached(world: World) -> None:
    for look in range(20):
        world.log.seqs = (10 * look + 10, 0)  # ten events between two looks; the holder is always five behind
        await world.read(10 * look + 5, 0)
        world.clock.advance(1.0)
        await world.standing.look()
    assert world.standing.lag_events() == 5
    assert world.standing.staleness_s() <= 2.0


async def test_a_log_that_began_anew_is_read_from_its_start(world: World) -> None:
    world.log.seqs = (3, 0)
    await world.read(3, 0)
    await world.standing.look()
    world.log.seqs = (4, 0)
    await world.standing.look()
    world.log.generation = "h"
    world.clock.advance(1.0)
    await world.standing.look()
    assert (world.standing.staleness_s(), world.standing.lag_events()) == (1.0, 4)
    await world.holder.forget("orders")
    await world.read(4, 0)
    world.clock.advance(1.0)
    await world.standing.look()
    assert (world.standing.staleness_s(), world.standing.lag_events()) == (0.0, 0)


async def test_an_owner_that_is_away_leaves_what_was_known_and_a_defect_is_raised(world: World) -> None:
    await world.standing.look()
    world.log.away = True
    world.clock.advance(7.0)
    await world.standing.look()
    assert world.standing.staleness_s() == 7.0
    world.log.head = None  # type: ignore[assignment,method-assign]
    with pytest.raises(TypeError):
        await world.standing.look()


async def test_a_head_is_waited_for_through_a_store_that_is_away_for_a_moment(world: World) -> None:
    await world.read(1, 0)
    waiting = asyncio.create_task(world.standing.reach(Head("g", (2, 0)), look_s=0.001))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await world.read(2, 0)
    await asyncio.wait_for(waiting, 5)
