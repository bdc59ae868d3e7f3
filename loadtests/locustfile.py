"""Locust's side: users that send what scripts ask, the shape, and the verdict as the process's exit code.

Started by ``python -m loadtests``, which says by the environment what to run (loadtests/run.py); ``locust -f`` does the
same with the same variables set.
"""

import logging
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any, ClassVar

import gevent
import orjson
import psutil
from locust import LoadTestShape, constant_throughput, events, task
from locust.contrib.fasthttp import FastHttpUser
from rich.console import Console

from loadtests.gates import EXIT_BREACHED, Run, evaluate, exit_code, read_gates
from loadtests.ledger import LEDGER, ORIGINALS, Kept, LedgerFile, acknowledged_events
from loadtests.measurements import Measurements, Outcome, recovery_s
from loadtests.queries import read_queries
from loadtests.report import PROGRESS_S, print_report, progress_line
from loadtests.run import RunPlan
from loadtests.users import mix
from loadtests.users.asking import Actor, Ask, Script
from loadtests.users.merchandiser import PRICE_EDIT, Shares, merchandiser
from loadtests.users.partner import partner
from loadtests.users.pr import pr
from loadtests.users.shopper import shopper

SHED_STATUSES = frozenset({429, 503})
ANSWER_LIMIT_S = 10.0
VERIFY_LIMIT_S = 600.0

plan = RunPlan.from_environment()
console = Console(width=120, highlight=False)


class Clocks:
    """The run's time and the generator's own CPU since its start."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._started, self._cpu_s = time.perf_counter(), self._used_s()
        self.stopped: tuple[float, float] | None = None

    def seconds(self) -> float:
        """Return the seconds of the run."""
        return time.perf_counter() - self._started

    def cpu_share(self) -> float:
        """Return the generator's share of one core."""
        wall, used = self.stopped or (self.seconds(), self._used_s() - self._cpu_s)
        return used / wall if wall > 0 else 0.0

    def stop(self) -> None:
        """Hold the figures: what comes after the load is not of it."""
        self.stopped = (self.seconds(), self._used_s() - self._cpu_s)

    def _used_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


class Load:
    """What the users of this process share."""

    def __init__(self) -> None:
        self.measured = Measurements()
        self.ledger = LedgerFile(plan.folder / LEDGER)
        self.queries = read_queries(plan.folder / "queries.json")
        self.clocks = Clocks()
        self.gates = read_gates(plan.gates, plan.shape).without(plan.unasked)
        self.originals: dict[str, dict[str, str]] = {}
        self.numbers = 0
        self.shares = Shares()

    def actor(self) -> Actor:
        """Return who plays the next user's script: the same in every run of the same seed."""
        self.numbers += 1
        rng = random.Random(f"{plan.seed}:{self.numbers}")
        return Actor(self.numbers, plan.name, rng, self.queries, lambda: datetime.now(UTC))


load = Load()


class Player(FastHttpUser):
    """Plays a script, one request a turn."""

    abstract = True
    host = plan.url
    wait_time = constant_throughput(mix.REQUESTS_PER_USER_PER_S)
    connection_timeout = ANSWER_LIMIT_S
    network_timeout = ANSWER_LIMIT_S
    max_retries = 0
    keys: ClassVar[dict[str, str]] = {"load": plan.load_key, "staff": plan.staff_key}

    def play(self, actor: Actor) -> Script:
        """Return the script."""
        raise NotImplementedError

    def on_start(self) -> None:
        actor = load.actor()
        self._script, self._answer = self.play(actor), None
        self._begun = False
        # Users begin apart; together they would ask all at the same moment of every second.
        gevent.sleep(actor.rng.random() / mix.REQUESTS_PER_USER_PER_S)
        self._cp_last_run = time.perf_counter()  # or the first wait would take the sleep back, and align them again

    @task
    def step(self) -> None:
        """Send what the script asks for next."""
        ask = self._script.send(self._answer) if self._begun else next(self._script)
        self._begun = True
        self._answer = self._send(ask)

    def _send(self, ask: Ask) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[ask.key]}"}
        if ask.visitor:
            headers["X-Visitor-Id"] = ask.visitor
        if ask.body:
            headers["Content-Type"] = "application/json"
        if ask.before:  # noted before it is sent: it may change the price and not be answered
            load.originals.setdefault(ask.path, dict(ask.before))
        started = time.perf_counter()
        body: Any = ask.body or None  # bytes, which Locust takes although its annotation leaves them out
        with self.client.request(
            ask.method, ask.path, name=ask.route, data=body, headers=headers, catch_response=True
        ) as response:
            latency_ms = (time.perf_counter() - started) * 1_000
            outcome, reason, answer = _judged(ask, response)
            if outcome is Outcome.FAILED:
                response.failure(reason)
            else:
                if outcome is Outcome.SHED:
                    response.request_meta["name"] = f"{ask.route} (shed)"
                response.success()
        load.measured.add(ask.route, load.clocks.seconds(), latency_ms, outcome, reason)
        if outcome is Outcome.OK:
            _note(ask, answer)
        return answer


def _judged(ask: Ask, response: Any) -> tuple[Outcome, str, Any]:
    status = response.status_code
    if status in SHED_STATUSES:
        if (response.headers or {}).get("Retry-After"):
            return Outcome.SHED, str(status), None
        return Outcome.FAILED, f"{status} without Retry-After", None
    if status != 200:
        return Outcome.FAILED, f"{status or response.error!r}", None
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return Outcome.FAILED, "no JSON", None
    if ask.events and answer.get("rejected"):
        refused = next(each["error"]["reason"] for each in answer["verdicts"] if each["status"] == "rejected")
        return Outcome.FAILED, f"rejected: {refused}", answer
    return Outcome.OK, "", answer


def _note(ask: Ask, answer: Any) -> None:
    """Write down what was acknowledged."""
    if ask.events:
        load.ledger.add_events(acknowledged_events(ask.events, answer))
    elif ask.route == PRICE_EDIT:
        price = {name: answer["price"][name] for name in ("amount", "currency")}
        load.ledger.add_price(answer["id"], price, int(answer["version"]))


class Shopper(Player):
    """Searches, looks, fills carts."""

    weight = mix.WEIGHTS["shopper"]

    def play(self, actor: Actor) -> Script:
        return shopper(actor)


class Partner(Player):
    """Writes batches."""

    weight = mix.WEIGHTS["partner"]

    def play(self, actor: Actor) -> Script:
        return partner(actor)


class Merchandiser(Player):
    """Reads insights, edits prices."""

    weight = mix.WEIGHTS["merchandiser"] if plan.staff_key else 0
    _share: int | None = None

    def play(self, actor: Actor) -> Script:
        self._share = load.shares.take() if plan.edits else None
        return merchandiser(actor, share=self._share)

    def on_stop(self) -> None:
        load.shares.give_back(self._share)


class Watcher(Player):
    """Reads alerts and mentions."""

    weight = mix.WEIGHTS["pr"] if plan.staff_key else 0

    def play(self, actor: Actor) -> Script:
        return pr(actor)


class Planned(LoadTestShape):
    """The plan's shape."""

    shape: ClassVar = plan.planned

    def tick(self) -> tuple[int, float] | None:
        users = self.shape.users_at(self.get_run_time())
        # All at once: the plan itself says how fast there are more.
        return None if users is None else (max(1, users), float(self.shape.users_limit))


@events.test_start.add_listener
def _begin(environment: Any, **_: Any) -> None:
    load.clocks = Clocks()
    gevent.spawn(_tell_progress, environment)


def _tell_progress(environment: Any) -> None:
    while load.clocks.stopped is None:
        gevent.sleep(PROGRESS_S)
        if load.clocks.stopped is None:
            second, share = round(load.clocks.seconds()), load.clocks.cpu_share()
            line = progress_line(load.measured, second=second, users=environment.runner.user_count, cpu_share=share)
            console.print(line, markup=False)


@events.test_stop.add_listener
def _end(**_: Any) -> None:
    load.clocks.stop()


@events.quitting.add_listener
def _judge(environment: Any, **_: Any) -> None:
    """Check the ledger, hold the gates, say how the process ends."""
    logging.getLogger("locust.stats_logger").disabled = True  # rounded tables beside ours; the HTML report has them
    if load.clocks.stopped is None:
        load.clocks.stop()
    load.ledger.close()
    (plan.folder / ORIGINALS).write_bytes(orjson.dumps(load.originals))
    gates = load.gates.for_run(seconds=plan.planned.seconds, whole_s=plan.planned.seconds * plan.shorten)
    run = Run(load.clocks.cpu_share(), _kept(), _recovery(gates.recovered_p95_ms))
    checks = evaluate(gates, load.measured, run)
    environment.process_exit_code = exit_code(gates, checks, run)
    if environment.runner is not None and environment.runner.exceptions:
        for each in environment.runner.exceptions.values():
            console.print(f"a user's script failed: {each['msg']}\n{each['traceback']}", markup=False)
        environment.process_exit_code = environment.process_exit_code or EXIT_BREACHED
    print_report(console, gates, load.measured, run, (checks, environment.process_exit_code))


def _kept() -> Kept | None:
    """Ask the stores, in a process of its own: gevent has changed this one."""
    command = [sys.executable, "-m", "loadtests.verify", "check", str(plan.folder)]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=VERIFY_LIMIT_S, check=False)
    if asked.returncode != 0:
        console.print(f"the ledger could not be checked:\n{asked.stderr}", markup=False)
        return None
    return Kept(**orjson.loads(asked.stdout.splitlines()[-1]))


def _recovery(p95_ms: float) -> float | None:
    peak = plan.planned.peak()
    if peak is None:
        return None
    return recovery_s(load.measured, peak_end_s=peak[1], end_s=plan.planned.seconds, p95_ms=p95_ms)
