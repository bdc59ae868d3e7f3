"""An engine only decides where a task is called."""

import pytest

from services.recommendation.domain.model import EngineName
from services.recommendation.jobs.engines import LocalEngine, RayEngine, Task, open_engine


def add(shared: int, argument: int) -> int:
    return shared + argument


def refuse(shared: int, argument: int) -> int:
    raise ValueError(argument)


def test_results_come_in_the_order_of_the_tasks_and_each_is_announced() -> None:
    heard: list[int] = []
    with LocalEngine() as engine:
        assert engine.run(10, [Task(add, n) for n in (3, 1, 2)], heard.append) == [13, 11, 12]
    assert heard == [1, 2, 3]


def test_a_failing_task_ends_the_run() -> None:
    with LocalEngine() as engine, pytest.raises(ValueError, match="1"):
        engine.run(0, [Task(refuse, 1), Task(add, 2)])


def test_each_name_has_its_engine() -> None:
    assert isinstance(open_engine(EngineName.LOCAL, workers=2), LocalEngine)
    assert isinstance(open_engine(EngineName.RAY, workers=2), RayEngine)
