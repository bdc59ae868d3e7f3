"""Consent, export and erasure on a customer's request."""

from typing import Final

from gateway.console.areas.privacy import customer_data, receipts
from gateway.console.pages import Area

AREA: Final = Area(name="privacy", pages=(receipts.LIST, receipts.RECEIPT, customer_data.PAGE))
