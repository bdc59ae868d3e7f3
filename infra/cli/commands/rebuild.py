"""``zhike rebuild``: build a projection anew from its log."""

import asyncio
from typing import Annotated

import typer

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.screen import people
from services.chassis.errors import ErrorKind, ZhikeError


class UnknownProjectionError(ZhikeError):
    """No reader feeds a projection of that name."""

    kind = ErrorKind.NOT_FOUND
    reason = "UNKNOWN_PROJECTION"


class RebuildFailedError(ZhikeError):
    """The rebuild ended with an error; the old projection answers on."""

    kind = ErrorKind.UNAVAILABLE
    reason = "REBUILD_FAILED"


def rebuild(projection: Annotated[str, typer.Argument(help=t("rebuild.projection"))]) -> None:
    """Rebuild ``service/projection`` or a projection whose name is unique."""
    asyncio.run(_rebuild(projection))
    people.print(t("rebuild.done", projection=projection))


async def _rebuild(projection: str) -> None:
    async with Api(running_deployment()) as api:
        system = await api.get("/v1/system")
        known = {
            f"{service['service']}/{reader['projection']}": (service["service"], reader["projection"])
            for service in system["services"]
            for reader in service.get("readers", [])
        }
        chosen = [pair for name, pair in known.items() if projection in {name, pair[1]}]
        if len(chosen) != 1:
            raise UnknownProjectionError(t("rebuild.unknown", names=", ".join(sorted(known))))
        service, name = chosen[0]
        with people.status(t("rebuild.running", projection=name)):
            started = await api.post(f"/v1/system/{service}/projections/{name}:rebuild")
            operation = await api.follow_operation(started["id"], lambda _: None)
        if operation.get("error"):
            raise RebuildFailedError(operation["error"].get("message", ""))
