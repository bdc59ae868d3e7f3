"""What our own code costs in one read, in this process: no socket, no gRPC, no HTTP server.

    python -m benchmarks.reads [--persons 400] [--rounds 7] [--json]

``predict``: a decoded request to the bytes of the answer, on a made-up shop of the demo's size (5,900 products, 226 of
them never bought, 64 factors, 50 neighbours, about 570 rows a person), with the factor model and with item to item:
for persons asked before (``known``), for persons asked the first time (``new``: the profile is made), right after each
did something (``clicked``). ``gateway``: from the ASGI scope to the last ``send``, the service's answer of 8 kB
standing ready; keys, rate limits, metrics and access lines are on. CPU µs per request, the least of the rounds.
"""

import argparse
import asyncio
import gc
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from zhike.recommendation.v1 import prediction_service_pb2 as recommendation_pb
from zhike.search.v1 import search_service_pb2 as search_pb
from zhike.type.v1 import answer_pb2, identifier_pb2

from gateway.admission import Admission
from gateway.app import build_app
from gateway.authentication import Authenticator
from gateway.endpoints import Parts
from gateway.fallbacks import Fallbacks
from gateway.keys import KeyName, KeyStore
from gateway.limits import RateLimiter
from gateway.metrics import GATEWAY_METRICS
from gateway.principals import Role
from gateway.settings import GatewaySettings
from gateway.tokens import OperatorToken, ShopperTokens
from services.chassis.clock import SystemClock
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.eventlog.port import Event
from services.chassis.logs import configure_logs
from services.chassis.metrics import CHASSIS_METRICS, Metrics
from services.chassis.readiness import Readiness
from services.chassis.standing import Standings
from services.recommendation.domain.baskets import TogetherTable
from services.recommendation.domain.model import AlsParameters, Ranker
from services.recommendation.jobs.board import count_board
from services.recommendation.servicer.predictions import PredictionServicer
from services.recommendation.store.blobs import ModelArrays
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.world import World
from services.recommendation.usecases.predict import ConsentRules
from services.recommendation.usecases.taste import Profiles

PRODUCTS, UNSOLD, FACTORS, NEAR, CATEGORIES = 5_900, 226, 64, 50, 120
BASKETS, LINES = 57, 10
SLOTS = 12
NOW = datetime.now(UTC)
ANSWER = b'{"slots":[%b]}' % (b"x" * 8_000)
VISITOR = "v-0123456789abcdefghijklmn"
GATEWAY_REQUESTS = 1_000

Figures = dict[str, float]


def event(seq: int, log: str, type_: str, subject: str, payload: dict[str, Any], *, days_ago: int = 0) -> Event:
    time_then = NOW - timedelta(days=days_ago)
    return Event(
        log=log,
        partition=0,
        seq=seq,
        key=f"{log}-{seq}",
        type=type_,
        occurred_time=time_then,
        recorded_time=time_then,
        shop="main",
        channel="store",
        subject=subject,
        payload=payload,
    )


def made_up_world(ranker: Ranker, persons: int) -> World:
    rng, world = np.random.default_rng(7), World()
    for number in range(PRODUCTS):
        category = f"Department {number % 12} > Aisle {number % CATEGORIES}"
        title = f"A product of the usual length {number}"
        payload = {"id": f"p{number}", "title": {"en": title, "zh": title}, "categories": [{"en": category}]}
        world.shelf.apply(event(number, "products", "ProductChanged", f"p{number}", payload))
    for person in range(persons):
        for basket in range(BASKETS):
            lines = [{"id": f"p{item}", "quantity": 1} for item in rng.integers(UNSOLD, PRODUCTS, LINES)]
            payload = {"products": lines, "order": {"kind": "sale", "source": "shop", "number": f"{person}-{basket}"}}
            world.ledger.apply(
                event(basket, "user-events", "purchase-complete", f"card:{person}", payload, days_ago=6 * basket)
            )
    world.model = ServingModel("m-1", ranker, made_up_model(rng))
    world.board = count_board(world.ledger.snapshot(), int(NOW.timestamp()))
    return world


def made_up_model(rng: np.random.Generator) -> ModelArrays:
    sold, shape = PRODUCTS - UNSOLD, (PRODUCTS - UNSOLD, NEAR)
    near = rng.integers(0, sold, shape).astype(np.int32)
    weights = np.sort(rng.random(shape, dtype=np.float32), axis=1)[:, ::-1].copy()
    return ModelArrays(
        product_ids=tuple(f"p{number}" for number in range(UNSOLD, PRODUCTS)),
        parameters=AlsParameters(FACTORS, regularization=10.0, alpha=3.0, iterations=1, half_life_days=84.0),
        anchor_s=int(NOW.timestamp()),
        factors=rng.normal(0, 0.1, (sold, FACTORS)).astype(np.float32),
        near_places=near,
        near_cosines=weights,
        together=TogetherTable(near, weights, np.full(shape, 9, dtype=np.int32), weights),
        popularity=rng.random(sold),
        intervals=np.full(sold, 28.0, dtype=np.float32),
    )


async def least(rounds: int, calls: Sequence[Callable[[], Awaitable[Any]]], *, before: Callable[[], None]) -> float:
    """Return the least CPU µs of one call over the rounds; ``before`` each round is not counted."""
    found = float("inf")
    for _ in range(rounds):
        before()
        gc.collect()
        gc.disable()
        start = time.process_time()
        for call in calls:
            await call()
        found = min(found, (time.process_time() - start) / len(calls))
        gc.enable()
    return round(found * 1_000_000, 1)


async def predict_figures(ranker: Ranker, persons: int, rounds: int) -> Figures:
    world, profiles = made_up_world(ranker, persons), Profiles()
    consent = ConsentRules(default_consent=True, staleness_limit_s=2.0, staleness_s=lambda: 0.1)
    servicer = PredictionServicer(
        world, profiles, consent=consent, clock=SystemClock(), new_token=lambda: secrets.token_urlsafe(15)
    )

    def calls(placement: str, people: int, *about: str) -> list[Callable[[], Awaitable[Any]]]:
        def one(person: int, product_id: str) -> Callable[[], Awaitable[Any]]:
            request = recommendation_pb.PredictRequest(
                placement=placement,
                shopper=identifier_pb2.Shopper(identifiers=[f"card:{person}"], shop="main", channel="web"),
                product_ids=[product_id] if product_id else [],
                page_size=SLOTS,
                language="zh",
                format=answer_pb2.ANSWER_FORMAT_JSON,
            )
            return lambda: servicer.Predict(request, None)

        return [one(person, product_id) for person in range(people) for product_id in about or ("",)]

    clicks = iter(range(10**9))

    def everyone_clicks() -> None:
        for person in range(persons):
            payload = {"products": [{"id": f"p{UNSOLD + next(clicks) % (PRODUCTS - UNSOLD)}"}]}
            world.ledger.apply(event(0, "user-events", "detail-page-view", f"card:{person}", payload))

    def nothing() -> None:
        return None

    personal = calls("recommended-for-you", persons)
    sold = calls("similar-items", 1, *(f"p{number}" for number in range(UNSOLD, UNSOLD + 200)))
    unsold = calls("similar-items", 1, *(f"p{number}" for number in range(200)))
    return {
        "new": await least(rounds, personal, before=profiles.forget),
        "clicked": await least(rounds, personal, before=everyone_clicks),
        "known": await least(rounds, personal, before=nothing),
        "similar_items": await least(rounds, sold, before=nothing),
        "similar_items_never_bought": await least(rounds, unsold, before=nothing),
    }


class ReadyServices:
    """Answers what was asked with bytes that stand ready."""

    def __init__(self) -> None:
        self._answers = {
            "Predict": recommendation_pb.PredictResponse(json=ANSWER),
            "Search": search_pb.SearchResponse(json=ANSWER),
        }

    async def call(self, method: Any, _request: Any, *, timeout_ms: int, waits: bool = True) -> Any:
        assert timeout_ms > 0 and waits is not None
        return self._answers[method.path.rpartition("/")[2]]


async def gateway_figures(rounds: int) -> Figures:
    clock, rate = SystemClock(), 1e7
    settings = GatewaySettings(
        documents="memory", publishable_rate_per_s=rate, shopper_rate_per_s=rate, secret_rate_per_s=rate
    )
    keys, tokens, limiter = KeyStore(MemoryDocuments(), clock), ShopperTokens(("s" * 32,), clock), RateLimiter(clock)
    await keys.open()
    authenticator = Authenticator(keys, tokens, OperatorToken("op_x"), limiter, clock=clock, settings=settings)
    caller: Any = ReadyServices()
    parts = Parts(
        settings=settings,
        caller=caller,
        admission=Admission(authenticator, limiter, settings),
        keys=keys,
        tokens=tokens,
        clock=clock,
        start_time=clock.now(),
        fallbacks=Fallbacks(clock, metrics := Metrics((CHASSIS_METRICS, GATEWAY_METRICS))),
        readiness=Readiness(None, metrics, Standings(metrics), clock),
    )
    app = build_app(parts, metrics)
    _, browser = await keys.create(KeyName("browser", Role.PUBLISHABLE, shop="main", channel="", owner="b"))
    _, backend = await keys.create(KeyName("backend", Role.SHOP, shop="main", channel="", owner="s"))
    page = [(b"x-api-key", browser.encode()), (b"x-visitor-id", VISITOR.encode())]
    server = [(b"authorization", f"Bearer {backend}".encode())]
    requests = {
        "search": ("/v1/search", "q=%E7%89%9B%E5%A5%B6&page_size=24&language=zh", page),
        "recommended_for_you": ("/v1/recommendations/recommended-for-you", "identifier=card%3A1000231", server),
        "similar_items": ("/v1/recommendations/similar-items", "product_id=p-1", page),
    }
    figures = {}
    for name, (path, query, own) in requests.items():
        headers = [(b"host", b"127.0.0.1:8080"), (b"accept", b"*/*"), *own]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": headers}
        figures[name] = await least(rounds, [_asked(app, scope)] * GATEWAY_REQUESTS, before=lambda: None)
    return figures


def _asked(app: Any, scope: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    return lambda: app(dict(scope), receive, send)


async def measure(persons: int, rounds: int) -> dict[str, Figures]:
    predict = {f"predict_{ranker.value}": await predict_figures(ranker, persons, rounds) for ranker in Ranker}
    return {**predict, "gateway": await gateway_figures(rounds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    # Open until the end: what is left of the access lines is written when the process ends.
    configure_logs("gateway", log_format="json", stream=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    with threadpool_limits(limits=1, user_api="blas"):
        found = asyncio.run(measure(arguments.persons, arguments.rounds))
    if arguments.json:
        print(json.dumps(found))
        return
    for part, figures in found.items():
        for name, cpu_us in figures.items():
            print(f"{part:22} {name:28} {cpu_us:8.1f} µs of CPU")


if __name__ == "__main__":
    main()
