"""``zhike tour``: walks through the running platform and shows evidence for every step."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import httpx
import orjson
import typer
from rich.markup import escape

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import Deployment, running_deployment
from infra.cli.screen import output
from infra.local.profile import Profile, profile_environment
from infra.tour.pictures import draw_steps
from infra.tour.receiver import Receiver
from infra.tour.visit import Visit
from infra.tour.walk import EVERY_STEP, STEPS, Step, StepReport, walk
from services.chassis.errors import ErrorKind, ZhikeError

TIMEOUT_S = 15.0
KEYS = (
    ("publishable", {"kind": "publishable"}),
    ("shop", {"kind": "secret", "scope": "shop"}),
    ("staff", {"kind": "secret", "scope": "staff"}),
)


class OtherProfileError(ZhikeError):
    """What runs keeps its data in another way than was asked for."""

    kind = ErrorKind.PRECONDITION
    reason = "OTHER_PROFILE"


def tour(
    every: Annotated[bool, typer.Option("--all", help=t("tour.all"))] = False,
    json: Annotated[bool, typer.Option("--json", help=t("tour.json"))] = False,
    pictures: Annotated[Path | None, typer.Option("--pictures", file_okay=False, help=t("tour.pictures"))] = None,
    profile: Annotated[Profile | None, typer.Option("--profile", help=t("tour.profile"))] = None,
) -> None:
    """Walk; exit 0 only if every step held."""
    if profile is not None:
        profile_environment(profile, os.environ)
    deployment = running_deployment()
    if profile is not None and deployment.run.profile != profile:
        raise OtherProfileError(t("tour.other_profile", runs=deployment.run.profile, asked=profile.value))
    reports = asyncio.run(_tour(deployment, EVERY_STEP if every else STEPS, show=not json))
    if pictures is not None:
        draw_steps(reports, pictures)
    held = sum(each.ok for each in reports)
    if json:
        output.print(orjson.dumps({"steps": [each.as_json() for each in reports]}).decode(), markup=False)
    else:
        output.print(f"\n[bold]{t('tour.held', held=held, total=len(reports))}")
    raise typer.Exit(0 if held == len(reports) else 1)


async def _tour(deployment: Deployment, steps: Sequence[Step], *, show: bool) -> tuple[StepReport, ...]:
    def open_client() -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=deployment.run.url, timeout=TIMEOUT_S, trust_env=False)

    async with Api(deployment) as api:
        created = [(name, await api.post("/v1/keys", {"name": f"tour-{name}", **body})) for name, body in KEYS]
        try:
            async with (
                open_client() as client,
                AsyncExitStack() as stack,
            ):
                keys = {name: key["key"] for name, key in created} | {"operator": deployment.token}
                receiver = await _receiver(stack, deployment.run.receiver)
                visit = Visit(client, keys, receiver=receiver, open_client=open_client)
                return await walk(visit, _show if show else lambda _: None, steps=steps)
        finally:
            for _, key in created:
                await api.delete(f"/v1/keys/{key['id']}")


async def _receiver(stack: AsyncExitStack, address: str) -> Receiver | None:
    """Return a receiver where the deployment may send webhooks; None where it may not, or another tour listens."""
    if not address:
        return None
    try:
        return await stack.enter_async_context(Receiver(address))
    except OSError:
        return None


def _show(report: StepReport) -> None:
    mark = "[bold green]✓[/]" if report.ok else "[bold red]✗[/]"
    output.print(f"{mark} [bold]{report.name}[/]  {escape(report.purpose)}")
    if not report.ok:
        output.print(f"    [red]{escape(report.seen)}")
    for exchange in report.evidence[-2:]:
        excerpt = escape(exchange.excerpt[:160].replace("\n", " "))
        output.print(f"    [dim]{escape(exchange.request)} → {exchange.status}  {excerpt}")
