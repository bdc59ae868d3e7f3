"""What a shopper's page reads: search, suggestions, products, recommendations, the cart; and shopper tokens."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from zhike.recommendation.v1 import prediction_service_pb2
from zhike.search.v1 import product_service_pb2, search_service_pb2
from zhike.type.v1 import answer_pb2, identifier_pb2

from gateway.clients import COMPLETE_QUERY, GET_CART, GET_PRODUCT, PREDICT, SEARCH
from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.etag import etag_of, is_unchanged
from gateway.fallbacks import is_absent
from gateway.identifiers import normalise_identifier
from gateway.parameters import IDENTIFIER, LANGUAGE, PAGE_TOKEN, Flag, Integer, Query, Text, Texts
from gateway.principals import ANYONE, BACKEND, STOREFRONT, Role
from gateway.schemas.storefront import (
    Cart,
    Product,
    RecommendationAnswer,
    SearchAnswer,
    ShopperTokenAnswer,
    ShopperTokenRequest,
    SuggestAnswer,
)
from services.chassis.errors import InvalidArgumentError, NotFoundError, ZhikeError

QUERY_LIMIT: Final = 256
PREFIX_LIMIT: Final = 64
PRODUCT_ID_LIMIT: Final = 128
FACETS_LIMIT: Final = 8
AS_JSON: Final = answer_pb2.ANSWER_FORMAT_JSON
DEFAULT_CHANNEL: Final = "web"

SEARCH_QUERY: Final = Query(
    Text("q", "What the shopper typed; empty browses.", QUERY_LIMIT),
    LANGUAGE,
    Integer("page_size", "Hits on a page.", 1, 100, 24),
    PAGE_TOKEN,
    Texts("filter", 'field:value[,value], for example "category:奶酪", "price:100..500" (minor units).', 512, 20),
    Text("order_by", "relevance (default), price, -price, newest or popularity.", 32),
    Text("facets", "Fields to count, with commas: category, brand, price, tag; at most 8.", 256),
    Flag("exact_spelling", "Do not repair spelling."),
    IDENTIFIER,
)
_PAGE_PARAMETERS: Final = ("q", "page_size", "page_token", "order_by", "facets", "exact_spelling")  # and the filters
SUGGEST_QUERY: Final = Query(
    Text("q", "What was typed so far.", PREFIX_LIMIT),
    LANGUAGE,
    Integer("max_suggestions", "Suggestions.", 1, 20, 8),
)
RECOMMENDATIONS_QUERY: Final = Query(
    Texts("product_id", "The product or cart that the placement is about.", PRODUCT_ID_LIMIT, 50),
    Texts("exclude_product_id", "Never these.", PRODUCT_ID_LIMIT, 100),
    Integer("page_size", "Slots.", 1, 50, 12),
    LANGUAGE,
    IDENTIFIER,
)
CART_QUERY: Final = Query(LANGUAGE, IDENTIFIER)


async def search(call: Call) -> Answer:
    """Pass the finished JSON of the search service through; while it is down or late, the last page of the same search.

    Who searches changes nothing in what is found, so all share the pages.
    """
    query, asker = call.query, call.principal
    staff = asker.role is Role.STAFF
    request = search_service_pb2.SearchRequest(
        query=query["q"],
        language=call.language,
        page_size=query["page_size"],
        page_token=query["page_token"],
        filters=query["filter"],
        order_by=query["order_by"],
        facets=_facets(query["facets"]),
        format=AS_JSON,
        exact_spelling=query["exact_spelling"],
        synthetic=asker.synthetic or staff,  # what staff try out is no demand
    )
    name_shopper(request.shopper, call)
    pages, caller = call.parts.fallbacks.pages, call.parts.caller
    filters = tuple(query["filter"])
    page = (call.shop, call.language, *(query[name] for name in _PAGE_PARAMETERS), filters)
    kept = pages.find(page)
    try:
        response = await (SEARCH(caller, request) if kept is None else SEARCH.briefly(caller, request))
    except ZhikeError as error:
        if kept is None or not is_absent(error):
            raise
        content, age = pages.answer(kept)
        return Answer(content, headers=(age,))
    pages.keep(page, response.json)
    return Answer(response.json)


async def suggest(call: Call) -> Answer:
    """Pass the finished JSON through."""
    request = search_service_pb2.CompleteQueryRequest(
        query=call.query["q"],
        language=call.language,
        max_suggestions=call.query["max_suggestions"],
        format=AS_JSON,
    )
    return Answer((await COMPLETE_QUERY(call.parts.caller, request)).json)


async def recommend(call: Call) -> Answer:
    """Pass the finished JSON through; while the service is down or late, what is popular."""
    request = prediction_service_pb2.PredictRequest(
        placement=call.path["placement"],
        product_ids=call.query["product_id"],
        page_size=call.query["page_size"],
        language=call.language,
        format=AS_JSON,
        exclude_product_ids=call.query["exclude_product_id"],
        synthetic=call.principal.synthetic,
    )
    name_shopper(request.shopper, call)
    popular, caller = call.parts.fallbacks.popular, call.parts.caller
    popular.want(call.shop, call.language)
    kept = popular.find(request.placement, call.shop, call.language)
    try:
        return Answer((await (PREDICT(caller, request) if kept is None else PREDICT.briefly(caller, request))).json)
    except ZhikeError as error:
        if kept is None or not is_absent(error):
            raise
    without = {*call.query["product_id"], *call.query["exclude_product_id"]}
    content, age = popular.answer(kept, request.placement, page_size=request.page_size, without=without)
    return Answer(content, headers=(age,))


async def get_product(call: Call) -> Answer:
    """Answer the owner's JSON, or 304 when the caller has this version."""
    product_id = call.path["id"]
    if not 0 < len(product_id) <= PRODUCT_ID_LIMIT:
        raise NotFoundError("there is no product of this id", resource="product")
    request = product_service_pb2.GetProductRequest(id=product_id, format=AS_JSON)
    response = await GET_PRODUCT(call.parts.caller, request)
    etag = etag_of(response.version)
    headers = ((b"etag", etag.encode()), (b"cache-control", b"private, no-cache"))
    if is_unchanged(call.header(b"if-none-match"), etag):
        return Answer(b"", status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(response.json, headers=headers)


async def get_cart(call: Call) -> Answer:
    """Pass the cart of the shopper through."""
    request = prediction_service_pb2.GetCartRequest(language=call.language)
    name_shopper(request.shopper, call)
    if not request.shopper.identifiers:
        raise InvalidArgumentError("whose cart? send X-Visitor-Id or identifier", field="identifier")
    return Answer((await GET_CART(call.parts.caller, request)).json)


async def create_shopper_token(call: Call) -> Answer:
    """Sign a token for the identifiers that the shop's backend vouches for."""
    asked = await call.model(ShopperTokenRequest)
    identifiers = tuple(dict.fromkeys(normalise_identifier(each) for each in asked.identifiers))
    life_s = min(asked.life_s, call.parts.settings.shopper_token_limit_s)
    expire_time = call.parts.clock.now().replace(microsecond=0) + timedelta(seconds=life_s)
    token = call.parts.tokens.mint(call.principal, call.identity.key_id, identifiers, life_s=life_s)
    return json_answer(
        {"token": token, "expire_time": expire_time, "identifiers": list(identifiers)}, status=HTTPStatus.CREATED
    )


def name_shopper(shopper: identifier_pb2.Shopper, call: Call) -> None:
    """Say who asks, in place: a message made apart would be copied into the request."""
    if call.principal.role is not Role.STAFF:
        shopper.identifiers.extend(call.shopper_identifiers())
    shopper.shop, shopper.channel = call.shop, call.principal.channel or DEFAULT_CHANNEL


def _facets(text: str) -> list[str]:
    facets = [each for each in text.split(",") if each]
    if len(facets) > FACETS_LIMIT:
        raise InvalidArgumentError(f"facets names at most {FACETS_LIMIT} fields", field="facets")
    return facets


ENDPOINTS: Final = (
    Endpoint(
        operation_id="search",
        method="GET",
        path="/v1/search",
        tag="storefront",
        summary="Find products",
        description="All terms first, then any; one wrong letter is repaired and `corrected_query` says so. "
        "While the search service is down, the last page of the same search where there is one: `stale` is then true.",
        roles=ANYONE,
        handle=search,
        query=SEARCH_QUERY,
        answer=SearchAnswer,
        headers=("X-Visitor-Id", "Accept-Language"),
        answer_headers=("Age",),
    ),
    Endpoint(
        operation_id="suggest",
        method="GET",
        path="/v1/suggest",
        tag="storefront",
        summary="Complete what is being typed",
        roles=ANYONE,
        handle=suggest,
        query=SUGGEST_QUERY,
        answer=SuggestAnswer,
        headers=("Accept-Language",),
    ),
    Endpoint(
        operation_id="getProduct",
        method="GET",
        path="/v1/products/{id:path}",
        tag="storefront",
        summary="Read a product",
        roles=ANYONE,
        handle=get_product,
        answer=Product,
        headers=("If-None-Match",),
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="recommend",
        method="GET",
        path="/v1/recommendations/{placement}",
        tag="storefront",
        summary="Fill a placement for a shopper",
        description="Placements: recommended-for-you, similar-items, frequently-bought-together, buy-it-again, "
        "recently-viewed, popular. While the service is down, what is popular: `fallback_reason` then says "
        "RECOMMENDATION_UNAVAILABLE.",
        roles=STOREFRONT,
        handle=recommend,
        query=RECOMMENDATIONS_QUERY,
        answer=RecommendationAnswer,
        headers=("X-Visitor-Id", "Accept-Language"),
        answer_headers=("Age",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="getCart",
        method="GET",
        path="/v1/cart",
        tag="storefront",
        summary="Read the shopper's cart",
        description="Derived from the shopper's events. A publishable key or shopper token reads its own only.",
        roles=STOREFRONT,
        handle=get_cart,
        query=CART_QUERY,
        answer=Cart,
        headers=("X-Visitor-Id", "Accept-Language"),
    ),
    Endpoint(
        operation_id="createShopperToken",
        method="POST",
        path="/v1/shopper-tokens",
        tag="storefront",
        summary="Make a token for a signed-in shopper",
        description="The shop's backend vouches for the identifiers. The token lives at most one hour and ends with "
        "the key that made it.",
        roles=BACKEND,
        handle=create_shopper_token,
        body=Body(ShopperTokenRequest),
        answer=ShopperTokenAnswer,
        status=HTTPStatus.CREATED,
    ),
)
