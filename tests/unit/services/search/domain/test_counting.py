"""An order counts once: what each telling of it adds and takes back, in any order, for ever the same."""

from collections.abc import Iterable, Sequence
from itertools import permutations

from services.search.domain.counting import (
    STEPS_LIMIT,
    TELLINGS_LIMIT,
    Effect,
    Heard,
    Said,
    Telling,
    effect_of,
    with_heard,
)
from services.search.domain.insights import Act
from services.search.domain.pieces import Line, Move, Portion, Step

TEA, MILK = (Act(name, "20260105", purchase=True) for name in ("tea", "milk"))


def telling(number: int, authority: int, *wanted: str, act: Act | None = None) -> Telling:
    lines = tuple(Line(place + 1, place, 1) for place in range(len(wanted)))
    return Telling((authority, number, f"k{number}"), Said(act, wanted, float(number)), lines)


def step(number: int, move: Move, *lines: int, parcel: str = "", voids: tuple[str, ...] = ()) -> Step:
    return Step(f"s{number}", f"n{number}", move, number, parcel, tuple(map(Portion, lines)), voids)


BROWSER = telling(1, 0, "a", act=TEA)
SHOP = telling(2, 1, "a", "b", act=MILK)
FACT = telling(3, 2, "c")


def read(tellings: Sequence[Heard]) -> tuple[Heard, ...]:
    kept: tuple[Heard, ...] = ()
    for each in tellings:
        kept = with_heard(kept, each) or kept
    return kept


def counted(tellings: Sequence[Heard]) -> tuple[dict[str, int], dict[str, int]]:
    """What all effects together count: products, and acts by query."""
    kept = read(tellings)
    wanted: dict[str, int] = {}
    acts: dict[str, int] = {}
    for each in kept:
        effect = effect_of(kept, each.key)
        for said, sign in ((effect.added, 1), (effect.taken_back, -1)):
            for product in said.wanted:
                wanted[product] = wanted.get(product, 0) + sign
            if said.act:
                acts[said.act.query_key] = acts.get(said.act.query_key, 0) + sign
    return ({name: count for name, count in each.items() if count} for each in (wanted, acts))  # type: ignore[return-value]


def test_what_is_believed_most_says_what_was_wanted_and_of_those_that_name_a_search_which_it_was() -> None:
    for arrival in permutations((BROWSER, SHOP, FACT)):
        assert tuple(counted(arrival)) == ({"c": 1}, {"milk": 1})
    for arrival in permutations((BROWSER, FACT)):
        assert tuple(counted(arrival)) == ({"c": 1}, {"tea": 1})


def test_a_telling_that_changes_nothing_is_not_kept_and_has_no_effect() -> None:
    kept = read([FACT])
    weaker = telling(4, 1, "a", "b")
    assert with_heard(kept, weaker) is None
    assert with_heard(kept, FACT) is None, "the same again"
    assert effect_of(kept, weaker.key) == Effect()


def test_what_was_read_once_keeps_its_effect_whatever_comes_after() -> None:
    early = read([BROWSER])
    late = read([BROWSER, FACT, telling(5, 2, "d")])
    assert effect_of(early, "k1") == effect_of(late, "k1") == Effect(BROWSER.said)
    assert effect_of(late, "k3").taken_back.wanted == ("a",)


def test_an_order_that_is_told_of_more_often_than_the_limit_stays_as_it_is() -> None:
    kept = read([telling(number, 2, f"p{number}") for number in range(1, TELLINGS_LIMIT + 1)])
    assert len(kept) == TELLINGS_LIMIT
    assert with_heard(kept, telling(99, 2, "late")) is None


TWO = telling(4, 2, "c", "d")


def arrivals(*heard: Heard) -> Iterable[tuple[Heard, ...]]:
    return permutations(heard)


def test_what_is_cancelled_counts_no_more_whenever_it_is_heard_of() -> None:
    of_one = step(10, Move.CANCEL, 2)
    for arrival in arrivals(BROWSER, SHOP, TWO, of_one):
        assert tuple(counted(arrival)) == ({"c": 1}, {"milk": 1}), "the search led to what is left"
    of_all = step(11, Move.CANCEL)
    for arrival in arrivals(BROWSER, SHOP, TWO, of_all):
        assert tuple(counted(arrival)) == ({}, {})
    for arrival in arrivals(TWO, of_one, of_all, step(12, Move.CORRECT, voids=("n11",))):
        assert tuple(counted(arrival)) == ({"c": 1}, {})


def test_what_had_been_sent_is_not_cancelled_unless_it_came_back() -> None:
    sent, cancelled = step(9, Move.SHIP, 1, parcel="x"), step(11, Move.CANCEL)
    for arrival in arrivals(TWO, sent, cancelled):
        assert tuple(counted(arrival)) == ({"c": 1}, {})
    came_back, delivered = step(12, Move.OPEN, parcel="x"), step(13, Move.DELIVER, parcel="x")
    for arrival in arrivals(TWO, sent, cancelled, came_back):
        assert tuple(counted(arrival)) == ({}, {})
    for arrival in arrivals(TWO, sent, cancelled, came_back, delivered):
        assert tuple(counted(arrival)) == ({"c": 1}, {}), "handed over holds against every other end"


def test_a_step_is_heard_once_and_steps_have_a_limit_of_their_own() -> None:
    kept = read([TWO, *(step(number, Move.SHIP, parcel=str(number)) for number in range(STEPS_LIMIT))])
    assert len(kept) == STEPS_LIMIT + 1
    assert with_heard(kept, step(STEPS_LIMIT, Move.CANCEL)) is None
    assert with_heard(read([TWO, step(1, Move.CANCEL)]), step(1, Move.CANCEL)) is None
    assert with_heard(kept, telling(99, 2, "later")) is not None
