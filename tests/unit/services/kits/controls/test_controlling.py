"""The use cases on the memory store: replicas, repeats, limits."""

import asyncio
from collections.abc import Mapping

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.errors import ZhikeError
from services.kits.controls import controlling as use_cases
from services.kits.controls.control import (
    Action,
    ActionType,
    Condition,
    Content,
    Control,
    ControlState,
    Step,
    Target,
)
from services.kits.controls.control_checks import Abilities
from services.kits.controls.control_store import ControlStore
from services.kits.controls.controlling import Controlling, Wanted
from services.kits.controls.errors import ControlLimitError, ControlRequestReusedError, ControlVersionError
from services.kits.controls.live_controls import LiveControls
from services.kits.controls.matching import Asked
from services.kits.controls.servicer import dry_run_arguments, dry_run_control
from tests.fakes.clock import ManualClock
from tests.strategies.controls import SmallCatalogue

ABILITIES = Abilities(frozenset(ActionType), ("popular",), tuple, has_queries=False, normalised=str.strip)
CONTENT = Content("a rule", Action(ActionType.EXCLUDE, Target(product_ids=("p1",))), Condition(placements=("popular",)))
ASKED = Asked("popular")


async def replica(documents: MemoryDocuments, clock: ManualClock) -> tuple[Controlling, LiveControls]:
    store, catalogue, ids = ControlStore(documents), SmallCatalogue(), iter(range(10**6))
    await store.declare()
    live = LiveControls(store, catalogue, clock)
    return Controlling(store, live, catalogue, ABILITIES, clock=clock, random_id=lambda: str(next(ids))), live


async def test_another_replica_sees_a_launch_at_its_next_look() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    here, live_here = await replica(documents, clock)
    _, live_there = await replica(documents, clock)
    made = await here.create(CONTENT, actor="mei", request_id="r1")
    assert live_here.current().plan(ASKED) is None
    await here.step(made.control.id, Step.LAUNCH, actor="mei", version=1, despite_conflicts=False)
    assert live_here.current().plan(ASKED) is not None
    assert live_there.current().plan(ASKED) is None
    await live_there.refresh()
    assert live_there.current().plan(ASKED) is not None


async def test_a_repeat_makes_nothing_new_and_another_body_is_refused() -> None:
    here, _ = await replica(MemoryDocuments(), ManualClock())
    one = await here.create(CONTENT, actor="mei", request_id="r1")
    again = await here.create(CONTENT, actor="li", request_id="r1")
    assert (again.control.id, again.control.version, again.control.author) == (one.control.id, 1, "mei")
    with pytest.raises(ControlRequestReusedError):
        await here.create(Content("other", CONTENT.action), actor="mei", request_id="r1")


async def test_who_edits_an_older_version_is_refused() -> None:
    here, _ = await replica(MemoryDocuments(), ManualClock())
    made = await here.create(CONTENT, actor="mei", request_id="r1")
    await here.edit(made.control.id, Content("second", CONTENT.action), actor="li", version=1)
    with pytest.raises(ControlVersionError):
        await here.edit(made.control.id, Content("third", CONTENT.action), actor="mei", version=1)


async def test_limits_one_past_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_cases, "CONTROLS_LIMIT", 2)
    monkeypatch.setattr(use_cases, "SERVED_LIMIT", 1)
    here, _ = await replica(MemoryDocuments(), ManualClock())
    ids = [(await here.create(CONTENT, actor="", request_id=f"r{n}")).control.id for n in range(2)]
    with pytest.raises(ControlLimitError):
        await here.create(CONTENT, actor="", request_id="r2")
    await here.step(ids[0], Step.LAUNCH, actor="", version=0, despite_conflicts=True)
    with pytest.raises(ControlLimitError):
        await here.step(ids[1], Step.LAUNCH, actor="", version=0, despite_conflicts=True)


async def test_lists_are_filtered_and_paged() -> None:
    here, _ = await replica(MemoryDocuments(), clock := ManualClock())
    for number in range(3):
        clock.advance(1)
        await here.create(Content(f"rule {number}", CONTENT.action), actor="", request_id=f"r{number}")
    first = await here.list(Wanted(text="RULE"), after=None, limit=2)
    rest = await here.list(Wanted(text="RULE"), after=first.next_after, limit=2)
    assert [each.content.title for each in (*first.controls, *rest.controls)] == ["rule 2", "rule 1", "rule 0"]
    assert rest.next_after is None
    assert not (await here.list(Wanted(states=frozenset({ControlState.LIVE})), after=None, limit=9)).controls


async def test_a_draft_is_looked_at_as_if_it_were_live() -> None:
    here, live = await replica(MemoryDocuments(), ManualClock())
    draft = await here.as_live("", CONTENT)
    assert live.with_draft(draft).plan(ASKED) is not None
    assert live.current().plan(ASKED) is None
    with pytest.raises(ZhikeError):
        await here.as_live("", None)


class SlowStore(ControlStore):
    """Holds an answer back until it is let go."""

    def __init__(self, documents: MemoryDocuments) -> None:
        super().__init__(documents)
        self.reading, self.let_go = asyncio.Event(), asyncio.Event()
        self.let_go.set()

    async def served(self, known: Mapping[str, Control] | None = None) -> tuple[Control, ...]:
        found = await super().served(known)
        self.reading.set()
        await self.let_go.wait()
        return found


async def test_an_older_look_does_not_put_back_what_a_later_one_saw() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    here, _ = await replica(documents, clock)
    store = SlowStore(documents)
    live = LiveControls(store, SmallCatalogue(), clock)
    made = await here.create(CONTENT, actor="mei", request_id="r1")
    store.let_go.clear()
    early = asyncio.ensure_future(live.refresh())
    await store.reading.wait()
    await here.step(made.control.id, Step.LAUNCH, actor="mei", version=1, despite_conflicts=False)
    late = asyncio.ensure_future(live.refresh())
    await asyncio.sleep(0)
    store.let_go.set()
    await asyncio.gather(early, late)
    assert live.current().plan(ASKED) is not None


async def test_what_has_not_changed_is_not_read_anew() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    here, live = await replica(documents, clock)
    for number in range(2):
        made = await here.create(CONTENT, actor="mei", request_id=f"r{number}")
        await here.step(made.control.id, Step.LAUNCH, actor="mei", version=1, despite_conflicts=False)
    one, other = live.served
    await here.edit(other.id, Content("second", CONTENT.action), actor="li", version=2)
    assert live.served[0] is one
    assert live.served[1].content.title == "second"


async def test_a_dry_run_looks_at_a_control_of_its_own_age() -> None:
    clock = ManualClock()
    here, _ = await replica(MemoryDocuments(), clock)
    made = await here.create(CONTENT, actor="mei", request_id="r1")
    clock.advance(60)
    kept, draft = await here.as_live(made.control.id, None), await here.as_live("", CONTENT)
    assert dry_run_control(dry_run_arguments(kept, 10), clock.now()).create_time == made.control.create_time
    assert dry_run_control(dry_run_arguments(draft, 10), clock.now()).create_time == clock.now()
    clock.advance(1)
    assert dry_run_arguments(draft, 10) == dry_run_arguments(await here.as_live("", CONTENT), 10)
