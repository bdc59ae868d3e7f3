"""What was read lately is at hand, and never more of it than the bound."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.recent import Recent


def test_what_was_put_is_there_and_nothing_else() -> None:
    recent: Recent[str, int] = Recent(100)
    recent.put("a", 1, 10)
    assert (recent.get("a"), recent.get("b"), len(recent)) == (1, None, 1)


def test_the_longest_unused_goes_first() -> None:
    recent: Recent[str, int] = Recent(30)
    for number, key in enumerate("abc"):
        recent.put(key, number, 10)
    assert recent.get("a") == 0
    recent.put("d", 3, 10)
    assert [recent.get(key) for key in "abcd"] == [0, None, 2, 3]


def test_what_is_put_again_counts_once() -> None:
    recent: Recent[str, int] = Recent(20)
    for number in range(10):
        recent.put("a", number, 10)
    recent.put("b", 1, 10)
    assert (recent.get("a"), recent.get("b")) == (9, 1)


def test_the_largest_that_is_held_fills_the_limit() -> None:
    recent: Recent[str, int] = Recent(100)
    recent.put("all", 1, 100)
    assert recent.get("all") == 1
    recent.put("all", 2, 101)
    assert (recent.get("all"), len(recent)) == (None, 0)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=200))
def test_never_more_is_held_than_the_bound(steps: list[tuple[int, bool]]) -> None:
    recent: Recent[int, int] = Recent(100)
    for key, puts in steps:
        if puts:
            recent.put(key, key, 7)
        else:
            assert recent.get(key) in {None, key}
        assert 7 * len(recent) <= 100


def test_threads_share_it() -> None:
    recent: Recent[int, int] = Recent(100)

    def work(start: int) -> None:
        for number in range(start, start + 5_000):
            key = number % 37
            if recent.get(key) not in {None, key}:
                raise AssertionError(key)
            recent.put(key, key, 7)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert 7 * len(recent) <= 100
    assert len(recent) == 14
