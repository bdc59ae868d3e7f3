"""``zhike keys``: create, list and revoke API keys."""

import asyncio
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.deployment import running_deployment
from infra.cli.screen import output, people

app = typer.Typer(help=t("keys.help"), no_args_is_help=True)


class Kind(StrEnum):
    """What a key is for."""

    PUBLISHABLE = "publishable"
    SECRET = "secret"  # noqa: S105 - a word


class Scope(StrEnum):
    """What a secret key may do."""

    SHOP = "shop"
    STAFF = "staff"
    LOAD = "load"


@app.command("create", help=t("keys.create"))
def create(
    name: Annotated[str, typer.Argument(help=t("keys.name"))],
    kind: Annotated[Kind, typer.Option("--kind", help=t("keys.kind"))] = Kind.PUBLISHABLE,
    scope: Annotated[Scope | None, typer.Option("--scope", help=t("keys.scope"))] = None,
) -> None:
    """Create a key and print it once."""
    body: dict[str, Any] = {"name": name, "kind": kind.value}
    if kind is Kind.SECRET:
        body["scope"] = (scope or Scope.SHOP).value
    key = asyncio.run(_call("POST", "/v1/keys", body))
    output.print(key["key"], markup=False)
    people.print(f"{key['id']}  {t('keys.shown_once')}", style="dim")


@app.command("list", help=t("keys.list"))
def list_keys() -> None:
    """List keys."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("id", "name", "kind", "scope", "create_time", "revoke_time")
    for column in columns:
        table.add_column(column)
    for key in asyncio.run(_call("GET", "/v1/keys"))["keys"]:
        table.add_row(*(str(key.get(column) or "") for column in columns))
    output.print(table)


@app.command("revoke", help=t("keys.revoke"))
def revoke(key_id: Annotated[str, typer.Argument()]) -> None:
    """Revoke a key; it stops working at once."""
    asyncio.run(_call("DELETE", f"/v1/keys/{key_id}"))
    people.print(t("keys.revoked", id=key_id))


async def _call(method: str, path: str, body: Any = None) -> Any:
    async with Api(running_deployment()) as api:
        if method == "POST":
            return await api.post(path, body)
        return await (api.delete(path) if method == "DELETE" else api.get(path))
