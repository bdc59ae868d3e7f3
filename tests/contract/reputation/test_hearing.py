"""Reputation over the wire: mentions come in, are heard within a moment, and stay through restarts and rebuilds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import orjson
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from zhike.chassis.v1 import system_service_pb2, system_service_pb2_grpc
from zhike.reputation.v1 import mention_pb2
from zhike.reputation.v1 import mention_service_pb2 as mentions_pb
from zhike.reputation.v1 import source_service_pb2 as pb

from tests.contract.reputation.conftest import SHOP, TIMEOUT_S, Reputation, mention, reputation_in, soon


async def test_a_batch_is_answered_item_by_item_and_heard(reputation: Reputation) -> None:
    await reputation.product("p-1", zh="巧克力生日蛋糕")
    answer = await reputation.write(
        mention("1", "<p>知客的巧克力生日蛋糕塌了</p>", reach=12, tier=2, url="https://m.example/1?utm_source=x"),
        mention("2", ""),
        {"id": "3"},
        mention("1", "<p>知客的巧克力生日蛋糕塌了</p>", reach=12, tier=2, url="https://m.example/1?utm_source=x"),
    )
    assert [each["status"] for each in answer["verdicts"]] == ["stored", "rejected", "rejected", "rejected"]
    reasons = [each.get("error", {}).get("reason") for each in answer["verdicts"]]
    assert reasons == [None, "TEXT_MISSING", "MENTION_MALFORMED", "MENTION_ID_REUSED"]  # published a moment later
    (heard,) = await reputation.until(1)
    assert (heard.text, heard.tone, list(heard.brands)) == (
        "知客的巧克力生日蛋糕塌了",
        mention_pb2.TONE_UNKNOWN,
        ["own"],
    )
    assert (heard.url, heard.reach, heard.cluster_size, heard.begins_cluster) == ("https://m.example/1", 12, 1, True)
    request = mentions_pb.GetMentionRequest(id=answer["verdicts"][0]["mention_id"])
    assert await reputation.mentions.GetMention(request, timeout=TIMEOUT_S) == heard


async def test_products_are_named_once_they_are_known(reputation: Reputation) -> None:
    await reputation.product("p-1", zh="巧克力生日蛋糕")

    async def named() -> int:
        await reputation.write(mention(str(datetime.now(UTC).timestamp()), "巧克力生日蛋糕不错"))
        return len(await reputation.listed(product_id="p-1"))

    await soon(named, lambda count: count > 0)


async def test_pages_go_on_and_a_foreign_token_is_refused(reputation: Reputation) -> None:
    await reputation.write(*(mention(str(number), f"知客 {number}") for number in range(7)))
    await reputation.until(7)
    found, token = [], ""
    while True:
        request = mentions_pb.ListMentionsRequest(shop=SHOP, page_size=3, page_token=token)
        page = await reputation.mentions.ListMentions(request, timeout=TIMEOUT_S)
        found += [each.source_mention_id for each in page.mentions]
        token = page.next_page_token
        if not token:
            break
        foreign = mentions_pb.ListMentionsRequest(shop=SHOP, text="x", page_token=token)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reputation.mentions.ListMentions(foreign, timeout=TIMEOUT_S)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sorted(found) == [str(number) for number in range(7)]


async def test_counts_say_what_was_said_when(reputation: Reputation) -> None:
    now = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(hours=1)
    for hour in range(3):
        published = (now - timedelta(hours=hour)).isoformat()
        await reputation.write(mention(str(hour), f"知客 {hour}", published=published))
    await reputation.until(3)
    request = mentions_pb.CountMentionsRequest(shop=SHOP, brand="own", step="1h")
    request.start_time.FromDatetime(now - timedelta(hours=3))
    request.end_time.FromDatetime(now)
    answer = await soon(  # a mention is listed a moment before it is counted
        lambda: reputation.mentions.CountMentions(request, timeout=TIMEOUT_S),
        lambda found: [each.mentions for each in found.counts] == [0, 1, 1, 1],
    )
    assert dict(answer.counts[-1].by_tone) == {"unknown": 1}


async def test_a_file_is_imported_row_by_row_and_again_changes_nothing(reputation: Reputation) -> None:
    rows = [orjson.dumps(mention(str(number), f"知客 {number}")) for number in range(450)]
    lines = [*rows[:225], b"no json", b"", b'{"id": "x"}', *rows[225:], b"\xff"]
    first = await reputation.imported(lines)
    assert (first.rows, first.accepted, first.duplicate, first.rejected) == (453, 450, 0, 3)
    assert set(first.rejected_by_reason) == {"MENTION_MALFORMED"}
    again = await reputation.imported(lines)
    assert (again.accepted, again.duplicate, again.rejected) == (0, 450, 3)
    dry = await reputation.imported([orjson.dumps(mention("new", "知客"))], dry_run=True)
    assert (dry.accepted, dry.rows) == (1, 1)
    await soon(lambda: reputation.listed(page_size=200, text="知客 449"), lambda found: len(found) == 1)


async def test_sources_and_brands_are_kept_and_changed_by_version(reputation: Reputation) -> None:
    created = await reputation.source(id="city-news", kind=pb.SOURCE_KIND_PUSH, title="城市新闻", tier=1, reach=9)
    assert (created.version, created.standing.state) == (1, pb.SOURCE_STATE_FINE)
    change = pb.UpdateSourceRequest(
        source=pb.Source(id="city-news", disabled=True), update_mask=FieldMask(paths=["disabled"]), expected_version=1
    )
    changed = await reputation.sources.UpdateSource(change, timeout=TIMEOUT_S)
    assert (changed.version, changed.standing.state, changed.title) == (2, pb.SOURCE_STATE_DISABLED, "城市新闻")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await reputation.sources.UpdateSource(change, timeout=TIMEOUT_S)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    brand = pb.Brand(id="rival", kind=pb.BRAND_KIND_RIVAL, names=["隔壁超市"])
    assert (await reputation.sources.PutBrand(pb.PutBrandRequest(brand=brand), timeout=TIMEOUT_S)).version == 1
    listed = await reputation.sources.ListBrands(pb.ListBrandsRequest(), timeout=TIMEOUT_S)
    assert [each.id for each in listed.brands] == ["rival"]
    await reputation.sources.DeleteBrand(pb.DeleteBrandRequest(id="rival"), timeout=TIMEOUT_S)
    await reputation.sources.DeleteSource(pb.DeleteSourceRequest(id="city-news"), timeout=TIMEOUT_S)
    assert (await reputation.sources.ListSources(pb.ListSourcesRequest(), timeout=TIMEOUT_S)).sources == []


async def test_what_was_heard_outlives_the_process_and_a_rebuild(tmp_path: Path) -> None:
    async with reputation_in(tmp_path) as first:
        await first.write(*(mention(str(number), f"知客第 {number} 天") for number in range(20)))
        before = await first.until(20)
    async with reputation_in(tmp_path) as second:
        assert await second.until(20) == before
        system = system_service_pb2_grpc.SystemServiceStub(second.clients.channel("reputation"))
        request = system_service_pb2.RebuildProjectionRequest(projection="hearing")
        await system.RebuildProjection(request, timeout=TIMEOUT_S)
        status = system_service_pb2.GetSystemStatusRequest()
        facts = (await system.GetSystemStatus(status, timeout=TIMEOUT_S)).facts
        assert facts["mentions"] == "20"
        assert await second.until(20) == before
