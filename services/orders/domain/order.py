"""An order as it stands: what the fold makes of its facts.

Money in minor units of its currency, times in microseconds since 1970 UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from services.chassis.canonical import canonical_json
from services.kits.purchases import RETURN
from services.orders.domain.events import OrderEvent, ParcelRef
from services.orders.domain.lifecycle import Headline, Parcel, Payment, Production, Returning, Shipping
from services.orders.domain.remarks import Remark
from services.orders.domain.stages import Progress

ID_BYTES: Final = 16
ORDER_PREFIX: Final = "o-"


@dataclass(frozen=True, slots=True)
class OrderRef:
    """The natural key of an order. Credit notes are numbered by themselves, and so are a load test's orders."""

    shop: str
    number: str
    kind: str = ""  # "return" of a credit note, else ""
    synthetic: bool = False

    @property
    def id(self) -> str:
        """The order's id; says nothing about the order to who does not know its number."""
        key = [self.shop, self.number, self.kind if self.kind == RETURN else "", self.synthetic]
        return ORDER_PREFIX + blake2b(canonical_json(key), digest_size=ID_BYTES).hexdigest()

    @property
    def subject(self) -> str:
        """The subject of all its events in the log, so that they lie in one partition."""
        return f"order:{self.shop}/{self.number}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was placed. ``is_charge``: postage or a fee, which is neither shipped nor returned."""

    number: int
    product_id: str
    quantity: int
    price_minor: int = 0
    total_minor: int = 0
    is_charge: bool = False


@dataclass(frozen=True, slots=True)
class Placing:
    """What was ordered. ``handed_over``: the goods left with the customer at once, as at a till.

    ``destination``: a country or its part, "pickup" for goods that are collected, "" where nobody said.
    """

    event_id: str
    placed_us: int
    zone: str
    channel: str
    kind: str
    identifiers: tuple[str, ...]
    currency: str
    total_minor: int
    lines: tuple[Line, ...]
    handed_over: bool = False
    destination: str = ""


@dataclass(frozen=True, slots=True)
class LineState:
    """Where the pieces of a line are: ordered = open + shipped + cancelled, returned <= delivered <= shipped.

    ``family``: of what is made to order and whose family was told, else ""; ``progress`` None: nothing was told of it.
    """

    line: Line
    open: int
    shipped: int
    cancelled: int
    delivered: int
    returned: int
    production: Production
    family: str = ""
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class ParcelState:
    """A shipment. ``contents``: line -> pieces that it holds of what was open; ``scans``: its facts' ids, in order."""

    ref: ParcelRef
    state: Parcel
    contents: Mapping[int, int]
    created_us: int | None
    handed_over_us: int | None
    delivered_us: int | None
    changed_us: int
    scans: tuple[str, ...]
    carrier_word: str = ""  # of the last scan, as the carrier wrote it

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.state in (Parcel.DELIVERED, Parcel.RETURNED, Parcel.LOST, Parcel.CANCELLED)


@dataclass(frozen=True, slots=True)
class ReturnState:
    """A return. ``requested`` and ``received``: line -> pieces; of the received, what was delivered before counts."""

    id: str
    state: Returning
    requested: Mapping[int, int]
    received: Mapping[int, int]
    changed_us: int


@dataclass(frozen=True, slots=True)
class PaymentState:
    """What was paid and given back."""

    state: Payment = Payment.UNPAID
    captured_minor: int = 0
    refunded_minor: int = 0
    paid_us: int | None = None


@dataclass(frozen=True, slots=True)
class StageVisit:
    """A line's stay in a production stage; ``left_us`` None: it is there still."""

    line: int
    stage: str
    entered_us: int
    left_us: int | None
    quantity: int | None
    event_id: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrderState:
    """The whole answer. ``history``: every fact once, in order, those that were taken back included (``void``)."""

    placing: Placing | None
    headline: Headline
    payment: PaymentState
    production: Production
    shipping: Shipping
    returning: Returning
    lines: tuple[LineState, ...]
    parcels: tuple[ParcelState, ...]
    returns: tuple[ReturnState, ...]
    visits: tuple[StageVisit, ...]
    promises: tuple[OrderEvent, ...]  # every version with its cause, the last is in force
    notices: tuple[OrderEvent, ...]
    remarks: tuple[Remark, ...]
    history: tuple[OrderEvent, ...]
    void: frozenset[str]
    changed_us: int  # the latest fact's time
