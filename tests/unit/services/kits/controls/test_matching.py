"""Conditions by tables: equal to a walk through all Controls, whatever is asked."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kits.controls.control import Action, ActionType, Condition, Control, Target
from services.kits.controls.live_controls import ControlSet
from services.kits.controls.matching import Asked, ControlTables, contains_phrase
from tests.strategies.controls import SmallCatalogue, control

EXCLUDE = Action(ActionType.EXCLUDE, Target(product_ids=("p1",)))
TEXTS = ("奶酪", "有机奶酪", "tea", "green tea", "teapot", "茶")
WORDS = ("a", "b", "c")


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


CONDITIONS = st.builds(
    Condition,
    queries=some(TEXTS),
    terms=some(TEXTS),
    placements=some(WORDS),
    segments=some(WORDS),
    product_ids=some(WORDS),
    categories=some(WORDS),
    channels=some(WORDS),
    shops=some(WORDS),
)
ASKED = st.builds(
    Asked,
    placement=st.sampled_from(("", *WORDS)),
    query=st.sampled_from(("", *TEXTS, "a green tea, please")),
    product_ids=some(WORDS),
    categories=some(WORDS).map(frozenset),
    segments=some(WORDS).map(frozenset),
    channel=st.sampled_from(("", *WORDS)),
    shop=st.sampled_from(("", *WORDS)),
)


def holds(condition: Condition, asked: Asked) -> bool:
    """Tell it in the plainest way."""
    if (condition.queries or condition.terms) and not (
        asked.query in condition.queries or any(contains_phrase(asked.query, each) for each in condition.terms)
    ):
        return False
    sets = (
        (condition.placements, {asked.placement}),
        (condition.segments, asked.segments),
        (condition.product_ids, set(asked.product_ids)),
        (condition.categories, asked.categories),
        (condition.channels, {asked.channel}),
        (condition.shops, {asked.shop}),
    )
    return all(not wanted or set(wanted) & set(given) for wanted, given in sets)


@settings(max_examples=400, deadline=None)
@given(st.lists(CONDITIONS, max_size=8), ASKED)
def test_tables_find_what_a_walk_through_all_finds(conditions: list[Condition], asked: Asked) -> None:
    controls = [control(number, EXCLUDE, condition) for number, condition in enumerate(conditions)]
    wanted = [each.id for each in controls if holds(each.condition, asked)]
    tables = ControlTables(controls)
    assert [each.id for each in tables.matching(asked)] == wanted
    assert [each.id for each in tables.matching(tables.relevant(asked))] == wanted


def test_a_word_is_no_part_of_a_longer_latin_one() -> None:
    assert contains_phrase("green tea", "tea")
    assert not contains_phrase("teapot", "tea")
    assert contains_phrase("teapot tea", "tea")
    assert contains_phrase("有机奶酪片", "奶酪")
    assert contains_phrase("tea茶", "tea")


def test_a_plan_is_shared_by_requests_that_no_control_tells_apart() -> None:
    one: Control = control(1, EXCLUDE, Condition(placements=("a",)))
    known = ControlSet([one], SmallCatalogue())
    first = known.plan(Asked("a", channel="web", product_ids=("x",)))
    assert first is not None
    assert known.plan(Asked("a", channel="app", product_ids=("y",))) is first
    assert known.plan(Asked("b")) is None
    assert not ControlSet([], SmallCatalogue())
