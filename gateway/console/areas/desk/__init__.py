"""The service desk: customers, cases, the contact calendar."""

from typing import Final

from gateway.console.areas.desk import (
    attention,
    case_list,
    case_page,
    contact_calendar,
    customer_page,
    customers,
)
from gateway.console.pages import Area

AREA: Final = Area(
    name="desk",
    pages=(
        case_list.PAGE,
        case_page.PAGE,
        customers.PAGE,
        customer_page.PAGE,
        contact_calendar.PAGE,
        contact_calendar.ONE_PAGE,
    ),
    cards=attention.CARDS,
    finders=attention.FINDERS,
    topics=attention.TOPICS,
)
