"""docs/import.md names every field, option, reason and exit code that an import can meet."""

import ast
import re

import pytest

from infra.cli.commands.imports import INTERRUPTED_EXIT_CODE, REJECTED_EXIT_CODE
from infra.cli.import_call import SUFFIXES
from infra.cli.main import EXIT_CODES, EXIT_USAGE
from services.chassis.errors import ErrorKind
from services.kits.rows.csv_rows import ENCODINGS
from services.knowledge.domain import import_plan as knowledge_plan
from services.orders.domain import import_plan as orders_plan
from services.search.domain import catalog_file
from services.search.domain.product import FIELDS
from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs/import.md").read_text(encoding="utf-8")
MAPPING = ROOT / "tests/journeys/operator/online_retail.toml"
REASONS_ARE_IN = (
    "services/kits/event_forms.py",
    "services/chassis/erasure/subjects.py",
    "services/kits/imports/tables.py",
    "services/kits/rows/bad_row.py",
    "services/knowledge/domain/user_events.py",
    "services/knowledge/jobs/importing.py",
    "services/knowledge/jobs/staging.py",
    "services/knowledge/usecases/intake.py",
    "services/knowledge/wire/user_events.py",
    "services/orders/domain/order_rows.py",
    "services/orders/jobs/importing.py",
    "services/orders/jobs/staging.py",
    "services/search/domain/catalog_file.py",
    "services/search/domain/product.py",
)
NO_IMPORT_MEETS = {"IDENTIFIER_NOT_ALLOWED"}  # a publishable key's fault, and such a key imports nothing


def section(title: str) -> str:
    """Return what stands under a heading of the page."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found.group(1)


def reasons() -> set[str]:
    """Return every reason that the importers' code writes."""
    nodes = [node for path in REASONS_ARE_IN for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z]+(?:_[A-Z0-9]+)+", text)}


def test_every_reason_of_a_refused_row_is_explained() -> None:
    known = reasons() - NO_IMPORT_MEETS
    assert len(known) > 50
    assert not {reason for reason in known if f"`{reason}`" not in PAGE}


def test_no_reason_is_explained_that_the_code_does_not_have() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z0-9]+)+)`", PAGE))
    others = {"IMPORT_CONFIG", "IMPORT_TOO_LARGE", "INVALID_ARGUMENT"}
    assert not {name for name in named if not name.startswith("ZHIKE_")} - reasons() - others


@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("Orders", orders_plan.ORDER_FIELDS),
        ("Customers", knowledge_plan.CUSTOMER_FIELDS),
        ("Products", sorted(FIELDS | {"currency"})),
    ],
)
def test_every_field_is_described(title: str, fields: tuple[str, ...]) -> None:
    assert not [field for field in fields if f"`{field}`" not in section(title)]


@pytest.mark.parametrize(
    ("title", "options"),
    [
        ("Orders", orders_plan.OPTIONS),
        ("Customers", knowledge_plan.OPTIONS[knowledge_plan.CUSTOMERS]),
        ("Products", catalog_file.OPTIONS),
    ],
)
def test_every_option_is_described(title: str, options: frozenset[str]) -> None:
    assert not [option for option in options if f"`{option}`" not in section(title)]


def test_every_encoding_suffix_and_exit_code_is_described() -> None:
    assert not [name for name in (*ENCODINGS, *SUFFIXES) if f"`{name}`" not in PAGE and name != "utf-8"]
    import_meets = {
        kind: code for kind, code in EXIT_CODES.items() if kind not in {ErrorKind.CONFLICT, ErrorKind.NOT_FOUND}
    }
    codes = {0, 2, REJECTED_EXIT_CODE, INTERRUPTED_EXIT_CODE, EXIT_USAGE, *import_meets.values()}
    described = {int(code) for code in re.findall(r"^\| (\d+) \|", section("The command"), re.MULTILINE)}
    assert described == codes


def test_the_worked_example_is_the_mapping_that_the_tests_import_with() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    mapping = MAPPING.read_text(encoding="utf-8")
    assert mapping.endswith("\n" + block), "docs/import.md shows another mapping than is tested"
