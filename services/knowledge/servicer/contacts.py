"""zhike.knowledge.v1.ContactService."""

from typing import Any, Final

from zhike.knowledge.v1 import contact_pb2, contact_service_pb2_grpc
from zhike.knowledge.v1 import contact_service_pb2 as pb

from services.chassis.paging import decode_page_token, encode_page_token, page_size
from services.knowledge.domain.contacts import day_of
from services.knowledge.usecases.contacts import (
    PLANNED_AT_ONCE,
    ContactDesk,
    cancel_contact,
    complete_contact,
    contacts_of,
    count_days,
    count_overdue,
    create_contact,
    get_contact,
    list_contacts,
    move_contact,
    plan_contacts,
)
from services.knowledge.wire.contacts import (
    contact_to_pb,
    day_to_pb,
    deed_from_pb,
    outcome_from_pb,
    planned_to_pb,
    state_from_pb,
    wish_from_pb,
)

PAGE_CONTACTS: Final = 50
PAGE_LIMIT: Final = 200
CALENDAR_DAYS: Final = 35
PLANNED_BY_DEFAULT: Final = 200  # customers that a planning looks at
NOBODY: Final = "-"


class ContactServicer(contact_service_pb2_grpc.ContactServiceServicer):
    """The calendar of contacts."""

    def __init__(self, desk: ContactDesk) -> None:
        self._desk = desk

    async def CreateContact(self, request: pb.CreateContactRequest, context: Any) -> contact_pb2.Contact:
        wish = wish_from_pb(request)
        return contact_to_pb(await create_contact(self._desk, wish, actor=request.actor, request_id=request.request_id))

    async def GetContact(self, request: pb.GetContactRequest, context: Any) -> contact_pb2.Contact:
        return contact_to_pb(await get_contact(self._desk, request.id))

    async def ListContacts(self, request: pb.ListContactsRequest, context: Any) -> pb.ListContactsResponse:
        state, limit = (
            state_from_pb(request.state),
            page_size(request.page_size, default=PAGE_CONTACTS, maximum=PAGE_LIMIT),
        )
        if request.customer:
            found = await contacts_of(self._desk, request.customer, state=state, limit=limit)
            return pb.ListContactsResponse(contacts=map(contact_to_pb, found))
        query = {"list": "contacts", "day": request.day, "state": int(request.state)}
        listed, after = await list_contacts(
            self._desk,
            day=day_of(request.day, "day") if request.day else None,
            state=state,
            after=decode_page_token(request.page_token, query=query),
            limit=limit,
        )
        return pb.ListContactsResponse(
            contacts=map(contact_to_pb, listed),
            next_page_token="" if after is None else encode_page_token(after, query=query),
        )

    async def CountContactDays(self, request: pb.CountContactDaysRequest, context: Any) -> pb.CountContactDaysResponse:
        first = day_of(request.first_day, "first_day") if request.first_day else self._desk.today
        days = await count_days(self._desk, first, request.days or CALENDAR_DAYS)
        return pb.CountContactDaysResponse(
            days=map(day_to_pb, days), today=self._desk.today.isoformat(), overdue=await count_overdue(self._desk)
        )

    async def CompleteContact(self, request: pb.CompleteContactRequest, context: Any) -> pb.CompleteContactResponse:
        done, following = await complete_contact(
            self._desk, deed_from_pb(request.deed), outcome_from_pb(request.outcome), request.note
        )
        answer = pb.CompleteContactResponse(contact=contact_to_pb(done))
        if following is not None:
            answer.next.CopyFrom(contact_to_pb(following))
        return answer

    async def MoveContact(self, request: pb.MoveContactRequest, context: Any) -> contact_pb2.Contact:
        owner = None if not request.owner else "" if request.owner == NOBODY else request.owner
        day = day_of(request.day, "day") if request.day else None
        return contact_to_pb(await move_contact(self._desk, deed_from_pb(request.deed), day=day, owner=owner))

    async def CancelContact(self, request: pb.CancelContactRequest, context: Any) -> contact_pb2.Contact:
        return contact_to_pb(await cancel_contact(self._desk, deed_from_pb(request.deed), request.note))

    async def PlanContacts(self, request: pb.PlanContactsRequest, context: Any) -> pb.PlanContactsResponse:
        limit = page_size(request.limit, default=PLANNED_BY_DEFAULT, maximum=PLANNED_AT_ONCE)
        planned = await plan_contacts(
            self._desk, request.abc_class, shop=request.shop, after=request.after, limit=limit
        )
        return planned_to_pb(planned)
