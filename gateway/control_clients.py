"""The remote methods behind Controls: the same at search and at recommendation."""

from typing import Final, TypeVar

from google.longrunning import operations_pb2
from google.protobuf.message import Message
from zhike.controls.v1 import control_service_pb2 as pb

from gateway.clients import PAGE_TIMEOUT_MS, READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

CONTROL_SERVICES: Final = ("search", "recommendation")

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


def _for_controls(
    name: str, request: type[RequestT], response: type[ResponseT], timeout_ms: int, *, idempotent: bool = True
) -> dict[str, Remote[RequestT, ResponseT]]:
    full = f"ControlService/{name}"
    return {
        service: Remote(declare_method(service, pb, full, request, response, idempotent=idempotent), timeout_ms)
        for service in CONTROL_SERVICES
    }


# What makes something carries a request id; an edit or a step taken twice would be two lines of history.
CREATE_CONTROL: Final = _for_controls("CreateControl", pb.CreateControlRequest, pb.SavedControl, WRITE_TIMEOUT_MS)
GET_CONTROL: Final = _for_controls("GetControl", pb.GetControlRequest, pb.SavedControl, READ_TIMEOUT_MS)
LIST_CONTROLS: Final = _for_controls("ListControls", pb.ListControlsRequest, pb.ListControlsResponse, READ_TIMEOUT_MS)
UPDATE_CONTROL: Final = _for_controls(
    "UpdateControl", pb.UpdateControlRequest, pb.SavedControl, WRITE_TIMEOUT_MS, idempotent=False
)
STEP_CONTROL: Final = _for_controls(
    "StepControl", pb.StepControlRequest, pb.SavedControl, WRITE_TIMEOUT_MS, idempotent=False
)
CHECK_CONTROL: Final = _for_controls("CheckControl", pb.CheckControlRequest, pb.CheckControlResponse, READ_TIMEOUT_MS)
PREVIEW_CONTROL: Final = _for_controls(
    "PreviewControl", pb.PreviewControlRequest, pb.PreviewControlResponse, PAGE_TIMEOUT_MS
)
DRY_RUN_CONTROL: Final = _for_controls(
    "DryRunControl", pb.DryRunControlRequest, operations_pb2.Operation, WRITE_TIMEOUT_MS
)
