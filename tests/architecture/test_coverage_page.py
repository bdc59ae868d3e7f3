"""docs/coverage.md names tests and benchmarks that exist."""

import re

from tests.architecture.source_tree import ROOT

PAGE = ROOT / "docs" / "coverage.md"


def test_every_file_that_the_coverage_page_names_exists() -> None:
    names = {path.name for path in (ROOT / "tests").rglob("*.py")}
    text = PAGE.read_text(encoding="utf-8")
    missing = {name for name in re.findall(r"`[^`]*?(test_\w+\.py)`", text) if name not in names}
    missing |= {
        name for name in re.findall(r"`benchmarks\.(\w+)`", text) if not (ROOT / "benchmarks" / f"{name}.py").exists()
    }
    folders = re.findall(r"`((?:unit|contract|journeys|browser|architecture)/[\w/]*/)`", text)
    missing |= {folder for folder in folders if not (ROOT / "tests" / folder).is_dir()}
    assert not missing
