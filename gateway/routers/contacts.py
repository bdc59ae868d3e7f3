"""The calendar of contacts, finding customers, and what they bought: for the service desk."""

from http import HTTPStatus
from typing import Final

from zhike.knowledge.v1 import contact_pb2
from zhike.knowledge.v1 import contact_service_pb2 as pb
from zhike.knowledge.v1 import customer_service_pb2 as customers_pb

from gateway.desk_clients import (
    CANCEL_CONTACT,
    COMPLETE_CONTACT,
    COUNT_CONTACT_DAYS,
    CREATE_CONTACT,
    FIND_CUSTOMERS,
    GET_CONTACT,
    GET_PURCHASE_HISTORY,
    LIST_CONTACTS,
    MOVE_CONTACT,
    PLAN_CONTACTS,
)
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.etag import etag_of, expected_version
from gateway.idempotency import request_id_of
from gateway.parameters import PAGE_TOKEN, Choice, Integer, Query, Text
from gateway.principals import DESK
from gateway.public_form import public_form
from gateway.schemas.contacts import (
    CancelContact,
    CompleteContact,
    CompletedContact,
    Contact,
    ContactDays,
    ContactRequest,
    Contacts,
    CustomerHits,
    MoveContact,
    PlanContacts,
    PlannedContacts,
    PurchaseHistory,
)
from services.chassis.errors import NotFoundError

ID_LIMIT: Final = 64  # characters
CUSTOMER_ID_LIMIT: Final = 260
STATES: Final = ("planned", "done", "cancelled")
NOBODY: Final = "-"
CONTACTS_QUERY: Final = Query(
    Text("customer", "Of the person with this customer id or identifier: planned ones first.", 260),
    Text("day", "Of this day of the shop, 2026-12-03. Without it and a customer: those that are overdue.", 10),
    Choice("state", "Only in this state.", STATES),
    Integer("page_size", "Contacts on a page.", 1, 200, 50),
    PAGE_TOKEN,
)
DAYS_QUERY: Final = Query(
    Text("first_day", "The first day; by default today.", 10), Integer("days", "How many days.", 1, 92, 35)
)
FIND_QUERY: Final = Query(
    Text("q", "A customer id, an identifier with or without its kind, an order's number, or a whole name.", 200),
    Integer("limit", "At most so many.", 1, 20, 10),
)
HISTORY_QUERY: Final = Query(
    Integer("months", "Months up to the present one.", 1, 60, 13),
    Integer("orders", "The latest orders, at most.", 1, 100, 20),
)


async def create_contact(call: Call) -> Answer:
    """Plan a contact."""
    asked = await call.model(ContactRequest)
    request = pb.CreateContactRequest(
        customer=asked.customer,
        shop=asked.shop or call.shop,
        kind=contact_pb2.ContactKind.Value(f"CONTACT_KIND_{asked.kind.upper()}"),
        purpose=contact_pb2.ContactPurpose.Value(f"CONTACT_PURPOSE_{asked.purpose.upper()}"),
        day=asked.day,
        owner=asked.owner,
        note=asked.note,
        actor=call.principal.name,
        request_id=request_id_of(call, asked.request_id),
    )
    contact = await CREATE_CONTACT(call.parts.caller, request)
    headers = ((b"etag", etag_of(contact.version).encode()), (b"location", f"/v1/contacts/{contact.id}".encode()))
    return json_answer(public_form(contact), status=HTTPStatus.CREATED, headers=headers)


async def get_contact(call: Call) -> Answer:
    """Answer one contact."""
    return _contact_answer(await GET_CONTACT(call.parts.caller, pb.GetContactRequest(id=_id(call))))


async def list_contacts(call: Call) -> Answer:
    """Answer a page of contacts."""
    query = call.query
    state = f"CONTACT_STATE_{query['state'].upper() or 'UNSPECIFIED'}"
    request = pb.ListContactsRequest(
        customer=query["customer"],
        day=query["day"],
        state=contact_pb2.ContactState.Value(state),
        page_size=query["page_size"],
        page_token=query["page_token"],
    )
    return json_answer(public_form(await LIST_CONTACTS(call.parts.caller, request)))


async def count_contact_days(call: Call) -> Answer:
    """Answer what the days of the calendar hold."""
    request = pb.CountContactDaysRequest(first_day=call.query["first_day"], days=call.query["days"])
    return json_answer(public_form(await COUNT_CONTACT_DAYS(call.parts.caller, request)))


async def complete_contact(call: Call) -> Answer:
    """Keep what came of a contact."""
    asked = await call.model(CompleteContact)
    outcome = f"CONTACT_OUTCOME_{asked.outcome.upper().replace('-', '_')}"
    request = pb.CompleteContactRequest(
        deed=_deed(call), outcome=contact_pb2.ContactOutcome.Value(outcome), note=asked.note
    )
    return json_answer(public_form(await COMPLETE_CONTACT(call.parts.caller, request)))


async def move_contact(call: Call) -> Answer:
    """Give a contact another day or other hands."""
    asked = await call.model(MoveContact)
    owner = "" if asked.owner is None else asked.owner or NOBODY
    request = pb.MoveContactRequest(deed=_deed(call), day=asked.day or "", owner=owner)
    return _contact_answer(await MOVE_CONTACT(call.parts.caller, request))


async def cancel_contact(call: Call) -> Answer:
    """Take a contact off the calendar."""
    asked = await call.model(CancelContact)
    request = pb.CancelContactRequest(deed=_deed(call), note=asked.note)
    return _contact_answer(await CANCEL_CONTACT(call.parts.caller, request))


async def plan_contacts(call: Call) -> Answer:
    """Plan contacts for a class."""
    asked = await call.model(PlanContacts)
    request = pb.PlanContactsRequest(
        abc_class=asked.abc_class,
        shop=asked.shop or call.shop,
        limit=asked.limit,
        after=asked.after,
        actor=call.principal.name,
    )
    return json_answer(public_form(await PLAN_CONTACTS(call.parts.caller, request)))


async def find_customers(call: Call) -> Answer:
    """Find customers by what somebody types."""
    request = customers_pb.FindCustomersRequest(query=call.query["q"], shop=call.shop, limit=call.query["limit"])
    return json_answer(public_form(await FIND_CUSTOMERS(call.parts.caller, request)))


async def get_purchase_history(call: Call) -> Answer:
    """Answer what a customer bought."""
    if len(call.path["id"]) > CUSTOMER_ID_LIMIT:
        raise NotFoundError("there is no customer of this id", resource="customer")
    request = customers_pb.GetPurchaseHistoryRequest(
        id=call.path["id"], months=call.query["months"], orders=call.query["orders"]
    )
    return json_answer(public_form(await GET_PURCHASE_HISTORY(call.parts.caller, request)))


def _deed(call: Call) -> pb.ContactDeed:
    return pb.ContactDeed(
        id=_id(call), actor=call.principal.name, expected_version=expected_version(call.header(b"if-match"))
    )


def _id(call: Call) -> str:
    named = call.path["id"]
    if not 0 < len(named) <= ID_LIMIT:
        raise NotFoundError("there is no contact of this id", resource="contact")
    return named


def _contact_answer(contact: contact_pb2.Contact) -> Answer:
    return json_answer(public_form(contact), headers=((b"etag", etag_of(contact.version).encode()),))


_STEPPED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT)

ENDPOINTS: Final = (
    Endpoint(
        operation_id="findCustomers",
        method="GET",
        path="/v1/customers:find",
        tag="customers",
        summary="Find customers by an identifier, an order's number or the whole name",
        roles=DESK,
        handle=find_customers,
        query=FIND_QUERY,
        answer=CustomerHits,
    ),
    Endpoint(
        operation_id="getPurchaseHistory",
        method="GET",
        path="/v1/customers/{id}/purchases",
        tag="customers",
        summary="Read what a customer bought: by month, and the latest orders",
        roles=DESK,
        handle=get_purchase_history,
        query=HISTORY_QUERY,
        answer=PurchaseHistory,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="createContact",
        method="POST",
        path="/v1/contacts",
        tag="contacts",
        summary="Plan a contact with a customer",
        roles=DESK,
        handle=create_contact,
        body=Body(ContactRequest),
        answer=Contact,
        status=HTTPStatus.CREATED,
        headers=("Idempotency-Key",),
        answer_headers=("ETag", "Location"),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    Endpoint(
        operation_id="listContacts",
        method="GET",
        path="/v1/contacts",
        tag="contacts",
        summary="List contacts of a day, of a customer, or those that are overdue",
        roles=DESK,
        handle=list_contacts,
        query=CONTACTS_QUERY,
        answer=Contacts,
    ),
    Endpoint(
        operation_id="countContactDays",
        method="GET",
        path="/v1/contacts:days",
        tag="contacts",
        summary="Count the contacts of days, with the desk's working days",
        roles=DESK,
        handle=count_contact_days,
        query=DAYS_QUERY,
        answer=ContactDays,
    ),
    Endpoint(
        operation_id="planContacts",
        method="POST",
        path="/v1/contacts:plan",
        tag="contacts",
        summary="Plan contacts for customers of a class who have none",
        description="Asked again it plans nothing twice.",
        roles=DESK,
        handle=plan_contacts,
        body=Body(PlanContacts),
        answer=PlannedContacts,
    ),
    Endpoint(
        operation_id="getContact",
        method="GET",
        path="/v1/contacts/{id}",
        tag="contacts",
        summary="Read a contact",
        roles=DESK,
        handle=get_contact,
        answer=Contact,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="completeContact",
        method="POST",
        path="/v1/contacts/{id}:complete",
        tag="contacts",
        summary="Keep what came of a contact; the next one of its plan is planned with it",
        roles=DESK,
        handle=complete_contact,
        body=Body(CompleteContact),
        answer=CompletedContact,
        headers=("If-Match",),
        problems=_STEPPED,
    ),
    Endpoint(
        operation_id="moveContact",
        method="POST",
        path="/v1/contacts/{id}:move",
        tag="contacts",
        summary="Give a contact another day or other hands",
        roles=DESK,
        handle=move_contact,
        body=Body(MoveContact),
        answer=Contact,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=_STEPPED,
    ),
    Endpoint(
        operation_id="cancelContact",
        method="POST",
        path="/v1/contacts/{id}:cancel",
        tag="contacts",
        summary="Take a contact off the calendar",
        roles=DESK,
        handle=cancel_contact,
        body=Body(CancelContact),
        answer=Contact,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=_STEPPED,
    ),
)
