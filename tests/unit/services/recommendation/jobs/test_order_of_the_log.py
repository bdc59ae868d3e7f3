"""What is learned and answered depends on what happened, never on the order in which a log tells of it.

A log has one partition or eight, and a reader takes their events as they come: only those of one identifier keep their
order. Two deployments, and two replicas of one, must still say the same.
"""

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta
from functools import cache
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from services.chassis.eventlog.port import Event
from services.chassis.eventlog.record import partition_of
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.prediction import PERSONAL, Placement, Prediction, Request
from services.recommendation.jobs.board import count_board
from services.recommendation.jobs.scoring import Scored, score_shard
from services.recommendation.jobs.train import MODEL_FILE, main
from services.recommendation.store.blobs import decode_model, encode_training_set
from services.recommendation.store.scores import ScoringSet, encode_shard, scoring_rows
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.world import World
from services.recommendation.usecases.predict import predict
from services.recommendation.usecases.taste import Profiles
from tests.unit.services.recommendation.shop import (
    NOW,
    NOW_S,
    PERSONS,
    PRODUCTS,
    identity_event,
    product_event,
    purchase_events,
    user_event,
)
from tests.unit.services.recommendation.usecases.test_predict import FRESH

BOUGHT_LATELY, UNBOUGHT = 6, 6  # products beside those of the small shop
TIED = ("card:1", "login:a")  # identifiers of one person, who buys new products of each on the same days
EIGHT = 8
SHOPPERS = ("card:0", "card:1", "login:a", "visitor:v-1", "visitor:v-load", "card:nobody")
PRODUCTS_ASKED = ("p0", "p5", "p13", f"p{PRODUCTS}", f"p{PRODUCTS + BOUGHT_LATELY}", "gone")
PAGE_SIZE = 24


def told() -> list[Event]:
    """A year of the small shop, with everything whose order could matter, in the order in which it happened."""
    events = purchase_events()
    second = NOW - timedelta(days=9)
    number = {"kind": "sale", "source": "shop", "number": "A-1"}

    def tell(*arguments: str, **fields: object) -> None:
        events.append(user_event(len(events) + 1, *arguments, **fields))  # type: ignore[arg-type]

    for place in range(12):  # visits before the shop knew who it was, at one second, of many products
        for subject in ("visitor:v-1", "login:a", "visitor:v-load"):
            products = [(f"p{(place * 5 + len(subject)) % PRODUCTS}", 1), ("p9", 2)]
            tell("detail-page-view", subject=subject, products=products, time=second, synthetic=subject[-4:] == "load")
        tell("add-to-cart", subject="visitor:v-1", products=[(f"p{place}", 1)], time=second)
        tell("add-to-cart", subject="login:a", products=[(f"p{23 - place}", 1)], time=second)
    for place in range(30):  # orders of nobody, half of them without a number
        time = NOW - timedelta(days=place, seconds=place * 7)
        order = {"kind": "sale", "source": "shop"} | ({"number": f"N-{place}"} if place % 2 else {})
        products = [(f"p{place % 7}", 1), (f"p{(place * 11) % PRODUCTS}", 1)]
        tell(subject=f"visitor:v-anonymous-{place}", products=products, time=time, order=order)
    for place in range(8):  # reported by the browser, by the shop, and once more by the shop, under another card
        order = number | {"number": f"A-{place}"}
        tell(subject="visitor:v-1", products=[("p2", 1)], time=second, order=order | {"source": "browser"})
        tell(subject="card:1", products=[("p3", 1), ("p20", 1)], time=second, order=order)
        tell(subject=f"card:{place + 2}", products=[("p4", 1), ("p21", 1)], time=second, order=order)
    for days in (40, 20):
        for place in range(BOUGHT_LATELY):
            subject, products = TIED[place % 2], [(f"p{PRODUCTS + BOUGHT_LATELY - 1 - place}", 1)]
            tell(subject=subject, products=products, time=NOW - timedelta(days=days), order=number | {"number": ""})
    for person in range(0, PERSONS, 5):
        tell(subject=f"card:{person}", products=[("p1", 1)], time=NOW, order=number | {"kind": "return"})
    tell(products=[("gone", 1), ("p7", 1)], time=NOW)
    tell(subject="visitor:v-load", products=[(f"p{PRODUCTS + BOUGHT_LATELY}", 1)], synthetic=True)
    recorded = [NOW + timedelta(milliseconds=place) for place in range(len(events))]
    return [replace(event, recorded_time=time) for event, time in zip(events, recorded, strict=True)]


def taken(events: Sequence[Event], partitions: int, seed: int) -> list[Event]:
    """Return the events as a reader of so many partitions may meet them."""
    rng = np.random.default_rng(seed)
    waiting = [[each for each in events if partition_of(each.subject, partitions) == n] for n in range(partitions)]
    turns = rng.permutation(np.repeat(np.arange(partitions), [len(each) for each in waiting]))
    return [waiting[turn].pop(0) for turn in turns.tolist()]


@cache
def world_of(partitions: int, seed: int) -> tuple[World, bytes, bytes]:
    """Return what a service knows that took the events so, the model that it trains, and how that was judged."""
    world = World()
    products = [product_event(number + 1, f"p{number}") for number in range(PRODUCTS + BOUGHT_LATELY + UNBOUGHT)]
    persons = [identity_event(1, name, ["card:1", "login:a", "visitor:v-1"]) for name in ("login:a", "visitor:v-1")]
    persons += [identity_event(1, "card:1", ["login:a", "card:1", "visitor:v-1"])]
    for event in taken(products, partitions, seed):
        world.shelf.apply(event)
    for event in taken(persons, partitions, seed):
        world.people.apply(event)
    for event in taken(told(), partitions, seed):
        world.ledger.apply(event)
    world.board = count_board(world.ledger.snapshot(), NOW_S)
    return world, *trained(world)


def trained(world: World) -> tuple[bytes, bytes]:
    """Train as the service does; return the model and what the trainer says of it."""
    snapshot = world.ledger.snapshot()
    persons = world.people.persons_of(snapshot.actor_ids)
    rows, product_ids = snapshot.interactions(persons, frozenset(world.shelf.ids()))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "set.npz").write_bytes(encode_training_set(rows, product_ids))
        arguments = ["--training-set", str(folder / "set.npz"), "--out", str(folder), "--engine", "local"]
        spoken = BytesIO()
        with redirect_stdout(TextIOWrapper(spoken)):
            assert main(arguments) == 0
            result = spoken.getvalue().splitlines()[-1]
        return (folder / MODEL_FILE).read_bytes(), result


IN_ORDER, OTHERS = (1, 0), [(EIGHT, seed) for seed in range(3)]


@pytest.mark.parametrize("other", OTHERS)
def test_the_same_events_train_the_same_model(other: tuple[int, int]) -> None:
    one, model, judged = world_of(*IN_ORDER)
    assert told() != taken(told(), *other), "the events come in the order in which they happened"
    again, its_model, its_judged = world_of(*other)
    assert one.board == again.board
    assert judged == its_judged
    assert sha256(model).hexdigest() == sha256(its_model).hexdigest()


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("ranker", [*Ranker, None])
async def test_the_same_events_answer_alike(other: tuple[int, int], ranker: Ranker | None) -> None:
    expected = await answers(IN_ORDER, ranker)
    assert sum(len(each.slots) for each in expected.values()) > PAGE_SIZE * len(expected) // 2
    found = await answers(other, ranker)
    assert {
        question: (answer, found[question]) for question, answer in expected.items() if answer != found[question]
    } == {}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("ranker", list(Ranker))
def test_the_same_events_score_alike(other: tuple[int, int], ranker: Ranker) -> None:
    assert scored(IN_ORDER, ranker) == scored(other, ranker)


def test_what_load_tests_did_changes_no_model() -> None:
    world, *model = world_of(*IN_ORDER)
    quiet = World(people=world.people, shelf=world.shelf)
    for event in told():
        if not event.synthetic:
            quiet.ledger.apply(event)
    assert [*trained(quiet)] == model


async def answers(taking: tuple[int, int], ranker: Ranker | None) -> dict[str, Prediction]:
    """Return what each placement answers each shopper, by the question."""
    world, blob, _ = world_of(*taking)
    world.model = ServingModel("m-1", ranker, decode_model(blob)) if ranker is not None else None
    questions = [
        Request(placement, (shopper,), page_size=PAGE_SIZE) for placement in sorted(PERSONAL) for shopper in SHOPPERS
    ]
    questions += [
        Request(placement, (), product_ids=(product_id,), page_size=PAGE_SIZE)
        for placement in (Placement.SIMILAR_ITEMS, Placement.FREQUENTLY_BOUGHT_TOGETHER)
        for product_id in PRODUCTS_ASKED
    ]
    questions += [
        Request(Placement.FREQUENTLY_BOUGHT_TOGETHER, ("login:a",)),
        Request(Placement.POPULAR, (), page_size=50),
    ]
    profiles = Profiles()
    return {
        f"{each.placement} {each.identifiers} {each.product_ids}": await predict(
            each, world, profiles=profiles, consent=FRESH, now=NOW
        )
        for each in questions
    }


def scored(taking: tuple[int, int], ranker: Ranker) -> tuple[str, bytes]:
    """Return the name of the one shard that scores everybody, and its bytes."""
    world, blob, _ = world_of(*taking)
    arrays = decode_model(blob)
    model, snapshot = ServingModel("m-1", ranker, arrays), world.ledger.snapshot()
    everybody = sorted(snapshot.actor_ids)
    persons = world.people.persons_of(everybody)[np.argsort(np.argsort(np.array(snapshot.actor_ids)))]
    starts, rows, _ = scoring_rows(snapshot, persons, model.places_of_ledger(world.ledger))
    sellable = np.ones(len(model), dtype=bool)
    scoring = ScoringSet(
        starts=starts, sellable=sellable, version="m-1", ranker=ranker, now_s=NOW_S, count=PAGE_SIZE, **rows
    )
    (shard,) = scoring.shards()
    return scoring.shard_name(shard, "d"), encode_shard(score_shard(Scored(scoring, arrays), shard))
