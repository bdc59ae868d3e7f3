"""What a shop's backend and its merchandisers do: imports, prices and stock, what people search for."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from google.longrunning import operations_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from zhike.search.v1 import product_pb2, product_service_pb2, query_insight_service_pb2
from zhike.type.v1 import import_pb2

from gateway.clients import (
    GET_QUERY_COURSE,
    IMPORT_CUSTOMERS,
    IMPORT_EVENTS,
    IMPORT_ORDERS,
    IMPORT_PRODUCTS,
    LIST_QUERY_INSIGHTS,
    UPDATE_PRODUCT,
)
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.etag import etag_of, expected_version
from gateway.idempotency import request_id_of
from gateway.operation_form import accepted
from gateway.parameters import LANGUAGES, PAGE_TOKEN, Choice, Flag, Integer, Query, Text, TextMap
from gateway.pr_clients import IMPORT_MENTIONS
from gateway.principals import BACKEND, DESK
from gateway.public_form import money_from_json, public_form
from gateway.routers.storefront import PRODUCT_ID_LIMIT
from gateway.schemas.forms import Money, Operation
from gateway.schemas.merchandising import ProductPatch, QueryCourse, QueryInsights
from gateway.schemas.storefront import Product
from gateway.uploads import FORMATS, upload
from services.chassis.clients import Method
from services.chassis.errors import InvalidArgumentError, NotFoundError

CHANNELS: Final = ("web", "app", "store", "phone", "social")
IMPORT_QUERY: Final = Query(
    Flag("dry_run", "Check and count every row, write nothing."),
    Text("shop", "Shop of rows that name none; by default the key's.", 64),
    Choice("channel", "Channel of rows that name none.", CHANNELS),
    Flag("synthetic", "Rows come from a load test: they train nothing."),
    TextMap("column", "Our field's name and the file's: column.<ours>=<theirs>."),
    TextMap("option", "Rules for values, each importer's own: option.<name>=<value>."),
)
INSIGHTS_QUERY: Final = Query(
    Choice("view", "Which queries.", ("top", "rising", "empty", "weak"), "top"),
    Integer("window_days", "The window.", 1, 90, 28),
    Integer("page_size", "Queries on a page.", 1, 200, 50),
    PAGE_TOKEN,
    Choice("language", "Only of this language.", LANGUAGES),
)
COURSE_QUERY: Final = Query(
    Integer("window_days", "The window.", 1, 90, 28),
    Choice("language", "Only as counted in this language.", LANGUAGES),
)
_AVAILABILITY: Final = {
    "in-stock": product_pb2.AVAILABILITY_IN_STOCK,
    "out-of-stock": product_pb2.AVAILABILITY_OUT_OF_STOCK,
    "backorder": product_pb2.AVAILABILITY_BACKORDER,
}
_VIEWS: Final = {
    "top": query_insight_service_pb2.QUERY_VIEW_TOP,
    "rising": query_insight_service_pb2.QUERY_VIEW_RISING,
    "empty": query_insight_service_pb2.QUERY_VIEW_EMPTY,
    "weak": query_insight_service_pb2.QUERY_VIEW_WEAK,
}
_ImportMethod = Method[import_pb2.ImportRequest, operations_pb2.Operation]


def _importer(method: _ImportMethod) -> Callable[[Call], Awaitable[Answer]]:
    async def start_import(call: Call) -> Answer:
        media_type = call.check_media_type(*FORMATS)
        query, principal = call.query, call.principal
        config = import_pb2.ImportConfig(
            format=FORMATS[media_type],
            shop=query["shop"] or call.shop,
            channel=query["channel"] or principal.channel,
            dry_run=query["dry_run"],
            request_id=request_id_of(call),
            owner=principal.owner,
            columns=query["column"],
            options=query["option"],
            synthetic=principal.synthetic or query["synthetic"],
        )
        return accepted(await upload(call, method, config))

    return start_import


async def update_product(call: Call) -> Answer:
    """Change the fields that the body names."""
    product_id = call.path["id"]
    if not 0 < len(product_id) <= PRODUCT_ID_LIMIT:
        raise NotFoundError("there is no product of this id", resource="product")
    patch = await call.model(ProductPatch)
    named = sorted(patch.model_fields_set - {"request_id"})
    if not named:
        raise InvalidArgumentError("name at least one field to change", field="body")
    request = product_service_pb2.UpdateProductRequest(
        product=_patched(product_id, patch, named),
        update_mask=FieldMask(paths=named),
        expected_version=expected_version(call.header(b"if-match")),
        request_id=request_id_of(call, patch.request_id),
    )
    product = await UPDATE_PRODUCT(call.parts.caller, request)
    return json_answer(public_form(product), headers=((b"etag", etag_of(product.version).encode()),))


def _patched(product_id: str, patch: ProductPatch, named: list[str]) -> product_pb2.Product:
    product = product_pb2.Product(id=product_id)
    for field in named:
        value: Any = getattr(patch, field)
        if value is None:
            if field != "original_price":
                raise InvalidArgumentError(f"{field} cannot be taken away", field=field)
        elif isinstance(value, Money):
            getattr(product, field).CopyFrom(money_from_json(value.amount, value.currency, field=field))
        elif field == "availability":
            product.availability = _AVAILABILITY[value]
        else:
            setattr(product, field, value)
    return product


async def list_query_insights(call: Call) -> Answer:
    """Answer a page of a view."""
    query = call.query
    request = query_insight_service_pb2.ListQueryInsightsRequest(
        view=_VIEWS[query["view"]],
        window_days=query["window_days"],
        page_size=query["page_size"],
        page_token=query["page_token"],
        language=query["language"],
    )
    return json_answer(public_form(await LIST_QUERY_INSIGHTS(call.parts.caller, request)))


async def get_query_course(call: Call) -> Answer:
    """Answer one query day by day."""
    request = query_insight_service_pb2.GetQueryCourseRequest(
        query=call.path["query"], window_days=call.query["window_days"], language=call.query["language"]
    )
    return json_answer(public_form(await GET_QUERY_COURSE(call.parts.caller, request)))


def _import_endpoint(noun: str, method: _ImportMethod, description: str) -> Endpoint:
    return Endpoint(
        operation_id=f"import{noun.capitalize()}",
        method="POST",
        path=f"/v1/{noun}:import",
        tag="imports",
        summary=f"Import a file of {noun}",
        description=f"{description} Nothing is dropped silently: every row is accepted, a duplicate or rejected with a "
        "reason; the operation counts them and keeps every rejected row in its error file.",
        roles=BACKEND,
        handle=_importer(method),
        query=IMPORT_QUERY,
        body=Body(media_types=tuple(FORMATS), description="One JSON object a line, or CSV with a header line, UTF-8."),
        answer=Operation,
        status=HTTPStatus.ACCEPTED,
        headers=("Idempotency-Key",),
        answer_headers=("Location",),
        problems=(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
    )


ENDPOINTS: Final = (
    _import_endpoint("products", IMPORT_PRODUCTS, "A catalogue; a row replaces the product of its id."),
    _import_endpoint("customers", IMPORT_CUSTOMERS, "Claims, identifiers, consents and accounts, one person a row."),
    _import_endpoint("orders", IMPORT_ORDERS, "Order lines; each order becomes a purchase at the time it happened."),
    _import_endpoint("mentions", IMPORT_MENTIONS, "Mentions as NDJSON, in the form of POST /v1/mentions."),
    _import_endpoint("events", IMPORT_EVENTS, "User events, in the form of POST /v1/events."),
    Endpoint(
        operation_id="updateProduct",
        method="PATCH",
        path="/v1/products/{id:path}",
        tag="merchandising",
        summary="Change price, stock or availability",
        description="Visible in search within 1 s. With If-Match only if nobody changed the product meanwhile.",
        roles=BACKEND,
        handle=update_product,
        body=Body(ProductPatch),
        answer=Product,
        headers=("If-Match", "Idempotency-Key"),
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="listQueryInsights",
        method="GET",
        path="/v1/insights/queries",
        tag="merchandising",
        summary="List what people search for",
        description="top: most searched; rising: growing against the window before; empty: found nothing; weak: found "
        "something that few click.",
        roles=DESK,
        handle=list_query_insights,
        query=INSIGHTS_QUERY,
        answer=QueryInsights,
    ),
    Endpoint(
        operation_id="getQueryCourse",
        method="GET",
        path="/v1/insights/queries/{query:path}",
        tag="merchandising",
        summary="Read one query day by day",
        description="Searches, empty ones, clicks and purchases of each day, and at which positions its results were "
        "clicked. A query that nobody searched has nothing but zeros.",
        roles=DESK,
        handle=get_query_course,
        query=COURSE_QUERY,
        answer=QueryCourse,
    ),
)
