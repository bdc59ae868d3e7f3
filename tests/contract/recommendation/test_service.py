"""The service on its real ports: copies follow their logs, a trainer process trains, a swap fails nobody."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest

from services.chassis.eventlog.port import Event
from services.recommendation.jobs.board import count_board
from tests.contract.recommendation.conftest import Owners, Shop, shop_in, soon
from tests.fakes.order_facts import order_fact, placed, stored
from tests.unit.services.recommendation.shop import (
    NOW_S,
    PRODUCTS,
    identity_event,
    ledger_of,
    product_event,
    purchase_events,
    user_event,
)

FOR_YOU, SIMILAR, TOGETHER, POPULAR = (
    "recommended-for-you",
    "similar-items",
    "frequently-bought-together",
    "popular",
)


def products() -> list[Event]:
    return [product_event(number + 1, f"p{number}") for number in range(PRODUCTS)]


def ids(prediction: Any) -> list[str]:
    return [slot.product_id for slot in prediction.slots]


async def tell_all(owners: Owners) -> None:
    await owners.tell(products())
    await owners.tell(purchase_events())


async def stocked(shop: Shop) -> None:
    """Wait until the copies hold the whole small shop, and the board counts all of it.

    The board is recounted at intervals: one that was counted while purchases were still being read stands until the
    next, and an order read from it changes under the test.
    """
    await tell_all(shop.owners)
    wanted = sum(len(event.payload["products"]) for event in purchase_events())
    await soon(shop.facts, lambda facts: int(facts["interactions"]) >= wanted)
    counted = count_board(ledger_of(purchase_events()).snapshot(), NOW_S)
    await soon(
        lambda: shop.predict(POPULAR, page_size=PRODUCTS),
        lambda found: tuple(ids(found)) == counted.product_ids,
    )


async def test_trained_on_its_own_process_it_answers_personally_and_says_why(shop: Shop) -> None:
    await stocked(shop)
    before = await shop.predict(FOR_YOU, "card:0")
    assert before.fallback_reason == "NO_MODEL"
    operation = await shop.train(engine="local")
    assert not operation.HasField("error"), operation.error
    (model,) = await shop.models()
    assert len(model.windows) == 3
    assert model.verdict
    assert dict(model.trained_through) == {"0": len(purchase_events())}
    promoted = await shop.promote(model.version, "the test asks for factors")
    assert promoted.promoted
    after = await shop.predict(FOR_YOU, "card:0", language="en")
    assert (after.source, after.fallback_reason, after.model_version) == ("als", "", model.version)
    assert after.attribution_token
    assert after.slots[0].reason.startswith("Because you bought")
    together = await shop.predict(TOGETHER, product_ids=["p1"])
    assert together.source == "ease"


async def test_a_click_changes_the_next_answer_within_a_moment(shop: Shop) -> None:
    await stocked(shop)
    await shop.train(engine="local")
    await shop.owners.tell([user_event(10_001, "detail-page-view", subject="visitor:v-1", products=[("p1", 1)])])
    first = await shop.until(
        lambda found: not found.fallback_reason or found.source != "popular", FOR_YOU, "visitor:v-1"
    )
    await shop.owners.tell([user_event(10_002, "detail-page-view", subject="visitor:v-1", products=[("p20", 1)])])
    await shop.until(lambda found: ids(found) != ids(first), FOR_YOU, "visitor:v-1")


async def test_no_request_fails_while_models_are_swapped(shop: Shop) -> None:
    await stocked(shop)
    for _ in range(2):
        await shop.train(engine="local")
        await asyncio.sleep(1.0)  # versions are named by the second
    versions = [model.version for model in await shop.models()]
    assert len(versions) == 2
    answers: list[str] = []
    stopped = asyncio.Event()

    async def ask() -> None:
        while not stopped.is_set():
            prediction = await shop.predict(FOR_YOU, f"card:{len(answers) % 40}")
            assert prediction.slots
            answers.append(prediction.model_version)

    askers = [asyncio.create_task(ask()) for _ in range(4)]
    for turn in range(20):
        await shop.promote(versions[turn % 2])
    stopped.set()
    await asyncio.gather(*askers)
    assert set(answers) == set(versions)


async def test_sold_out_goods_leave_every_list_within_a_moment(shop: Shop) -> None:
    await stocked(shop)
    shown = ids(await shop.predict(POPULAR))[0]
    await shop.owners.tell([product_event(500, shown, availability="out-of-stock")])
    await shop.until(lambda found: shown not in ids(found), POPULAR)


async def test_a_cart_follows_its_events_and_its_persons_identity(shop: Shop) -> None:
    await shop.owners.tell(products())
    now = datetime.now(UTC)
    put = user_event(10_001, "add-to-cart", subject="visitor:v-1", products=[("p1", 2)], time=now)
    await shop.owners.tell([put])
    await shop.owners.tell([identity_event(1, "login:a", ["login:a", "visitor:v-1"])])
    cart = await soon(lambda: shop.cart("login:a"), lambda found: bool(found.lines))
    assert [(line.product_id, line.quantity) for line in cart.lines] == [("p1", 2)]
    assert orjson.loads(cart.json)["total"] == {"amount": "5.00", "currency": "CNY"}
    assert not (await shop.cart("visitor:v-2")).lines


async def test_a_withdrawn_consent_ends_personal_answers_within_a_moment(shop: Shop) -> None:
    await stocked(shop)
    await shop.owners.tell([identity_event(1, "card:0", ["card:0"], consents={"personalization": "denied"})])
    await shop.until(lambda found: found.fallback_reason == "NO_CONSENT", "buy-it-again", "card:0")


async def test_without_the_owner_of_consents_nothing_stays_personal(tmp_path: Path, owners: Owners) -> None:
    async with shop_in(tmp_path, owners, consent_staleness_ms=1_000) as shop:
        await tell_all(owners)
        await shop.until(lambda found: not found.fallback_reason, "buy-it-again", "card:0")
        await owners.stop_knowledge()
        await shop.until(lambda found: found.fallback_reason == "CONSENT_STALE", "buy-it-again", "card:0")


async def test_restarted_it_stands_where_it_stood(tmp_path: Path, owners: Owners) -> None:
    async with shop_in(tmp_path, owners, snapshot_interval_s=1) as shop:
        await stocked(shop)
        await shop.train(engine="local")
        before = [await shop.predict(placement, "card:3") for placement in (FOR_YOU, "buy-it-again", POPULAR)]
        await asyncio.sleep(1.5)  # a snapshot, and then a tail behind it
        await owners.tell([user_event(10_001, "detail-page-view", subject="card:3", products=[("p1", 1)])])
        await shop.until(lambda found: bool(found.slots) and not found.fallback_reason, "recently-viewed", "card:3")
    async with shop_in(tmp_path, owners) as shop:
        assert ids(await shop.predict("recently-viewed", "card:3")) == ["p1"]
        after = [await shop.predict(placement, "card:4") for placement in (FOR_YOU, "buy-it-again", POPULAR)]
        assert [each.source for each in after] == [each.source for each in before]
        assert ids(await shop.predict("buy-it-again", "card:3")) == ids(before[1])
        facts = len(purchase_events())
        assert (await shop.models())[0].trained_through["0"] == facts


async def test_an_order_fact_is_a_purchase_within_a_moment(shop: Shop) -> None:
    await shop.owners.tell(products())
    now = datetime.now(UTC)
    put = user_event(1, "add-to-cart", subject="visitor:v-1", products=[("p1", 2), ("p2", 1)], time=now)
    browser = {"kind": "sale", "source": "browser", "number": "7"}
    bought = user_event(2, subject="visitor:v-1", products=[("p1", 2)], order=browser, time=now)
    await shop.owners.tell([put, bought])
    await soon(lambda: shop.cart("visitor:v-1"), lambda cart: [each.product_id for each in cart.lines] == ["p2"])
    fact = placed("f", "7", now, products=[{"id": "p2", "quantity": 1}], identifiers=["visitor:v-1"])
    await shop.owners.tell([stored(fact, 1), stored(order_fact("s", "7", now, type="stage-entered"), 2)])
    await soon(lambda: shop.cart("visitor:v-1"), lambda cart: [each.product_id for each in cart.lines] == ["p1"])
    assert (await shop.facts())["interactions"] == "4", "two put in, two bought of which one is taken back"


async def test_the_finished_json_and_the_typed_message_agree(shop: Shop) -> None:
    await stocked(shop)
    typed = await shop.predict(POPULAR)
    body = orjson.loads(await shop.predict_json(POPULAR))
    assert [slot["product"]["id"] for slot in body["slots"]] == ids(typed)
    assert body["attribution_token"] != typed.attribution_token


async def test_a_shop_without_purchases_says_that_there_is_nothing_to_train_on(shop: Shop) -> None:
    operation = await shop.train(engine="local")
    assert operation.error.message
    assert "NOTHING_TO_TRAIN_ON" in str(operation.error.details)


async def test_the_same_request_id_is_the_same_training(shop: Shop) -> None:
    await stocked(shop)
    first, second = await asyncio.gather(*(shop.train(engine="local", request_id="r-1") for _ in range(2)))
    assert first.name == second.name
    assert len(await shop.models()) == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "TRAINER_DIED"),
        ("print('a library says hello'); raise SystemExit(3)", "TRAINER_DIED"),
        ('print(\'{"error": {"reason": "EASE_FAILED", "message": "no"}}\')', "EASE_FAILED"),
    ],
)
async def test_a_trainer_that_dies_fails_its_operation_and_nothing_else(
    tmp_path: Path, owners: Owners, script: str, reason: str
) -> None:
    def command(training_set: Path, out: Path, arguments: Mapping[str, Any]) -> list[str]:
        assert training_set.is_file()
        assert out.is_dir()
        return [sys.executable, "-c", script]

    async with shop_in(tmp_path, owners, command=command) as shop:
        await stocked(shop)
        operation = await shop.train(engine="local")
        assert "TRAINING_FAILED" in str(operation.error.details)
        assert reason in str(operation.error.details)
        assert not await shop.models()
        assert ids(await shop.predict(POPULAR))


async def test_a_cancelled_training_leaves_no_process(tmp_path: Path, owners: Owners) -> None:
    pid_file = tmp_path / "pid"

    def command(training_set: Path, out: Path, arguments: Mapping[str, Any]) -> list[str]:
        script = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
        return [sys.executable, "-c", script]

    async with shop_in(tmp_path, owners, command=command) as shop:
        await stocked(shop)
        training = asyncio.create_task(shop.train(engine="local"))

        async def pid_said() -> str:
            return pid_file.read_text() if pid_file.exists() else ""

        pid = int(await soon(pid_said, bool))
        training.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await training
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


async def test_an_unknown_placement_is_refused_with_its_reason(shop: Shop) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await shop.predict("under-the-counter")
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_rebuild_reads_the_log_anew_and_answers_the_same(shop: Shop) -> None:
    await stocked(shop)
    before = [ids(await shop.predict("buy-it-again", f"card:{n}")) for n in range(5)]
    operations = shop.process.runtime.operations
    started = await operations.start("rebuild-interactions", {"projection": "interactions"})
    await shop.ended(started.id)
    assert (await operations.get(started.id)).failure is None
    assert [ids(await shop.predict("buy-it-again", f"card:{n}")) for n in range(5)] == before
