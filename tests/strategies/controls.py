"""Controls over a small catalogue, and rankings of it: what the order of business is tried on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from services.kits.controls.catalogue import ProductFacts
from services.kits.controls.control import (
    Action,
    ActionType,
    CapPer,
    Condition,
    Content,
    Control,
    ControlState,
    Pin,
    Target,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PRODUCTS = 24
BRANDS = ("brand-a", "brand-b", "brand-c")
CATEGORIES = ("奶酪", "Snacks", "Tea")
TAGS = ("own-label", "new")
IDS = tuple(f"p{number}" for number in range(PRODUCTS))
RANKING_ACTIONS = (
    ActionType.BOOST,
    ActionType.BURY,
    ActionType.PIN,
    ActionType.EXCLUDE,
    ActionType.FILTER,
    ActionType.CAP,
)


class SmallCatalogue:
    """Products by number: brand by 3, category by 3 of the half, tags by 4; every eleventh is sold out."""

    def __init__(self) -> None:
        self.position = 0
        self.changes: list[str] = []
        self.products = {product_id: facts_of(number) for number, product_id in enumerate(IDS)}

    def follow(self, after: int) -> Sequence[str] | None:
        return self.changes[after:]

    def facts(self, product_id: str) -> ProductFacts | None:
        return self.products.get(product_id)

    def ids(self) -> Iterable[str]:
        return self.products

    def put(self, product_id: str, facts: ProductFacts) -> None:
        self.products[product_id] = facts
        self.changes.append(product_id)
        self.position += 1


def facts_of(number: int) -> ProductFacts:
    category = CATEGORIES[number // 2 % 3]
    return ProductFacts(
        categories=frozenset({"Food", category, f"Food > {category}"}),
        brands=frozenset({BRANDS[number % 3]}),
        tags=frozenset({TAGS[0]} if number % 4 == 0 else {TAGS[1]} if number % 4 == 1 else ()),
        leaf=f"Food > {category}",
        sellable=number % 11 != 10,
    )


@dataclass(frozen=True)
class Case:
    """One request: which Controls apply, what was retrieved, what fills, how many slots, what may not be pinned."""

    controls: tuple[Control, ...]
    ranked: tuple[str, ...]
    fill: tuple[str, ...]
    count: int
    unpinnable: frozenset[str]


def control(
    number: int,
    action: Action,
    condition: Condition | None = None,
    *,
    state: ControlState = ControlState.LIVE,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Control:
    content = Content(f"rule {number}", action, condition or Condition(), start, end)
    made = NOW - timedelta(days=1) + timedelta(seconds=number)
    return Control(f"ctl_{number}", 1, state, content, made, made)


def targets() -> st.SearchStrategy[Target]:
    def some(values: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
        return st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)

    return st.one_of(
        st.builds(Target, product_ids=some(IDS)),
        st.builds(Target, categories=some((*CATEGORIES, "Food"))),
        st.builds(Target, brands=some(BRANDS)),
        st.builds(Target, brands=some(BRANDS), categories=some(CATEGORIES), tags=some(TAGS)),
    ).filter(bool)


@st.composite
def actions(draw: st.DrawFn) -> Action:
    kind = draw(st.sampled_from(RANKING_ACTIONS))
    if kind is ActionType.PIN:
        pins = draw(
            st.lists(
                st.builds(Pin, st.sampled_from(IDS), st.integers(1, 12)),
                min_size=1,
                max_size=4,
                unique_by=(lambda pin: pin.product_id, lambda pin: pin.position),
            )
        )
        return Action(kind, pins=tuple(sorted(pins, key=lambda pin: pin.position)))
    target = draw(targets())
    if kind is ActionType.CAP:
        return Action(kind, target, maximum=draw(st.integers(1, 4)), per=draw(st.sampled_from(CapPer)))
    strength = draw(st.integers(1, 9)) if kind in {ActionType.BOOST, ActionType.BURY} else 0
    return Action(kind, target, strength=strength)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    chosen = draw(st.lists(actions(), min_size=1, max_size=6))
    order = draw(st.permutations(IDS))
    split = draw(st.integers(0, PRODUCTS))
    return Case(
        tuple(control(number, action) for number, action in enumerate(chosen)),
        tuple(order[:split]),
        tuple(order[split:]),
        draw(st.integers(1, 16)),
        draw(st.frozensets(st.sampled_from(IDS), max_size=4)),
    )
