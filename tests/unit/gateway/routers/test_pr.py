"""Mentions, sources and brands, as PR staff and connectors reach them."""

from typing import Any

import pytest
from zhike.reputation.v1 import mention_pb2
from zhike.reputation.v1 import source_service_pb2 as pb

from gateway.principals import Role
from tests.fakes.gateway_reputation import MENTION_ID, NO_SUCH
from tests.fakes.gateway_shop import Shop, problem_of

MENTION = {"source": "weibo", "text": "知客好", "published": "2026-01-05T08:00:00Z"}


async def test_a_batch_passes_through_under_its_writer(shop: Shop) -> None:
    answer = await shop.post("/v1/mentions", Role.SHOP, json={"mentions": [{**MENTION, "id": "7"}]})
    assert answer.json()["verdicts"] == [{"id": "7", "status": "stored", "mention_id": MENTION_ID}]
    asked = shop.services.last("WriteMentions")
    assert (asked.owner, asked.default_shop, asked.synthetic) == ("owner-shop", "main", False)
    await shop.post("/v1/mentions", Role.LOAD, json={"mentions": [MENTION]})
    assert shop.services.last("WriteMentions").synthetic


async def test_mentions_are_listed_by_every_condition(shop: Shop) -> None:
    conditions = {
        "brand": "zhike",
        "product_id": "p-1",
        "source": "weibo",
        "tone": "negative",
        "tier": "2",
        "text": "牛奶",
        "cluster_id": "c-1",
        "author": "小明",
        "language": "zh",
        "start_time": "2026-01-05T08:00:00+08:00",
        "end_time": "2026-01-06T00:00:00Z",
        "page_size": "7",
        "page_token": "t",
    }
    answer = await shop.get("/v1/mentions", Role.STAFF, params=conditions)
    form = answer.json()
    assert form["next_page_token"] == "next"
    (mention,) = form["mentions"]
    assert (mention["tone"], mention["reach"], mention["rating"], mention["cluster_size"]) == (
        "negative",
        None,
        None,
        4,
    )
    asked = shop.services.last("ListMentions")
    assert (asked.shop, asked.brand, asked.product_id, asked.source) == ("main", "zhike", "p-1", "weibo")
    assert (asked.tone, asked.tier, asked.text, asked.page_size) == (mention_pb2.TONE_NEGATIVE, 2, "牛奶", 7)
    assert (asked.cluster_id, asked.author, asked.language, asked.page_token) == ("c-1", "小明", "zh", "t")
    assert asked.start_time.ToJsonString() == "2026-01-05T00:00:00Z"
    assert asked.end_time.ToJsonString() == "2026-01-06T00:00:00Z"


async def test_without_conditions_no_time_is_asked(shop: Shop) -> None:
    await shop.get("/v1/mentions", Role.STAFF, params={"shop": "north"})
    asked = shop.services.last("ListMentions")
    assert asked.shop == "north"
    assert not asked.HasField("start_time")
    assert not asked.HasField("end_time")


@pytest.mark.parametrize(
    "conditions",
    [
        {"tone": "angry"},
        {"tier": "4"},
        {"page_size": "201"},
        {"start_time": "yesterday"},
        {"start_time": "2026-01-05T08:00:00"},
        {"text": "好" * 257},
        {"colour": "red"},
    ],
)
async def test_a_condition_that_is_none_is_refused(shop: Shop, conditions: dict[str, str]) -> None:
    answer = await shop.get("/v1/mentions", Role.STAFF, params=conditions)
    assert answer.status_code == 400
    assert not shop.services.asked


async def test_counts_are_of_one_thing_and_of_the_last_day_unless_said_otherwise(shop: Shop) -> None:
    answer = await shop.get("/v1/mentions:count", Role.STAFF, params={"brand": "zhike", "step": "15m"})
    (count,) = answer.json()["counts"]
    assert (count["mentions"], count["by_tone"], count["by_tier"]) == (1, {"negative": 1}, {"3": 1})
    asked = shop.services.last("CountMentions")
    assert (asked.brand, asked.step) == ("zhike", "15m")
    assert asked.end_time.ToDatetime() == shop.clock.now().replace(tzinfo=None)
    assert (asked.end_time.seconds - asked.start_time.seconds) == 86_400
    both = await shop.get("/v1/mentions:count", Role.STAFF, params={"brand": "zhike", "source": "weibo"})
    problem_of(both, 400, "INVALID_ARGUMENT")


async def test_a_source_is_made_for_the_keys_shop(shop: Shop) -> None:
    body = {"id": "city-news", "kind": "feed", "url": "https://n.example/rss", "tier": 1, "reach": 0}
    made = await shop.post("/v1/sources", Role.STAFF, json=body)
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, "/v1/sources/city-news", '"v1"')
    asked = shop.services.last("CreateSource").source
    assert (asked.shop, asked.kind, asked.tier, asked.reach, asked.poll_interval_s) == (
        "main",
        pb.SOURCE_KIND_FEED,
        1,
        0,
        900,
    )
    assert made.json()["standing"]["state"] == "fine"


async def test_a_source_without_a_reach_has_none(shop: Shop) -> None:
    made = await shop.post("/v1/sources", Role.STAFF, json={"id": "weibo", "kind": "push"})
    assert made.json()["reach"] is None
    assert not shop.services.last("CreateSource").source.HasField("reach")


async def test_a_change_names_its_fields_and_its_version(shop: Shop) -> None:
    changes = {"disabled": True, "reach": None}
    answer = await shop.send("PATCH", "/v1/sources/weibo", Role.STAFF, json=changes, headers={"If-Match": '"v3"'})
    assert answer.status_code == 200
    asked = shop.services.last("UpdateSource")
    assert (sorted(asked.update_mask.paths), asked.expected_version) == (["disabled", "reach"], 3)
    assert asked.source.disabled
    assert not asked.source.HasField("reach")


@pytest.mark.parametrize("body", [{}, {"tier": None}, {"kind": "feed"}, {"tier": 4}, {"poll_interval_s": 59}])
async def test_a_change_of_nothing_or_of_what_stays_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    problem_of(await shop.send("PATCH", "/v1/sources/weibo", Role.STAFF, json=body), 400, "INVALID_ARGUMENT")
    assert not shop.services.asked


async def test_sources_are_read_polled_and_removed(shop: Shop) -> None:
    assert (await shop.get("/v1/sources", Role.STAFF)).json()["sources"][0]["id"] == "weibo"
    assert (await shop.get("/v1/sources/weibo", Role.STAFF)).headers["etag"] == '"v1"'
    assert (await shop.post("/v1/sources/weibo:poll", Role.STAFF)).status_code == 202
    assert (await shop.send("DELETE", "/v1/sources/weibo", Role.STAFF)).status_code == 204
    problem_of(await shop.get(f"/v1/sources/{NO_SUCH}", Role.STAFF), 404, "NOT_FOUND")
    problem_of(await shop.get(f"/v1/mentions/{NO_SUCH}", Role.STAFF), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/v1/sources/", "/v1/brands/", "/v1/mentions/"])
async def test_an_id_past_its_bound_names_nothing(shop: Shop, path: str) -> None:
    method = "DELETE" if path != "/v1/mentions/" else "GET"
    problem_of(await shop.send(method, path + "x" * 65, Role.STAFF), 404, "NOT_FOUND")
    assert not shop.services.asked


async def test_brands_are_put_listed_and_removed(shop: Shop) -> None:
    body = {"kind": "rival", "names": ["隔壁超市"], "exclusions": ["隔壁超市旁"]}
    kept = await shop.send("PUT", "/v1/brands/next-door", Role.STAFF, json=body, headers={"If-Match": '"v1"'})
    assert (kept.status_code, kept.headers["etag"], kept.json()["kind"]) == (200, '"v2"', "rival")
    asked = shop.services.last("PutBrand")
    assert (asked.brand.id, list(asked.brand.exclusions), asked.expected_version) == ("next-door", ["隔壁超市旁"], 1)
    assert (await shop.get("/v1/brands", Role.STAFF)).json()["brands"][0]["names"] == ["知客"]
    assert (await shop.send("DELETE", "/v1/brands/next-door", Role.STAFF)).status_code == 204


async def test_a_file_of_mentions_is_imported(shop: Shop) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await shop.post("/v1/mentions:import", Role.SHOP, content=b"{}\n", headers=headers)
    assert answer.status_code == 202
    assert answer.json()["id"].startswith("reputation.")
