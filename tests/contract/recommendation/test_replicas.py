"""Two replicas of recommendation on one MongoDB: they answer alike, train once, and one's promotion is the other's."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contract.recommendation.conftest import Owners, Shop, shop_in, soon
from tests.contract.recommendation.test_service import FOR_YOU, POPULAR, SIMILAR, ids, stocked
from tests.unit.services.recommendation.shop import user_event

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(400)]

Pair = tuple[Shop, Shop]


@pytest.fixture
async def pair(mongodb_deployment: str, tmp_path: Path, owners: Owners) -> AsyncIterator[Pair]:
    """Two replicas; who does which job is as the leases fall."""
    servers = {"documents": mongodb_deployment, "artifacts": "gridfs"}
    async with (
        shop_in(tmp_path / "1", owners, **servers) as one,
        shop_in(tmp_path / "2", owners, **servers) as other,
    ):
        await stocked(one)
        wanted = (await one.facts())["interactions"]
        await soon(other.facts, lambda facts: facts["interactions"] == wanted)
        yield one, other


async def test_both_answer_alike(pair: Pair) -> None:
    board = ids(await pair[0].predict(POPULAR))
    await soon(lambda: pair[1].predict(POPULAR), lambda prediction: ids(prediction) == board)
    like = [ids(await shop.predict(SIMILAR, product_ids=["p1"])) for shop in pair]
    assert like[0] == like[1] != []


async def test_a_training_asked_of_both_is_one_and_its_promotion_at_one_holds_at_the_other(pair: Pair) -> None:
    operations = await asyncio.gather(*(shop.train(engine="local", request_id="r-1") for shop in pair))
    assert operations[0].name == operations[1].name
    (model,) = await pair[0].models()
    assert [each.version for each in await pair[1].models()] == [model.version]
    await pair[0].promote(model.version, "the test asks for factors")
    answers = [
        await shop.until(lambda prediction: prediction.model_version == model.version, FOR_YOU, "card:0")
        for shop in pair
    ]
    assert ids(answers[0]) == ids(answers[1]) != []


async def test_a_cart_filled_by_one_event_is_seen_at_both(pair: Pair, owners: Owners) -> None:
    event = user_event(9_001, "add-to-cart", subject="card:0", products=(("p3", 1),), time=datetime.now(UTC))
    await owners.tell([event])
    for shop in pair:
        await soon(
            lambda shop=shop: shop.cart("card:0"), lambda cart: [each.product_id for each in cart.lines] == ["p3"]
        )
