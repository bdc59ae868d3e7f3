"""The public JSON of mentions: read item by item, answered item by item; filters as protobuf."""

from datetime import UTC, datetime

import orjson
import pytest
from zhike.reputation.v1 import mention_pb2
from zhike.reputation.v1 import mention_service_pb2 as pb

from services.kits.times import micros
from services.reputation.domain.counters import TONES, Scope, ScopeKind, Tally
from services.reputation.domain.errors import MalformedBatchError, MentionFilterError, MentionRefusedError
from services.reputation.domain.hearing import Mention, Said
from services.reputation.domain.mentions import MAX_ID_CHARACTERS, MentionForm
from services.reputation.store.mentions import Cluster
from services.reputation.usecases.intake import BatchVerdict, ItemVerdict, RefusedForm
from services.reputation.usecases.reading import Count, MentionView
from services.reputation.wire.mentions import (
    count_to_pb,
    filter_from_pb,
    mention_to_pb,
    read_batch,
    scope_from_pb,
    time_from_pb,
    verdicts_json,
)

TIME = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
GOOD = {"source": "weibo", "text": "好", "published": "2026-11-23T12:00:00+08:00"}


def test_a_batch_is_read_whole() -> None:
    (form,) = read_batch(orjson.dumps({"mentions": [{**GOOD, "id": "1", "reach": 7, "rating": 5, "tier": 1}]}))
    assert isinstance(form, MentionForm)
    assert (form.id, form.reach, form.rating, form.tier, form.published) == ("1", 7, 5, 1, TIME)


def test_one_that_cannot_be_read_is_refused_by_itself() -> None:
    bad = [{**GOOD, "id": "b" * 200, "reach": "many"}, {"id": "c"}, 7, {**GOOD, "published": "yesterday"}]
    good, *refused = read_batch(orjson.dumps({"mentions": [GOOD, *bad]}))
    assert isinstance(good, MentionForm)
    assert all(isinstance(each, RefusedForm) and each.error.reason == "MENTION_MALFORMED" for each in refused)
    assert [each.id for each in refused] == ["b" * MAX_ID_CHARACTERS, "c", "", ""]
    assert [each.error.field for each in refused if isinstance(each, RefusedForm)] == ["reach", "", "", "published"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"mentions": 7}', b"\xff", b'{"mentions": ' + b"[" * 100_000])
def test_a_body_that_is_no_batch_is_refused_whole(body: bytes) -> None:
    with pytest.raises(MalformedBatchError):
        read_batch(body)


def test_verdicts_are_written_in_order_and_counted() -> None:
    error = MentionRefusedError("TEXT_MISSING", "no text", field="text")
    items = (
        ItemVerdict("1", "stored", "m1"),
        ItemVerdict("2", "rejected", error=error),
        ItemVerdict("1", "duplicate", "m1"),
    )
    assert orjson.loads(verdicts_json(BatchVerdict(items))) == {
        "verdicts": [
            {"id": "1", "status": "stored", "mention_id": "m1"},
            {
                "id": "2",
                "status": "rejected",
                "error": {"reason": "TEXT_MISSING", "message": "no text", "field": "text"},
            },
            {"id": "1", "status": "duplicate", "mention_id": "m1"},
        ],
        "stored": 1,
        "duplicate": 1,
        "rejected": 1,
    }


def heard(**fields: object) -> Mention:
    given: dict[str, object] = {
        "id": "m1",
        "shop": "main",
        "source": "weibo",
        "source_mention_id": "7",
        "tier": 3,
        "published_us": micros(TIME),
        "seen_us": micros(TIME),
        "language": "zh",
        "text": "好",
        "cluster_id": "c-1",
    }
    return Mention(**{**given, **fields})  # type: ignore[arg-type]


def test_a_mention_is_encoded_with_its_clusters_size() -> None:
    cluster = Cluster("c-1", "main", "m1", 4, 0, 0, 0)
    said = Said("unsure", 0.55, "quality", ("zhike",), ("p-1",))
    message = mention_to_pb(MentionView(heard(said=said, reach=0), cluster))
    assert (message.tone, message.tone_probability, message.aspect) == (mention_pb2.TONE_UNSURE, 0.55, "quality")
    assert (list(message.brands), list(message.product_ids), message.cluster_size) == (["zhike"], ["p-1"], 4)
    assert message.HasField("reach")
    assert not message.HasField("rating")
    assert message.published_time.ToDatetime(UTC) == TIME
    assert mention_to_pb(MentionView(heard(), None)).cluster_size == 1


@pytest.mark.parametrize("tone", TONES)
def test_every_tone_goes_there_and_back(tone: str) -> None:
    number = mention_to_pb(MentionView(heard(said=Said(tone)), None)).tone
    assert filter_from_pb(pb.ListMentionsRequest(shop="main", tone=number)).tone == tone


def test_a_filter_is_decoded() -> None:
    request = pb.ListMentionsRequest(shop="main", brand="b", product_id="p", source="s", tier=2, text="t", author="a")
    request.start_time.FromDatetime(TIME)
    wanted = filter_from_pb(request)
    assert (wanted.brand, wanted.product, wanted.source, wanted.tier, wanted.text) == ("b", "p", "s", 2, "t")
    assert (wanted.from_us, wanted.until_us, wanted.tone) == (micros(TIME), None, "")
    with pytest.raises(MentionFilterError):
        filter_from_pb(pb.ListMentionsRequest())


@pytest.mark.parametrize(
    ("fields", "scope"),
    [
        ({}, Scope("main", ScopeKind.SHOP)),
        ({"brand": "b"}, Scope("main", ScopeKind.BRAND, "b")),
        ({"product_id": "p"}, Scope("main", ScopeKind.PRODUCT, "p")),
        ({"source": "s"}, Scope("main", ScopeKind.SOURCE, "s")),
    ],
)
def test_what_is_counted_is_decoded(fields: dict[str, str], scope: Scope) -> None:
    assert scope_from_pb(pb.CountMentionsRequest(shop="main", **fields)) == scope


def test_a_time_must_be_given() -> None:
    request = pb.CountMentionsRequest()
    with pytest.raises(MentionFilterError):
        time_from_pb(request.start_time, "start_time")
    request.start_time.FromDatetime(TIME)
    assert time_from_pb(request.start_time, "start_time") == TIME


def test_a_count_is_encoded_by_tone_and_by_tier() -> None:
    tally = Tally({("negative", 1): 2, ("negative", 3): 1, ("positive", 3): 4}, 9, 5, {"quality": 2})
    message = count_to_pb(Count(TIME, tally))
    assert (message.mentions, dict(message.by_tone), dict(message.by_tier)) == (
        7,
        {"negative": 3, "positive": 4},
        {1: 2, 3: 5},
    )
    assert (message.reach, message.clusters, dict(message.negative_by_aspect)) == (9, 5, {"quality": 2})
