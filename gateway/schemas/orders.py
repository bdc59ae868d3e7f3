"""What the shop tells of orders, and what is read of them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.schemas.forms import AnyObject, IdentifierText, Money, Read, RequestId, Shown
from gateway.schemas.promises import Estimate, LineProgress, OrderPromise
from gateway.schemas.storefront import VerdictError

TwoLanguages = Annotated[
    dict[str, str], Field(description="By language: zh, en.", examples=[{"zh": "运输中", "en": "On its way"}])
]
Number = Annotated[str, Field(min_length=1, max_length=64, examples=["1001"], description="The shop's own number.")]
Zone = Annotated[
    str,
    Field(max_length=64, examples=["Asia/Shanghai"], description="The zone of the time, where it names none."),
]
Quantity = Annotated[int, Field(ge=1, le=1_000_000)]
LineNumber = Annotated[int, Field(ge=0, le=1_000_000)]
Raw = Annotated[Any, Field(description="What the source sent, as it came; at most 16 KiB.")]
OrderKind = Literal["sale", "return"]


class OrderedProduct(Read):
    """A line. Discounts are money off the whole line."""

    id: Annotated[str, Field(min_length=1, max_length=128)]
    quantity: Quantity = 1
    price: Annotated[Money | None, Field(description="Of one piece, before discount.")] = None
    discount: Money | None = None
    coupon_discount: Money | None = None
    line: Annotated[LineNumber | None, Field(description="Its number; without one it is its place, from 1.")] = None
    kind: Annotated[Literal["goods", "charge"] | None, Field(description="charge: postage, a fee.")] = None


class OrderName(Read):
    """Which order."""

    number: Number
    shop: Annotated[str | None, Field(min_length=1, max_length=64)] = None


class Pieces(Read):
    """Pieces of a line; without quantity all of it."""

    line: LineNumber
    quantity: Quantity | None = None


class NewOrder(Read):
    """An order to be placed."""

    number: Number
    time: Annotated[datetime, Field(description="When it was placed, with its zone or beside one.")]
    products: Annotated[list[OrderedProduct], Field(min_length=1, max_length=2_000)]
    shop: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    kind: Annotated[OrderKind | None, Field(description="return: a credit note whose original is not known.")] = None
    zone: Zone | None = None
    channel: Annotated[str | None, Field(max_length=32, examples=["web"])] = None
    identifiers: Annotated[list[IdentifierText], Field(max_length=8, description="Whose it is.")] = []
    total: Annotated[Money | None, Field(description="Without it, the sum of the lines less discounts.")] = None
    attribution_token: Annotated[str | None, Field(max_length=1_024)] = None
    handed_over: Annotated[bool | None, Field(description="The goods left with the customer at once.")] = None
    destination: Annotated[
        str | None,
        Field(pattern="^(pickup|[A-Z]{2}(-[A-Z0-9]{1,3})?)$", description="Country or its part, or pickup."),
    ] = None
    raw: Raw = None
    request_id: RequestId = ""


class NewShipment(Read):
    """A parcel to be packed."""

    order: OrderName
    carrier: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$", examples=["sf-express"])]
    tracking_number: Annotated[str, Field(min_length=1, max_length=64)]
    time: Annotated[datetime, Field(description="When it was packed.")]
    ship_date: Annotated[
        str | None, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="Without it, the day of the time.")
    ] = None
    zone: Zone | None = None
    items: Annotated[list[Pieces], Field(max_length=2_000, description="Without any, all that is open.")] = []
    raw: Raw = None
    request_id: RequestId = ""


class NewReturn(Read):
    """A return to be opened."""

    order: OrderName
    time: Annotated[datetime, Field(description="When it was asked for.")]
    items: Annotated[list[Pieces], Field(min_length=1, max_length=2_000)]
    id: Annotated[str | None, Field(min_length=1, max_length=64, description="The shop's own number of it.")] = None
    zone: Zone | None = None
    reason: Annotated[str | None, Field(max_length=500)] = None
    raw: Raw = None
    request_id: RequestId = ""


class ShipmentName(Shown):
    """A parcel's natural key."""

    carrier: str
    tracking_number: str
    ship_date: str = ""


class CorrectedFact(Shown):
    """A fact by its source's own id."""

    id: str
    source: Annotated[str, Field(description="Without it, that of the correction.")] = ""


class OrderFact(Shown):
    """Something that happened to an order. Which fields a type needs, docs/orders.md says."""

    type: Annotated[str, Field(description="A word of the published lifecycle table.", examples=["shipment-picked-up"])]
    time: datetime
    zone: str = ""
    id: Annotated[str, Field(max_length=128, description="The source's own; without it, its content names it.")] = ""
    source: Annotated[str, Field(max_length=64, description="Who tells it; shop without.")] = ""
    order: OrderName | None = None
    line: int | None = None
    quantity: int | None = None
    items: list[Pieces] = []
    shipment: ShipmentName | None = None
    return_id: str = ""
    corrects: list[CorrectedFact] = []
    raw: Any = None
    identifiers: list[IdentifierText] = []
    products: list[OrderedProduct] = []
    channel: str = ""
    attribution_token: str = ""
    handed_over: bool = False
    destination: str = ""
    expected_time: Annotated[
        datetime | None, Field(description="When who does the work expects to be done with it.")
    ] = None
    amount: Money | None = None
    stage: str = ""
    family: str = ""
    carrier_word: str = ""
    detail: str = ""
    place: str = ""
    text: str = ""
    reason: str = ""


class OrderFacts(Shown):
    """Facts of one request."""

    events: Annotated[list[OrderFact], Field(min_length=1, max_length=500)]


class FactRemark(Shown):
    """Something that does not fit, as far as was known when the fact was told."""

    reason: str
    words: TwoLanguages
    line: int
    quantity: int


class OrderFactVerdict(Shown):
    """What became of one fact."""

    id: str
    status: Literal["stored", "duplicate", "rejected"]
    event_id: str = ""
    order_id: str = ""
    remarks: list[FactRemark] = []
    error: VerdictError | None = None


class OrderFactVerdicts(Shown):
    """One verdict for each fact, in order; stored ones are durable."""

    verdicts: list[OrderFactVerdict]
    stored: int
    duplicate: int
    rejected: int


class Item(Shown):
    """Pieces of a line; 0 means all of it."""

    line: int
    quantity: int


class OrderLine(Shown):
    """A line: quantity = open + shipped + cancelled, returned ≤ delivered ≤ shipped."""

    number: int
    product_id: str
    quantity: int
    open: int
    shipped: int
    cancelled: int
    delivered: int
    returned: int
    price: Money | None
    total: Money | None
    is_charge: bool
    production: str
    production_words: TwoLanguages
    progress: LineProgress | None
    estimate: Annotated[Estimate | None, Field(description="Of what is open of it.")]


class Shipment(Shown):
    """A parcel."""

    id: str
    carrier: str
    tracking_number: str
    ship_date: str
    state: str
    words: TwoLanguages
    items: list[Item]
    create_time: datetime | None
    hand_over_time: datetime | None
    delivery_time: datetime | None
    change_time: datetime | None
    carrier_word: str


class Return(Shown):
    """Goods on their way back."""

    id: str
    state: str
    words: TwoLanguages
    requested: list[Item]
    received: list[Item]
    change_time: datetime | None


class Payment(Shown):
    """What was paid and given back."""

    state: str
    words: TwoLanguages
    total: Money | None
    captured: Money | None
    refunded: Money | None
    pay_time: datetime | None


class OrderEvent(Shown):
    """A fact as it is kept. A void one was taken back."""

    id: str
    seq: int
    type: str
    words: TwoLanguages
    source: str
    source_event_id: str
    occurred_time: datetime
    zone: str
    recorded_time: datetime | None
    items: list[Item]
    shipment_id: str
    return_id: str
    corrects: list[str]
    void: bool
    stage: str
    carrier_word: str
    place: str
    text: str
    reason: str
    amount: Money | None
    detail: str
    detail_words: Annotated[TwoLanguages | None, Field(description="The stage, the detail or the delay in words.")]


class OrderRemark(Shown):
    """Something that does not fit the other facts."""

    reason: str
    words: TwoLanguages
    event_id: str
    line: int
    quantity: int


class Order(Shown):
    """An order as it stands."""

    id: str
    shop: str
    number: str
    kind: OrderKind
    version: int
    headline: Annotated[str, Field(description="The one state that a person reads first.", examples=["shipped"])]
    headline_words: TwoLanguages
    ended: Annotated[bool, Field(description="Nothing that a carrier reports moves it any more.")]
    payment: Payment | None
    production: str
    production_words: TwoLanguages
    shipping: str
    shipping_words: TwoLanguages
    returning: str
    returning_words: TwoLanguages
    lines: list[OrderLine]
    shipments: list[Shipment]
    returns: list[Return]
    events: list[OrderEvent]
    remarks: list[OrderRemark]
    place_time: datetime | None
    zone: str
    channel: str
    change_time: datetime | None
    identifiers: list[str]
    linked_data: Annotated[AnyObject, Field(description="schema.org Order as JSON-LD.")]
    promise: OrderPromise | None


class ShipmentReceipt(Shown):
    """The parcel, and what does not fit."""

    order_id: str
    shipment: Shipment
    remarks: list[OrderRemark]
    created: bool


class ReturnReceipt(Shown):
    """The return, and what does not fit."""

    order_id: str
    goods: Return
    remarks: list[OrderRemark]
    created: bool


class AccessTokenRequest(Read):
    """How long the token lives."""

    life_s: Annotated[int, Field(ge=1, le=86_400, description="Seconds until it ends.")] = 86_400


class AccessTokenAnswer(Shown):
    """A token that shows one order."""

    token: str
    order_id: str
    expire_time: datetime
