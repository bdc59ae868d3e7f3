"""Receipts and exports as protobuf."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from google.protobuf.json_format import MessageToDict
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from services.chassis.operation_run import OperationState
from services.kits.times import time_of
from services.knowledge.domain.erasure import COPIES, LOGS, SERVICES, ErasureState, ServiceDone, progress_percent
from services.knowledge.domain.profile import Customer
from services.knowledge.store.erasures import Erasure
from services.knowledge.usecases.exporting import EXPORT_KEPT, ExportView
from services.knowledge.wire.customers import customer_to_pb

RUNNING, READY, FAILED, EXPIRED = "running", "ready", "failed", "expired"


def erasure_to_pb(erasure: Erasure) -> pb.Erasure:
    """Encode a receipt; no name goes into it."""
    message = pb.Erasure(
        id=erasure.id,
        state=erasure.state.value,
        requested_by=erasure.requested_by,
        services=[_service(name, erasure.services.get(name, ServiceDone())) for name in SERVICES],
        progress_percent=progress_percent(erasure.services, done=erasure.state is ErasureState.DONE),
        proof=erasure.proof,
    )
    message.request_time.FromDatetime(time_of(erasure.request_us))
    if erasure.done_us is not None:
        message.done_time.FromDatetime(time_of(erasure.done_us))
    return message


def export_to_pb(view: ExportView) -> pb.PersonExport:
    """Encode an export."""
    operation, ready = view.operation, view.ready
    message = pb.PersonExport(id=operation.id, state=RUNNING)
    message.create_time.FromDatetime(operation.start_time)
    if ready is not None:
        message.state = READY
        message.expire_time.FromDatetime(time_of(ready.expire_us))
        message.size_bytes, message.digest = ready.size_bytes, ready.digest
        message.files.extend(ready.files)
        message.truncated = ready.truncated
    elif operation.done:
        succeeded = operation.state is OperationState.SUCCEEDED
        message.state = EXPIRED if succeeded else FAILED
        kept = EXPORT_KEPT if succeeded else timedelta()
        message.expire_time.FromDatetime((operation.end_time or operation.start_time) + kept)
    return message


def profiles_json(customers: Sequence[Customer]) -> dict[str, Any]:
    """Return profiles as an export tells them."""
    return {"profiles": [MessageToDict(customer_to_pb(each), preserving_proto_field_name=True) for each in customers]}


def _service(name: str, done: ServiceDone) -> pb.ServiceErasure:
    message = pb.ServiceErasure(service=name, counts=done.counts(), proof=done.proof)
    for step, time in ((LOGS, message.logs_time), (COPIES, message.copies_time)):
        if step in done.steps:
            time.FromDatetime(time_of(done.steps[step].time_us))
    return message
