"""One purchase, whoever tells of it: its words and bounds, whose it is, and which report of it holds.

A browser reports a purchase, the shop's own backend reports it again under the same number, and orders keeps it as a
fact: ``order-placed`` of the log ``order-events``, in the very form of a ``purchase-complete``. Whoever follows both
logs counts it once (docs/consistency.md rule 17): the fact replaces both reports, the backend's the browser's. Among
equals the later one holds, so that a corrected import replaces the earlier.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import IntEnum
from hashlib import blake2b
from typing import Any, Final

from services.kits.text.identifiers import anonymous_identifier

ORDER_EVENTS: Final = "order-events"
PURCHASE: Final = "purchase-complete"
ORDER_PLACED: Final = "order-placed"

SALE: Final = "sale"
RETURN: Final = "return"
GOODS: Final = "goods"
CHARGE: Final = "charge"
BY_BROWSER: Final = "browser"
BY_SHOP: Final = "shop"

MAX_SHOP_CHARACTERS: Final = 64
MAX_ORDER_NUMBER_CHARACTERS: Final = 64
MAX_ORDER_LINES: Final = 2_000
MAX_PRODUCT_ID_CHARACTERS: Final = 128
MAX_QUANTITY: Final = 1_000_000
FUTURE_TOLERANCE: Final = timedelta(minutes=5)  # of the clocks of those who tell

_CHANNEL: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


class Authority(IntEnum):
    """Who tells of an order, who is believed most last. Kept by number, so numbers never change their meaning."""

    BROWSER = 0
    SHOP = 1
    FACT = 2


def tells_of_purchase(event_type: str) -> bool:
    """Tell whether events of this type carry a purchase."""
    return event_type in (PURCHASE, ORDER_PLACED)


def authority_of(event_type: str, payload: Mapping[str, Any]) -> Authority:
    """Return how much a report of an order is believed."""
    if event_type == ORDER_PLACED:
        return Authority.FACT
    return Authority.SHOP if (payload.get("order") or {}).get("source") == BY_SHOP else Authority.BROWSER


def buyer_of(event_type: str, payload: Mapping[str, Any], *, subject: str) -> str:
    """Return the strongest identifier of who bought; an order of nobody is a visitor of its own.

    A user event's subject says so already, while an order fact's subject is the order.
    """
    if event_type != ORDER_PLACED:
        return subject
    identifiers = payload.get("identifiers")
    return str(identifiers[0]) if identifiers else anonymous_identifier(payload["shop"], payload["order"]["number"])


def order_key(shop: str, kind: str, number: str) -> str:
    """Return the key of the one fact that an order is."""
    return blake2b(f"{len(shop)}:{shop}{kind}:{number}".encode(), digest_size=16).hexdigest()


def is_channel(text: str) -> bool:
    """Tell whether the text can name a channel."""
    return _CHANNEL.fullmatch(text) is not None
