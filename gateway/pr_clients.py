"""The remote methods behind the routes of PR staff."""

from typing import Final

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from zhike.reputation.v1 import mention_pb2, mention_service_pb2, source_service_pb2
from zhike.type.v1 import import_pb2

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

_SERVICE: Final = "reputation"

WRITE_MENTIONS: Final = Remote(
    declare_method(
        _SERVICE,
        mention_service_pb2,
        "MentionService/WriteMentions",
        mention_service_pb2.WriteMentionsRequest,
        mention_service_pb2.WriteMentionsResponse,
        idempotent=True,  # every mention is named by its source, or by its content
        coalesced=True,
    ),
    WRITE_TIMEOUT_MS,
)
GET_MENTION: Final = Remote(
    declare_method(
        _SERVICE,
        mention_service_pb2,
        "MentionService/GetMention",
        mention_service_pb2.GetMentionRequest,
        mention_pb2.Mention,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
LIST_MENTIONS: Final = Remote(
    declare_method(
        _SERVICE,
        mention_service_pb2,
        "MentionService/ListMentions",
        mention_service_pb2.ListMentionsRequest,
        mention_service_pb2.ListMentionsResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
COUNT_MENTIONS: Final = Remote(
    declare_method(
        _SERVICE,
        mention_service_pb2,
        "MentionService/CountMentions",
        mention_service_pb2.CountMentionsRequest,
        mention_service_pb2.CountMentionsResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
CREATE_SOURCE: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/CreateSource",
        source_service_pb2.CreateSourceRequest,
        source_service_pb2.Source,
        idempotent=True,  # by its id
    ),
    WRITE_TIMEOUT_MS,
)
GET_SOURCE: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/GetSource",
        source_service_pb2.GetSourceRequest,
        source_service_pb2.Source,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
LIST_SOURCES: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/ListSources",
        source_service_pb2.ListSourcesRequest,
        source_service_pb2.ListSourcesResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
UPDATE_SOURCE: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/UpdateSource",
        source_service_pb2.UpdateSourceRequest,
        source_service_pb2.Source,
    ),
    WRITE_TIMEOUT_MS,
)
DELETE_SOURCE: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/DeleteSource",
        source_service_pb2.DeleteSourceRequest,
        Empty,
    ),
    WRITE_TIMEOUT_MS,
)
POLL_SOURCE: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/PollSource",
        source_service_pb2.PollSourceRequest,
        source_service_pb2.Source,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
LIST_BRANDS: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/ListBrands",
        source_service_pb2.ListBrandsRequest,
        source_service_pb2.ListBrandsResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
PUT_BRAND: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/PutBrand",
        source_service_pb2.PutBrandRequest,
        source_service_pb2.Brand,
    ),
    WRITE_TIMEOUT_MS,
)
DELETE_BRAND: Final = Remote(
    declare_method(
        _SERVICE,
        source_service_pb2,
        "SourceService/DeleteBrand",
        source_service_pb2.DeleteBrandRequest,
        Empty,
    ),
    WRITE_TIMEOUT_MS,
)
IMPORT_MENTIONS: Final = declare_method(
    _SERVICE,
    mention_service_pb2,
    "MentionService/ImportMentions",
    import_pb2.ImportRequest,
    operations_pb2.Operation,
)
