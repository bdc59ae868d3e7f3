"""``zhike rebuild``: build a projection anew from its log."""

import asyncio
from typing import Annotated

import typer

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.projections import projection_of
from infra.cli.screen import people
from services.chassis.errors import ErrorKind, ZhikeError


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
        service, name = await projection_of(api, projection)
        with people.status(t("rebuild.running", projection=name)):
            started = await api.post(f"/v1/system/{service}/projections/{name}:rebuild")
            operation = await api.follow_operation(started["id"], lambda _: None)
        if operation.get("error"):
            raise RebuildFailedError(operation["error"].get("message", ""))
