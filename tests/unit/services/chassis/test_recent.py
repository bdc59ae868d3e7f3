"""What was read lately is at hand, and never more of it than the bound."""

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.recent import Recent


def test_what_was_put_is_there_and_nothing_else() -> None:
    recent: Recent[str, int] = Recent(100)
    recent.put("a", 1, 10)
    assert (recent.get("a"), recent.get("b"), len(recent)) == (1, None, 1)


def test_what_is_used_stays_and_what_nobody_uses_goes() -> None:
    recent: Recent[str, int] = Recent(100)
    recent.put("used", 1, 10)
    recent.put("unused", 2, 10)
    for number in range(50):
        recent.put(f"other {number}", number, 10)
        assert recent.get("used") == 1
    assert recent.get("unused") is None


def test_the_largest_that_is_held_fills_one_half() -> None:
    recent: Recent[str, int] = Recent(100)
    recent.put("half", 1, 50)
    recent.put("more", 2, 51)
    assert (recent.get("half"), recent.get("more")) == (1, None)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=200))
def test_never_more_is_held_than_the_bound(steps: list[tuple[int, bool]]) -> None:
    recent: Recent[int, int] = Recent(100)
    for key, puts in steps:
        if puts:
            recent.put(key, key, 7)
        else:
            assert recent.get(key) in {None, key}
        assert 7 * len(recent) <= 100
