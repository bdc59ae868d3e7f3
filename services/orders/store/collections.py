"""The names under which orders keeps what it owns."""

from typing import Final

ORDER_EVENTS: Final = "order-events"
