"""What PR staff and connectors do with mentions: write, read and count them; watch sources and brands."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from google.protobuf.field_mask_pb2 import FieldMask
from zhike.reputation.v1 import mention_pb2, mention_service_pb2
from zhike.reputation.v1 import source_service_pb2 as sources_pb

from gateway.endpoints import Answer, Body, Call, Endpoint, json_answer
from gateway.etag import etag_of, expected_version
from gateway.parameters import PAGE_TOKEN, Choice, Integer, Moment, Query, Text
from gateway.pr_clients import (
    COUNT_MENTIONS,
    CREATE_SOURCE,
    DELETE_BRAND,
    DELETE_SOURCE,
    GET_MENTION,
    GET_SOURCE,
    LIST_BRANDS,
    LIST_MENTIONS,
    LIST_SOURCES,
    POLL_SOURCE,
    PUT_BRAND,
    UPDATE_SOURCE,
    WRITE_MENTIONS,
)
from gateway.principals import BACKEND_OR_DESK, DESK
from gateway.public_form import public_form
from gateway.schemas.pr import (
    Brand,
    BrandRequest,
    Brands,
    Mention,
    MentionBatch,
    MentionCounts,
    Mentions,
    MentionVerdicts,
    Source,
    SourcePatch,
    SourceRequest,
    Sources,
)
from services.chassis.errors import InvalidArgumentError, NotFoundError

ID_LIMIT: Final = 64
USUAL_SPAN: Final = timedelta(days=1)  # of counts
FILTER_LIMIT: Final = 256
TONES: Final = ("negative", "neutral", "positive", "unsure", "unknown")
_SHOP: Final = Text("shop", "The shop that is spoken of; by default the key's.", 64)
_BRAND: Final = Text("brand", "Mentions that name this brand, by id.", FILTER_LIMIT)
_PRODUCT: Final = Text("product_id", "Mentions that name this product.", FILTER_LIMIT)
_SOURCE: Final = Text("source", "Mentions of this source.", FILTER_LIMIT)
MENTIONS_QUERY: Final = Query(
    _BRAND,
    _PRODUCT,
    _SOURCE,
    Choice("tone", "How they speak.", TONES),
    Integer("tier", "Of this tier; 0 for any.", 0, 3, 0),
    Text("text", "Contained in title or text, in whatever case and width.", FILTER_LIMIT),
    Text("cluster_id", "Copies, rewritten copies and reposts of one story.", FILTER_LIMIT),
    Text("author", "Who said it.", FILTER_LIMIT),
    Text("language", "zh, en or another BCP 47 primary tag.", 35),
    Moment("start_time", "Published then or later."),
    Moment("end_time", "Published before."),
    _SHOP,
    Integer("page_size", "Mentions on a page.", 1, 200, 50),
    PAGE_TOKEN,
)
COUNTS_QUERY: Final = Query(
    _BRAND,
    _PRODUCT,
    _SOURCE,
    Moment("start_time", "The first step is the one that holds this time; by default a day before the end."),
    Moment("end_time", "The last step begins before this time; by default now."),
    Choice("step", "Length of a step; days are UTC.", ("5m", "15m", "1h", "1d"), "1h"),
    _SHOP,
)
SOURCES_QUERY: Final = Query(Integer("page_size", "Sources on a page.", 1, 200, 50), PAGE_TOKEN)
_TONE_NUMBERS: Final = {word: mention_pb2.Tone.Value(f"TONE_{word.upper()}") for word in TONES}
_KINDS: Final = {
    "feed": sources_pb.SOURCE_KIND_FEED,
    "push": sources_pb.SOURCE_KIND_PUSH,
    "reviews": sources_pb.SOURCE_KIND_REVIEWS,
}
_BRAND_KINDS: Final = {"own": sources_pb.BRAND_KIND_OWN, "rival": sources_pb.BRAND_KIND_RIVAL}


async def write_mentions(call: Call) -> Answer:
    """Pass the batch on as it came: the owner reads it once, and its verdicts are the answer."""
    principal = call.principal
    request = mention_service_pb2.WriteMentionsRequest(
        json=await call.body(),
        owner=principal.owner,
        default_shop=call.shop,
        synthetic=principal.synthetic,
        trace=call.record.traceparent[:256],
    )
    return Answer((await WRITE_MENTIONS(call.parts.caller, request)).json)


async def list_mentions(call: Call) -> Answer:
    """Answer a page of mentions."""
    query = call.query
    request = mention_service_pb2.ListMentionsRequest(
        shop=query["shop"] or call.shop,
        brand=query["brand"],
        product_id=query["product_id"],
        source=query["source"],
        tone=_TONE_NUMBERS.get(query["tone"], mention_pb2.TONE_UNSPECIFIED),
        tier=query["tier"],
        text=query["text"],
        cluster_id=query["cluster_id"],
        author=query["author"],
        language=query["language"],
        page_size=query["page_size"],
        page_token=query["page_token"],
    )
    for name in ("start_time", "end_time"):
        if query[name] is not None:
            getattr(request, name).FromDatetime(query[name])
    return json_answer(public_form(await LIST_MENTIONS(call.parts.caller, request)))


async def get_mention(call: Call) -> Answer:
    """Answer one mention."""
    request = mention_service_pb2.GetMentionRequest(id=_id_in(call, "mention"))
    return json_answer(public_form(await GET_MENTION(call.parts.caller, request)))


async def count_mentions(call: Call) -> Answer:
    """Answer counts by steps of time."""
    query = call.query
    named = [name for name in ("brand", "product_id", "source") if query[name]]
    if len(named) > 1:
        raise InvalidArgumentError("count for one of brand, product_id and source", field=named[1])
    request = mention_service_pb2.CountMentionsRequest(shop=query["shop"] or call.shop, step=query["step"])
    if named:
        setattr(request, named[0], query[named[0]])
    end = query["end_time"] or call.parts.clock.now()
    request.end_time.FromDatetime(end)
    request.start_time.FromDatetime(query["start_time"] or end - USUAL_SPAN)
    return json_answer(public_form(await COUNT_MENTIONS(call.parts.caller, request)))


async def create_source(call: Call) -> Answer:
    """Watch a new source."""
    asked = await call.model(SourceRequest)
    source = sources_pb.Source(
        id=asked.id,
        kind=_KINDS[asked.kind],
        shop=asked.shop or call.shop,
        title=asked.title,
        url=asked.url,
        tier=asked.tier,
        reach=asked.reach,
        poll_interval_s=asked.poll_interval_s,
        disabled=asked.disabled,
    )
    made = await CREATE_SOURCE(call.parts.caller, sources_pb.CreateSourceRequest(source=source))
    location = (b"location", f"/v1/sources/{made.id}".encode())
    return _source_answer(made, status=HTTPStatus.CREATED, headers=(location,))


async def list_sources(call: Call) -> Answer:
    """Answer a page of sources, each with how it stands."""
    request = sources_pb.ListSourcesRequest(page_size=call.query["page_size"], page_token=call.query["page_token"])
    return json_answer(public_form(await LIST_SOURCES(call.parts.caller, request)))


async def get_source(call: Call) -> Answer:
    """Answer one source with how it stands."""
    request = sources_pb.GetSourceRequest(id=_id_in(call, "source"))
    return _source_answer(await GET_SOURCE(call.parts.caller, request))


async def update_source(call: Call) -> Answer:
    """Change the fields that the body names."""
    source_id, patch = _id_in(call, "source"), await call.model(SourcePatch)
    named = sorted(patch.model_fields_set)
    if not named:
        raise InvalidArgumentError("name at least one field to change", field="body")
    source = sources_pb.Source(id=source_id)
    for field in named:
        value: Any = getattr(patch, field)
        if value is not None:
            setattr(source, field, value)
        elif field != "reach":
            raise InvalidArgumentError(f"{field} cannot be taken away", field=field)
    request = sources_pb.UpdateSourceRequest(
        source=source,
        update_mask=FieldMask(paths=named),
        expected_version=expected_version(call.header(b"if-match")),
    )
    return _source_answer(await UPDATE_SOURCE(call.parts.caller, request))


async def delete_source(call: Call) -> Answer:
    """Watch a source no longer."""
    request = sources_pb.DeleteSourceRequest(
        id=_id_in(call, "source"), expected_version=expected_version(call.header(b"if-match"))
    )
    await DELETE_SOURCE(call.parts.caller, request)
    return Answer(b"", status=HTTPStatus.NO_CONTENT)


async def poll_source(call: Call) -> Answer:
    """Have a feed fetched soon."""
    request = sources_pb.PollSourceRequest(id=_id_in(call, "source"))
    return _source_answer(await POLL_SOURCE(call.parts.caller, request), status=HTTPStatus.ACCEPTED)


async def list_brands(call: Call) -> Answer:
    """Answer all brands."""
    return json_answer(public_form(await LIST_BRANDS(call.parts.caller, sources_pb.ListBrandsRequest())))


async def put_brand(call: Call) -> Answer:
    """Keep a brand, new or changed."""
    brand_id, asked = _id_in(call, "brand"), await call.model(BrandRequest)
    request = sources_pb.PutBrandRequest(
        brand=sources_pb.Brand(
            id=brand_id, kind=_BRAND_KINDS[asked.kind], names=asked.names, exclusions=asked.exclusions
        ),
        expected_version=expected_version(call.header(b"if-match")),
    )
    brand = await PUT_BRAND(call.parts.caller, request)
    return json_answer(public_form(brand), headers=((b"etag", etag_of(brand.version).encode()),))


async def delete_brand(call: Call) -> Answer:
    """Look for a brand no longer."""
    request = sources_pb.DeleteBrandRequest(
        id=_id_in(call, "brand"), expected_version=expected_version(call.header(b"if-match"))
    )
    await DELETE_BRAND(call.parts.caller, request)
    return Answer(b"", status=HTTPStatus.NO_CONTENT)


def _id_in(call: Call, noun: str) -> str:
    named = call.path["id"]
    if not 0 < len(named) <= ID_LIMIT:
        raise NotFoundError(f"there is no {noun} of this id", resource=noun)
    return named


def _source_answer(
    source: sources_pb.Source, *, status: int = HTTPStatus.OK, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Answer:
    etag = (b"etag", etag_of(source.version).encode())
    return json_answer(public_form(source), status=status, headers=(etag, *headers))


_EDITED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)

ENDPOINTS: Final = (
    Endpoint(
        operation_id="writeMentions",
        method="POST",
        path="/v1/mentions",
        tag="mentions",
        summary="Write up to 500 mentions",
        description="Each mention gets a verdict. What is stored is durable, and heard within a second. The same id of "
        "the same source with the same content again is a duplicate, which is a success; with other content it is "
        "rejected with MENTION_ID_REUSED. The shop's own reviews come as source reviews.",
        roles=BACKEND_OR_DESK,
        handle=write_mentions,
        body=Body(MentionBatch),
        answer=MentionVerdicts,
        problems=(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    ),
    Endpoint(
        operation_id="listMentions",
        method="GET",
        path="/v1/mentions",
        tag="mentions",
        summary="List mentions, newest first",
        description="All conditions hold together. A page may be short, or empty, and still go on.",
        roles=DESK,
        handle=list_mentions,
        query=MENTIONS_QUERY,
        answer=Mentions,
    ),
    Endpoint(
        operation_id="getMention",
        method="GET",
        path="/v1/mentions/{id}",
        tag="mentions",
        summary="Read a mention",
        roles=DESK,
        handle=get_mention,
        answer=Mention,
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="countMentions",
        method="GET",
        path="/v1/mentions:count",
        tag="mentions",
        summary="Count mentions by steps of time",
        description="Of the whole shop, or of one brand, product or source; at most 92 days and 2,000 steps.",
        roles=DESK,
        handle=count_mentions,
        query=COUNTS_QUERY,
        answer=MentionCounts,
    ),
    Endpoint(
        operation_id="createSource",
        method="POST",
        path="/v1/sources",
        tag="sources",
        summary="Watch a new source",
        description="A feed is fetched at once, then at its interval, conditionally and within its host's budget. The "
        "same source again is a success.",
        roles=DESK,
        handle=create_source,
        body=Body(SourceRequest),
        answer=Source,
        status=HTTPStatus.CREATED,
        answer_headers=("ETag", "Location"),
        problems=(HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    ),
    Endpoint(
        operation_id="listSources",
        method="GET",
        path="/v1/sources",
        tag="sources",
        summary="List sources with how they stand",
        roles=DESK,
        handle=list_sources,
        query=SOURCES_QUERY,
        answer=Sources,
    ),
    Endpoint(
        operation_id="getSource",
        method="GET",
        path="/v1/sources/{id}",
        tag="sources",
        summary="Read a source with how it stands",
        roles=DESK,
        handle=get_source,
        answer=Source,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="updateSource",
        method="PATCH",
        path="/v1/sources/{id}",
        tag="sources",
        summary="Change a source",
        roles=DESK,
        handle=update_source,
        body=Body(SourcePatch),
        answer=Source,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=_EDITED,
    ),
    Endpoint(
        operation_id="deleteSource",
        method="DELETE",
        path="/v1/sources/{id}",
        tag="sources",
        summary="Watch a source no longer; what it said stays",
        roles=DESK,
        handle=delete_source,
        status=HTTPStatus.NO_CONTENT,
        headers=("If-Match",),
        problems=_EDITED,
    ),
    Endpoint(
        operation_id="pollSource",
        method="POST",
        path="/v1/sources/{id}:poll",
        tag="sources",
        summary="Fetch a feed as soon as its host's budget allows",
        roles=DESK,
        handle=poll_source,
        answer=Source,
        status=HTTPStatus.ACCEPTED,
        answer_headers=("ETag",),
        problems=(HTTPStatus.NOT_FOUND,),
    ),
    Endpoint(
        operation_id="listBrands",
        method="GET",
        path="/v1/brands",
        tag="sources",
        summary="List the brands that are looked for",
        roles=DESK,
        handle=list_brands,
        answer=Brands,
    ),
    Endpoint(
        operation_id="putBrand",
        method="PUT",
        path="/v1/brands/{id}",
        tag="sources",
        summary="Look for a brand, or for a changed one",
        description="Mentions that come from now on are matched with it; zhike rebuild reputation/hearing matches all "
        "again.",
        roles=DESK,
        handle=put_brand,
        body=Body(BrandRequest),
        answer=Brand,
        headers=("If-Match",),
        answer_headers=("ETag",),
        problems=(HTTPStatus.PRECONDITION_FAILED,),
    ),
    Endpoint(
        operation_id="deleteBrand",
        method="DELETE",
        path="/v1/brands/{id}",
        tag="sources",
        summary="Look for a brand no longer; what was counted stays",
        roles=DESK,
        handle=delete_brand,
        status=HTTPStatus.NO_CONTENT,
        headers=("If-Match",),
        problems=_EDITED,
    ),
)
