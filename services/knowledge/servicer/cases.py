"""zhike.knowledge.v1.CaseService."""

from datetime import UTC
from typing import Any, Final

from zhike.knowledge.v1 import case_pb2, case_service_pb2_grpc
from zhike.knowledge.v1 import case_service_pb2 as pb

from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.knowledge.domain.cases import CUSTOMER, Case
from services.knowledge.usecases.cases import (
    CaseDesk,
    Scope,
    assign_case,
    close_case,
    count_cases,
    create_case,
    get_case,
    list_cases,
    note_case,
    reopen_case,
    reply_case,
    write_case,
)
from services.knowledge.wire.cases import (
    case_to_pb,
    cause_from_pb,
    deed_from_pb,
    opening_from_pb,
    query_from_pb,
    standing_to_pb,
)

PAGE_CASES: Final = 50
PAGE_LIMIT: Final = 200


class CaseServicer(case_service_pb2_grpc.CaseServiceServicer):
    """Cases of customers."""

    def __init__(self, desk: CaseDesk) -> None:
        self._desk = desk

    async def CreateCase(self, request: pb.CreateCaseRequest, context: Any) -> case_pb2.Case:
        actor = request.actor or CUSTOMER
        time = request.time.ToDatetime(UTC) if request.HasField("time") else None
        case = await create_case(
            self._desk, opening_from_pb(request), actor=actor, request_id=request.request_id, time=time
        )
        return _answer(case, for_customer=actor == CUSTOMER)

    async def GetCase(self, request: pb.GetCaseRequest, context: Any) -> case_pb2.Case:
        scope = Scope(tuple(request.only_customers), request.only_shop)
        return _answer(await get_case(self._desk, request.id, scope), for_customer=bool(scope.customers))

    async def ListCases(self, request: pb.ListCasesRequest, context: Any) -> pb.ListCasesResponse:
        query = {
            "list": "cases",
            "state": int(request.state),
            "owner": request.owner,
            "customer": request.customer,
            "order": request.order_number,
            "only": [list(request.only_customers), request.only_shop],
            "kind": int(request.kind),
        }
        cases, after = await list_cases(
            self._desk,
            query_from_pb(request),
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_CASES, maximum=PAGE_LIMIT),
        )
        for_customer = bool(request.only_customers)
        return pb.ListCasesResponse(
            cases=[case_to_pb(case, history=False, for_customer=for_customer) for case in cases],
            next_page_token="" if after is None else encode_page_token(after, query=query),
        )

    async def CountCases(self, request: pb.CountCasesRequest, context: Any) -> pb.CountCasesResponse:
        return standing_to_pb(await count_cases(self._desk))

    async def ReplyCase(self, request: pb.SayCaseRequest, context: Any) -> case_pb2.Case:
        return _answer(await reply_case(self._desk, deed_from_pb(request.deed), request.text))

    async def NoteCase(self, request: pb.SayCaseRequest, context: Any) -> case_pb2.Case:
        return _answer(await note_case(self._desk, deed_from_pb(request.deed), request.text))

    async def WriteCase(self, request: pb.SayCaseRequest, context: Any) -> case_pb2.Case:
        case = await write_case(self._desk, deed_from_pb(request.deed), request.text)
        return _answer(case, for_customer=bool(request.deed.only_customers))

    async def AssignCase(self, request: pb.AssignCaseRequest, context: Any) -> case_pb2.Case:
        return _answer(await assign_case(self._desk, deed_from_pb(request.deed), request.owner))

    async def CloseCase(self, request: pb.CloseCaseRequest, context: Any) -> case_pb2.Case:
        cause = cause_from_pb(request.cause)
        return _answer(await close_case(self._desk, deed_from_pb(request.deed), cause, request.text))

    async def ReopenCase(self, request: pb.SayCaseRequest, context: Any) -> case_pb2.Case:
        return _answer(await reopen_case(self._desk, deed_from_pb(request.deed), request.text))


def _answer(case: Case, *, for_customer: bool = False) -> case_pb2.Case:
    return case_to_pb(case, history=True, for_customer=for_customer)
