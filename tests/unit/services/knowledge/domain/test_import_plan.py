"""What imports of customers and events have: what is misspelt is refused, never without effect."""

import pytest

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import CSV, NDJSON, ImportPlan
from services.knowledge.domain.import_plan import CUSTOMERS, EVENTS, check_plan


@pytest.mark.parametrize(
    ("kind", "plan"),
    [
        (CUSTOMERS, ImportPlan(NDJSON, options={"delimiter": ";"})),
        (CUSTOMERS, ImportPlan(CSV, options={"currency": "CNY"})),
        (EVENTS, ImportPlan(CSV)),
        (EVENTS, ImportPlan(NDJSON, options={"source": "x"})),
        (EVENTS, ImportPlan(NDJSON, columns={"id": "x"})),
    ],
)
def test_what_an_importer_does_not_have_is_refused(kind: str, plan: ImportPlan) -> None:
    with pytest.raises(ImportConfigError):
        check_plan(kind, plan)


def test_what_it_has_is_taken() -> None:
    check_plan(CUSTOMERS, ImportPlan(NDJSON, columns={"card": "no", "anything": "x"}, options={"source": "crm"}))
    check_plan(EVENTS, ImportPlan(NDJSON))
