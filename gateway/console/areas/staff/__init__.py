"""Accounts, sign-in and the audit trail."""

from typing import Final

from gateway.console.areas.staff import account, audit, people, person, sign_in
from gateway.console.pages import Area

AREA: Final = Area(
    name="staff",
    pages=(
        people.PAGE,
        person.PAGE,
        audit.PAGE,
        account.PAGE,
        account.PASSWORD_PAGE,
        sign_in.PAGE,
        sign_in.SIGN_OUT_PAGE,
    ),
)
