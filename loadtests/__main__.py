"""Loads a platform and says whether it held: ``python -m loadtests --shape smoke``.

Exit 0: every gate held; 1: a gate was breached; 2: it could not be run; 3: void, the generator was too busy.
"""

import argparse
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
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
REPORTS = Path(".data/load")
KNOCK_LIMIT_S = 30.0
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
    parser.add_argument("--report", type=Path, help=f"a new folder for report.html and the ledger; in {REPORTS}/")
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
        run = f"load-{secrets.token_hex(4)}"
        folder = (arguments.report or REPORTS / f"{arguments.shape}-{run}").resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / LEDGER).exists():
            raise DeploymentError(f"{folder} holds a run already")
        console.print("writing the queries")
        write_queries(folder / "queries.json", demo_queries(DEMO_SEED))
        with target(run=run, sheds=arguments.shape in SHEDDING_SHAPES) as found:
            _knock(found)
            return _load(_plan(arguments, folder, run, found), found)
    except (DeploymentError, GatesError, ZhikeError, httpx.HTTPError, subprocess.SubprocessError, OSError) as error:
        console.print(f"not run: {error}", style="bold red", markup=False)
        return EXIT_NOT_RUN


def _knock(found: Target) -> None:
    """Raise DeploymentError unless the platform answers and takes the keys."""
    asked = {"/v1/search": found.load_key} | ({"/v1/insights/queries": found.staff_key} if found.staff_key else {})
    for path, key in asked.items():
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"{found.url}{path}", headers=headers, timeout=KNOCK_LIMIT_S, trust_env=False)
        if answer.is_error:
            raise DeploymentError(f"{found.url}{path}: {answer.status_code} {answer.text[:300]}")


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
    locust = [*python, "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--loglevel", "ERROR"]
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
