"""zhike.knowledge.v1.UserEventService."""

from collections.abc import AsyncIterator
from typing import Any

from google.longrunning import operations_pb2
from zhike.knowledge.v1 import user_event_service_pb2 as pb
from zhike.knowledge.v1 import user_event_service_pb2_grpc
from zhike.type.v1 import import_pb2

from services.chassis.clock import Clock
from services.chassis.erasure.suppression import Suppression
from services.chassis.eventlog.port import EventLog
from services.chassis.metrics import Metrics
from services.chassis.traces import current_trace
from services.kits.imports.servicer import Uploads
from services.kits.text.identifiers import parse_identifier
from services.knowledge.domain.import_plan import EVENTS
from services.knowledge.domain.user_events import IntakeRules
from services.knowledge.usecases.intake import DUPLICATE, REJECTED, STORED, BatchVerdict, Writer, write_user_events
from services.knowledge.wire.user_events import read_batch, verdicts_json

DEFAULT_SHOP = "main"
DEFAULT_CHANNEL = "web"


class UserEventServicer(user_event_service_pb2_grpc.UserEventServiceServicer):
    """Intake and its imports."""

    def __init__(
        self, log: EventLog, clock: Clock, metrics: Metrics, uploads: Uploads, suppression: Suppression | None = None
    ) -> None:
        self._log, self._clock, self._uploads, self._suppression = log, clock, uploads, suppression
        self._events = metrics.counter("zhike_knowledge_events_total")
        self._refused = metrics.counter("zhike_knowledge_refused_events_total")

    async def WriteUserEvents(self, request: pb.WriteUserEventsRequest, context: Any) -> pb.WriteUserEventsResponse:
        rules = IntakeRules(
            now=self._clock.now(),
            default_shop=request.default_shop or DEFAULT_SHOP,
            default_channel=request.default_channel or DEFAULT_CHANNEL,
            allowed=frozenset(parse_identifier(each) for each in request.only_identifiers) or None,
        )
        writer = Writer(request.owner, request.synthetic, current_trace() or request.trace)
        verdict = await write_user_events(
            self._log, read_batch(request.json), rules, writer, suppression=self._suppression
        )
        self._count(verdict)
        return pb.WriteUserEventsResponse(
            json=verdicts_json(verdict),
            stored=verdict.count(STORED),
            duplicate=verdict.count(DUPLICATE),
            rejected=verdict.count(REJECTED),
        )

    async def ImportUserEvents(
        self, request_iterator: AsyncIterator[import_pb2.ImportRequest], context: Any
    ) -> operations_pb2.Operation:
        return await self._uploads.start(EVENTS, request_iterator)

    def _count(self, verdict: BatchVerdict) -> None:
        for status in (STORED, DUPLICATE, REJECTED):
            self._events.labels(status).inc(verdict.count(status))
        for item in verdict.items:
            if item.error is not None:
                self._refused.labels(item.error.reason).inc()
