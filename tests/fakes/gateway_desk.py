"""The service desk as the gateway sees it: one case, one contact, one purchase history, and what goes wrong."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from zhike.knowledge.v1 import case_pb2, contact_pb2, customer_pb2
from zhike.knowledge.v1 import case_service_pb2 as cases_pb
from zhike.knowledge.v1 import contact_service_pb2 as contacts_pb
from zhike.knowledge.v1 import customer_service_pb2 as customers_pb

from services.chassis.errors import ErrorKind, InvalidArgumentError, NotFoundError, ZhikeError

CASE_ID = "k-0123456789abcdef0123"
CONTACT_ID = "t-0123456789abcdef0123"
CASE_VERSION = 2
TIME = Timestamp(seconds=1_770_000_000)
DUE = Timestamp(seconds=1_770_086_400)
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"
DAY = "2026-12-01"


class DeskMovedError(ZhikeError):
    kind = ErrorKind.PRECONDITION
    reason = "VERSION_MISMATCH"


class NoCaseError(NotFoundError):
    reason = "CASE_NOT_FOUND"


class CauseMissingError(InvalidArgumentError):
    reason = "CAUSE_MISSING"


class FakeDesk:
    """The methods of CaseService and ContactService, and the desk's own of CustomerService, for FakeServices.

    ``found``: whether words name anybody.
    """

    found = True

    def _CreateCase(self, request: Any) -> Any:
        case = a_case()
        case.customer = request.customer
        return case

    def _GetCase(self, request: Any) -> Any:
        _own(request)
        _known(request.id, CASE_ID, "case")
        return a_case()

    def _ListCases(self, request: Any) -> Any:
        case = a_case()
        del case.history[:]
        return cases_pb.ListCasesResponse(cases=[case], next_page_token="next")

    def _CountCases(self, request: Any) -> Any:
        return cases_pb.CountCasesResponse(open=3, unassigned=1, due_soon=1, breached=1, answered=2, closed=40)

    def _ReplyCase(self, request: Any) -> Any:
        return _changed(request.deed)

    def _NoteCase(self, request: Any) -> Any:
        return _changed(request.deed)

    def _WriteCase(self, request: Any) -> Any:
        _own(request.deed)
        return _changed(request.deed)

    def _ReopenCase(self, request: Any) -> Any:
        return _changed(request.deed)

    def _AssignCase(self, request: Any) -> Any:
        return _changed(request.deed)

    def _CloseCase(self, request: Any) -> Any:
        if request.cause == case_pb2.CASE_CAUSE_UNSPECIFIED:
            raise CauseMissingError("a complaint is closed with its cause", field="cause")
        return _changed(request.deed)

    def _CreateContact(self, request: Any) -> Any:
        return a_contact()

    def _GetContact(self, request: Any) -> Any:
        _known(request.id, CONTACT_ID, "contact")
        return a_contact()

    def _ListContacts(self, request: Any) -> Any:
        return contacts_pb.ListContactsResponse(contacts=[a_contact()], next_page_token="")

    def _CountContactDays(self, request: Any) -> Any:
        days = [contact_pb2.ContactDay(day=f"2026-11-{day:02d}", planned=day, workday=True) for day in range(2, 31)]
        return contacts_pb.CountContactDaysResponse(days=days, today="2026-11-30", overdue=2)

    def _CompleteContact(self, request: Any) -> Any:
        _known(request.deed.id, CONTACT_ID, "contact")
        return contacts_pb.CompleteContactResponse(contact=a_contact(), next=a_contact())

    def _MoveContact(self, request: Any) -> Any:
        _known(request.deed.id, CONTACT_ID, "contact")
        return a_contact()

    def _CancelContact(self, request: Any) -> Any:
        _known(request.deed.id, CONTACT_ID, "contact")
        return a_contact()

    def _PlanContacts(self, request: Any) -> Any:
        return contacts_pb.PlanContactsResponse(planned=5, had_one=2, not_consented=1, not_reachable=1)

    def _FindCustomers(self, request: Any) -> Any:
        if not self.found:
            return customers_pb.FindCustomersResponse()
        hit = customers_pb.CustomerHit(
            customer_id="c-1", name=HOSTILE, matched_by="identifier", identifiers=["card:1000231"]
        )
        return customers_pb.FindCustomersResponse(hits=[hit])

    def _ListCustomers(self, request: Any) -> Any:
        customer = customer_pb2.Customer(id="c-1", purchases=customer_pb2.PurchaseSummary(orders=3))
        customer.facts.add(field="name", value=HOSTILE)
        return customers_pb.ListCustomersResponse(customers=[customer])

    def _GetPurchaseHistory(self, request: Any) -> Any:
        history = customer_pb2.PurchaseHistory(customer_id="c-1")
        for month in ("2026-10", "2026-11"):
            history.months.add(month=month, orders=2, spend=Money(currency_code="CNY", units=120))
        history.orders.add(
            shop="main",
            number="1001",
            kind="sale",
            time=TIME,
            channel="web",
            total=Money(currency_code="CNY", units=60),
            lines=2,
            product_ids=["p1"],
        )
        return history

    def _GetAccount(self, request: Any) -> Any:
        return customer_pb2.Account(
            id=request.id, kind="household", external_id="household:208", customer_ids=["c-1", "c-2"]
        )


def a_case() -> Any:
    """Return a complaint that nobody has answered yet, with hostile words."""
    case = case_pb2.Case(
        id=CASE_ID,
        kind=case_pb2.CASE_KIND_COMPLAINT,
        state=case_pb2.CASE_STATE_OPEN,
        customer="login:u42",
        shop="main",
        channel="web",
        order_number="1001",
        product_id="p1",
        title=HOSTILE,
        text=f"{HOSTILE}\nsecond line",
        opened_time=TIME,
        warn_time=DUE,
        due_time=DUE,
        life=1,
        version=CASE_VERSION,
        entries=2,
    )
    case.history.add(number=1, kind="opened", time=TIME, actor="customer")
    case.history.add(number=2, kind="noted", time=TIME, actor="staff:li", text=HOSTILE)
    return case


def a_contact() -> Any:
    """Return a planned call."""
    return contact_pb2.Contact(
        id=CONTACT_ID,
        customer="card:1000231",
        shop="main",
        kind=contact_pb2.CONTACT_KIND_TELEPHONE,
        purpose=contact_pb2.CONTACT_PURPOSE_CARE,
        state=contact_pb2.CONTACT_STATE_PLANNED,
        day=DAY,
        owner="staff:li",
        note=HOSTILE,
        planned_by="plan",
        planned_time=TIME,
        abc_class="A",
        version=1,
    )


def _own(request: Any) -> None:
    """The one case of the fake is the shopper's of the tests."""
    if request.only_customers and "login:u42" not in request.only_customers:
        raise NoCaseError("there is no case of this id", resource="case")


def _changed(deed: Any) -> Any:
    _known(deed.id, CASE_ID, "case")
    if deed.expected_version not in (0, CASE_VERSION):
        raise DeskMovedError("the case stands at another version; read it again")
    return a_case()


def _known(given: str, wanted: str, noun: str) -> None:
    if given != wanted:
        raise NoCaseError(f"there is no {noun} of this id", resource=noun)
