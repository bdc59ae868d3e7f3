"""Accounts, sign-in and the audit trail."""

from typing import Final

from gateway.console.pages import Area

AREA: Final = Area(name="staff")
