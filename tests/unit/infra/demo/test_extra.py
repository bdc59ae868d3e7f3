"""The optional packages: their absence is said clearly."""

from pathlib import Path

import pytest

from infra.demo.extra import DemoExtraMissingError, data_folder, require_demo_extra


def test_a_missing_package_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(DemoExtraMissingError, match=r"zhike\[demo\]") as caught:
        require_demo_extra(("json", "no_such_package_of_the_demo"))
    assert caught.value.metadata == {"extra": "demo", "missing": "no_such_package_of_the_demo"}
    assert caught.value.reason == "DEMO_EXTRA_MISSING"


def test_packages_that_are_here_are_enough() -> None:
    require_demo_extra(("json",))


@pytest.mark.data
def test_the_data_is_found_without_importing_its_package(complete_journey: None) -> None:
    assert {"transactions.parquet", "products.parquet"} <= {path.name for path in Path(data_folder()).iterdir()}
