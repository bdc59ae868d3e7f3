"""Contradictions: each kind, and none where the two never meet."""

from datetime import timedelta

import pytest

from services.kits.controls.conflicts import ConflictKind, conflicts_of
from services.kits.controls.control import Action, ActionType, Condition, Content, ControlState, Pin, Target
from tests.strategies.controls import NOW, SmallCatalogue, control

CATALOGUE = SmallCatalogue()


def pin(product_id: str, position: int = 1) -> Action:
    return Action(ActionType.PIN, pins=(Pin(product_id, position),))


def of(kind: ActionType, *product_ids: str, brand: str = "", strength: int = 0) -> Action:
    return Action(kind, Target(product_ids=product_ids, brands=(brand,) if brand else ()), strength=strength)


def kinds(
    mine: Action, other: Action, condition: Condition | None = None, theirs: Condition | None = None
) -> list[ConflictKind]:
    content = Content("mine", mine, condition or Condition())
    return [each.kind for each in conflicts_of(content, [control(1, other, theirs)], CATALOGUE, now=NOW)]


@pytest.mark.parametrize(
    ("mine", "other", "kind"),
    [
        (pin("p0"), of(ActionType.EXCLUDE, "p0"), ConflictKind.PIN_EXCLUDED),
        (of(ActionType.EXCLUDE, brand="brand-a"), pin("p3"), ConflictKind.PIN_EXCLUDED),
        (pin("p1"), of(ActionType.FILTER, brand="brand-a"), ConflictKind.PIN_FILTERED),
        (pin("p1"), pin("p2"), ConflictKind.PINS_COLLIDE),
        (pin("p1"), pin("p1", 2), ConflictKind.PINNED_TWICE),
        (
            of(ActionType.BOOST, "p0", strength=1),
            of(ActionType.BURY, brand="brand-a", strength=1),
            ConflictKind.BOOST_AND_BURY,
        ),
        (of(ActionType.FILTER, brand="brand-a"), of(ActionType.FILTER, brand="brand-b"), ConflictKind.FILTER_EMPTY),
        (of(ActionType.FILTER, "p1"), of(ActionType.EXCLUDE, "p1"), ConflictKind.FILTER_EMPTY),
        (Action(ActionType.REDIRECT, url="/a"), Action(ActionType.REDIRECT, url="/b"), ConflictKind.REDIRECTS_DIFFER),
    ],
)
def test_each_contradiction_is_found_from_either_side(mine: Action, other: Action, kind: ConflictKind) -> None:
    assert kinds(mine, other) == [kind]
    assert kinds(other, mine) == [kind]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Condition(placements=("a",)), Condition(placements=("b",))),
        (Condition(queries=("tea",)), Condition(queries=("coffee",))),
        (Condition(queries=("teapot",)), Condition(terms=("tea",))),
        (Condition(channels=("app",)), Condition(channels=("web",))),
    ],
)
def test_controls_that_never_meet_do_not_contradict(one: Condition, other: Condition) -> None:
    assert kinds(pin("p1"), pin("p2"), one, other) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Condition(), Condition(placements=("b",))),
        (Condition(queries=("有机奶酪",)), Condition(terms=("奶酪",))),
        (Condition(terms=("green tea",)), Condition(terms=("tea",))),
    ],
)
def test_controls_that_may_meet_do(one: Condition, other: Condition) -> None:
    assert kinds(pin("p1"), pin("p2"), one, other) == [ConflictKind.PINS_COLLIDE]


def test_a_filter_that_nothing_in_stock_passes_contradicts_the_catalogue() -> None:
    assert [each.kind for each in conflicts_of(Content("x", of(ActionType.FILTER, "p10")), [], CATALOGUE, now=NOW)] == [
        ConflictKind.FILTER_EMPTY
    ]


def test_drafts_ended_ones_itself_and_other_times_do_not_contradict() -> None:
    soon, later = NOW + timedelta(days=1), NOW + timedelta(days=2)
    content = Content("mine", pin("p1"), Condition(), soon, later)
    others = [
        control(1, pin("p2"), state=ControlState.DRAFT),
        control(2, pin("p2"), end=NOW),
        control(3, pin("p2")),
        control(4, pin("p2"), start=later),
    ]
    assert conflicts_of(content, others, CATALOGUE, own_id="ctl_3", now=NOW) == ()
