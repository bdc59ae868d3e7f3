"""The ``zhike`` command: composes the families of commands; errors are one line and an exit code."""

import sys
from typing import Annotated

import typer
from rich.markup import escape

from infra.cli.api import ApiProblem
from infra.cli.catalog import t
from infra.cli.commands import backup, dead_letters, demo, imports, keys, rebuild, score, staff, status, tour, train, up
from infra.cli.screen import people
from infra.local.profile import Profile
from services.chassis.errors import ErrorKind, ZhikeError

app = typer.Typer(help=t("app.help"), no_args_is_help=True, pretty_exceptions_enable=False)
app.command("up", help=t("up.help"))(up.up)
app.command("down", help=t("down.help"))(up.down)
app.command("status", help=t("status.help"))(status.status)
app.command("logs", help=t("logs.help"))(status.logs)
app.add_typer(imports.app, name="import")
app.add_typer(demo.app, name="demo")
app.add_typer(train.app, name="train")
app.command("score", help=t("score.help"))(score.score)
app.add_typer(keys.app, name="keys")
app.add_typer(staff.app, name="staff")
app.command("rebuild", help=t("rebuild.help"))(rebuild.rebuild)
app.add_typer(dead_letters.app, name="dead-letters")
app.command("backup", help=t("backup.help"))(backup.backup)
app.command("verify", help=t("backup.verify"))(backup.verify)
app.command("restore", help=t("backup.restore"))(backup.restore_backup)
app.command("tour", help=t("tour.help"))(tour.tour)

# sysexits(3), so that a script can tell a wrong call from a platform that is away.
EXIT_CODES = {
    ErrorKind.UNAVAILABLE: 69,
    ErrorKind.CONFLICT: 75,
    ErrorKind.NOT_FOUND: 66,
    ErrorKind.INTERNAL: 70,
    ErrorKind.UNAUTHENTICATED: 77,
    ErrorKind.FORBIDDEN: 77,
}
EXIT_USAGE = 64


@app.command("supervise", hidden=True)
def supervise(
    port: Annotated[int, typer.Option("--port")],
    profile: Annotated[Profile, typer.Option("--profile")] = Profile.EMBEDDED,
    demo_shop: Annotated[bool, typer.Option("--demo")] = False,
) -> None:
    """What ``zhike up --detach`` leaves running."""
    up.supervise(port, profile, demo=demo_shop)


def main() -> None:
    """Run the command."""
    try:
        app()
    except ApiProblem as problem:
        people.print(f"[bold red]✗[/] {escape(problem.message)}")
        for error in problem.problem.get("errors", []):
            if error.get("message") != problem.problem.get("detail"):
                people.print(f"  {error.get('field', '')}: {error.get('message', '')}", markup=False)
        sys.exit(EXIT_CODES.get(problem.kind, EXIT_USAGE))
    except ZhikeError as error:
        people.print(f"[bold red]✗[/] {escape(error.message)}")
        sys.exit(EXIT_CODES.get(error.kind, EXIT_USAGE))


if __name__ == "__main__":
    main()
