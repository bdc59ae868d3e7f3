"""What needs the desk now, what its search box finds, and what moves while its pages are open."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from zhike.knowledge.v1 import case_pb2, contact_pb2
from zhike.knowledge.v1 import case_service_pb2 as pb
from zhike.knowledge.v1 import contact_service_pb2 as contacts_pb

from gateway.console.areas.desk.wording import DESK, kind_of, short_id, state_of, way_of
from gateway.console.live import Polled
from gateway.console.pages import Attention, Card, Finder, Found, Topic
from gateway.console.visit import Visit
from gateway.desk_clients import COUNT_CASES, COUNT_CONTACT_DAYS, GET_CASE, LIST_CASES, LIST_CONTACTS
from services.chassis.errors import ErrorKind, ZhikeError

SHOWN: Final = 4
LOOKED_AT: Final = 50  # of the longest waiting
EVERY_S: Final = 5.0
CASE_ID_SHORTEST: Final = 6
ORDER_LIMIT: Final = 64


async def cases(visit: Visit) -> Attention:
    """Cases whose answer is late or due soon, the longest waiting first."""
    standing, listed = await asyncio.gather(
        COUNT_CASES.briefly(visit.parts.caller, pb.CountCasesRequest()),
        LIST_CASES.briefly(
            visit.parts.caller, pb.ListCasesRequest(state=case_pb2.CASE_STATE_OPEN, page_size=LOOKED_AT)
        ),
    )
    pressing = [case for case in listed.cases if case.breached or case.warned][:SHOWN]
    return Attention(
        "desk.attention.cases",
        visit.link("/cases"),
        standing.breached + standing.due_soon,
        "bad" if standing.breached else "warn",
        [
            (f"{case.title[:60]} · {visit.formats.ago(case.due_time)}", visit.link("/cases/{id}", id=case.id))
            for case in pressing
        ],
    )


async def contacts(visit: Visit) -> Attention:
    """Contacts that are due today or overdue."""
    caller = visit.parts.caller
    counted = await COUNT_CONTACT_DAYS.briefly(caller, contacts_pb.CountContactDaysRequest(days=1))
    today = sum(day.planned for day in counted.days)
    planned = contact_pb2.CONTACT_STATE_PLANNED
    request = contacts_pb.ListContactsRequest(day=counted.today, state=planned, page_size=SHOWN)
    listed = (await LIST_CONTACTS.briefly(caller, request)).contacts
    return Attention(
        "desk.attention.contacts",
        visit.link("/contacts"),
        today + counted.overdue,
        "warn" if counted.overdue else "info",
        [
            (
                f"{visit.words(f'contacts.way.{way_of(each)}')} · {each.customer}",
                visit.link("/contacts/{id}", id=each.id),
            )
            for each in listed
        ],
    )


async def find_cases(visit: Visit, text: str, wanted: int) -> Sequence[Found]:
    """Look for a case by its id or the beginning of it, or for those about an order."""
    caller, found = visit.parts.caller, list[case_pb2.Case]()
    if text.startswith("k-") and len(text) >= CASE_ID_SHORTEST:
        try:
            found.append(await GET_CASE.briefly(caller, pb.GetCaseRequest(id=text[:64])))
        except ZhikeError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
    elif " " not in text and len(text) <= ORDER_LIMIT:
        request = pb.ListCasesRequest(order_number=text, page_size=wanted)
        found.extend((await LIST_CASES.briefly(caller, request)).cases)
    return [
        Found(
            case.title,
            visit.link("/cases/{id}", id=case.id),
            " · ".join(
                (
                    short_id(case.id),
                    visit.words(f"cases.kind.{kind_of(case)}"),
                    visit.words(f"cases.state.{state_of(case)}"),
                )
            ),
        )
        for case in found
    ]


async def read_cases(parts: Any, _shop: str) -> tuple[str, int | None]:
    """Say how the desk stands in one line; the number is of cases that are late or due soon."""
    standing = await COUNT_CASES.briefly(parts.caller, pb.CountCasesRequest())
    text = f"{standing.open}/{standing.unassigned}/{standing.due_soon}/{standing.breached}/{standing.answered}"
    return f"{text}/{standing.closed}", standing.breached + standing.due_soon


CARDS: Final = (Card("cases", DESK, cases, ("cases",)), Card("contacts", DESK, contacts))
FINDERS: Final = (Finder("cases", "desk.search.cases", DESK, find_cases, "cases"),)
TOPICS: Final = (Topic("cases", DESK, Polled(read_cases, every_s=EVERY_S).follow),)
