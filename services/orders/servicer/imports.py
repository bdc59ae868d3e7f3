"""zhike.orders.v1.OrderImportService."""

from collections.abc import AsyncIterator
from typing import Any

from google.longrunning import operations_pb2
from zhike.orders.v1 import order_import_service_pb2_grpc
from zhike.type.v1 import import_pb2

from services.kits.imports.servicer import Uploads
from services.orders.domain.import_plan import ORDERS


class OrderImportServicer(order_import_service_pb2_grpc.OrderImportServiceServicer):
    """Files of orders in."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def ImportOrders(
        self, request_iterator: AsyncIterator[import_pb2.ImportRequest], context: Any
    ) -> operations_pb2.Operation:
        return await self._uploads.start(ORDERS, request_iterator)
