"""zhike.reputation.v1.MentionService."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from google.longrunning import operations_pb2
from zhike.reputation.v1 import mention_pb2, mention_service_pb2_grpc
from zhike.reputation.v1 import mention_service_pb2 as pb
from zhike.type.v1 import import_pb2

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.erasure.suppression import Suppression
from services.chassis.eventlog.port import EventLog
from services.chassis.metrics import Metric, MetricKind, Metrics
from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.chassis.traces import current_trace
from services.reputation.domain.errors import ImportConfigError
from services.reputation.domain.mentions import MAX_SHOP_CHARACTERS, MentionRules
from services.reputation.servicer.uploads import upload_chunks, upload_config
from services.reputation.store.mentions import MentionStore
from services.reputation.usecases.intake import DUPLICATE, REJECTED, STORED, BatchVerdict, Writer, write_mentions
from services.reputation.usecases.reading import MAX_PAGE_MENTIONS, count_mentions, get_mention, list_mentions
from services.reputation.wire.mentions import (
    count_to_pb,
    filter_from_pb,
    mention_to_pb,
    read_batch,
    scope_from_pb,
    time_from_pb,
    verdicts_json,
)

SERVICE: Final = "reputation"
IMPORT_KIND: Final = "import-mentions"
DEFAULT_SHOP: Final = "main"
DEFAULT_STEP: Final = "1h"
PAGE_MENTIONS: Final = 50
MENTION_METRICS: Final = (
    Metric("zhike_reputation_mentions_total", MetricKind.COUNTER, "Mentions written, by verdict.", ("verdict",)),
    Metric("zhike_reputation_refused_mentions_total", MetricKind.COUNTER, "Mentions refused, by reason.", ("reason",)),
)


@dataclass(frozen=True, slots=True)
class MentionPorts:
    """What mentions are taken in with and served from."""

    log: EventLog
    mentions: MentionStore
    artifacts: ArtifactStore
    operations: Operations
    clock: Clock
    metrics: Metrics
    suppression: Suppression | None = None


class MentionServicer(mention_service_pb2_grpc.MentionServiceServicer):
    """Mentions in, mentions out."""

    def __init__(self, ports: MentionPorts) -> None:
        self._ports = ports
        self._mentions = ports.metrics.counter("zhike_reputation_mentions_total")
        self._refused = ports.metrics.counter("zhike_reputation_refused_mentions_total")

    async def WriteMentions(self, request: pb.WriteMentionsRequest, context: Any) -> pb.WriteMentionsResponse:
        rules = MentionRules(self._ports.clock.now(), request.default_shop or DEFAULT_SHOP)
        writer = Writer(request.owner, request.synthetic, current_trace() or request.trace)
        verdict = await write_mentions(
            self._ports.log, read_batch(request.json), rules, writer, suppression=self._ports.suppression
        )
        self._count(verdict)
        return pb.WriteMentionsResponse(
            json=verdicts_json(verdict),
            stored=verdict.count(STORED),
            duplicate=verdict.count(DUPLICATE),
            rejected=verdict.count(REJECTED),
        )

    async def ImportMentions(
        self, request_iterator: AsyncIterator[import_pb2.ImportRequest], context: Any
    ) -> operations_pb2.Operation:
        requests = aiter(request_iterator)
        config = await upload_config(requests)
        arguments = arguments_from_pb(config)
        blob = await self._ports.artifacts.put(upload_chunks(requests))
        operation = await self._ports.operations.start(
            IMPORT_KIND,
            {**arguments, "file": blob.digest},
            request_id=config.request_id,
            owner=config.owner,
        )
        return operation_to_pb(operation, SERVICE)

    async def GetMention(self, request: pb.GetMentionRequest, context: Any) -> mention_pb2.Mention:
        return mention_to_pb(await get_mention(self._ports.mentions, request.id))

    async def ListMentions(self, request: pb.ListMentionsRequest, context: Any) -> pb.ListMentionsResponse:
        wanted = filter_from_pb(request)
        query = {"list": "mentions", "filter": {name: getattr(wanted, name) for name in wanted.__slots__}}
        views, after = await list_mentions(
            self._ports.mentions,
            wanted,
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_MENTIONS, maximum=MAX_PAGE_MENTIONS),
        )
        return pb.ListMentionsResponse(
            mentions=[mention_to_pb(view) for view in views],
            next_page_token="" if after is None else encode_page_token(after, query=query),
        )

    async def CountMentions(self, request: pb.CountMentionsRequest, context: Any) -> pb.CountMentionsResponse:
        counts = await count_mentions(
            self._ports.mentions,
            scope_from_pb(request),
            start=time_from_pb(request.start_time, "start_time"),
            end=time_from_pb(request.end_time, "end_time"),
            step=request.step or DEFAULT_STEP,
        )
        return pb.CountMentionsResponse(counts=[count_to_pb(each) for each in counts])

    def _count(self, verdict: BatchVerdict) -> None:
        for status in (STORED, DUPLICATE, REJECTED):
            self._mentions.labels(status).inc(verdict.count(status))
        for item in verdict.items:
            if item.error is not None:
                self._refused.labels(item.error.reason).inc()


def arguments_from_pb(config: import_pb2.ImportConfig) -> dict[str, Any]:
    """Return the arguments of an import operation. Raises ImportConfigError."""
    if config.format != import_pb2.IMPORT_FORMAT_NDJSON:
        raise ImportConfigError("mentions are imported as NDJSON", field="format")
    if config.columns or config.options:
        message = "mentions come in the public form; they have no columns to map and no options"
        raise ImportConfigError(message, field="columns" if config.columns else "options")
    if len(config.shop) > MAX_SHOP_CHARACTERS:
        raise ImportConfigError(f"a shop has at most {MAX_SHOP_CHARACTERS} characters", field="shop")
    return {
        "shop": config.shop or DEFAULT_SHOP,
        "owner": config.owner,
        "synthetic": config.synthetic,
        "dry_run": config.dry_run,
    }
