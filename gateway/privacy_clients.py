"""The remote methods behind a person's own data."""

from typing import Final

from google.longrunning import operations_pb2
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.clients import READ_TIMEOUT_MS, WRITE_TIMEOUT_MS, Remote
from services.chassis.clients import declare_method

ERASE_CUSTOMER: Final = Remote(
    declare_method(
        "knowledge", pb, "PrivacyService/EraseCustomer", pb.EraseCustomerRequest, pb.Erasure, idempotent=True
    ),
    WRITE_TIMEOUT_MS,
)
GET_ERASURE: Final = Remote(
    declare_method("knowledge", pb, "PrivacyService/GetErasure", pb.GetErasureRequest, pb.Erasure, idempotent=True),
    READ_TIMEOUT_MS,
)
LIST_ERASURES: Final = Remote(
    declare_method(
        "knowledge",
        pb,
        "PrivacyService/ListErasures",
        pb.ListErasuresRequest,
        pb.ListErasuresResponse,
        idempotent=True,
    ),
    READ_TIMEOUT_MS,
)
EXPORT_CUSTOMER: Final = Remote(
    declare_method(
        "knowledge",
        pb,
        "PrivacyService/ExportCustomer",
        pb.ExportCustomerRequest,
        operations_pb2.Operation,
        idempotent=True,
    ),
    WRITE_TIMEOUT_MS,
)
GET_EXPORT: Final = Remote(
    declare_method("knowledge", pb, "PrivacyService/GetExport", pb.GetExportRequest, pb.PersonExport, idempotent=True),
    READ_TIMEOUT_MS,
)
FIND_ERASED: Final = Remote(
    declare_method(
        "knowledge", pb, "PrivacyService/FindErased", pb.FindErasedRequest, pb.FindErasedResponse, idempotent=True
    ),
    READ_TIMEOUT_MS,
)
