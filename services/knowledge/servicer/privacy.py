"""zhike.knowledge.v1.PrivacyService."""

from typing import Any, Final

from google.longrunning import operations_pb2
from zhike.knowledge.v1 import privacy_service_pb2 as pb
from zhike.knowledge.v1 import privacy_service_pb2_grpc

from services.chassis.errors import InvalidArgumentError
from services.chassis.operations_servicer import operation_to_pb
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.kits.text.identifiers import parse_identifier
from services.knowledge.domain.identifiers import is_customer_id
from services.knowledge.usecases.erasing import Erasing, get_erasure, hidden_name, request_erasure
from services.knowledge.usecases.exporting import Exporting, get_export, start_export
from services.knowledge.usecases.statements import Request
from services.knowledge.wire.privacy import erasure_to_pb, export_to_pb

PAGE_ERASURES: Final = 50
MAX_PAGE_ERASURES: Final = 200
MAX_NAMES: Final = 1_000
_QUERY: Final = {"list": "erasures"}


class PrivacyServicer(privacy_service_pb2_grpc.PrivacyServiceServicer):
    """A person's own data."""

    def __init__(self, erasing: Erasing, exporting: Exporting, service: str) -> None:
        self._erasing, self._exporting, self._service = erasing, exporting, service

    async def EraseCustomer(self, request: pb.EraseCustomerRequest, context: Any) -> pb.Erasure:
        asked = Request(request.owner, request.request_id)
        name = request.id if is_customer_id(request.id) else parse_identifier(request.id)
        return erasure_to_pb(await request_erasure(self._erasing, name, asked, requested_by=request.requested_by))

    async def GetErasure(self, request: pb.GetErasureRequest, context: Any) -> pb.Erasure:
        return erasure_to_pb(await get_erasure(self._erasing, request.id))

    async def ListErasures(self, request: pb.ListErasuresRequest, context: Any) -> pb.ListErasuresResponse:
        erasures, position = await self._erasing.erasures.latest(
            after=decode_page_token(request.page_token, query=_QUERY),
            limit=page_size(request.page_size, default=PAGE_ERASURES, maximum=MAX_PAGE_ERASURES),
        )
        return pb.ListErasuresResponse(
            erasures=[erasure_to_pb(each) for each in erasures],
            next_page_token="" if position is None else encode_page_token(position, query=_QUERY),
        )

    async def ExportCustomer(self, request: pb.ExportCustomerRequest, context: Any) -> operations_pb2.Operation:
        asked = Request(request.owner, request.request_id)
        name = request.id if is_customer_id(request.id) else parse_identifier(request.id)
        return operation_to_pb(await start_export(self._exporting, name, asked), self._service)

    async def FindErased(self, request: pb.FindErasedRequest, context: Any) -> pb.FindErasedResponse:
        if len(request.names) > MAX_NAMES:
            raise InvalidArgumentError(f"at most {MAX_NAMES} names", field="names", limit=MAX_NAMES)
        suppression = self._erasing.suppression
        erased = {name: hidden_name(suppression, name) for name in request.names if suppression.is_erased(name)}
        return pb.FindErasedResponse(erased=erased, total=len(suppression))

    async def GetExport(self, request: pb.GetExportRequest, context: Any) -> pb.PersonExport:
        own = frozenset(parse_identifier(each) for each in request.only_identifiers)
        return export_to_pb(await get_export(self._exporting, request.id, own))
