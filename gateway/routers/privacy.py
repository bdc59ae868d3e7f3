"""What a shopper does with their own data, and the desk at their word: read, consent, export, erase."""

from http import HTTPStatus
from typing import Any, Final

from google.longrunning import operations_pb2
from starlette.responses import StreamingResponse
from zhike.knowledge.v1 import customer_service_pb2
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.artifacts import streamed
from gateway.clients import GET_CUSTOMER, SET_CONSENT
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.idempotency import request_id_of
from gateway.parameters import PAGE_TOKEN, Integer, Query
from gateway.principals import DESK, PUBLIC, Role
from gateway.privacy_clients import ERASE_CUSTOMER, EXPORT_CUSTOMER, GET_ERASURE, GET_EXPORT, LIST_ERASURES
from gateway.public_form import public_form
from gateway.schemas.desk import Customer
from gateway.schemas.privacy import (
    EraseRequest,
    Erasure,
    ErasurePage,
    MyConsentRequest,
    MyConsents,
    PersonExport,
    PersonRequest,
)
from services.chassis.errors import ErrorKind, NotFoundError, ZhikeError

MYSELF: Final = frozenset({Role.SHOPPER})
ZIP: Final = "application/zip"
OWN_WORD: Final = "shopper"  # source of a consent that the shopper set
OWNER: Final = "knowledge"
ID_LIMIT: Final = 260
RECEIPT_LIMIT: Final = 64  # characters of a receipt's or export's id
ERASURES_QUERY: Final = Query(Integer("page_size", "Receipts on a page.", 1, 200, 50), PAGE_TOKEN)


class ExportNotReadyError(ZhikeError):
    """The archive is being made, or it is gone: look at the export's state."""

    kind = ErrorKind.CONFLICT
    reason = "EXPORT_NOT_READY"


async def get_me(call: Call) -> Answer:
    """Answer the shopper's own record."""
    request = customer_service_pb2.GetCustomerRequest(id=_myself(call))
    return json_answer(public_form(await GET_CUSTOMER(call.parts.caller, request)))


async def set_my_consent(call: Call) -> Answer:
    """Keep the shopper's own yes or no."""
    asked = await call.model(MyConsentRequest)
    request = customer_service_pb2.SetConsentRequest(
        id=_myself(call),
        purpose=call.path["purpose"],
        granted=asked.granted,
        source=OWN_WORD,
        request_id=request_id_of(call, asked.request_id),
        owner=call.principal.owner,
    )
    form = public_form(await SET_CONSENT(call.parts.caller, request))
    return json_answer({"consents": form["consents"]})


async def export_me(call: Call) -> Answer:
    """Begin to gather the shopper's own data."""
    return await _export(call, _myself(call), "/v1/me/exports/")


async def get_my_export(call: Call) -> Answer:
    """Answer how the shopper's export stands."""
    return json_answer(public_form(await _export_of(call, call.principal.identifiers)))


async def download_my_export(call: Call) -> Any:
    """Stream the shopper's archive."""
    return await _archive(call, await _export_of(call, call.principal.identifiers))


async def erase_me(call: Call) -> Answer:
    """Take the shopper's word that they want to be erased."""
    return await _erase(call, _myself(call), "shopper")


async def export_customer(call: Call) -> Answer:
    """Begin to gather a customer's data at their word."""
    return await _export(call, _customer_id(call), "/v1/exports/")


async def get_export(call: Call) -> Answer:
    """Answer how an export stands."""
    return json_answer(public_form(await _export_of(call, ())))


async def download_export(call: Call) -> Any:
    """Stream an archive."""
    return await _archive(call, await _export_of(call, ()))


async def erase_customer(call: Call) -> Answer:
    """Erase a customer at their word."""
    return await _erase(call, _customer_id(call), "desk")


async def get_erasure(call: Call) -> Answer:
    """Answer a receipt."""
    request = pb.GetErasureRequest(id=_id(call, "erasure"))
    return json_answer(public_form(await GET_ERASURE(call.parts.caller, request)))


async def list_erasures(call: Call) -> Answer:
    """Answer a page of receipts."""
    request = pb.ListErasuresRequest(page_size=call.query["page_size"], page_token=call.query["page_token"])
    return json_answer(public_form(await LIST_ERASURES(call.parts.caller, request)))


def _myself(call: Call) -> str:
    """Return the strongest name of who asks: a token names at least one."""
    return call.principal.identifiers[0]


def _customer_id(call: Call) -> str:
    customer_id = call.path["id"]
    if len(customer_id) > ID_LIMIT:
        raise NotFoundError("there is no customer of this id", resource="customer")
    return customer_id


def _id(call: Call, resource: str) -> str:
    named = call.path["id"]
    if len(named) > RECEIPT_LIMIT:
        raise NotFoundError(f"there is no {resource} of this id", resource=resource)
    return named


async def _export(call: Call, who: str, folder: str) -> Answer:
    asked = await call.model(PersonRequest)
    request = pb.ExportCustomerRequest(
        id=who, owner=call.principal.owner, request_id=request_id_of(call, asked.request_id)
    )
    operation: operations_pb2.Operation = await EXPORT_CUSTOMER(call.parts.caller, request)
    export = await GET_EXPORT(call.parts.caller, pb.GetExportRequest(id=operation.name))
    location = f"{folder}{operation.name}".encode()
    return json_answer(public_form(export), status=HTTPStatus.ACCEPTED, headers=((b"location", location),))


async def _export_of(call: Call, only: tuple[str, ...]) -> pb.PersonExport:
    request = pb.GetExportRequest(id=_id(call, "export"), only_identifiers=only)
    export: pb.PersonExport = await GET_EXPORT(call.parts.caller, request)
    return export


async def _archive(call: Call, export: pb.PersonExport) -> Any:
    if export.state != "ready":
        raise ExportNotReadyError(f"the archive is not there: {export.state}", state=export.state, retry_after_s=1)
    pieces = await streamed(call.parts.caller, OWNER, export.digest)
    headers = {
        "content-disposition": 'attachment; filename="my-data.zip"',
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(pieces, media_type=ZIP, headers=headers)


async def _erase(call: Call, who: str, requested_by: str) -> Answer:
    asked = await call.model(EraseRequest)
    request = pb.EraseCustomerRequest(
        id=who,
        owner=call.principal.owner,
        request_id=request_id_of(call, asked.request_id),
        requested_by=requested_by,
    )
    erasure = await ERASE_CUSTOMER(call.parts.caller, request)
    location = f"/v1/erasures/{erasure.id}".encode()
    return json_answer(public_form(erasure), status=HTTPStatus.ACCEPTED, headers=((b"location", location),))


_UNPROCESSABLE: Final = HTTPStatus.UNPROCESSABLE_ENTITY

ENDPOINTS: Final = (
    Endpoint(
        operation_id="getMe",
        method="GET",
        path="/v1/me",
        tag="my-data",
        summary="Read what is known of oneself, with its sources",
        roles=MYSELF,
        handle=get_me,
        answer=Customer,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="setMyConsent",
        method="PUT",
        path="/v1/me/consents/{purpose}",
        tag="my-data",
        summary="Say yes or no to a purpose",
        description="personalization or marketing. A no stops personal answers everywhere within 2 seconds.",
        roles=MYSELF,
        handle=set_my_consent,
        body=Body(MyConsentRequest),
        answer=MyConsents,
        headers=("Idempotency-Key",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _UNPROCESSABLE),
    ),
    Endpoint(
        operation_id="exportMe",
        method="POST",
        path="/v1/me:export",
        tag="my-data",
        summary="Have all of one's data gathered into one archive",
        roles=MYSELF,
        handle=export_me,
        body=Body(PersonRequest),
        answer=PersonExport,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _UNPROCESSABLE),
    ),
    Endpoint(
        operation_id="getMyExport",
        method="GET",
        path="/v1/me/exports/{id}",
        tag="my-data",
        summary="See whether the archive is ready",
        roles=MYSELF,
        handle=get_my_export,
        answer=PersonExport,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="downloadMyExport",
        method="GET",
        path="/v1/me/exports/{id}/archive",
        tag="my-data",
        summary="Download the archive",
        roles=MYSELF,
        handle=download_my_export,
        answer_media_type=ZIP,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="eraseMe",
        method="POST",
        path="/v1/me:erase",
        tag="my-data",
        summary="Ask to be erased everywhere",
        description="Cannot be taken back. Answers a receipt that anybody who has its id can read; it names nobody.",
        roles=MYSELF,
        handle=erase_me,
        body=Body(EraseRequest),
        answer=Erasure,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _UNPROCESSABLE),
    ),
    Endpoint(
        operation_id="exportCustomer",
        method="POST",
        path="/v1/customers/{id}:export",
        tag="customers",
        summary="Have a customer's data gathered at their word",
        roles=DESK,
        handle=export_customer,
        body=Body(PersonRequest),
        answer=PersonExport,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _UNPROCESSABLE),
    ),
    Endpoint(
        operation_id="getExport",
        method="GET",
        path="/v1/exports/{id}",
        tag="customers",
        summary="See whether an archive is ready",
        roles=DESK,
        handle=get_export,
        answer=PersonExport,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="downloadExport",
        method="GET",
        path="/v1/exports/{id}/archive",
        tag="customers",
        summary="Download an archive",
        roles=DESK,
        handle=download_export,
        answer_media_type=ZIP,
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
    Endpoint(
        operation_id="eraseCustomer",
        method="POST",
        path="/v1/customers/{id}:erase",
        tag="customers",
        summary="Erase a customer everywhere at their word",
        description="Cannot be taken back.",
        roles=DESK,
        handle=erase_customer,
        body=Body(EraseRequest),
        answer=Erasure,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, _UNPROCESSABLE),
    ),
    Endpoint(
        operation_id="listErasures",
        method="GET",
        path="/v1/erasures",
        tag="customers",
        summary="List the receipts of erasures",
        roles=DESK,
        handle=list_erasures,
        query=ERASURES_QUERY,
        answer=ErasurePage,
    ),
    Endpoint(
        operation_id="getErasure",
        method="GET",
        path="/v1/erasures/{id}",
        tag="my-data",
        summary="Read the receipt of an erasure",
        description="Needs no key: who is erased has none any more. The id cannot be guessed.",
        roles=PUBLIC,
        handle=get_erasure,
        answer=Erasure,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
)
