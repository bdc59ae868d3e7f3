"""zhike.reputation.v1.SourceService."""

from typing import Any, Final

from google.protobuf import empty_pb2
from zhike.reputation.v1 import source_service_pb2 as pb
from zhike.reputation.v1 import source_service_pb2_grpc

from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.reputation.store.sources import BrandStore
from services.reputation.usecases.sources import (
    MAX_PAGE_SOURCES,
    Watching,
    create_source,
    delete_source,
    get_source,
    list_sources,
    poll_source,
    put_brand,
    update_source,
)
from services.reputation.wire.sources import brand_from_pb, brand_to_pb, changes_from_pb, source_from_pb, source_to_pb

PAGE_SOURCES: Final = 50


class SourceServicer(source_service_pb2_grpc.SourceServiceServicer):
    """Sources and brands."""

    def __init__(self, watching: Watching, brands: BrandStore) -> None:
        self._watching, self._brands = watching, brands

    async def CreateSource(self, request: pb.CreateSourceRequest, context: Any) -> pb.Source:
        return source_to_pb(await create_source(self._watching, source_from_pb(request.source)))

    async def GetSource(self, request: pb.GetSourceRequest, context: Any) -> pb.Source:
        return source_to_pb(await get_source(self._watching, request.id))

    async def ListSources(self, request: pb.ListSourcesRequest, context: Any) -> pb.ListSourcesResponse:
        query = {"list": "sources"}
        views, after = await list_sources(
            self._watching,
            after=decode_page_token(request.page_token, query=query),
            limit=page_size(request.page_size, default=PAGE_SOURCES, maximum=MAX_PAGE_SOURCES),
        )
        return pb.ListSourcesResponse(
            sources=[source_to_pb(view) for view in views],
            next_page_token="" if after is None else encode_page_token(after, query=query),
        )

    async def UpdateSource(self, request: pb.UpdateSourceRequest, context: Any) -> pb.Source:
        view = await update_source(
            self._watching,
            changes_from_pb(request.source),
            request.update_mask.paths,
            expected_version=request.expected_version,
        )
        return source_to_pb(view)

    async def DeleteSource(self, request: pb.DeleteSourceRequest, context: Any) -> empty_pb2.Empty:
        await delete_source(self._watching, request.id, expected_version=request.expected_version)
        return empty_pb2.Empty()

    async def PollSource(self, request: pb.PollSourceRequest, context: Any) -> pb.Source:
        return source_to_pb(await poll_source(self._watching, request.id))

    async def ListBrands(self, request: pb.ListBrandsRequest, context: Any) -> pb.ListBrandsResponse:
        return pb.ListBrandsResponse(brands=[brand_to_pb(brand) for brand in await self._brands.all()])

    async def PutBrand(self, request: pb.PutBrandRequest, context: Any) -> pb.Brand:
        brand = await put_brand(self._brands, brand_from_pb(request.brand), expected_version=request.expected_version)
        return brand_to_pb(brand)

    async def DeleteBrand(self, request: pb.DeleteBrandRequest, context: Any) -> empty_pb2.Empty:
        await self._brands.delete(request.id, expected_version=request.expected_version)
        return empty_pb2.Empty()
