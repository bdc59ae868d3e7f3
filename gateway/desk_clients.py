"""The remote methods behind the routes and pages of the service desk."""

from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from zhike.knowledge.v1 import (
    case_pb2,
    case_service_pb2,
    contact_pb2,
    contact_service_pb2,
    customer_pb2,
    customer_service_pb2,
)

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

_SERVICE: Final = "knowledge"
RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


def _remote(
    module: Any, name: str, request: type[RequestT], response: type[ResponseT], timeout_ms: int = WRITE_TIMEOUT_MS
) -> Remote[RequestT, ResponseT]:
    """All may be called twice: reads, and writes that carry a request id or leave what is done already."""
    return Remote(declare_method(_SERVICE, module, name, request, response, idempotent=True), timeout_ms)


def _say(name: str) -> Remote[case_service_pb2.SayCaseRequest, case_pb2.Case]:
    return _remote(case_service_pb2, f"CaseService/{name}", case_service_pb2.SayCaseRequest, case_pb2.Case)


CREATE_CASE: Final = _remote(
    case_service_pb2, "CaseService/CreateCase", case_service_pb2.CreateCaseRequest, case_pb2.Case
)
GET_CASE: Final = _remote(
    case_service_pb2, "CaseService/GetCase", case_service_pb2.GetCaseRequest, case_pb2.Case, READ_TIMEOUT_MS
)
LIST_CASES: Final = _remote(
    case_service_pb2,
    "CaseService/ListCases",
    case_service_pb2.ListCasesRequest,
    case_service_pb2.ListCasesResponse,
    READ_TIMEOUT_MS,
)
COUNT_CASES: Final = _remote(
    case_service_pb2,
    "CaseService/CountCases",
    case_service_pb2.CountCasesRequest,
    case_service_pb2.CountCasesResponse,
    READ_TIMEOUT_MS,
)
REPLY_CASE: Final = _say("ReplyCase")
NOTE_CASE: Final = _say("NoteCase")
WRITE_CASE: Final = _say("WriteCase")
REOPEN_CASE: Final = _say("ReopenCase")
ASSIGN_CASE: Final = _remote(
    case_service_pb2, "CaseService/AssignCase", case_service_pb2.AssignCaseRequest, case_pb2.Case
)
CLOSE_CASE: Final = _remote(case_service_pb2, "CaseService/CloseCase", case_service_pb2.CloseCaseRequest, case_pb2.Case)
CREATE_CONTACT: Final = _remote(
    contact_service_pb2,
    "ContactService/CreateContact",
    contact_service_pb2.CreateContactRequest,
    contact_pb2.Contact,
)
GET_CONTACT: Final = _remote(
    contact_service_pb2,
    "ContactService/GetContact",
    contact_service_pb2.GetContactRequest,
    contact_pb2.Contact,
    READ_TIMEOUT_MS,
)
LIST_CONTACTS: Final = _remote(
    contact_service_pb2,
    "ContactService/ListContacts",
    contact_service_pb2.ListContactsRequest,
    contact_service_pb2.ListContactsResponse,
    READ_TIMEOUT_MS,
)
COUNT_CONTACT_DAYS: Final = _remote(
    contact_service_pb2,
    "ContactService/CountContactDays",
    contact_service_pb2.CountContactDaysRequest,
    contact_service_pb2.CountContactDaysResponse,
    READ_TIMEOUT_MS,
)
COMPLETE_CONTACT: Final = _remote(
    contact_service_pb2,
    "ContactService/CompleteContact",
    contact_service_pb2.CompleteContactRequest,
    contact_service_pb2.CompleteContactResponse,
)
MOVE_CONTACT: Final = _remote(
    contact_service_pb2, "ContactService/MoveContact", contact_service_pb2.MoveContactRequest, contact_pb2.Contact
)
CANCEL_CONTACT: Final = _remote(
    contact_service_pb2, "ContactService/CancelContact", contact_service_pb2.CancelContactRequest, contact_pb2.Contact
)
PLAN_CONTACTS: Final = _remote(
    contact_service_pb2,
    "ContactService/PlanContacts",
    contact_service_pb2.PlanContactsRequest,
    contact_service_pb2.PlanContactsResponse,
)
FIND_CUSTOMERS: Final = _remote(
    customer_service_pb2,
    "CustomerService/FindCustomers",
    customer_service_pb2.FindCustomersRequest,
    customer_service_pb2.FindCustomersResponse,
    READ_TIMEOUT_MS,
)
GET_PURCHASE_HISTORY: Final = _remote(
    customer_service_pb2,
    "CustomerService/GetPurchaseHistory",
    customer_service_pb2.GetPurchaseHistoryRequest,
    customer_pb2.PurchaseHistory,
    READ_TIMEOUT_MS,
)
GET_ACCOUNT: Final = _remote(
    customer_service_pb2,
    "CustomerService/GetAccount",
    customer_service_pb2.GetAccountRequest,
    customer_pb2.Account,
    READ_TIMEOUT_MS,
)
LIST_CUSTOMERS: Final = _remote(
    customer_service_pb2,
    "CustomerService/ListCustomers",
    customer_service_pb2.ListCustomersRequest,
    customer_service_pb2.ListCustomersResponse,
    READ_TIMEOUT_MS,
)
