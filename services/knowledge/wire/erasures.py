"""Asks the services for the steps of an erasure, and for what they hold of a person."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final

from zhike.chassis.v1 import erasure_service_pb2 as pb

from services.chassis.clients import Clients, Method, declare_method
from services.chassis.erasure.subjects import Subject
from services.chassis.eventlog.backoff import is_passing
from services.chassis.logs import get_log
from services.chassis.status import RemoteError
from services.knowledge.domain.erasure import COPIES, LOGS, SERVICES
from services.knowledge.usecases.erasing import StepReport

STEP_TIMEOUT_MS: Final = 10_000
EXPORT_TIMEOUT_MS: Final = 60_000
NOT_DONE: Final = StepReport(done=False, counts={}, touched_logs=(), done_time=None, proof="")
_STEPS: Final = {LOGS: pb.ERASURE_STEP_LOGS, COPIES: pb.ERASURE_STEP_COPIES}

log = get_log("erasing")


class RemoteServices:
    """Every service of the deployment over gRPC, this one among them."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._erase = _methods("ErasureService/EraseSubjects", pb.EraseSubjectsRequest, pb.EraseSubjectsResponse)
        self._export = _methods("ErasureService/ExportSubject", pb.ExportSubjectRequest, pb.ExportSubjectResponse)

    async def erase(
        self, service: str, round_id: str, step: str, subjects: Sequence[Subject], touched_logs: Sequence[str]
    ) -> StepReport:
        """Begin the step or tell how it stands; one that is away just now is asked again later."""
        request = pb.EraseSubjectsRequest(
            round_id=round_id,
            step=_STEPS[step],
            subjects=[
                pb.ErasureSubject(
                    erasure_id=each.erasure_id, identifiers=each.identifiers, customer_ids=each.customer_ids
                )
                for each in subjects
            ],
            touched_logs=touched_logs,
        )
        try:
            answer = await self._clients.call(self._erase[service], request, timeout_ms=STEP_TIMEOUT_MS)
        except RemoteError as error:
            if not is_passing(error):
                raise
            log.warning("a service is asked again", upstream=service, step=step, reason=error.reason)
            return NOT_DONE
        if not answer.done:
            return NOT_DONE
        return StepReport(
            done=True,
            counts={each.erasure_id: dict(each.counts) for each in answer.counts},
            touched_logs=tuple(answer.touched_logs),
            done_time=answer.done_time.ToDatetime(tzinfo=UTC),
            proof=answer.proof,
        )

    async def export(self, service: str, subject: Subject) -> tuple[Mapping[str, bytes], bool]:
        """Return the files of a person that a service holds, and whether it holds more."""
        request = pb.ExportSubjectRequest(identifiers=subject.identifiers, customer_ids=subject.customer_ids)
        answer = await self._clients.call(self._export[service], request, timeout_ms=EXPORT_TIMEOUT_MS)
        return {each.name: each.content for each in answer.files}, answer.truncated


def _methods(name: str, request_type: Any, response_type: Any) -> dict[str, Method[Any, Any]]:
    return {
        service: declare_method(service, pb, name, request_type, response_type, idempotent=True) for service in SERVICES
    }
