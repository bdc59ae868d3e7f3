"""The two smallest services that durability can be measured on: one owns the user events, the other keeps a copy.

``python -m benchmarks.durability_processes owner`` and ``… reader`` are real processes of the chassis: same server,
log, store, reader and shutdown as every service, with nothing else in them. The owner answers knowledge's own intake
method.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from zhike.knowledge.v1 import user_event_service_pb2 as pb
from zhike.knowledge.v1 import user_event_service_pb2_grpc

from services.chassis.documents.port import Collection, DocumentStore
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event, NewEvent
from services.chassis.eventlog.projection import KeyedProjection
from services.chassis.eventlog.rebuild import RebuildableProjection
from services.chassis.jobs import Job
from services.chassis.server import Runtime, Service, run_service
from services.chassis.settings import ChassisSettings

OWNER, READER = "knowledge", "search"  # the names decide which address settings apply
LOG = "user-events"
VISITORS = Collection("durability_visitors")
PROJECTION = "durability-visitors"


class Intake(user_event_service_pb2_grpc.UserEventServiceServicer):
    """UserEventService/WriteUserEvents, without the checks of what an event may say."""

    def __init__(self, log: DocumentsLog) -> None:
        self._log = log

    async def WriteUserEvents(self, request: pb.WriteUserEventsRequest, _context: Any) -> pb.WriteUserEventsResponse:
        events = orjson.loads(request.json)["events"]
        verdicts = await self._log.append([_new_event(each, request.owner) for each in events])
        answers = [{"id": each["id"], "status": verdict.status} for each, verdict in zip(events, verdicts, strict=True)]
        return pb.WriteUserEventsResponse(json=orjson.dumps({"verdicts": answers}))

    async def ImportUserEvents(self, _requests: Any, _context: Any) -> Any:
        raise NotImplementedError

    async def ImportOrders(self, _requests: Any, _context: Any) -> Any:
        raise NotImplementedError


def _new_event(event: dict[str, Any], owner: str) -> NewEvent:
    return NewEvent(
        client_event_id=event["id"],
        owner=owner,
        type=event["type"],
        occurred_time=datetime.fromisoformat(event["time"]),
        shop="durability",
        channel="web",
        subject=f"visitor:{event['visitor_id']}",
        payload=event,
    )


def visitors_projection(documents: DocumentStore, name: str, resolve: Resolve) -> KeyedProjection:
    """Return a copy in which every lost, doubled or swapped event of a visitor shows."""
    return KeyedProjection(documents, resolve(VISITORS), name=name, keys=_visitor, fold=_fold_visitor)


def _visitor(event: Event) -> Sequence[str]:
    return [event.subject]


def _fold_visitor(_key: str, body: dict[str, Any] | None, event: Event) -> dict[str, Any]:
    body = body or {"events": 0, "chain": 0, "recent": []}
    chain = (body["chain"] * 1_000_003 + event.seq) % 2**61  # depends on every number and on their order
    return {"events": body["events"] + 1, "chain": chain, "recent": [*body["recent"], event.payload["id"]][-20:]}


async def build_owner(runtime: Runtime[ChassisSettings]) -> Service:
    """Compose the owner."""
    intake = Intake(runtime.event_log(LOG))
    return Service(servicers=[(user_event_service_pb2_grpc.add_UserEventServiceServicer_to_server, intake)])


async def build_reader(runtime: Runtime[ChassisSettings]) -> Service:
    """Compose the reader."""
    generations = Generations(runtime.documents, PROJECTION, [VISITORS])
    copy = RebuildableProjection(
        generations,
        [runtime.source(LOG, OWNER)],
        lambda name, resolve: visitors_projection(runtime.documents, name, resolve),
        runtime.clock,
        rng=runtime.chance,
        metrics=runtime.metrics,
    )
    return Service(servicers=[], jobs=[Job("visitors-copy", copy.run)], ready=[copy.open], readers=lambda: copy.logs)


if __name__ == "__main__":
    if sys.argv[1] == "owner":
        run_service(OWNER, ChassisSettings, build_owner)
    run_service(READER, ChassisSettings, build_reader)
