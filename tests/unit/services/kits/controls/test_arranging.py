"""The order of business, by 1,000 random cases and by the few that say most."""

from dataclasses import replace

from hypothesis import given, settings

from services.kits.controls.arranging import Origin, arrange
from services.kits.controls.control import Action, ActionType, CapPer, Control, Pin, Target
from services.kits.controls.plan import Plan
from tests.strategies.controls import IDS, Case, SmallCatalogue, cases, control, facts_of
from tests.strategies.order_of_business import arranged, violations


def shown(*actions: Action, count: int = 4, ranked: tuple[str, ...] = IDS[:8], fill: tuple[str, ...] = ()) -> list[str]:
    controls = tuple(control(number, action) for number, action in enumerate(actions))
    return [slot.product_id for slot in arranged(Case(controls, ranked, fill, count, frozenset()))]


@settings(max_examples=1_000, deadline=None)
@given(cases())
def test_the_order_of_business_holds(case: Case) -> None:
    assert violations(case, arranged(case)) == []


def test_exclude_beats_pin() -> None:
    pin = Action(ActionType.PIN, pins=(Pin("p5", 1),))
    assert shown(pin) == ["p5", "p0", "p1", "p2"]
    assert shown(pin, Action(ActionType.EXCLUDE, Target(product_ids=("p5",)))) == ["p0", "p1", "p2", "p3"]


def test_pins_beat_caps_and_take_their_room() -> None:
    cap = Action(ActionType.CAP, Target(brands=("brand-a",)), maximum=1)
    assert shown(cap) == ["p0", "p1", "p2", "p4"]
    pins = Action(ActionType.PIN, pins=(Pin("p3", 2), Pin("p6", 3)))
    assert shown(cap, pins) == ["p1", "p3", "p6", "p2"]


def test_a_boost_divides_the_rank_and_a_bury_multiplies_it() -> None:
    assert shown(Action(ActionType.BOOST, Target(product_ids=("p5",)), strength=2)) == ["p0", "p5", "p1", "p2"]
    assert shown(Action(ActionType.BURY, Target(product_ids=("p0",)), strength=1)) == ["p1", "p0", "p2", "p3"]


def test_a_cap_counts_each_brand_by_itself() -> None:
    assert shown(Action(ActionType.CAP, per=CapPer.BRAND, maximum=1), count=6) == ["p0", "p1", "p2"]


def test_filling_keeps_to_caps_and_comes_last() -> None:
    cap = Action(ActionType.CAP, per=CapPer.BRAND, maximum=1)
    assert shown(cap, ranked=("p0",), fill=("p3", "p1"), count=3) == ["p0", "p1"]


def test_each_slot_says_what_made_it() -> None:
    controls = (
        control(0, Action(ActionType.PIN, pins=(Pin("p9", 2),))),
        control(1, Action(ActionType.BOOST, Target(product_ids=("p2",)), strength=9)),
    )
    slots = arrange(Plan(controls, SmallCatalogue()), ("p0", "p1", "p2"), ("p4",), 5, may_pin=lambda _: True)
    told = [(slot.product_id, slot.position, slot.rank, slot.origin) for slot in slots]
    assert told == [
        ("p2", 1, 3, Origin.RANKED),
        ("p9", 2, 0, Origin.PINNED),
        ("p0", 3, 1, Origin.RANKED),
        ("p1", 4, 2, Origin.RANKED),
        ("p4", 5, 0, Origin.FILLED),
    ]
    assert [effect.control_id for effect in slots[0].effects] == ["ctl_1"]
    assert [effect.control_id for effect in slots[1].effects] == ["ctl_0"]
    assert slots[2].effects == ()


def test_of_two_pins_on_one_place_the_older_control_has_it() -> None:
    first, second = Action(ActionType.PIN, pins=(Pin("p5", 1),)), Action(ActionType.PIN, pins=(Pin("p6", 1),))
    assert shown(first, second) == ["p5", "p6", "p0", "p1"]
    assert shown(second, first) == ["p6", "p5", "p0", "p1"]


def test_a_product_that_changed_is_judged_anew() -> None:
    catalogue = SmallCatalogue()
    exclude: tuple[Control, ...] = (control(0, Action(ActionType.EXCLUDE, Target(brands=("brand-b",)))),)
    plan = Plan(exclude, catalogue)
    assert plan.allows("p0")
    catalogue.put("p0", facts_of(1))
    plan.freshen()
    assert not plan.allows("p0")


def test_lists_of_products_follow_the_catalogue() -> None:
    catalogue = SmallCatalogue()
    target = Target(brands=("brand-a",))
    plan = Plan([control(1, Action(ActionType.EXCLUDE, target))], catalogue)
    before, belonging = plan.allowed_ids(), plan.ids_in(target, limit=100)
    assert set(before) | set(belonging) == set(IDS)
    catalogue.put("p1", replace(facts_of(1), sellable=False))  # it stays where it is
    plan.freshen()
    assert (plan.allowed_ids(), plan.ids_in(target, limit=100)) == (before, belonging)
    catalogue.put("p1", facts_of(0))
    catalogue.put("new", facts_of(1))
    plan.freshen()
    assert set(plan.allowed_ids()) == {*before, "new"} - {"p1"}
    assert set(plan.ids_in(target, limit=100)) == {*belonging, "p1"}
    assert len(plan.ids_in(target, limit=2)) == 2
