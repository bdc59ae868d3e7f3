"""zhike.controls.v1.ControlService, the same for every service that keeps Controls."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from google.longrunning import operations_pb2
from zhike.controls.v1 import control_service_pb2 as pb
from zhike.controls.v1 import control_service_pb2_grpc

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.eventlog.record import micros_from_time, time_from_micros
from services.chassis.operation_run import OperationRun
from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.kits.controls.control import Control, ControlState
from services.kits.controls.controlling import DRAFT_ID, Controlling
from services.kits.controls.form import content_from_json, content_to_json
from services.kits.controls.previewing import Previewer
from services.kits.controls.wire import (
    actions_to_pb,
    conflict_to_pb,
    content_from_pb,
    listed_to_pb,
    look_from_pb,
    preview_to_pb,
    saved_to_pb,
    step_from_pb,
    wanted_from_pb,
)

PAGE_DEFAULT, PAGE_LIMIT = 50, 200
DRY_RUN_KIND: Final = "control-dry-run"
SAMPLE_LIMIT: Final = 1_000


class ControlServicer(control_service_pb2_grpc.ControlServiceServicer):
    """Controls for a merchandiser. ``sample``: how many a dry run looks at by default."""

    def __init__(
        self,
        controlling: Controlling,
        previewer: Previewer,
        operations: Operations,
        clock: Clock,
        *,
        service: str,
        sample: int,
    ) -> None:
        self._controlling, self._previewer, self._operations, self._clock = controlling, previewer, operations, clock
        self._service, self._sample = service, sample

    async def CreateControl(self, request: pb.CreateControlRequest, context: Any) -> pb.SavedControl:
        saved = await self._controlling.create(
            content_from_pb(request.content), actor=request.actor, request_id=request.request_id
        )
        return saved_to_pb(saved, self._clock.now())

    async def GetControl(self, request: pb.GetControlRequest, context: Any) -> pb.SavedControl:
        return saved_to_pb(await self._controlling.get(request.id), self._clock.now())

    async def ListControls(self, request: pb.ListControlsRequest, context: Any) -> pb.ListControlsResponse:
        wanted = wanted_from_pb(request)
        query = {
            "list": "controls",
            "states": sorted(request.states),
            "action": request.action,
            "placement": request.placement,
            "text": request.text,
        }
        listed = await self._controlling.list(
            wanted,
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_DEFAULT, maximum=PAGE_LIMIT),
        )
        token = "" if listed.next_after is None else encode_page_token(listed.next_after, query=query)
        response = listed_to_pb(listed, self._clock.now(), next_page_token=token)
        abilities = self._controlling.abilities
        response.actions.extend(actions_to_pb(abilities.actions))
        response.placements.extend(abilities.placements)
        response.segments.extend(abilities.segments())
        return response

    async def UpdateControl(self, request: pb.UpdateControlRequest, context: Any) -> pb.SavedControl:
        saved = await self._controlling.edit(
            request.id, content_from_pb(request.content), actor=request.actor, version=request.expected_version
        )
        return saved_to_pb(saved, self._clock.now())

    async def StepControl(self, request: pb.StepControlRequest, context: Any) -> pb.SavedControl:
        saved = await self._controlling.step(
            request.id,
            step_from_pb(request.step),
            actor=request.actor,
            version=request.expected_version,
            despite_conflicts=request.despite_conflicts,
        )
        return saved_to_pb(saved, self._clock.now())

    async def CheckControl(self, request: pb.CheckControlRequest, context: Any) -> pb.CheckControlResponse:
        _, conflicts = await self._controlling.check(content_from_pb(request.content), request.id)
        return pb.CheckControlResponse(conflicts=[conflict_to_pb(each) for each in conflicts])

    async def PreviewControl(self, request: pb.PreviewControlRequest, context: Any) -> pb.PreviewControlResponse:
        content = content_from_pb(request.content) if request.HasField("content") else None
        control = await self._controlling.as_live(request.id, content)
        return preview_to_pb(await self._previewer.preview(control, look_from_pb(request)))

    async def DryRunControl(self, request: pb.DryRunControlRequest, context: Any) -> operations_pb2.Operation:
        content = content_from_pb(request.content) if request.HasField("content") else None
        control = await self._controlling.as_live(request.id, content)
        arguments = dry_run_arguments(control, page_size(request.sample, default=self._sample, maximum=SAMPLE_LIMIT))
        operation = await self._operations.start(DRY_RUN_KIND, arguments, request_id=request.request_id)
        return operation_to_pb(operation, self._service)


def dry_run_arguments(control: Control, sample: int) -> dict[str, Any]:
    """Return what a dry run keeps of its Control: equal ones for a repetition, also of what was never kept."""
    made_us = 0 if control.id == DRAFT_ID else micros_from_time(control.create_time)
    return {"id": control.id, "content": content_to_json(control.content), "create_time_us": made_us, "sample": sample}


def dry_run_control(arguments: Mapping[str, Any], now: datetime) -> Control:
    """Return the Control of a dry run, as old as it is: of two pins on one place the older one has it."""
    made_us = arguments.get("create_time_us")
    made = time_from_micros(made_us) if made_us else now
    return Control(arguments["id"], 0, ControlState.LIVE, content_from_json(arguments["content"]), made, made)


class DryRuns:
    """The worker of dry runs."""

    def __init__(self, previewer: Previewer, artifacts: ArtifactStore, clock: Clock) -> None:
        self._previewer, self._artifacts, self._clock = previewer, artifacts, clock

    async def run(self, run: OperationRun) -> None:
        """Measure the Control of an operation; the result is one line of JSON."""
        control = dry_run_control(run.arguments, self._clock.now())
        result = await self._previewer.dry_run(control, run, sample=run.arguments["sample"])
        blob = await self._artifacts.put(orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE))
        run.progress.result_file = blob.digest


def control_servicer(servicer: ControlServicer) -> tuple[Callable[..., None], object]:
    """Return what a service adds to its servicers."""
    return control_service_pb2_grpc.add_ControlServiceServicer_to_server, servicer
