"""An import's configuration as protobuf and as the arguments of its operation."""

from typing import Any

from zhike.type.v1 import import_pb2

from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import CSV, NDJSON, ImportPlan

_FORMATS = {import_pb2.IMPORT_FORMAT_NDJSON: NDJSON, import_pb2.IMPORT_FORMAT_CSV: CSV}


def plan_from_pb(config: import_pb2.ImportConfig) -> ImportPlan:
    """Decode; raises ImportConfigError for a format that is not given."""
    file_format = _FORMATS.get(config.format)
    if file_format is None:
        raise ImportConfigError("the format is NDJSON or CSV", field="format")
    return ImportPlan(
        format=file_format,
        shop=config.shop,
        channel=config.channel,
        dry_run=config.dry_run,
        owner=config.owner,
        synthetic=config.synthetic,
        columns=dict(config.columns),
        options=dict(config.options),
    )


def arguments_of(plan: ImportPlan, upload: str, total_bytes: int) -> dict[str, Any]:
    """Return what an operation stores of its import."""
    return {
        "upload": upload,
        "total_bytes": total_bytes,
        "format": plan.format,
        "shop": plan.shop,
        "channel": plan.channel,
        "dry_run": plan.dry_run,
        "owner": plan.owner,
        "synthetic": plan.synthetic,
        "columns": dict(plan.columns),
        "options": dict(plan.options),
    }


def plan_from_arguments(arguments: Any) -> ImportPlan:
    """Invert ``arguments_of``."""
    return ImportPlan(**{name: arguments[name] for name in ImportPlan.__slots__})
