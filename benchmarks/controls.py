"""What Controls cost and whether they keep their order: ``python -m benchmarks.controls [--cases 10000] [--json]``.

``order``: random Controls over random rankings, each arrangement held to the order of business; violations must be 0.
``read``: a recommendation read by one unary gRPC call, both sides in this process, on a made-up shop of the demo's size
(5,900 products), with 200 live Controls and without, turn about; ``share`` is what they add, CPU over CPU. Of the 200,
40 are about placements, 40 about segments of history, 60 about products, 30 about categories, 30 about channels;
``applying`` says how many hold for the read. ``preview_ms``: one preview of a draft; ``dry_run_s``: one over 1,000
customers; each the median, on the same shop beside the 200.
"""

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import grpc
from hypothesis import HealthCheck, Phase, given, settings
from threadpoolctl import threadpool_limits
from zhike.recommendation.v1 import prediction_service_pb2 as pb
from zhike.recommendation.v1 import prediction_service_pb2_grpc
from zhike.type.v1 import answer_pb2, identifier_pb2

from benchmarks.reads import NOW, PRODUCTS, SLOTS, made_up_world
from services.chassis.clock import SystemClock
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from services.kits.controls.control import (
    Action,
    ActionType,
    CapPer,
    Condition,
    Content,
    Control,
    ControlState,
    Pin,
    Target,
)
from services.kits.controls.control_store import ControlStore
from services.kits.controls.live_controls import ControlSet, LiveControls
from services.kits.controls.matching import Asked
from services.kits.controls.previewing import Look
from services.recommendation.domain.model import Ranker
from services.recommendation.servicer.predictions import PredictionServicer
from services.recommendation.store.shelf_facts import ShelfFacts
from services.recommendation.store.world import World
from services.recommendation.usecases.controlled import Ruling
from services.recommendation.usecases.predict import ConsentRules
from services.recommendation.usecases.previewing import RecommendationPreviewer
from services.recommendation.usecases.segments import KeptSegments
from services.recommendation.usecases.taste import Profiles
from tests.strategies.controls import Case, cases
from tests.strategies.order_of_business import arranged, violations

PERSONS, CALLS, ROUNDS, TURNS = 1_000, 400, 9, 5
SHARE_LIMIT, PREVIEW_LIMIT_MS, DRY_RUN_LIMIT_S = 0.20, 1_000.0, 10.0
FOR_YOU = "recommended-for-you"
CONSENT = ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: 0.1)


def order_of_business(count: int) -> dict[str, int]:
    """Try random cases; return how many there were, and how many broke a rule."""
    found = {"cases": 0, "violations": 0}

    @settings(max_examples=count, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(cases())
    def one(case: Case) -> None:
        found["cases"] += 1
        found["violations"] += bool(violations(case, arranged(case)))

    one()
    return found


def live_controls() -> list[Control]:
    """Return 200 Controls as a busy shop has them."""
    found: list[Control] = []

    def add(action: Action, condition: Condition) -> None:
        number = len(found)
        content = Content(f"rule {number}", action, condition)
        found.append(Control(f"ctl_{number:03}", 1, ControlState.LIVE, content, NOW, NOW))

    def aisle(number: int) -> str:
        return f"Aisle {number % 120}"

    placements = (FOR_YOU, "similar-items", "popular", "buy-it-again")
    for number in range(40):
        action = (
            Action(ActionType.BOOST, Target(categories=(aisle(number),)), strength=2),
            Action(ActionType.BURY, Target(categories=(aisle(number + 40),)), strength=3),
            Action(ActionType.EXCLUDE, Target(product_ids=tuple(f"p{number * 10 + each}" for each in range(5)))),
            Action(ActionType.PIN, pins=(Pin(f"p{1_000 + number}", 1 + number // 8),)),
            Action(ActionType.CAP, Target(categories=(f"Department {number % 12}",)), maximum=3, per=CapPer.CATEGORY),
        )[number // 4 % 5]
        add(action, Condition(placements=(placements[number % 4],)))
    for number in range(40):
        segment = ("regular", "returning", "new")[number % 3]
        add(Action(ActionType.BOOST, Target(categories=(aisle(number),)), strength=1), Condition(segments=(segment,)))
    for number in range(60):
        add(Action(ActionType.PIN, pins=(Pin(f"p{number}", 1),)), Condition(product_ids=(f"p{3_000 + number}",)))
    for number in range(30):
        add(
            Action(ActionType.BURY, Target(categories=(aisle(number),)), strength=1),
            Condition(categories=(aisle(number),)),
        )
    for number in range(30):
        channel = ("app", "store", "phone")[number % 3]
        add(Action(ActionType.EXCLUDE, Target(product_ids=(f"p{number}",))), Condition(channels=(channel,)))
    return found


async def read_figures(world: World, controls: list[Control]) -> dict[str, Any]:
    """Return CPU µs of a read with and without, by the medians of rounds in turn."""
    profiles, clock = Profiles(), SystemClock()
    known = ControlSet(controls, ShelfFacts(world))
    ruling = Ruling(known, KeptSegments(world, CONSENT))
    in_force: list[Ruling | None] = [None]
    servicer = PredictionServicer(
        world, profiles, consent=CONSENT, clock=clock, new_token=lambda: "token", ruling=lambda: in_force[0]
    )
    server = grpc.aio.server()
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    requests = [
        pb.PredictRequest(
            placement=FOR_YOU,
            shopper=identifier_pb2.Shopper(identifiers=[f"card:{person}"], shop="main", channel="web"),
            page_size=SLOTS,
            language="zh",
            format=answer_pb2.ANSWER_FORMAT_JSON,
        )
        for person in range(CALLS)
    ]

    async def over_the_wire() -> None:
        for request in requests:
            await stub.Predict(request, timeout=5)

    async def by_itself() -> None:
        for request in requests:
            await servicer.Predict(request, None)

    figures: dict[str, Any] = {"controls": len(controls)}
    applying = known.plan(Asked(placement=FOR_YOU, segments=frozenset({"regular", "returning"}), channel="web"))
    figures["applying"] = 0 if applying is None else len(applying.controls)
    for name, calls in (("read", over_the_wire), ("engine", by_itself)):
        without, under = [], []
        for _ in range(ROUNDS + 1):
            for rule, found in ((None, without), (ruling, under)):
                in_force[0] = rule
                found.append(await _cpu_us(calls))
        bare, ruled = statistics.median(without[1:]), statistics.median(under[1:])  # the first warms
        figures[f"{name}_us"], figures[f"{name}_with_controls_us"] = round(bare, 1), round(ruled, 1)
        figures["share" if name == "read" else "engine_share"] = round((ruled - bare) / bare, 3)
    await channel.close()
    await server.stop(None)
    return figures


async def _cpu_us(calls: Callable[[], Any]) -> float:
    gc.collect()
    gc.disable()
    start = time.process_time()
    await calls()
    took = time.process_time() - start
    gc.enable()
    return took / CALLS * 1_000_000


async def previews(world: World, controls: list[Control]) -> dict[str, float]:
    """Return how long a preview and a dry run over 1,000 customers take."""
    clock, store = SystemClock(), ControlStore(MemoryDocuments())
    await store.declare()
    for each in controls:
        await store.insert(each)
    live = LiveControls(store, ShelfFacts(world), clock)
    await live.refresh()
    previewer = RecommendationPreviewer(
        world,
        live,
        CONSENT,
        clock,
        segments=KeptSegments(world, CONSENT),
        words=lambda _slot, _language: "",
    )
    action = Action(ActionType.BOOST, Target(categories=("Department 3",)), strength=4)
    draft = Control("draft", 0, ControlState.LIVE, Content("a draft", action), NOW, NOW)
    looks, runs = [], []
    for turn in range(TURNS):
        start = time.perf_counter()
        await previewer.preview(draft, Look(identifiers=(f"card:{turn}",), placement=FOR_YOU))
        looks.append((time.perf_counter() - start) * 1_000)
        run = OperationRun(Operation("o", "dry", OperationState.RUNNING, {}, Progress(), NOW), _saved, clock)
        start = time.perf_counter()
        result = await previewer.dry_run(draft, run, sample=1_000)
        runs.append(time.perf_counter() - start)
        run.close()
        assert result["looked_at"] == PERSONS, result["looked_at"]
    return {"preview_ms": round(statistics.median(looks), 1), "dry_run_s": round(statistics.median(runs), 2)}


async def _saved(_run: OperationRun) -> None:
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    options = parser.parse_args()
    results: dict[str, Any] = {"order": order_of_business(options.cases)}
    with threadpool_limits(limits=1, user_api="blas"):
        world, controls = made_up_world(Ranker.ALS, PERSONS), live_controls()
        results["read"] = asyncio.run(read_figures(world, controls))
        results |= asyncio.run(previews(world, controls))
    results["products"] = PRODUCTS
    holds = (
        results["order"]["violations"] == 0
        and results["read"]["share"] <= SHARE_LIMIT
        and results["preview_ms"] <= PREVIEW_LIMIT_MS
        and results["dry_run_s"] <= DRY_RUN_LIMIT_S
    )
    if not options.json:
        print(json.dumps(results, indent=2))
    print(json.dumps(results))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
