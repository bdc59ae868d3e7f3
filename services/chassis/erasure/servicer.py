"""zhike.chassis.v1.ErasureService, the same for every service."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from zhike.chassis.v1 import erasure_service_pb2 as pb
from zhike.chassis.v1 import erasure_service_pb2_grpc

from services.chassis.erasure.owner import ErasureOwner, StepOutcome, step_name
from services.chassis.erasure.subjects import Subject
from services.chassis.errors import InvalidArgumentError, ZhikeError
from services.chassis.eventlog.backoff import is_passing
from services.chassis.logs import get_log

SUBJECTS_LIMIT: Final = 500
IDENTIFIERS_LIMIT: Final = 10_000  # of one person; each has a customer id of its own beside it
EXPORT_LIMIT_BYTES: Final = 3 * 1024 * 1024  # of one service's answer: below what a call may carry
WAIT_S: Final = 2.0  # of a step's end, before the answer says that it is not done

LOGS, COPIES = "logs", "copies"
EXPORTED: Final = "export"  # in the place of a receipt
_STEPS: Final = {pb.ERASURE_STEP_LOGS: LOGS, pb.ERASURE_STEP_COPIES: COPIES}

log = get_log("erasure")


class ErasureServicer(erasure_service_pb2_grpc.ErasureServiceServicer):
    """Runs at most one of each step at a time; who asks again hears how it stands."""

    def __init__(self, owner: ErasureOwner) -> None:
        self._owner = owner
        self._running: dict[str, asyncio.Task[None]] = {}

    async def EraseSubjects(self, request: pb.EraseSubjectsRequest, context: Any) -> pb.EraseSubjectsResponse:
        step = _STEPS.get(request.step)
        if step is None or not request.round_id:
            raise InvalidArgumentError("a round and a step", field="step")
        if not 1 <= len(request.subjects) <= SUBJECTS_LIMIT:
            raise InvalidArgumentError(f"1 to {SUBJECTS_LIMIT} subjects", field="subjects", limit=SUBJECTS_LIMIT)
        subjects = [_subject(each.erasure_id, each.identifiers, each.customer_ids) for each in request.subjects]
        texts = self._owner.subjects(subjects)
        done = await self._owner.outcome(request.round_id, step, texts)
        if done is None:
            if step == LOGS:
                work = partial(self._owner.erase_logs, request.round_id, texts)
            else:
                work = partial(self._owner.erase_copies, request.round_id, texts, tuple(request.touched_logs))
            await self._run(step_name(request.round_id, step, texts), work)
            done = await self._owner.outcome(request.round_id, step, texts)
        return _outcome_to_pb(done)

    async def ExportSubject(self, request: pb.ExportSubjectRequest, context: Any) -> pb.ExportSubjectResponse:
        files, truncated = await self._owner.export(_subject(EXPORTED, request.identifiers, request.customer_ids))
        response = pb.ExportSubjectResponse(truncated=truncated)
        left = EXPORT_LIMIT_BYTES
        for name, content in files.items():
            if len(content) > left:
                response.truncated = True
                continue
            left -= len(content)
            response.files.append(pb.ExportedFile(name=name, content=content))
        return response

    async def close(self) -> None:
        """Stop where the steps stand; who drives them asks again."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.create_task(work(), name=f"erasure {name}")
        await asyncio.wait({task}, timeout=WAIT_S)
        if not task.done():
            return
        self._running.pop(name, None)
        try:
            task.result()
        except ZhikeError as error:
            if not is_passing(error):
                raise
            log.warning("erasure step will be tried again", step=name, reason=error.reason)


def _subject(erasure_id: str, identifiers: Any, customer_ids: Any) -> Subject:
    if len(identifiers) > IDENTIFIERS_LIMIT:
        raise InvalidArgumentError(f"at most {IDENTIFIERS_LIMIT} identifiers of one person", field="identifiers")
    return Subject(erasure_id, tuple(identifiers), tuple(customer_ids))


def _outcome_to_pb(outcome: StepOutcome | None) -> pb.EraseSubjectsResponse:
    if outcome is None:
        return pb.EraseSubjectsResponse()
    response = pb.EraseSubjectsResponse(
        done=True,
        counts=[pb.ErasureCounts(erasure_id=each, counts=counts) for each, counts in outcome.counts.items()],
        touched_logs=outcome.touched_logs,
        proof=outcome.proof,
    )
    response.done_time.FromDatetime(outcome.done_time)
    return response
