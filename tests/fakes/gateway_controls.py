"""Controls of any service as the gateway sees them: one Control, one contradiction, and what goes wrong by its name."""

from typing import Any, ClassVar

import orjson
from google.longrunning import operations_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from zhike.controls.v1 import control_service_pb2 as pb

from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError

CONTROL_ID = "ctl_1"
CONTROL_VERSION = 3
TIME = Timestamp(seconds=1_770_000_000)
OTHER_TIME = Timestamp(seconds=1_780_000_000)


class ControlMovedError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "CONTROL_VERSION"


class FakeControls:
    """The methods of ControlService, for FakeServices."""

    control_conflicts: ClassVar[list[pb.ControlConflict]] = [
        pb.ControlConflict(
            kind=pb.CONFLICT_KIND_PIN_EXCLUDED, control_id="ctl_2", title="<b>other</b>", product_ids=["p1"]
        )
    ]

    def _CreateControl(self, request: Any) -> Any:
        return _saved(request.content, actor=request.actor, version=1)

    def _GetControl(self, request: Any) -> Any:
        _known(request.id)
        return _saved()

    def _ListControls(self, request: Any) -> Any:
        return pb.ListControlsResponse(
            controls=[_saved().control],
            counts=[pb.StateCount(state=pb.CONTROL_STATE_DRAFT, count=1)],
            actions=[pb.ACTION_TYPE_BOOST, pb.ACTION_TYPE_PIN, pb.ACTION_TYPE_EXCLUDE, pb.ACTION_TYPE_CAP],
            placements=["popular", "recommended-for-you"],
            segments=["regular"],
        )

    def _UpdateControl(self, request: Any) -> Any:
        _known(request.id)
        _check(request.expected_version)
        return _saved(request.content, version=CONTROL_VERSION + 1)

    def _StepControl(self, request: Any) -> Any:
        _known(request.id)
        _check(request.expected_version)
        return _saved(state=pb.CONTROL_STATE_LIVE, version=CONTROL_VERSION + 1)

    def _CheckControl(self, request: Any) -> Any:
        return pb.CheckControlResponse(conflicts=self.control_conflicts)

    def _PreviewControl(self, request: Any) -> Any:
        before = [_slot("p1", 1, pb.SLOT_ORIGIN_RANKED), _slot("p2", 2, pb.SLOT_ORIGIN_RANKED)]
        after = [_slot("p3", 1, pb.SLOT_ORIGIN_PINNED), _slot("p1", 2, pb.SLOT_ORIGIN_RANKED)]
        return pb.PreviewControlResponse(
            before=pb.PreviewSide(slots=before), after=pb.PreviewSide(slots=after), applies=True
        )

    def _DryRunControl(self, request: Any) -> Any:
        return operations_pb2.Operation(name="recommendation.dry")


def content() -> pb.ControlContent:
    return pb.ControlContent(
        title="<i>Cheese</i> first",
        condition=pb.ControlCondition(placements=["popular"]),
        action=pb.ControlAction(
            type=pb.ACTION_TYPE_PIN, target=pb.ControlTarget(), pins=[pb.ControlPin(product_id="p3", position=1)]
        ),
        start_time=OTHER_TIME,
    )


def _saved(
    written: pb.ControlContent | None = None,
    *,
    state: Any = pb.CONTROL_STATE_DRAFT,
    version: int = CONTROL_VERSION,
    actor: str = "mei",
) -> pb.SavedControl:
    control = pb.Control(
        id=CONTROL_ID,
        version=version,
        state=state,
        content=written or content(),
        create_time=TIME,
        update_time=TIME,
        author=actor,
        steps=[pb.CONTROL_STEP_SCHEDULE, pb.CONTROL_STEP_LAUNCH, pb.CONTROL_STEP_ARCHIVE],
    )
    change = pb.ControlChange(
        time=TIME,
        actor=actor,
        step="create",
        version=1,
        before_json=b"{}",
        after_json=orjson.dumps({"title": "<i>Cheese</i> first", "action.pins": [["p3", 1]]}),
    )
    return pb.SavedControl(control=control, conflicts=FakeControls.control_conflicts, history=[change])


def _slot(product_id: str, position: int, origin: Any) -> pb.PreviewSlot:
    card = {"id": product_id, "title": f"<u>{product_id}</u>", "titles": {}, "brand": "", "price": None}
    card |= {"original_price": None, "availability": "in-stock", "category": "", "tags": [], "attributes": {}}
    effects = [pb.SlotEffect(control_id=CONTROL_ID, title="Cheese first", action=pb.ACTION_TYPE_PIN)]
    pinned = origin == pb.SLOT_ORIGIN_PINNED
    trace = pb.SlotTrace(
        source="popular",
        score=1.5,
        rank=0 if pinned else position,
        origin=origin,
        effects=effects if pinned else [],
        position=position,
    )
    return pb.PreviewSlot(product_id=product_id, product_json=orjson.dumps({**card, "image": ""}), trace=trace)


def _known(control_id: str) -> None:
    if control_id != CONTROL_ID:
        raise NotFoundError("there is no such Control", resource="control")


def _check(version: int) -> None:
    if version not in {0, CONTROL_VERSION}:
        raise ControlMovedError("somebody else changed it meanwhile", version=CONTROL_VERSION)
