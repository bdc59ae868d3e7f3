"""Finds the projection that a command names: ``service/projection``, or a projection whose name is unique."""

from typing import Any

from infra.cli.api import Api
from infra.cli.catalog import t
from services.chassis.errors import ErrorKind, ZhikeError


class UnknownProjectionError(ZhikeError):
    """No reader feeds a projection of that name, or several do."""

    kind = ErrorKind.NOT_FOUND
    reason = "UNKNOWN_PROJECTION"


async def projection_of(api: Api, name: str) -> tuple[str, str]:
    """Return the service and the projection. Raises UnknownProjectionError."""
    return chosen_projection(await api.get("/v1/system"), name)


def chosen_projection(system: dict[str, Any], name: str) -> tuple[str, str]:
    """Return the service and the projection out of what ``GET /v1/system`` answered. Raises UnknownProjectionError."""
    known = {
        f"{service['service']}/{reader['projection']}": (service["service"], reader["projection"])
        for service in system["services"]
        for reader in service.get("readers", [])
    }
    chosen = [pair for full_name, pair in known.items() if name in {full_name, pair[1]}]
    if len(chosen) != 1:
        raise UnknownProjectionError(t("rebuild.unknown", names=", ".join(sorted(known))))
    return chosen[0]
