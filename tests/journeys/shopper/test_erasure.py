"""A small shop of its own, twenty of two hundred erased: found nowhere, late events refused, rebuilds equal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.erasure import erase
from benchmarks.erasure_shop import Deployment, Person, make_people
from benchmarks.erasure_traces import found_in_bytes

CUSTOMERS, ERASED = 200, 20


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return make_people(CUSTOMERS)


@pytest.fixture(scope="module")
def deployment(people: list[Person], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment.started(tmp_path_factory.mktemp("erasure") / "data") as started:
        started.load(people)
        yield started


def test_consent_withdrawn_stops_everything_personal(deployment: Deployment, people: list[Person]) -> None:
    """How soon is what ``benchmarks.erasure`` measures, alone on its machine."""
    assert deployment.consent_blocked_ms(people[-1]) > 0


def test_the_erased_are_found_nowhere_and_what_comes_late_is_refused(
    deployment: Deployment, people: list[Person]
) -> None:
    erased, kept = people[:ERASED], people[ERASED : ERASED + 10]
    data: Path = deployment.platform.data
    assert found_in_bytes(data, erased[:2]), "the canaries were never there"
    assert deployment.erase_one_export(erased[0]) > 5
    erase(deployment, erased)
    assert deployment.found_by_api(erased) == set()
    assert found_in_bytes(data, erased) == set()
    assert deployment.send_late(erased) == (ERASED, ERASED)
    assert deployment.rebuild_equal([*kept, *erased[:5]])
    assert found_in_bytes(data, erased) == set()
    deployment.expect_all(kept)
