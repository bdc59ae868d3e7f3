"""An order counts once: what each telling of it adds and takes back, in any order, for ever the same."""

from collections.abc import Sequence
from itertools import permutations

from services.search.domain.counting import TELLINGS_LIMIT, Effect, Said, Telling, effect_of, with_telling
from services.search.domain.insights import Act

TEA, MILK = (Act(name, "20260105", purchase=True) for name in ("tea", "milk"))


def telling(number: int, authority: int, *wanted: str, act: Act | None = None) -> Telling:
    return Telling((authority, number, f"k{number}"), Said(act, wanted, float(number)))


BROWSER = telling(1, 0, "a", act=TEA)
SHOP = telling(2, 1, "a", "b", act=MILK)
FACT = telling(3, 2, "c")


def read(tellings: Sequence[Telling]) -> tuple[Telling, ...]:
    kept: tuple[Telling, ...] = ()
    for each in tellings:
        kept = with_telling(kept, each) or kept
    return kept


def counted(tellings: Sequence[Telling]) -> tuple[dict[str, int], dict[str, int]]:
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
    assert with_telling(kept, weaker) is None
    assert with_telling(kept, FACT) is None, "the same again"
    assert effect_of(kept, weaker.key) == Effect()


def test_what_was_read_once_keeps_its_effect_whatever_comes_after() -> None:
    early = read([BROWSER])
    late = read([BROWSER, FACT, telling(5, 2, "d")])
    assert effect_of(early, "k1") == effect_of(late, "k1") == Effect(BROWSER.said)
    assert effect_of(late, "k3").taken_back.wanted == ("a",)


def test_an_order_that_is_told_of_more_often_than_the_limit_stays_as_it_is() -> None:
    kept = read([telling(number, 2, f"p{number}") for number in range(1, TELLINGS_LIMIT + 1)])
    assert len(kept) == TELLINGS_LIMIT
    assert with_telling(kept, telling(99, 2, "late")) is None
