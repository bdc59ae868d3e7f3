"""Shapes as functions of time."""

import pytest

from loadtests.shapes.plan import SECONDS_LIMIT, SHAPES, USERS_LIMIT, Shape, Stage

RISING = Shape("rising", (Stage(10, 0, 100), Stage(5, 300, 300, peak=True), Stage(10, 100, 50)))


@pytest.mark.parametrize(
    ("second", "users"),
    [(-1, 0), (0, 0), (5, 50), (9.99, 100), (10, 300), (14.9, 300), (15, 100), (20, 75), (25, None), (99, None)],
)
def test_users_follow_the_stages_and_end_with_them(second: float, users: int | None) -> None:
    assert RISING.users_at(second) == users


def test_a_shortened_shape_has_the_same_users_at_the_same_share_of_its_time() -> None:
    short = RISING.shortened(5)
    assert short.seconds == RISING.seconds / 5
    assert [short.users_at(second / 5) for second in range(25)] == [RISING.users_at(second) for second in range(25)]
    assert short.peak() == (2, 3)


def test_a_shape_is_never_lengthened() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        RISING.shortened(0.99)


def test_no_shape_goes_beyond_its_bounds() -> None:
    assert Shape("most", (Stage(SECONDS_LIMIT, USERS_LIMIT, 1),)).users_limit == USERS_LIMIT
    for stages in [
        (Stage(1, USERS_LIMIT + 1, 1),),
        (Stage(1, 1, USERS_LIMIT + 1),),
        (Stage(SECONDS_LIMIT, 1, 1), Stage(0.1, 1, 1)),
        (Stage(0, 1, 1),),
        (Stage(1, 1, -1),),
        (Stage(1, 0, 0),),
        (),
    ]:
        with pytest.raises(ValueError, match="bad"):
            Shape("bad", stages)


def test_the_smoke_is_a_minute_at_a_hundred_requests_a_second() -> None:
    smoke = SHAPES["smoke"]
    assert (smoke.seconds, smoke.users_limit, smoke.user_seconds, smoke.peak()) == (60, 100, 6_000, None)


def test_the_spike_is_five_times_what_stands_before_and_after_it() -> None:
    spike = SHAPES["spike"]
    begin, end = spike.peak() or (0, 0)
    assert [spike.users_at(second) for second in (begin - 1, begin, end - 1, end)] == [100, 500, 500, 100]
    assert spike.seconds - end >= 10, "there is time to see the recovery"


def test_every_shape_has_its_name() -> None:
    assert set(SHAPES) == {"smoke", "step", "spike", "soak", "double-eleven"}
    assert all(shape.name == name for name, shape in SHAPES.items())


def test_double_eleven_climbs_to_midnight_and_ebbs() -> None:
    shape = SHAPES["double-eleven"]
    begin, end = shape.peak() or (0, 0)
    users = [shape.users_at(second) or 0 for second in range(int(shape.seconds))]
    assert users[: int(begin)] == sorted(users[: int(begin)])
    assert users[int(end) :] == sorted(users[int(end) :], reverse=True)
    assert max(users) == users[int(begin)]
