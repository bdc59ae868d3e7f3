"""Cases as protobuf."""

from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.knowledge.v1 import case_pb2 as pb
from zhike.knowledge.v1 import case_service_pb2 as service_pb

from services.chassis.errors import InvalidArgumentError
from services.knowledge.domain.cases import (
    CUSTOMER,
    Case,
    CaseKind,
    CaseState,
    Cause,
    Entry,
    Opening,
    shown_to_customer,
)
from services.knowledge.usecases.cases import CaseQuery, Deed, Scope, Standing

NOBODY: Final = "-"  # names the cases that nobody has in hand
_KINDS: Final = {
    CaseKind.COMPLAINT: pb.CASE_KIND_COMPLAINT,
    CaseKind.QUESTION: pb.CASE_KIND_QUESTION,
    CaseKind.SUGGESTION: pb.CASE_KIND_SUGGESTION,
}
_STATES: Final = {
    CaseState.OPEN: pb.CASE_STATE_OPEN,
    CaseState.ANSWERED: pb.CASE_STATE_ANSWERED,
    CaseState.CLOSED: pb.CASE_STATE_CLOSED,
}
_CAUSES: Final = {
    Cause.EXPECTATION_GAP: pb.CASE_CAUSE_EXPECTATION_GAP,
    Cause.PRODUCT_QUALITY: pb.CASE_CAUSE_PRODUCT_QUALITY,
    Cause.STAFF_SERVICE: pb.CASE_CAUSE_STAFF_SERVICE,
}
_KINDS_BY_NUMBER: Final = {int(number): kind for kind, number in _KINDS.items()}
_STATES_BY_NUMBER: Final = {int(number): state for state, number in _STATES.items()}
_CAUSES_BY_NUMBER: Final = {int(number): cause for cause, number in _CAUSES.items()}


def case_to_pb(case: Case, *, history: bool, for_customer: bool = False) -> pb.Case:
    """Encode a case. ``history``: with all that happened; ``for_customer``: without what is the desk's alone."""
    entries = shown_to_customer(case.history) if for_customer else case.history
    message = pb.Case(
        id=case.id,
        kind=_KINDS[case.kind],
        state=_STATES[case.state],
        customer=case.customer,
        shop=case.shop,
        channel=case.channel,
        order_number=case.order_number,
        product_id=case.product_id,
        title=case.title,
        text=case.text,
        warned=case.warned and not for_customer,
        breached=case.breached and not for_customer,
        life=case.life,
        history=map(_entry_to_pb, entries) if history else (),
        version=case.version,
        entries=len(entries),
        due_estimated=case.due_estimated,
    )
    if not for_customer:
        message.owner = case.owner
        if case.cause is not None:
            message.cause = _CAUSES[case.cause]
        _set_time(message.warn_time, case.warn_time)
    _set_time(message.opened_time, case.opened_time)
    _set_time(message.due_time, case.due_time)
    _set_time(message.answered_time, case.answered_time)
    _set_time(message.closed_time, case.closed_time)
    return message


def standing_to_pb(standing: Standing) -> service_pb.CountCasesResponse:
    """Encode how the desk stands."""
    return service_pb.CountCasesResponse(
        open=standing.open,
        unassigned=standing.unassigned,
        due_soon=standing.due_soon,
        breached=standing.breached,
        answered=standing.answered,
        closed=standing.closed,
    )


def opening_from_pb(request: service_pb.CreateCaseRequest) -> Opening:
    """Decode what a case is opened with. Raises InvalidArgumentError."""
    kind = _KINDS_BY_NUMBER.get(request.kind)
    if kind is None:
        raise InvalidArgumentError("a case is a complaint, a question or a suggestion", field="kind")
    return Opening(
        kind=kind,
        customer=request.customer,
        shop=request.shop,
        channel=request.channel,
        order_number=request.order_number,
        product_id=request.product_id,
        title=request.title,
        text=request.text,
    )


def deed_from_pb(deed: service_pb.CaseDeed) -> Deed:
    """Decode who does what to which case."""
    return Deed(
        case_id=deed.id,
        actor=deed.actor or CUSTOMER,
        expected_version=deed.expected_version,
        request_id=deed.request_id,
        scope=Scope(tuple(deed.only_customers), deed.only_shop),
        time=deed.time.ToDatetime(UTC) if deed.HasField("time") else None,
    )


def query_from_pb(request: service_pb.ListCasesRequest) -> CaseQuery:
    """Decode which cases are asked for."""
    owner = request.owner or None
    return CaseQuery(
        state=_STATES_BY_NUMBER.get(request.state),
        owner="" if owner == NOBODY else owner,
        customer=request.customer,
        order_number=request.order_number,
        scope=Scope(tuple(request.only_customers), request.only_shop),
        kind=_KINDS_BY_NUMBER.get(request.kind),
    )


def cause_from_pb(number: int) -> Cause | None:
    """Decode a cause, None for not given."""
    return _CAUSES_BY_NUMBER.get(number)


def _entry_to_pb(entry: Entry) -> pb.CaseEntry:
    message = pb.CaseEntry(
        number=entry.number, kind=entry.what.value, actor=entry.actor, text=entry.text, owner=entry.owner
    )
    if entry.cause is not None:
        message.cause = _CAUSES[entry.cause]
    _set_time(message.time, entry.time)
    return message


def _set_time(field: Timestamp, time: datetime | None) -> None:
    if time is not None:
        field.FromDatetime(time)
