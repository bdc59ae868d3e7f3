"""Mentions: the public JSON of a batch and its verdicts, filters and heard mentions as protobuf."""

import re
from datetime import datetime
from typing import Any, Final

import msgspec
import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from zhike.reputation.v1 import mention_pb2
from zhike.reputation.v1 import mention_service_pb2 as pb

from services.kits.times import time_of
from services.reputation.domain.counters import NEGATIVE, NEUTRAL, POSITIVE, UNKNOWN, UNSURE, Scope, ScopeKind
from services.reputation.domain.errors import MalformedBatchError, MentionFilterError, MentionRefusedError
from services.reputation.domain.mentions import MAX_ID_CHARACTERS, MentionForm
from services.reputation.store.mentions import MentionFilter
from services.reputation.usecases.intake import (
    DUPLICATE,
    REJECTED,
    STORED,
    BatchVerdict,
    ItemVerdict,
    RefusedForm,
)
from services.reputation.usecases.reading import Count, MentionView

MALFORMED: Final = "MENTION_MALFORMED"
_TONES: Final = {
    NEGATIVE: mention_pb2.TONE_NEGATIVE,
    NEUTRAL: mention_pb2.TONE_NEUTRAL,
    POSITIVE: mention_pb2.TONE_POSITIVE,
    UNSURE: mention_pb2.TONE_UNSURE,
    UNKNOWN: mention_pb2.TONE_UNKNOWN,
}
_TONE_WORDS: Final = {number: word for word, number in _TONES.items()}


class _Batch(msgspec.Struct):
    mentions: list[MentionForm]


class _RawBatch(msgspec.Struct):
    mentions: list[msgspec.Raw]


_BATCH: Final = msgspec.json.Decoder(_Batch)
_RAW_BATCH: Final = msgspec.json.Decoder(_RawBatch)
_MENTION: Final = msgspec.json.Decoder(MentionForm)
_PATH: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)


def read_batch(body: bytes) -> list[MentionForm | RefusedForm]:
    """Return the mentions of a batch; one that cannot be read is refused by itself. Raises MalformedBatchError."""
    try:
        return [*_BATCH.decode(body).mentions]
    except msgspec.ValidationError:
        pass  # one of them, or the batch itself, is not of the public form: read them one by one
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error
    try:
        raw = _RAW_BATCH.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error
    return [read_mention(bytes(each)) for each in raw.mentions]


def read_mention(body: bytes) -> MentionForm | RefusedForm:
    """Return one mention, or why it cannot be read."""
    try:
        return _MENTION.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message, path = _explained(error)
        return RefusedForm(_legible_id(body), MentionRefusedError(MALFORMED, message, field=path))


def verdicts_json(verdict: BatchVerdict) -> bytes:
    """Return the public answer, written once."""
    return orjson.dumps(
        {
            "verdicts": [_item(item) for item in verdict.items],
            STORED: verdict.count(STORED),
            DUPLICATE: verdict.count(DUPLICATE),
            REJECTED: verdict.count(REJECTED),
        }
    )


def mention_to_pb(view: MentionView) -> mention_pb2.Mention:
    """Encode a mention with its cluster's size."""
    mention, said = view.mention, view.mention.said
    message = mention_pb2.Mention(
        id=mention.id,
        shop=mention.shop,
        source=mention.source,
        source_mention_id=mention.source_mention_id,
        tier=mention.tier,
        author=mention.author,
        url=mention.url,
        language=mention.language,
        title=mention.title,
        text=mention.text,
        parent=mention.parent,
        repost=mention.is_repost,
        reach=mention.reach,
        rating=mention.rating,
        tone=_TONES[said.tone],
        tone_probability=said.probability,
        aspect=said.aspect,
        brands=said.brands,
        product_ids=said.products,
        cluster_id=mention.cluster_id,
        begins_cluster=mention.begins_cluster,
        cluster_size=view.cluster.size if view.cluster is not None else 1,
    )
    message.published_time.FromDatetime(time_of(mention.published_us))
    message.seen_time.FromDatetime(time_of(mention.seen_us))
    return message


def filter_from_pb(request: pb.ListMentionsRequest) -> MentionFilter:
    """Decode a filter. Raises MentionFilterError."""
    return MentionFilter(
        shop=_shop(request.shop),
        brand=request.brand,
        product=request.product_id,
        source=request.source,
        tone=_TONE_WORDS.get(request.tone, ""),
        tier=request.tier,
        cluster_id=request.cluster_id,
        author=request.author,
        language=request.language,
        text=request.text,
        from_us=_micros(request.start_time) if request.HasField("start_time") else None,
        until_us=_micros(request.end_time) if request.HasField("end_time") else None,
    )


def scope_from_pb(request: pb.CountMentionsRequest) -> Scope:
    """Decode what is to be counted. Raises MentionFilterError."""
    shop, named = _shop(request.shop), request.WhichOneof("scope")
    if named is None:
        return Scope(shop, ScopeKind.SHOP)
    kind = {"brand": ScopeKind.BRAND, "product_id": ScopeKind.PRODUCT, "source": ScopeKind.SOURCE}[named]
    return Scope(shop, kind, getattr(request, named))


def time_from_pb(stamp: Timestamp, field: str) -> datetime:
    """Decode a time that must be given. Raises MentionFilterError."""
    if stamp.seconds == 0 and stamp.nanos == 0:
        raise MentionFilterError(f"{field} is missing", field=field)
    return time_of(_micros(stamp))


def count_to_pb(count: Count) -> mention_pb2.MentionCount:
    """Encode the count of one step."""
    tally, tones, tiers = count.tally, dict[str, int](), dict[int, int]()
    for (tone, tier), number in tally.counts.items():
        tones[tone] = tones.get(tone, 0) + number
        tiers[tier] = tiers.get(tier, 0) + number
    message = mention_pb2.MentionCount(
        mentions=tally.total,
        by_tone=tones,
        by_tier=tiers,
        negative_by_aspect=tally.aspects,
        reach=tally.reach,
        clusters=tally.clusters,
    )
    message.start_time.FromDatetime(count.start)
    return message


def _shop(shop: str) -> str:
    if not shop:
        raise MentionFilterError("name the shop", field="shop")
    return shop


def _micros(stamp: Timestamp) -> int:
    return stamp.seconds * 1_000_000 + stamp.nanos // 1_000


def _item(item: ItemVerdict) -> dict[str, Any]:
    said: dict[str, Any] = {"id": item.id, "status": item.status}
    if item.mention_id:
        said["mention_id"] = item.mention_id
    if item.error is not None:
        said["error"] = {"reason": item.error.reason, "message": item.error.message, "field": item.error.field}
    return said


def _malformed(error: Exception) -> MalformedBatchError:
    message, _ = _explained(error)
    return MalformedBatchError(f'the body is not {{"mentions": […]}}: {message}', field="mentions")


def _explained(error: Exception) -> tuple[str, str]:
    """Return what msgspec found and where; its messages never repeat values."""
    if isinstance(error, RecursionError):
        return "nested too deep", ""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8", ""
    match = _PATH.match(str(error))
    if match is None:
        return "not readable", ""
    return match["what"], match["path"] or ""


def _legible_id(body: bytes) -> str:
    try:
        item = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    mention_id = item.get("id") if isinstance(item, dict) else None
    return mention_id[:MAX_ID_CHARACTERS] if isinstance(mention_id, str) else ""
