"""Scoring every customer: the lists are what the shop would answer, nobody who did not consent is in them."""

from pathlib import Path
from typing import Any

from zhike.type.v1 import import_pb2

from tests.contract.recommendation.conftest import Owners, Shop, shop_in, soon
from tests.contract.recommendation.test_service import FOR_YOU, ids, stocked
from tests.unit.services.recommendation.shop import PERSONS, identity_event, product_event, user_event

COUNT = 5
NOBODY = "127.0.0.1:1"


async def trained(shop: Shop) -> None:
    await stocked(shop)
    assert (await shop.train(engine="local")).HasField("response")


async def test_each_customer_gets_what_the_shop_would_answer(shop: Shop) -> None:
    await trained(shop)
    (model,) = await shop.models()
    for by_hand in (False, True):
        if by_hand:
            await shop.promote(model.version, "the test asks for factors")
        lines = await shop.lists(await shop.start_scoring(engine="local", count=COUNT))
        assert len(lines) == PERSONS
        assert lines == sorted(lines, key=lambda line: line["identifiers"][0])
        for line in lines:
            answer = await shop.predict(FOR_YOU, line["identifiers"][0], page_size=COUNT)
            own = [slot.product_id for slot in answer.slots if slot.source == line["source"]]
            assert [each["id"] for each in line["products"]] == own
            assert line["model_version"] == answer.model_version


async def test_who_denied_or_is_known_to_a_browser_alone_has_no_line(shop: Shop) -> None:
    await trained(shop)
    await shop.owners.tell(
        [
            identity_event(1, "card:1", ["card:1", "login:u1"], consents={"personalization": "denied"}),
            identity_event(2, "card:2", ["card:2", "visitor:v-2", "login:u2"], customer_id="c-2"),
        ]
    )
    await shop.owners.tell([user_event(900_000, "detail-page-view", subject="visitor:v-9", products=[("p1", 1)])])
    await soon(lambda: shop.facts(), lambda facts: facts["people"] == "2")
    name = await shop.start_scoring(engine="local")
    lines = {line["identifiers"][0]: line for line in await shop.lists(name)}
    assert "card:1" not in lines
    assert len(lines) == PERSONS - 1
    assert lines["card:2"]["identifiers"] == ["card:2", "login:u2"]
    assert lines["card:2"]["customer_id"] == "c-2"
    assert not any("visitor:" in each for line in lines.values() for each in line["identifiers"])
    progress = await result_of(shop, name)
    assert dict(progress.rejected_by_reason)["NO_CONSENT"] == 1
    assert progress.rows == progress.accepted + progress.rejected


async def test_the_same_customers_are_the_same_bytes_and_are_not_scored_again(tmp_path: Path, owners: Owners) -> None:
    async with shop_in(tmp_path, owners) as shop:
        await trained(shop)
        first = await shop.start_scoring(engine="local")
        await shop.lists(first)
        made = await result_of(shop, first)
    async with shop_in(tmp_path, owners) as shop:
        again = await shop.start_scoring(engine="local")
        await shop.lists(again)
        repeated = await result_of(shop, again)
        assert repeated.result_file == made.result_file
        assert repeated.total_bytes == 0, "no process ran: every shard was there"
        await shop.owners.tell([product_event(900, "p3", version=9_000, availability="out-of-stock")])
        await soon(lambda: shop.predict("popular", page_size=50), lambda found: "p3" not in ids(found))
        changed = await shop.lists(await shop.start_scoring(engine="local"))
        assert "p3" not in {each["id"] for line in changed for each in line["products"]}


async def test_before_a_model_is_in_force_there_is_nothing_to_score_with(shop: Shop) -> None:
    failed = await shop.ended(await shop.start_scoring(engine="local"))
    assert failed.HasField("error")
    assert "model" in failed.error.message


async def test_a_stale_copy_of_consents_scores_nobody(tmp_path: Path, owners: Owners) -> None:
    async with shop_in(tmp_path, owners) as shop:
        await trained(shop)
    async with shop_in(tmp_path, owners, consent_staleness_ms=100) as shop:
        await owners.stop_knowledge()
        await shop.until(lambda found: found.fallback_reason == "CONSENT_STALE", FOR_YOU, "card:0")
        failed = await shop.ended(await shop.start_scoring(engine="local"))
        assert "consents" in failed.error.message


async def test_a_cluster_that_is_not_there_fails_the_scoring_and_nothing_else(tmp_path: Path, owners: Owners) -> None:
    async with shop_in(tmp_path, owners, ray_address=NOBODY) as shop:
        await trained(shop)
        failed = await shop.ended(await shop.start_scoring(engine="ray"))
        assert NOBODY in failed.error.message
        assert (await shop.facts())["ray"] == "RAY_UNREACHABLE"
        assert len(await shop.lists(await shop.start_scoring(engine="local"))) == PERSONS


async def result_of(shop: Shop, name: str) -> Any:
    found = import_pb2.ImportProgress()
    (await shop.ended(name)).response.Unpack(found)
    return found
