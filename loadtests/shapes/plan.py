"""Shapes as functions of time: how many users there are at a second of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

USERS_LIMIT: Final = 1_000
SECONDS_LIMIT: Final = 4 * 3_600.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Some seconds in which users go from one number to another in a straight line; ``peak``: more than is meant."""

    seconds: float
    users: int
    users_at_end: int
    peak: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Stages one after the other. Raises ValueError beyond the bounds of users and time."""

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages or any(stage.seconds <= 0 for stage in self.stages):
            raise ValueError(f"{self.name}: every stage takes time")
        if not 1 <= self.users_limit <= USERS_LIMIT or any(min(s.users, s.users_at_end) < 0 for s in self.stages):
            raise ValueError(f"{self.name}: 1 to {USERS_LIMIT} users")
        if self.seconds > SECONDS_LIMIT:
            raise ValueError(f"{self.name}: at most {SECONDS_LIMIT:.0f} s")

    @property
    def seconds(self) -> float:
        """How long the run takes."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def users_limit(self) -> int:
        """The most users at once."""
        return max(max(stage.users, stage.users_at_end) for stage in self.stages)

    @property
    def user_seconds(self) -> float:
        """The sum of all users' seconds: at one request a second each, the requests of the run."""
        return sum(stage.seconds * (stage.users + stage.users_at_end) / 2 for stage in self.stages)

    def users_at(self, second: float) -> int | None:
        """Return the users at ``second`` of the run, None when it is over."""
        begin = 0.0
        for stage in self.stages:
            if second < begin + stage.seconds:
                share = max(0.0, second - begin) / stage.seconds
                return round(stage.users + share * (stage.users_at_end - stage.users))
            begin += stage.seconds
        return None

    def peak(self) -> tuple[float, float] | None:
        """Return from which second to which there are more users than the platform is meant to serve."""
        begin = 0.0
        for stage in self.stages:
            if stage.peak:
                return begin, begin + stage.seconds
            begin += stage.seconds
        return None

    def shortened(self, factor: float) -> "Shape":
        """Return the same in a ``factor``-th of the time. Raises ValueError for a factor below 1."""
        if factor < 1:
            raise ValueError("a shape is shortened by 1 or more")
        stages = [Stage(s.seconds / factor, s.users, s.users_at_end, s.peak) for s in self.stages]
        return Shape(self.name, tuple(stages))


def _steps(users: Sequence[int], seconds: float) -> tuple[Stage, ...]:
    return tuple(Stage(seconds, each, each) for each in users)


_ALL: Final = (
    Shape("smoke", _steps([100], 60)),
    Shape("step", _steps([50, 100, 150, 200, 250, 300], 40)),
    Shape("spike", (Stage(20, 100, 100), Stage(15, 500, 500, peak=True), Stage(30, 100, 100))),
    Shape("soak", _steps([100], 3_600)),
    # Eleven November: people gather from the evening on, midnight opens the sale, the night ebbs away.
    Shape(
        "double-eleven",
        (
            Stage(300, 40, 100),
            Stage(480, 100, 250),
            Stage(120, 250, 400),
            Stage(60, 600, 600, peak=True),
            Stage(180, 400, 200),
            Stage(360, 200, 80),
        ),
    ),
)
SHAPES: Final[Mapping[str, Shape]] = {shape.name: shape for shape in _ALL}
