"""What the service desk does with customers: read, join, part, state, and keep consent."""

from http import HTTPStatus
from typing import Any, Final

from zhike.knowledge.v1 import customer_pb2
from zhike.knowledge.v1 import customer_service_pb2 as pb

from gateway.clients import GET_CUSTOMER, MERGE_CUSTOMERS, SET_CONSENT, UNMERGE_CUSTOMER, WRITE_CLAIMS
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.idempotency import request_id_of
from gateway.principals import BACKEND_OR_DESK, DESK
from gateway.public_form import public_form
from gateway.schemas.desk import (
    ClaimsRequest,
    ConsentRequest,
    Customer,
    CustomerReceipt,
    MergeRequest,
    UnmergeAnswer,
    UnmergeRequest,
)
from services.chassis.errors import NotFoundError

CUSTOMER_ID_LIMIT: Final = 260
RECEIPT_FIELDS: Final = ("id", "account_id", "consents", "refused_identifiers")


async def get_customer(call: Call) -> Answer:
    """Answer the whole record."""
    request = pb.GetCustomerRequest(id=_customer_id(call))
    return json_answer(public_form(await GET_CUSTOMER(call.parts.caller, request)))


async def unmerge_customer(call: Call) -> Answer:
    """Part a customer."""
    asked = await call.model(UnmergeRequest)
    request = pb.UnmergeCustomerRequest(
        id=_customer_id(call),
        identifiers=asked.identifiers,
        reason=asked.reason,
        request_id=request_id_of(call, asked.request_id),
        owner=call.principal.owner,
    )
    return json_answer(public_form(await UNMERGE_CUSTOMER(call.parts.caller, request)))


async def merge_customers(call: Call) -> Answer:
    """Join two customers."""
    asked = await call.model(MergeRequest)
    request = pb.MergeCustomersRequest(
        ids=asked.ids,
        reason=asked.reason,
        request_id=request_id_of(call, asked.request_id),
        owner=call.principal.owner,
    )
    return json_answer(public_form(await MERGE_CUSTOMERS(call.parts.caller, request)))


async def write_claims(call: Call) -> Answer:
    """Take down what a source says of a person."""
    asked = await call.model(ClaimsRequest)
    request = pb.WriteClaimsRequest(
        identifiers=[
            pb.ClaimedIdentifier(identifier=each.identifier, verified=each.verified) for each in asked.identifiers
        ],
        claims=[pb.Claim(field=each.field, value=each.value) for each in asked.claims],
        source=asked.source,
        request_id=request_id_of(call, asked.request_id),
        account=asked.account,
        owner=call.principal.owner,
        consents=asked.consents,
    )
    return json_answer(_receipt(await WRITE_CLAIMS(call.parts.caller, request)))


async def set_consent(call: Call) -> Answer:
    """Keep a yes or a no."""
    asked = await call.model(ConsentRequest)
    request = pb.SetConsentRequest(
        id=_customer_id(call),
        purpose=call.path["purpose"],
        granted=asked.granted,
        source=asked.source,
        request_id=request_id_of(call, asked.request_id),
        owner=call.principal.owner,
    )
    return json_answer(_receipt(await SET_CONSENT(call.parts.caller, request)))


def _customer_id(call: Call) -> str:
    customer_id = call.path["id"]
    if len(customer_id) > CUSTOMER_ID_LIMIT:
        raise NotFoundError("there is no customer of this id", resource="customer")
    return customer_id


def _receipt(customer: customer_pb2.Customer) -> dict[str, Any]:
    """Return what any writer may see: a shop's key writes about customers, it does not read them."""
    form = public_form(customer)
    return {field: form[field] for field in RECEIPT_FIELDS}


ENDPOINTS: Final = (
    Endpoint(
        operation_id="getCustomer",
        method="GET",
        path="/v1/customers/{id}",
        tag="customers",
        summary="Read a customer",
        description='By customer id (any that it ever had) or by identifier, "card:1000231".',
        roles=DESK,
        handle=get_customer,
        answer=Customer,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="unmergeCustomer",
        method="POST",
        path="/v1/customers/{id}:unmerge",
        tag="customers",
        summary="Part a customer into two that never join again by themselves",
        roles=DESK,
        handle=unmerge_customer,
        body=Body(UnmergeRequest),
        answer=UnmergeAnswer,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    Endpoint(
        operation_id="mergeCustomers",
        method="POST",
        path="/v1/customers:merge",
        tag="customers",
        summary="Join two customers by hand",
        roles=DESK,
        handle=merge_customers,
        body=Body(MergeRequest),
        answer=Customer,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    Endpoint(
        operation_id="writeClaims",
        method="POST",
        path="/v1/customers:claims",
        tag="customers",
        summary="State facts, identifiers and consents of a person",
        roles=BACKEND_OR_DESK,
        handle=write_claims,
        body=Body(ClaimsRequest),
        answer=CustomerReceipt,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    Endpoint(
        operation_id="setConsent",
        method="PUT",
        path="/v1/customers/{id}/consents/{purpose}",
        tag="customers",
        summary="Say yes or no to a purpose",
        roles=BACKEND_OR_DESK,
        handle=set_consent,
        body=Body(ConsentRequest),
        answer=CustomerReceipt,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
)
