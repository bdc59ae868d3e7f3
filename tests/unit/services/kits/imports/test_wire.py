"""An import's configuration on its way into an operation and back."""

import pytest
from zhike.type.v1 import import_pb2

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.wire import arguments_of, plan_from_arguments, plan_from_pb


def test_a_configuration_survives_the_operation() -> None:
    config = import_pb2.ImportConfig(
        format=import_pb2.IMPORT_FORMAT_CSV, shop="main", channel="store", dry_run=True, owner="k", synthetic=True,
        columns={"card": "CustomerID"}, options={"currency": "GBP"},
    )  # fmt: skip
    plan = plan_from_pb(config)
    assert (plan.format, plan.dry_run, plan.columns, plan.options) == (
        "csv",
        True,
        {"card": "CustomerID"},
        {"currency": "GBP"},
    )
    arguments = arguments_of(plan, "digest", 7)
    assert (arguments["upload"], arguments["total_bytes"]) == ("digest", 7)
    assert plan_from_arguments(arguments) == plan


def test_a_format_must_be_given() -> None:
    with pytest.raises(ImportConfigError):
        plan_from_pb(import_pb2.ImportConfig(shop="main"))
