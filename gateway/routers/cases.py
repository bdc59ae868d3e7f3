"""Cases: the shop's backend opens them for its shoppers, a shopper own ones, the desk answers them all."""

from datetime import datetime
from http import HTTPStatus
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel
from zhike.knowledge.v1 import case_pb2
from zhike.knowledge.v1 import case_service_pb2 as pb

from gateway.clients import Remote
from gateway.desk_clients import (
    ASSIGN_CASE,
    CLOSE_CASE,
    COUNT_CASES,
    CREATE_CASE,
    GET_CASE,
    LIST_CASES,
    NOTE_CASE,
    REOPEN_CASE,
    REPLY_CASE,
    WRITE_CASE,
)
from gateway.endpoints import Answer, Body, Call, Endpoint, Handler, json_answer
from gateway.errors import IdentifierNotAllowedError
from gateway.etag import etag_of, expected_version
from gateway.idempotency import request_id_of
from gateway.parameters import PAGE_TOKEN, Choice, Integer, Query, Text
from gateway.principals import DESK, Role
from gateway.public_form import public_form
from gateway.schemas.cases import (
    AssignCase,
    Case,
    CaseRequest,
    Cases,
    CaseStanding,
    CaseWords,
    CloseCase,
    DatedWords,
    OwnCaseRequest,
    ReopenCase,
)
from services.chassis.errors import InvalidArgumentError, NotFoundError

ID_LIMIT: Final = 64  # characters
CUSTOMER: Final = "customer"
WEB: Final = "web"  # the channel of who names none
STATES: Final = ("open", "answered", "closed")
KINDS: Final = ("complaint", "question", "suggestion")
CASE_OPENERS: Final = DESK | {Role.SHOP}
SHOPPER_ONLY: Final = frozenset({Role.SHOPPER})
_PAGES: Final = (Integer("page_size", "Cases on a page.", 1, 200, 50), PAGE_TOKEN)
CASES_QUERY: Final = Query(
    Choice("state", "In one state; open ones come by due time, others the latest first.", STATES),
    Choice("kind", "Of one kind; a page may then hold fewer than asked for, or none, before the end.", KINDS),
    Text("owner", 'In these hands; "-": nobody\'s.', 128),
    Text("customer", "Of the person with this customer id or identifier, whatever it came with.", 260),
    Text("order_number", "About the order of this number.", 64),
    *_PAGES,
)
OWN_CASES_QUERY: Final = Query(Choice("state", "In one state.", STATES), *_PAGES)
_STATE_NUMBERS: Final = {word: case_pb2.CaseState.Value(f"CASE_STATE_{word.upper()}") for word in STATES}


async def create_case(call: Call) -> Answer:
    """Open a case for a customer."""
    asked = await call.model(CaseRequest)
    backend = call.principal.role is Role.SHOP
    if backend and asked.shop not in ("", call.shop):
        raise IdentifierNotAllowedError("a shop's key opens cases of its own shop", field="shop")
    request = _opening(call, asked, actor=CUSTOMER if backend else call.principal.name)
    request.customer, request.shop = asked.customer, asked.shop or call.shop
    request.channel = asked.channel or call.principal.channel or WEB
    _date(call, request.time, asked.time)
    return _created(await CREATE_CASE(call.parts.caller, request), "/v1/cases")


async def create_own_case(call: Call) -> Answer:
    """Open a shopper's own case."""
    request = _opening(call, await call.model(OwnCaseRequest), actor=CUSTOMER)
    request.customer, request.shop = call.principal.identifiers[0], call.shop
    request.channel = call.principal.channel or WEB
    return _created(await CREATE_CASE(call.parts.caller, request), "/v1/me/cases")


async def list_cases(call: Call) -> Answer:
    """Answer a page of cases."""
    query = call.query
    request = pb.ListCasesRequest(
        state=_STATE_NUMBERS.get(query["state"], case_pb2.CASE_STATE_UNSPECIFIED),
        owner=query["owner"],
        customer=query["customer"],
        order_number=query["order_number"],
        page_size=query["page_size"],
        page_token=query["page_token"],
        only_shop=_only_shop(call),
        kind=kind_number(query["kind"]),
    )
    if request.only_shop and not (request.customer or request.order_number):
        raise InvalidArgumentError("a shop's key names a customer or an order", field="customer")
    return json_answer(public_form(await LIST_CASES(call.parts.caller, request)))


async def list_own_cases(call: Call) -> Answer:
    """Answer a page of a shopper's own cases."""
    request = pb.ListCasesRequest(
        state=_STATE_NUMBERS.get(call.query["state"], case_pb2.CASE_STATE_UNSPECIFIED),
        page_size=call.query["page_size"],
        page_token=call.query["page_token"],
        only_customers=call.principal.identifiers,
    )
    return json_answer(public_form(await LIST_CASES(call.parts.caller, request)))


async def get_case(call: Call) -> Answer:
    """Answer one case with its history."""
    request = pb.GetCaseRequest(id=_id(call), only_shop=_only_shop(call))
    return _case_answer(await GET_CASE(call.parts.caller, request))


async def get_own_case(call: Call) -> Answer:
    """Answer one case of the shopper's own."""
    request = pb.GetCaseRequest(id=_id(call), only_customers=call.principal.identifiers)
    return _case_answer(await GET_CASE(call.parts.caller, request))


async def count_cases(call: Call) -> Answer:
    """Say how the desk stands."""
    return json_answer(public_form(await COUNT_CASES(call.parts.caller, pb.CountCasesRequest())))


async def reply_case(call: Call) -> Answer:
    """Answer the customer."""
    return await _said(call, REPLY_CASE)


async def note_case(call: Call) -> Answer:
    """Keep a note that the customer never sees."""
    return await _said(call, NOTE_CASE)


async def write_case(call: Call) -> Answer:
    """Keep what the customer says further."""
    return await _said(call, WRITE_CASE, actor=CUSTOMER)


async def write_own_case(call: Call) -> Answer:
    """Keep what the shopper says further."""
    asked = await call.model(CaseWords)
    deed = _deed(call, asked.request_id, CUSTOMER)
    deed.only_customers.extend(call.principal.identifiers)
    return _case_answer(await WRITE_CASE(call.parts.caller, pb.SayCaseRequest(deed=deed, text=asked.text)))


async def assign_case(call: Call) -> Answer:
    """Give a case into somebody's hands."""
    asked = await call.model(AssignCase)
    request = pb.AssignCaseRequest(deed=_deed(call, asked.request_id), owner=asked.owner)
    return _case_answer(await ASSIGN_CASE(call.parts.caller, request))


async def close_case(call: Call) -> Answer:
    """End a case."""
    asked = await call.model(CloseCase)
    request = pb.CloseCaseRequest(deed=_deed(call, asked.request_id), cause=cause_number(asked.cause), text=asked.text)
    _date(call, request.deed.time, asked.time)
    return _case_answer(await CLOSE_CASE(call.parts.caller, request))


async def reopen_case(call: Call) -> Answer:
    """Open a case again."""
    asked = await call.model(ReopenCase)
    request = pb.SayCaseRequest(deed=_deed(call, asked.request_id), text=asked.text)
    return _case_answer(await REOPEN_CASE(call.parts.caller, request))


def kind_number(word: str) -> case_pb2.CaseKind.ValueType:
    """Return the kind's number; of no word the one that means all."""
    return case_pb2.CaseKind.Value(f"CASE_KIND_{word.upper() or 'UNSPECIFIED'}")


def cause_number(word: str | None) -> case_pb2.CaseCause.ValueType:
    """Return the number of a cause's word."""
    if not word:
        return case_pb2.CASE_CAUSE_UNSPECIFIED
    return case_pb2.CaseCause.Value(f"CASE_CAUSE_{word.upper().replace('-', '_')}")


async def _said(call: Call, remote: Remote[pb.SayCaseRequest, case_pb2.Case], *, actor: str = "") -> Answer:
    asked = await call.model(DatedWords)
    request = pb.SayCaseRequest(deed=_deed(call, asked.request_id, actor), text=asked.text)
    _date(call, request.deed.time, asked.time)
    return _case_answer(await remote(call.parts.caller, request))


def _opening(call: Call, asked: OwnCaseRequest, *, actor: str) -> pb.CreateCaseRequest:
    return pb.CreateCaseRequest(
        kind=kind_number(asked.kind),
        order_number=asked.order_number,
        product_id=asked.product_id,
        title=asked.title,
        text=asked.text,
        actor=actor,
        request_id=request_id_of(call, asked.request_id),
    )


def _deed(call: Call, request_id: str, actor: str = "") -> pb.CaseDeed:
    return pb.CaseDeed(
        id=_id(call),
        actor=actor or call.principal.name,
        expected_version=expected_version(call.header(b"if-match")),
        request_id=request_id_of(call, request_id),
        only_shop=_only_shop(call),
    )


def _date(call: Call, field: Timestamp, time: datetime | None) -> None:
    """Date something back: who takes over another desk's cases may, so that no clock is cheated."""
    if time is None:
        return
    if call.principal.role is not Role.OPERATOR:
        raise InvalidArgumentError("the operator alone dates anything back", field="time")
    field.FromDatetime(time)


def _only_shop(call: Call) -> str:
    """Return the shop whose cases alone a shop's own key may see; "" for the desk, which serves all of them."""
    return call.shop if call.principal.role is Role.SHOP else ""


def _id(call: Call) -> str:
    named = call.path["id"]
    if not 0 < len(named) <= ID_LIMIT:
        raise NotFoundError("there is no case of this id", resource="case")
    return named


def _created(case: case_pb2.Case, folder: str) -> Answer:
    headers = ((b"etag", etag_of(case.version).encode()), (b"location", f"{folder}/{case.id}".encode()))
    return json_answer(public_form(case), status=HTTPStatus.CREATED, headers=headers)


def _case_answer(case: case_pb2.Case) -> Answer:
    return json_answer(public_form(case), headers=((b"etag", etag_of(case.version).encode()),))


_OPENED: Final = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.PRECONDITION_FAILED)
_STEPPED: Final = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


def _step(
    name: str,
    path: str,
    summary: str,
    handle: Handler,
    roles: frozenset[Role],
    form: type[BaseModel],
    description: str = "",
) -> Endpoint:
    return Endpoint(
        operation_id=name,
        method="POST",
        path=path,
        tag="cases",
        summary=summary,
        description=description,
        roles=roles,
        handle=handle,
        body=Body(form),
        answer=Case,
        headers=("If-Match", "Idempotency-Key"),
        answer_headers=("ETag",),
        problems=_STEPPED,
    )


ENDPOINTS: Final = (
    Endpoint(
        operation_id="createCase",
        method="POST",
        path="/v1/cases",
        tag="cases",
        summary="Open a case for a customer",
        description="Its answer is due within the desk's working hours (docs/desk.md). The same request again "
        "answers the same case.",
        roles=CASE_OPENERS,
        handle=create_case,
        body=Body(CaseRequest),
        answer=Case,
        status=HTTPStatus.CREATED,
        headers=("Idempotency-Key",),
        answer_headers=("ETag", "Location"),
        problems=(*_OPENED, HTTPStatus.FORBIDDEN),
    ),
    Endpoint(
        operation_id="listCases",
        method="GET",
        path="/v1/cases",
        tag="cases",
        summary="List cases",
        description="By state, by kind, by owner, of a customer, or about an order. A shop's key names a customer or "
        "an order and sees its own shop's.",
        roles=CASE_OPENERS,
        handle=list_cases,
        query=CASES_QUERY,
        answer=Cases,
    ),
    Endpoint(
        operation_id="countCases",
        method="GET",
        path="/v1/cases:count",
        tag="cases",
        summary="Say how the desk stands",
        roles=DESK,
        handle=count_cases,
        answer=CaseStanding,
    ),
    Endpoint(
        operation_id="getCase",
        method="GET",
        path="/v1/cases/{id}",
        tag="cases",
        summary="Read a case with its history",
        roles=CASE_OPENERS,
        handle=get_case,
        answer=Case,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    _step("replyCase", "/v1/cases/{id}:reply", "Answer the customer", reply_case, DESK, DatedWords),
    _step("noteCase", "/v1/cases/{id}:note", "Keep a note that the customer never sees", note_case, DESK, DatedWords),
    _step(
        "writeCase",
        "/v1/cases/{id}:write",
        "Keep what the customer says further",
        write_case,
        CASE_OPENERS,
        DatedWords,
        "One that was answered or closed opens again, with a new due time.",
    ),
    _step("assignCase", "/v1/cases/{id}:assign", "Give a case into somebody's hands", assign_case, DESK, AssignCase),
    _step(
        "closeCase",
        "/v1/cases/{id}:close",
        "End a case; a complaint with its cause",
        close_case,
        DESK,
        CloseCase,
        "A complaint without a cause: 400 CAUSE_MISSING.",
    ),
    _step("reopenCase", "/v1/cases/{id}:reopen", "Open a case again", reopen_case, DESK, ReopenCase),
    Endpoint(
        operation_id="createOwnCase",
        method="POST",
        path="/v1/me/cases",
        tag="me",
        summary="Open a case of one's own",
        roles=SHOPPER_ONLY,
        handle=create_own_case,
        body=Body(OwnCaseRequest),
        answer=Case,
        status=HTTPStatus.CREATED,
        headers=("Idempotency-Key",),
        answer_headers=("ETag", "Location"),
        problems=_OPENED,
    ),
    Endpoint(
        operation_id="listOwnCases",
        method="GET",
        path="/v1/me/cases",
        tag="me",
        summary="List one's own cases, the latest first",
        roles=SHOPPER_ONLY,
        handle=list_own_cases,
        query=OWN_CASES_QUERY,
        answer=Cases,
    ),
    Endpoint(
        operation_id="getOwnCase",
        method="GET",
        path="/v1/me/cases/{id}",
        tag="me",
        summary="Read a case of one's own",
        roles=SHOPPER_ONLY,
        handle=get_own_case,
        answer=Case,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="writeOwnCase",
        method="POST",
        path="/v1/me/cases/{id}:write",
        tag="me",
        summary="Write further in a case of one's own",
        roles=SHOPPER_ONLY,
        handle=write_own_case,
        body=Body(CaseWords),
        answer=Case,
        headers=("If-Match", "Idempotency-Key"),
        answer_headers=("ETag",),
        problems=_STEPPED,
    ),
)
