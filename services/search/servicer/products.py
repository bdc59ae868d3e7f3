"""zhike.search.v1.ProductService."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from google.longrunning import operations_pb2
from zhike.search.v1 import product_pb2, product_service_pb2, product_service_pb2_grpc
from zhike.type.v1 import answer_pb2, import_pb2

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.operations import Operations
from services.chassis.operations_servicer import operation_to_pb
from services.search.domain.catalog_file import check_columns, check_options
from services.search.domain.errors import ImportConfigError, ImportTooLargeError
from services.search.domain.product import SHOP_LIMIT, product_to_json
from services.search.store.products import ProductStore
from services.search.usecases.catalog import Announce, get_product, get_products, update_product
from services.search.wire.products import edit_from_pb, product_to_pb

IMPORT_KIND: Final = "import-products"
CHUNK_LIMIT_BYTES: Final = 1024 * 1024
_FORMATS: Final = {import_pb2.IMPORT_FORMAT_NDJSON: "ndjson", import_pb2.IMPORT_FORMAT_CSV: "csv"}


@dataclass(frozen=True, slots=True)
class ProductPorts:
    """What products are served from."""

    store: ProductStore
    artifacts: ArtifactStore
    operations: Operations
    clock: Clock
    announce: Announce
    upload_limit_bytes: int


class ProductServicer(product_service_pb2_grpc.ProductServiceServicer):
    """The catalogue."""

    def __init__(self, ports: ProductPorts) -> None:
        self._ports = ports

    async def GetProduct(
        self, request: product_service_pb2.GetProductRequest, context: Any
    ) -> product_service_pb2.GetProductResponse:
        product = await get_product(self._ports.store, request.id)
        response = product_service_pb2.GetProductResponse(version=product.version)
        if request.format == answer_pb2.ANSWER_FORMAT_JSON:
            response.json = orjson.dumps(product_to_json(product))
        else:
            response.product.CopyFrom(product_to_pb(product))
        return response

    async def BatchGetProducts(
        self, request: product_service_pb2.BatchGetProductsRequest, context: Any
    ) -> product_service_pb2.BatchGetProductsResponse:
        products = await get_products(self._ports.store, list(request.ids))
        return product_service_pb2.BatchGetProductsResponse(products=[product_to_pb(each) for each in products])

    async def UpdateProduct(
        self, request: product_service_pb2.UpdateProductRequest, context: Any
    ) -> product_pb2.Product:
        ports = self._ports
        return product_to_pb(await update_product(ports.store, edit_from_pb(request), ports.clock, ports.announce))

    async def ImportProducts(
        self, request_iterator: AsyncIterator[import_pb2.ImportRequest], context: Any
    ) -> operations_pb2.Operation:
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("config"):
            raise ImportConfigError("the first message of an upload is its configuration", field="config")
        arguments = arguments_from_pb(first.config)
        blob = await self._ports.artifacts.put(self._chunks(request_iterator))
        operation = await self._ports.operations.start(
            IMPORT_KIND,
            {**arguments, "file": blob.digest},
            request_id=first.config.request_id,
            owner=first.config.owner,
        )
        return operation_to_pb(operation, "search")

    async def _chunks(self, requests: AsyncIterator[import_pb2.ImportRequest]) -> AsyncIterator[bytes]:
        """Yield the file's bytes as they come. Raises ImportTooLargeError, ImportConfigError."""
        total, limit = 0, self._ports.upload_limit_bytes
        async for request in requests:
            if not request.HasField("chunk"):
                raise ImportConfigError("the configuration comes once, first", field="config")
            total += len(request.chunk)
            if total > limit or len(request.chunk) > CHUNK_LIMIT_BYTES:
                raise ImportTooLargeError(
                    f"a file has at most {limit} bytes, a chunk {CHUNK_LIMIT_BYTES}", field="file", limit=limit
                )
            yield request.chunk


def arguments_from_pb(config: import_pb2.ImportConfig) -> dict[str, Any]:
    """Return the arguments of an import operation. Raises ImportConfigError."""
    if config.format not in _FORMATS:
        raise ImportConfigError("format is NDJSON or CSV", field="format")
    if len(config.shop) > SHOP_LIMIT:
        raise ImportConfigError(f"a shop has at most {SHOP_LIMIT} characters", field="shop")
    options = dict(config.options)
    check_options(_FORMATS[config.format], options)
    check_columns(dict(config.columns))
    return {
        "format": _FORMATS[config.format],
        "shop": config.shop,
        "dry_run": config.dry_run,
        "columns": dict(config.columns),
        "options": options,
    }
