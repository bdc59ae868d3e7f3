"""Reputation as the gateway sees it: one mention, one source, one brand, and what goes wrong by its name."""

from typing import Any

import orjson
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from zhike.reputation.v1 import mention_pb2, mention_service_pb2
from zhike.reputation.v1 import source_service_pb2 as sources_pb

from services.chassis.errors import InvalidArgumentError, NotFoundError

MENTION_ID = "m-1"
SOURCE_ID = "weibo"
NO_SUCH = "nobody"
TIME = Timestamp(seconds=1_770_000_000)


class MalformedError(InvalidArgumentError):
    reason = "MALFORMED_BATCH"


class FakeReputation:
    """The methods of MentionService and SourceService, for FakeServices."""

    def _WriteMentions(self, request: Any) -> Any:
        mentions = _batch(request.json)
        verdicts = [{"id": str(each), "status": "stored", "mention_id": MENTION_ID} for each in mentions]
        answer = {"verdicts": verdicts, "stored": len(verdicts), "duplicate": 0, "rejected": 0}
        return mention_service_pb2.WriteMentionsResponse(json=orjson.dumps(answer), stored=len(verdicts))

    def _GetMention(self, request: Any) -> Any:
        _known(request.id)
        return mention(request.id)

    def _ListMentions(self, request: Any) -> Any:
        return mention_service_pb2.ListMentionsResponse(mentions=[mention()], next_page_token="next")

    def _CountMentions(self, request: Any) -> Any:
        count = mention_pb2.MentionCount(start_time=TIME, mentions=1, by_tone={"negative": 1}, by_tier={3: 1})
        return mention_service_pb2.CountMentionsResponse(counts=[count])

    def _CreateSource(self, request: Any) -> Any:
        return source(request.source)

    def _GetSource(self, request: Any) -> Any:
        _known(request.id)
        return source(sources_pb.Source(id=request.id, kind=sources_pb.SOURCE_KIND_PUSH))

    def _ListSources(self, request: Any) -> Any:
        return sources_pb.ListSourcesResponse(sources=[source(sources_pb.Source(id=SOURCE_ID))])

    def _UpdateSource(self, request: Any) -> Any:
        _known(request.source.id)
        return source(request.source)

    def _DeleteSource(self, request: Any) -> Any:
        _known(request.id)
        return Empty()

    def _PollSource(self, request: Any) -> Any:
        return self._GetSource(request)

    def _ListBrands(self, request: Any) -> Any:
        brand = sources_pb.Brand(id="zhike", kind=sources_pb.BRAND_KIND_OWN, names=["知客"], version=1)
        return sources_pb.ListBrandsResponse(brands=[brand])

    def _PutBrand(self, request: Any) -> Any:
        request.brand.version = 2
        return request.brand

    def _DeleteBrand(self, request: Any) -> Any:
        _known(request.id)
        return Empty()


def mention(mention_id: str = MENTION_ID) -> mention_pb2.Mention:
    return mention_pb2.Mention(
        id=mention_id,
        shop="main",
        source=SOURCE_ID,
        source_mention_id="7",
        tier=3,
        language="zh",
        published_time=TIME,
        seen_time=TIME,
        text="知客的牛奶坏了",
        tone=mention_pb2.TONE_NEGATIVE,
        tone_probability=0.97,
        aspect="quality",
        brands=["zhike"],
        cluster_id="c-1",
        begins_cluster=True,
        cluster_size=4,
    )


def source(asked: sources_pb.Source) -> sources_pb.Source:
    made = sources_pb.Source(version=1, standing=sources_pb.SourceStanding(state=sources_pb.SOURCE_STATE_FINE))
    made.MergeFrom(asked)
    return made


def _batch(body: bytes) -> list[Any]:
    try:
        batch = orjson.loads(body)
    except orjson.JSONDecodeError:
        batch = None
    mentions = batch.get("mentions") if isinstance(batch, dict) else None
    if not isinstance(mentions, list):
        raise MalformedError("the body is no batch", field="mentions")
    return [each.get("id", "") if isinstance(each, dict) else "" for each in mentions]


def _known(name: str) -> None:
    if name == NO_SUCH:
        raise NotFoundError("there is no such thing", resource="source")
