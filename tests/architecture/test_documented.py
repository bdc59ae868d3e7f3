"""What an operator or a caller can meet is documented: settings, routes, metrics, error reasons."""

from infra.reference import PAGE, reference
from tests.architecture.source_tree import ROOT


def test_the_reference_page_is_what_the_code_says() -> None:
    assert PAGE.exists(), "run: make docs"
    assert PAGE.read_text(encoding="utf-8") == reference(), "docs/reference.md is stale; run: make docs"


def test_every_row_of_the_reference_says_something() -> None:
    empty = [line for line in reference().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert not empty


def test_every_page_that_the_documentation_links_to_exists() -> None:
    import re

    dead = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                dead.append(f"{page.relative_to(ROOT)} -> {target}")
    assert not dead
