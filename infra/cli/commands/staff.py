"""``zhike staff``: the accounts of the people who work at the console; the first admin is made here.

Through the running gateway; with nothing running on the data directory itself, whose lock lets nobody else in.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from gateway.staff.members import StaffRole, member_form
from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import data_directory, running_deployment
from infra.cli.screen import output, people
from infra.local.run_file import read_run_file

if TYPE_CHECKING:
    from gateway.staff.office import Staff

app = typer.Typer(help=t("staff.help"), no_args_is_help=True)

StaffId = Annotated[str, typer.Argument(help=t("staff.id"))]


@app.command("create", help=t("staff.create"))
def create(
    staff_id: StaffId,
    roles: Annotated[list[StaffRole] | None, typer.Option("--role", help=t("staff.role"))] = None,
    name: Annotated[str, typer.Option("--name", help=t("staff.name"))] = "",
    language: Annotated[str, typer.Option("--language", help=t("staff.language"))] = "",
) -> None:
    """Create an account; without a role, an admin. Prints the one-time password."""
    wanted = [role.value for role in roles or [StaffRole.ADMIN]]
    account = {"id": staff_id, "name": name or staff_id, "roles": wanted, "language": language}
    _print_password(asyncio.run(_create(account)))


@app.command("list", help=t("staff.list"))
def list_staff() -> None:
    """List accounts."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("id", "name", "roles", "state", "sign_in_time")
    for column in columns:
        table.add_column(column)
    for member in asyncio.run(_list()):
        shown = {**member, "roles": ", ".join(member["roles"]), "sign_in_time": member["sign_in_time"] or ""}
        table.add_row(*(str(shown[column]) for column in columns))
    output.print(table, markup=False)


@app.command("reset", help=t("staff.reset"))
def reset(staff_id: StaffId) -> None:
    """Give a one-time password in the place of a lost one."""
    _print_password(asyncio.run(_change(staff_id, "reset")))


@app.command("disable", help=t("staff.disable"))
def disable(staff_id: StaffId) -> None:
    """Disable an account; its sessions end at once."""
    asyncio.run(_change(staff_id, "disable"))
    people.print(t("staff.disabled", id=staff_id), markup=False)


@app.command("enable", help=t("staff.enable"))
def enable(staff_id: StaffId) -> None:
    """Enable an account again."""
    asyncio.run(_change(staff_id, "enable"))
    people.print(t("staff.enabled", id=staff_id), markup=False)


def _print_password(member: dict[str, Any]) -> None:
    output.print(member["one_time_password"], markup=False)
    people.print(t("staff.shown_once", id=member["id"]), style="dim")


async def _create(wanted: dict[str, Any]) -> dict[str, Any]:
    if _is_running():
        async with Api(running_deployment()) as api:
            made: dict[str, Any] = await api.post("/v1/staff", wanted)
            return made
    async with _own_staff() as staff:
        from gateway.staff.accounts import NewAccount
        from gateway.staff.audit import BY_OPERATOR

        account = NewAccount(**{**wanted, "roles": tuple(wanted["roles"])})
        member, text = await staff.accounts.create(BY_OPERATOR, account)
        return {**member_form(member), "one_time_password": text}


async def _list() -> list[dict[str, Any]]:
    if _is_running():
        async with Api(running_deployment()) as api:
            listed: list[dict[str, Any]] = (await api.get("/v1/staff"))["staff"]
            return listed
    async with _own_staff() as staff:
        return [member_form(each) for each in await staff.members.list()]


async def _change(staff_id: str, verb: str) -> dict[str, Any]:
    if _is_running():
        async with Api(running_deployment()) as api:
            changed: dict[str, Any] = await api.post(f"/v1/staff/{quote(staff_id, safe='')}:{verb}")
            return changed
    async with _own_staff() as staff:
        from gateway.staff.audit import BY_OPERATOR

        if verb == "reset":
            member, text = await staff.accounts.reset(BY_OPERATOR, staff_id)
            return {**member_form(member), "one_time_password": text}
        change = staff.accounts.disable if verb == "disable" else staff.accounts.enable
        return member_form(await change(BY_OPERATOR, staff_id))


def _is_running() -> bool:
    return read_run_file(data_directory()) is not None


@asynccontextmanager
async def _own_staff() -> "AsyncIterator[Staff]":
    """Open the gateway's own store. Raises StoreInUseError while a gateway has it.

    The gateway's parts are imported where they are needed: they would cost every command a second.
    """
    from gateway.limits import RateLimiter
    from gateway.settings import GatewaySettings
    from gateway.staff.office import open_staff
    from services.chassis.adapters import open_adapters
    from services.chassis.clock import SystemClock
    from services.chassis.settings import load_settings

    settings, clock = load_settings(GatewaySettings, "gateway"), SystemClock()
    adapters = await open_adapters(settings, "gateway")
    try:
        yield await open_staff(adapters.documents, clock, RateLimiter(clock), settings)
    finally:
        await adapters.close()
