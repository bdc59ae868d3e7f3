"""Breaks the platform under load and counts what is lost and whom it hurts.

``python -m benchmarks.faults --kills 30 --seed 7 --json`` starts the whole platform, sends it events,
searches, recommendations and product pages through the gateway, and meanwhile kills processes (or does to them what
``--kinds`` says) at seeded random moments. In the end every acknowledged event must be in its log exactly once, every
projection must equal one that is built anew, every process must have been ready again in time, and few reads may have
failed: 1 % of those that met a fault on their path, none of the others. In the distributed profile the stores can be
struck as well (``store-down``, ``store-slow``); no read can be answered from a store that is away, so those reads are
counted apart.

The last line of ``--json`` is one object; ``--merge FILE…`` sums up such objects instead. Exit 1 when anything failed.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.durability import SQLITE, Tally, verify
from benchmarks.durability_stages import PLATFORM_STAGE
from benchmarks.faults_load import PATHS, PRODUCTS, READ_LIMIT_S, GatewayWriter, Read, Reads, Shopper, product_rows
from infra.faults.injector import Injector
from infra.faults.proxy import FaultyProxy
from infra.faults.schedule import OF_STORES, RESTARTS, Fault, FaultKind, schedule
from infra.local.health import is_ready
from infra.local.log_output import LogOutput
from infra.local.plan import GATEWAY, SERVICES, Plan, Process, free_ports, plan_deployment
from infra.local.profile import Profile, profile_environment
from infra.local.run_file import read_run_file
from infra.local.supervisor import Supervisor
from services.chassis.settings import DISTRIBUTED_LOG_PARTITIONS, EMBEDDED_LOG_PARTITIONS

WRITERS, SHOPPERS = 2, 4
# Embedded, the writers send as fast as they are answered. Beside six processes the distributed profile's two servers
# are on the same two cores, where that leaves no time to any start: there the writers keep to a shop's rate.
EVENTS_PER_S = {Profile.EMBEDDED: 0.0, Profile.DISTRIBUTED: 300.0}
AFTER_S = (0.5, 3.0)
HOLD_S = (1.0, 4.0)
QUIET_S = 8.0  # of load after the last fault: what fails then is no fault's
READY_LIMIT_S = 5.0
READY_WAIT_S = 60.0
FAILED_SHARE_LIMIT = 0.01
SETTLE_S = 0.5  # after a process says that it is ready, until its callers' connections are up again
PROBE_PAUSE_S = 0.1
DRAIN_LIMIT_S = 120.0
SERVERS = {"ZHIKE_DOCUMENTS": "ZHIKE_TEST_MONGODB", "ZHIKE_SEARCH_INDEX": "ZHIKE_TEST_ELASTICSEARCH"}
STORES = {"documents": "ZHIKE_DOCUMENTS", "search-index": "ZHIKE_SEARCH_INDEX"}


class ServersMissingError(Exception):
    """The distributed profile without its servers."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which a fault, or its aftermath, stood in the way of reads through ``target``."""

    fault: Fault
    begin: float
    end: float

    def met(self, read: Read) -> bool:
        in_the_way = self.fault.kind in OF_STORES or self.fault.target in PATHS[read.route]
        return in_the_way and read.begin <= self.end and read.end >= self.begin


@dataclass
class Report:
    """What stands in the last line. Everything can be summed but the two maxima and the verdict on projections."""

    kills: int = 0
    acknowledged: int = 0
    loaded_s: float = 0.0
    lost: int = 0
    doubled: int = 0
    projections_equal: bool = True
    ready_again_s_max: float = 0.0
    ready_again_s_max_by_target: dict[str, float] = field(default_factory=dict)
    reads: int = 0
    reads_failed: int = 0
    reads_during: int = 0
    reads_failed_during: int = 0
    reads_failed_after: int = 0
    reads_store_away: int = 0
    reads_failed_store_away: int = 0
    read_s_max: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    struck: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    fallbacks: dict[str, int] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether everything is as it must be."""
        return (
            self.acknowledged > 0
            and self.lost == self.doubled == self.reads_failed_after == 0
            and self.projections_equal
            and self.ready_again_s_max <= READY_LIMIT_S
            and self.reads_failed_during <= FAILED_SHARE_LIMIT * self.reads_during
        )

    def merged(self, other: "Report") -> "Report":
        """Return the sum of two runs."""
        sums: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if name.endswith("_max_by_target"):
                sums[name] = dict(Counter(mine) | Counter(theirs))
            elif isinstance(mine, dict):
                sums[name] = dict(Counter(mine) + Counter(theirs))
            elif name.endswith("_max"):
                sums[name] = max(mine, theirs)
            else:
                sums[name] = (mine and theirs) if isinstance(mine, bool) else mine + theirs
        return Report(**sums)


@dataclass
class Stage:
    """A running platform."""

    plan: Plan
    injector: Injector
    client: httpx.AsyncClient
    operator: dict[str, str]

    def process(self, name: str) -> Process:
        return next(each for each in self.plan.processes if each.name == name)

    async def key(self, kind: str, scope: str | None = None) -> str:
        body = {"name": f"faults-{secrets.token_hex(3)}", "kind": kind} | ({"scope": scope} if scope else {})
        answer = await self.client.post("/v1/keys", json=body, headers=self.operator)
        return str(answer.raise_for_status().json()["key"])


def environment_of(profile: Profile) -> tuple[dict[str, str], str]:
    """Return what the processes inherit and where they keep documents. Raises ServersMissingError."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
    kept |= {"ZHIKE_LOG_LEVEL": "warning", "ZHIKE_LOG_FORMAT": "json"}
    if profile is Profile.EMBEDDED:
        return kept, SQLITE
    missing = [variable for variable in SERVERS.values() if not os.environ.get(variable)]
    if missing:
        raise ServersMissingError(f"the distributed profile needs servers: set {' and '.join(missing)}")
    name = f"zhike_f{secrets.token_hex(4)}"
    documents = f"{os.environ['ZHIKE_TEST_MONGODB'].rstrip('/')}/{name}"
    servers = {
        "ZHIKE_DOCUMENTS": documents,
        "ZHIKE_SEARCH_INDEX": os.environ["ZHIKE_TEST_ELASTICSEARCH"],
        "ZHIKE_SEARCH_INDEX_PREFIX": name.replace("_", "-"),
    }
    return profile_environment(profile, kept | servers)[1], documents


@asynccontextmanager
async def running(folder: Path, environment: Mapping[str, str], profile: Profile) -> AsyncIterator[Stage]:
    """Start the platform with a small catalogue; between the gateway and each service lies a proxy."""
    async with AsyncExitStack() as stack:
        ways: dict[str, FaultyProxy] = {}
        if profile is Profile.DISTRIBUTED:
            environment = await _before_stores(stack, ways, environment)
        plan = plan_deployment(
            folder, bind="127.0.0.1", http_port=free_ports(1)[0], demo=False, environment=environment, profile=profile
        )
        for each in plan.processes:
            if each.name in SERVICES:
                ways[each.name] = await _started(stack, FaultyProxy(plan.host, each.port))
        plan = dataclasses.replace(plan, processes=tuple(_through(each, ways) for each in plan.processes))
        supervisor = Supervisor(plan, LogOutput(folder / "logs", None))
        stack.push_async_callback(supervisor.stop)
        await supervisor.start()
        timeout = httpx.Timeout(30.0, connect=2.0)
        client = httpx.AsyncClient(base_url=plan.url, timeout=timeout, trust_env=False)
        stack.push_async_callback(client.aclose)
        operator = {"Authorization": f"Bearer {(folder / 'operator.token').read_text().strip()}"}
        yield Stage(plan, Injector(lambda name: _pid(folder, name), ways), client, operator)


async def _started(stack: AsyncExitStack, proxy: FaultyProxy) -> FaultyProxy:
    await proxy.start()
    stack.push_async_callback(proxy.close)
    return proxy


async def _before_stores(
    stack: AsyncExitStack, ways: dict[str, FaultyProxy], environment: Mapping[str, str]
) -> dict[str, str]:
    """Put a proxy before each server; return what the processes inherit so that they go through it."""
    changed = dict(environment)
    for store, variable in STORES.items():
        address = urlsplit(environment[variable])
        ways[store] = await _started(stack, FaultyProxy(str(address.hostname), int(address.port or 0)))
        who = address.netloc.rpartition("@")[0]
        netloc = f"{who}@{ways[store].address}" if who else ways[store].address
        changed[variable] = urlunsplit(address._replace(netloc=netloc))
    return changed


def _through(process: Process, ways: Mapping[str, FaultyProxy]) -> Process:
    if process.name != GATEWAY:
        return process
    addresses = {f"ZHIKE_{name.upper()}_ADDRESS": way.address for name, way in ways.items()}
    return dataclasses.replace(process, environment={**process.environment, **addresses})


def _pid(folder: Path, name: str) -> int:
    run = read_run_file(folder)
    if run is None:
        raise RuntimeError("the supervisor is gone")
    return run.pids[name]


async def bring_catalogue(stage: Stage, key: str) -> None:
    """Import the products and wait until they are found."""
    headers = {"Authorization": f"Bearer {key}"}
    typed = headers | {"Content-Type": "application/x-ndjson"}
    answer = await stage.client.post("/v1/products:import", content=product_rows(), headers=typed)
    operation = answer.raise_for_status().json()
    async with asyncio.timeout(READY_WAIT_S):
        while not operation["done"]:
            await asyncio.sleep(PROBE_PAUSE_S)
            operation = (await stage.client.get(f"/v1/operations/{operation['id']}", headers=headers)).json()
        if operation.get("error") or operation["progress"]["rejected"]:
            raise RuntimeError(f"the catalogue was refused: {operation}")
        while not (await stage.client.get("/v1/products/p-0", headers=headers)).is_success:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(PROBE_PAUSE_S)


async def break_it(stage: Stage, faults: Sequence[Fault], report: Report, console: Console) -> list[Window]:
    """Let every fault happen, one after another, and wait each time until its target is ready again."""
    windows, now = [], asyncio.get_running_loop().time
    columns = (TextColumn("faults"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("faults", total=len(faults))
        for fault in faults:
            await asyncio.sleep(fault.after_s)
            begin = now()
            await stage.injector.strike(fault)
            over = now()
            for target in SERVICES if fault.kind in OF_STORES else (fault.target,):
                await _ready_again(stage, target)
            windows.append(Window(fault, begin, now() + SETTLE_S))
            # A process that dies is away from the blow on; one that was held, from when it is let go.
            away_s = now() - (begin if fault.kind in RESTARTS else over)
            report.ready_again_s_max = round(max(report.ready_again_s_max, away_s), 2)
            by_target = report.ready_again_s_max_by_target
            by_target[fault.target] = round(max(by_target.get(fault.target, 0.0), away_s), 2)
            report.kills += fault.kind is FaultKind.KILL
            progress.advance(bar)
    report.faults = dict(Counter(fault.kind.value for fault in faults))
    report.struck = dict(Counter(fault.target for fault in faults))
    return windows


async def _ready_again(stage: Stage, name: str) -> None:
    process = stage.process(name)
    async with asyncio.timeout(READY_WAIT_S):
        while not await is_ready(process, stage.plan.host):  # noqa: ASYNC110 - another process
            await asyncio.sleep(PROBE_PAUSE_S)


async def drain(stage: Stage) -> None:
    """Wait until every reader of a log has caught up, and has said so for a while."""
    quiet = 0
    async with asyncio.timeout(DRAIN_LIMIT_S):
        while quiet < 5:
            answer = await stage.client.get("/v1/system", headers=stage.operator)
            system = answer.json() if answer.is_success else {"ready": False, "services": []}
            lags = [reader["lag_events"] for each in system["services"] for reader in each.get("readers", [])]
            quiet = quiet + 1 if system["ready"] and not any(lags) else 0
            await asyncio.sleep(0.3)


async def found(stage: Stage, key: str) -> int:
    """Return how many products can be found: the search index is a projection too."""
    answer = await stage.client.get("/v1/search", headers={"X-Api-Key": key, "X-Visitor-Id": f"v-{0:022}"})
    return int(answer.raise_for_status().json()["total_size"])


def count(reads: Sequence[Read], windows: Sequence[Window], report: Report) -> None:
    """Say of every read whether it met a fault on its path, and of those that failed why."""
    failures, fallbacks = Counter[str](), Counter[str]()
    for read in reads:
        met = next((window for window in windows if window.met(read)), None)
        report.reads += 1
        store_away = met is not None and met.fault.kind in OF_STORES
        report.reads_during += met is not None and not store_away
        report.reads_store_away += store_away
        report.read_s_max = round(max(report.read_s_max, read.end - read.begin), 2)
        if read.fallback:
            fallbacks[read.fallback] += 1
        if read.failed:
            report.reads_failed += 1
            report.reads_failed_during += met is not None and not store_away
            report.reads_failed_store_away += store_away
            report.reads_failed_after += met is None
            late = f"over {READ_LIMIT_S:.0f} s" if read.status and read.status < 500 else f"{read.status} {read.reason}"
            fault = "no fault" if met is None else f"{met.fault.kind.value} {met.fault.target}"
            failures[f"{read.route}, {fault}: {late}"] += 1
    report.failures, report.fallbacks = dict(failures), dict(fallbacks)


async def measure(
    folder: Path, profile: Profile, faults: Sequence[Fault], *, seed: int, events_per_s: float, console: Console
) -> Report:
    """Run the whole and return what it showed. ``events_per_s`` 0: as fast as they are answered."""
    rng, tally, reads, report = Random(seed), Tally(), Reads(), Report()
    environment, documents = environment_of(profile)
    async with running(folder, environment, profile) as stage:
        backend, browser = await stage.key("secret", "shop"), await stage.key("publishable")
        await bring_catalogue(stage, backend)
        stop = asyncio.Event()
        load: list[Any] = [
            GatewayWriter(
                number,
                stage.client,
                backend,
                rng=Random(rng.random()),
                tally=tally,
                events_per_s=events_per_s / WRITERS,
            )
            for number in range(WRITERS)
        ]
        load += [Shopper(stage.client, browser, Random(rng.random()), reads) for _ in range(SHOPPERS)]
        tasks = [asyncio.create_task(each.run(stop)) for each in load]
        begin = time.monotonic()
        try:
            windows = await break_it(stage, faults, report, console)
            await asyncio.sleep(QUIET_S)
        finally:
            stop.set()
            await asyncio.gather(*tasks)
            report.loaded_s = round(time.monotonic() - begin, 1)
        await drain(stage)
        searchable = await found(stage, browser)
        await drain(stage)  # this search was logged too
    if tally.refused or reads.wrong:
        raise RuntimeError(f"the load was refused: {dict(tally.refused)} {dict(reads.wrong)}")
    count(reads.all, windows, report)
    result = await verify(
        PLATFORM_STAGE,
        folder,
        tally,
        kills=report.kills,
        console=console,
        documents=documents,
        partitions=EMBEDDED_LOG_PARTITIONS if profile is Profile.EMBEDDED else DISTRIBUTED_LOG_PARTITIONS,
    )
    report.acknowledged, report.lost, report.doubled = result.acknowledged, result.lost, result.doubled
    report.projections_equal = result.projections_equal and searchable == PRODUCTS
    return report


def targets_of(kinds: Sequence[FaultKind], profile: Profile) -> dict[FaultKind, Sequence[str]]:
    """Return whom each kind of fault may strike. Raises ValueError where there is nobody."""
    if profile is Profile.EMBEDDED and OF_STORES.intersection(kinds):
        raise ValueError("the embedded profile has no server of stores: --profile distributed")
    targets = dict.fromkeys((FaultKind.SLOW, FaultKind.BLACK_HOLE), SERVICES) | dict.fromkeys(OF_STORES, tuple(STORES))
    return {kind: targets.get(kind, (*SERVICES, GATEWAY)) for kind in kinds}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.EMBEDDED)
    parser.add_argument("--kills", type=int, default=30, help="how many faults; kills unless --kinds says otherwise")
    kinds = [kind.value for kind in FaultKind]
    parser.add_argument("--kinds", default="kill", help=f"with commas, of {', '.join(kinds)}")
    parser.add_argument("--events-per-s", type=float, help="how fast the writers send at most, 0 for no limit")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--data", type=Path, help="keep the data and the processes' logs in this new directory")
    parser.add_argument("--merge", type=Path, nargs="+", help="sum up the last lines of these files instead")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")
    return parser.parse_args()


def _measured(arguments: argparse.Namespace, console: Console) -> Report:
    kinds = [FaultKind(each) for each in arguments.kinds.split(",")]
    faults = schedule(
        targets_of(kinds, arguments.profile), arguments.kills, Random(arguments.seed), after_s=AFTER_S, hold_s=HOLD_S
    )
    with tempfile.TemporaryDirectory(prefix="zhike-faults-") as temporary:
        folder = arguments.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rate = arguments.events_per_s if arguments.events_per_s is not None else EVENTS_PER_S[arguments.profile]
        return asyncio.run(
            measure(
                folder.absolute(),
                arguments.profile,
                faults,
                seed=arguments.seed,
                events_per_s=rate,
                console=console,
            )
        )


def main() -> None:
    """Measure, or sum up, and print."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # as in infra/local/supervisor.py; here gRPC may start before it
    arguments, console = _arguments(), Console(stderr=True)
    try:
        if arguments.merge:
            parts = [Report(**json.loads(path.read_text().splitlines()[-1])) for path in arguments.merge]
            report = parts[0]
            for part in parts[1:]:
                report = report.merged(part)
        else:
            report = _measured(arguments, console)
    except (ServersMissingError, ValueError) as error:
        sys.exit(f"{error}")
    if arguments.json:
        print(json.dumps(dataclasses.asdict(report)), flush=True)
    else:
        console.print(dataclasses.asdict(report))
    sys.exit(0 if report.held else 1)


if __name__ == "__main__":
    main()
