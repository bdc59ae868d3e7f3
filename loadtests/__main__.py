"""Loads a platform and says whether it held: ``python -m loadtests --shape smoke``.

Exit 0: every gate held; 1: a gate was breached; 2: it could not be run; 3: void, the generator was too busy.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
from rich.console import Console

from infra.demo.files import DEMO_SEED
from loadtests.deployment import DeploymentError, Target, target
from loadtests.gates import GatesError, read_gates
from loadtests.ledger import LEDGER
from loadtests.queries import demo_queries, write_queries
from loadtests.run import GATES, SEED, RunPlan
from loadtests.shapes.plan import SHAPES
from services.chassis.errors import ZhikeError

EXIT_NOT_RUN = 2
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
ROOT = LOCUSTFILE.parents[1]
ENDS_WITHIN_S = 900.0  # after the shape's own time: the ledger is checked
SHEDDING_SHAPES = frozenset({"spike", "double-eleven"})
console = Console(highlight=False)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests", description="Load a platform and hold it to its gates."
    )
    parser.add_argument("--shape", choices=sorted(SHAPES), default="smoke")
    parser.add_argument("--shorten", type=float, default=1.0, help="run the shape in an n-th of its time")
    parser.add_argument("--gates", type=Path, default=GATES, help="another file of gates")
    parser.add_argument("--seed", type=int, default=SEED, help="decides who does what")
    parser.add_argument("--report", type=Path, help="a new folder that keeps report.html and the ledger")
    parser.add_argument(
        "--edits", action="store_true", help="edit prices of ZHIKE_URL too (set back after); one's own platform always"
    )
    return parser.parse_args(arguments)


def main() -> int:
    """Run."""
    arguments = parse()
    try:
        read_gates(arguments.gates, arguments.shape)
        if arguments.shorten < 1:
            raise GatesError("--shorten is 1 or more")
        with ExitStack() as stack:
            folder = arguments.report or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zhike-load-")))
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / LEDGER).exists():
                raise DeploymentError(f"{folder} holds a run already")
            console.print("writing the queries")
            write_queries(folder / "queries.json", demo_queries(DEMO_SEED))
            run = f"load-{secrets.token_hex(4)}"
            found = stack.enter_context(target(run=run, sheds=arguments.shape in SHEDDING_SHAPES))
            return _load(_plan(arguments, folder.resolve(), run, found), found)
    except (DeploymentError, GatesError, ZhikeError, httpx.HTTPError, subprocess.SubprocessError, OSError) as error:
        console.print(f"not run: {error}", style="bold red", markup=False)
        return EXIT_NOT_RUN


def _plan(arguments: argparse.Namespace, folder: Path, run: str, found: Target) -> RunPlan:
    return RunPlan(
        shape=arguments.shape,
        folder=folder,
        name=run,
        url=found.url,
        load_key=found.load_key,
        staff_key=found.staff_key,
        shorten=arguments.shorten,
        gates=arguments.gates.resolve(),
        seed=arguments.seed,
        edits=arguments.edits or not os.environ.get("ZHIKE_URL"),
    )


def _load(plan: RunPlan, found: Target) -> int:
    environment = {**os.environ, **plan.environment()}
    if found.data is not None:
        environment["ZHIKE_DATA"] = str(found.data)
    python = [sys.executable, "-m"]
    marked = [*python, "loadtests.verify", "mark", str(plan.folder)]
    subprocess.run(marked, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    report = plan.folder / "report.html"
    console.print(f"{plan.shape}: {plan.planned.seconds:.0f} s, up to {plan.planned.users_limit} users, on {plan.url}")
    locust = [*python, "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--loglevel", "WARNING"]
    done = subprocess.run(
        [*locust, "--html", str(report)],
        env=environment,
        cwd=ROOT,
        timeout=plan.planned.seconds + ENDS_WITHIN_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    console.print(f"report: {report}" if report.exists() else "no report was written", markup=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
