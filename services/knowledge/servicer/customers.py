"""zhike.knowledge.v1.CustomerService."""

from collections.abc import AsyncIterator
from typing import Any

from google.longrunning import operations_pb2
from zhike.knowledge.v1 import customer_pb2, customer_service_pb2_grpc
from zhike.knowledge.v1 import customer_service_pb2 as pb
from zhike.type.v1 import import_pb2

from services.chassis.errors import InvalidArgumentError
from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.kits.imports.servicer import Uploads
from services.knowledge.domain.import_plan import CUSTOMERS
from services.knowledge.domain.statements import check_statement
from services.knowledge.store.names import NameStore
from services.knowledge.usecases.customers import (
    ABC_CLASSES,
    MAX_PAGE_CUSTOMERS,
    CustomerReading,
    get_account,
    get_customer,
    list_customers,
)
from services.knowledge.usecases.finding import (
    MAX_HITS,
    MAX_MONTHS,
    MAX_ORDERS,
    find_customers,
    purchase_history,
)
from services.knowledge.usecases.statements import (
    Request,
    Writing,
    merge_customers,
    set_consent,
    unmerge_customer,
    write_claims,
)
from services.knowledge.wire.customers import account_to_pb, customer_to_pb, history_to_pb, hit_to_pb

PAGE_CUSTOMERS = 50
FOUND_CUSTOMERS = 10
HISTORY_MONTHS = 13  # a year, and the same month of the year before
HISTORY_ORDERS = 20


class CustomerServicer(customer_service_pb2_grpc.CustomerServiceServicer):
    """Reads customers and writes what is said of them."""

    def __init__(self, reading: CustomerReading, writing: Writing, uploads: Uploads, names: NameStore) -> None:
        self._reading, self._writing, self._uploads, self._names = reading, writing, uploads, names

    async def GetCustomer(self, request: pb.GetCustomerRequest, context: Any) -> customer_pb2.Customer:
        return customer_to_pb(await get_customer(self._reading, request.id))

    async def ListCustomers(self, request: pb.ListCustomersRequest, context: Any) -> pb.ListCustomersResponse:
        if request.abc_class not in ("", *ABC_CLASSES):
            raise InvalidArgumentError("abc_class is A, B or C", field="abc_class")
        query = {"list": "customers", "abc_class": request.abc_class}
        customers, position = await list_customers(
            self._reading,
            after=decode_page_token(request.page_token, query=query) or "",
            limit=page_size(request.page_size, default=PAGE_CUSTOMERS, maximum=MAX_PAGE_CUSTOMERS),
            abc_class=request.abc_class,
        )
        return pb.ListCustomersResponse(
            customers=[customer_to_pb(each, habits=False) for each in customers],
            next_page_token=encode_page_token(position, query=query) if position else "",
        )

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> customer_pb2.Account:
        return account_to_pb(await get_account(self._reading, request.id))

    async def ImportCustomers(
        self, request_iterator: AsyncIterator[import_pb2.ImportRequest], context: Any
    ) -> operations_pb2.Operation:
        return await self._uploads.start(CUSTOMERS, request_iterator)

    async def WriteClaims(self, request: pb.WriteClaimsRequest, context: Any) -> customer_pb2.Customer:
        statement = check_statement(
            [(each.identifier, each.verified) for each in request.identifiers],
            claims={each.field: each.value for each in request.claims},
            consents=request.consents,
            account=request.account,
            source=request.source,
        )
        asked = Request(request.owner, request.request_id)
        return customer_to_pb(await write_claims(self._writing, statement, asked))

    async def MergeCustomers(self, request: pb.MergeCustomersRequest, context: Any) -> customer_pb2.Customer:
        asked = Request(request.owner, request.request_id)
        return customer_to_pb(await merge_customers(self._writing, request.ids, asked, reason=request.reason))

    async def UnmergeCustomer(self, request: pb.UnmergeCustomerRequest, context: Any) -> pb.UnmergeCustomerResponse:
        asked = Request(request.owner, request.request_id)
        customers = await unmerge_customer(self._writing, request.id, request.identifiers, asked, reason=request.reason)
        return pb.UnmergeCustomerResponse(customers=[customer_to_pb(each) for each in customers])

    async def SetConsent(self, request: pb.SetConsentRequest, context: Any) -> customer_pb2.Customer:
        customer = await set_consent(
            self._writing,
            request.id,
            Request(request.owner, request.request_id),
            purpose=request.purpose,
            granted=request.granted,
            source=request.source,
        )
        return customer_to_pb(customer)

    async def FindCustomers(self, request: pb.FindCustomersRequest, context: Any) -> pb.FindCustomersResponse:
        limit = page_size(request.limit, default=FOUND_CUSTOMERS, maximum=MAX_HITS)
        hits = await find_customers(self._reading, self._names, request.query, shop=request.shop, limit=limit)
        return pb.FindCustomersResponse(hits=map(hit_to_pb, hits))

    async def GetPurchaseHistory(
        self, request: pb.GetPurchaseHistoryRequest, context: Any
    ) -> customer_pb2.PurchaseHistory:
        history = await purchase_history(
            self._reading,
            self._writing.clock,
            request.id,
            months=page_size(request.months, default=HISTORY_MONTHS, maximum=MAX_MONTHS),
            orders=page_size(request.orders, default=HISTORY_ORDERS, maximum=MAX_ORDERS),
        )
        return history_to_pb(history)
