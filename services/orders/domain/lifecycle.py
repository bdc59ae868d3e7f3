"""The published lifecycle table: every type of fact about an order, its axis, its rank, and its words in zh and en.

The rank breaks ties between facts of one instant (events.py sorts by occurred time, rank, id), so it follows the order
in which things happen. Ranks leave gaps: a type that is added later finds its place and moves none of the others, for
a rank that changed would change what old histories say. docs/orders.md shows this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.kits.purchases import ORDER_PLACED


class Axis(StrEnum):
    """What a fact is about. Payment, production, shipment and return are the four axes of an order's state."""

    ORDER = "order"
    PAYMENT = "payment"
    PRODUCTION = "production"
    SHIPMENT = "shipment"
    RETURN = "return"
    PROMISE = "promise"
    RECORD = "record"  # about other facts


class Subject(StrEnum):
    """What a fact must name beside its order."""

    ORDER = "order"
    LINE = "line"
    SHIPMENT = "shipment"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Words:
    """One text in the languages of the shop."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class EventType:
    """A row of the table. ``own``: only this service writes it, nobody outside may send it."""

    name: str
    rank: int
    axis: Axis
    subject: Subject
    words: Words
    own: bool = False


LINE_CANCELLED: Final = "line-cancelled"
ORDER_CANCELLED: Final = "order-cancelled"
PAYMENT_AUTHORIZED: Final = "payment-authorized"
PAYMENT_FAILED: Final = "payment-failed"
PAYMENT_CAPTURED: Final = "payment-captured"
PAYMENT_VOIDED: Final = "payment-voided"
PAYMENT_REFUNDED: Final = "payment-refunded"
PRODUCTION_QUEUED: Final = "production-queued"
STAGE_ENTERED: Final = "stage-entered"
STAGE_COMPLETED: Final = "stage-completed"
PRODUCTION_COMPLETED: Final = "production-completed"
SHIPMENT_CREATED: Final = "shipment-created"
SHIPMENT_PICKED_UP: Final = "shipment-picked-up"
SHIPMENT_IN_TRANSIT: Final = "shipment-in-transit"
SHIPMENT_IN_CUSTOMS: Final = "shipment-in-customs"
SHIPMENT_SCANNED: Final = "shipment-scanned"
SHIPMENT_OUT_FOR_DELIVERY: Final = "shipment-out-for-delivery"
SHIPMENT_ATTEMPTED: Final = "shipment-attempted"
SHIPMENT_PICKUP_READY: Final = "shipment-pickup-ready"
SHIPMENT_EXCEPTION: Final = "shipment-exception"
SHIPMENT_REFUSED: Final = "shipment-refused"
SHIPMENT_DELIVERED: Final = "shipment-delivered"
SHIPMENT_RETURNING: Final = "shipment-returning"
SHIPMENT_RETURNED: Final = "shipment-returned"
SHIPMENT_LOST: Final = "shipment-lost"
SHIPMENT_CANCELLED: Final = "shipment-cancelled"
RETURN_REQUESTED: Final = "return-requested"
RETURN_APPROVED: Final = "return-approved"
RETURN_REJECTED: Final = "return-rejected"
RETURN_CANCELLED: Final = "return-cancelled"
RETURN_IN_TRANSIT: Final = "return-in-transit"
RETURN_RECEIVED: Final = "return-received"
PROMISE_MADE: Final = "promise-made"
DELAY_NOTIFIED: Final = "delay-notified"
CORRECTION: Final = "correction"


def _row(name: str, rank: int, axis: Axis, subject: Subject, zh: str, en: str, *, own: bool = False) -> EventType:
    return EventType(name, rank, axis, subject, Words(zh, en), own)


LIFECYCLE: Final = (
    _row(ORDER_PLACED, 100, Axis.ORDER, Subject.ORDER, "已下单", "Order placed"),
    _row(PROMISE_MADE, 150, Axis.PROMISE, Subject.ORDER, "预计送达时间更新", "Delivery estimate made", own=True),
    _row(PAYMENT_AUTHORIZED, 200, Axis.PAYMENT, Subject.ORDER, "付款已授权", "Payment authorised"),
    _row(PAYMENT_FAILED, 210, Axis.PAYMENT, Subject.ORDER, "付款失败", "Payment failed"),
    _row(PAYMENT_CAPTURED, 220, Axis.PAYMENT, Subject.ORDER, "已付款", "Paid"),
    _row(PAYMENT_VOIDED, 230, Axis.PAYMENT, Subject.ORDER, "付款授权已撤销", "Payment authorisation withdrawn"),
    _row(PRODUCTION_QUEUED, 300, Axis.PRODUCTION, Subject.LINE, "已排产", "Queued for production"),
    _row(STAGE_ENTERED, 310, Axis.PRODUCTION, Subject.LINE, "进入工序", "Production stage begun"),
    _row(STAGE_COMPLETED, 320, Axis.PRODUCTION, Subject.LINE, "完成工序", "Production stage completed"),
    _row(PRODUCTION_COMPLETED, 330, Axis.PRODUCTION, Subject.ORDER, "制作完成", "Production completed"),
    _row(SHIPMENT_CREATED, 400, Axis.SHIPMENT, Subject.SHIPMENT, "包裹已打包", "Parcel packed"),
    _row(SHIPMENT_PICKED_UP, 410, Axis.SHIPMENT, Subject.SHIPMENT, "快递已揽收", "Handed to the carrier"),
    _row(SHIPMENT_IN_TRANSIT, 420, Axis.SHIPMENT, Subject.SHIPMENT, "运输中", "In transit"),
    _row(SHIPMENT_IN_CUSTOMS, 430, Axis.SHIPMENT, Subject.SHIPMENT, "清关中", "In customs"),
    _row(SHIPMENT_SCANNED, 440, Axis.SHIPMENT, Subject.SHIPMENT, "物流更新", "Carrier update"),
    _row(SHIPMENT_OUT_FOR_DELIVERY, 450, Axis.SHIPMENT, Subject.SHIPMENT, "派送中", "Out for delivery"),
    _row(SHIPMENT_ATTEMPTED, 460, Axis.SHIPMENT, Subject.SHIPMENT, "派送未成功", "Delivery attempted"),
    _row(SHIPMENT_PICKUP_READY, 470, Axis.SHIPMENT, Subject.SHIPMENT, "待取件", "Ready for pick-up"),
    _row(SHIPMENT_EXCEPTION, 480, Axis.SHIPMENT, Subject.SHIPMENT, "运输异常", "Delivery problem"),
    _row(SHIPMENT_REFUSED, 490, Axis.SHIPMENT, Subject.SHIPMENT, "收件人拒收", "Refused by the recipient"),
    _row(SHIPMENT_RETURNING, 500, Axis.SHIPMENT, Subject.SHIPMENT, "退回途中", "On its way back to the sender"),
    _row(SHIPMENT_DELIVERED, 510, Axis.SHIPMENT, Subject.SHIPMENT, "已签收", "Delivered"),
    _row(SHIPMENT_RETURNED, 520, Axis.SHIPMENT, Subject.SHIPMENT, "已退回寄件人", "Back at the sender"),
    _row(SHIPMENT_LOST, 530, Axis.SHIPMENT, Subject.SHIPMENT, "包裹遗失", "Parcel lost"),
    _row(SHIPMENT_CANCELLED, 540, Axis.SHIPMENT, Subject.SHIPMENT, "包裹已取消", "Parcel cancelled"),
    _row(DELAY_NOTIFIED, 600, Axis.PROMISE, Subject.ORDER, "延误通知", "Delay announced", own=True),
    _row(LINE_CANCELLED, 700, Axis.ORDER, Subject.LINE, "商品已取消", "Item cancelled"),
    _row(ORDER_CANCELLED, 710, Axis.ORDER, Subject.ORDER, "订单已取消", "Order cancelled"),
    _row(RETURN_REQUESTED, 800, Axis.RETURN, Subject.RETURN, "已申请退货", "Return requested"),
    _row(RETURN_APPROVED, 810, Axis.RETURN, Subject.RETURN, "退货已同意", "Return approved"),
    _row(RETURN_REJECTED, 820, Axis.RETURN, Subject.RETURN, "退货未通过", "Return declined"),
    _row(RETURN_CANCELLED, 830, Axis.RETURN, Subject.RETURN, "退货已撤销", "Return withdrawn"),
    _row(RETURN_IN_TRANSIT, 840, Axis.RETURN, Subject.RETURN, "退货寄回中", "Return on its way back"),
    _row(RETURN_RECEIVED, 850, Axis.RETURN, Subject.RETURN, "退货已收到", "Return received"),
    _row(PAYMENT_REFUNDED, 900, Axis.PAYMENT, Subject.ORDER, "已退款", "Refunded"),
    _row(CORRECTION, 1000, Axis.RECORD, Subject.ORDER, "更正", "Correction"),
)
TYPES: Final[Mapping[str, EventType]] = {each.name: each for each in LIFECYCLE}
RANKS: Final[Mapping[str, int]] = {each.name: each.rank for each in LIFECYCLE}
# What a carrier can report: the one vocabulary into which every carrier's own words are mapped.
SCANS: Final = frozenset(each.name for each in LIFECYCLE if each.axis is Axis.SHIPMENT) - {
    SHIPMENT_CREATED,
    SHIPMENT_CANCELLED,
}


class Payment(StrEnum):
    """The axis of payment."""

    UNPAID = "unpaid"
    AUTHORIZED = "authorized"
    FAILED = "failed"
    VOIDED = "voided"
    PARTIALLY_PAID = "partially-paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially-refunded"
    REFUNDED = "refunded"


class Production(StrEnum):
    """The axis of production, of a line and of the order."""

    NONE = "none"
    QUEUED = "queued"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


class Shipping(StrEnum):
    """The axis of shipment, over all parcels of the order."""

    NOT_SHIPPED = "not-shipped"
    PACKED = "packed"
    PARTIALLY_SHIPPED = "partially-shipped"
    SHIPPED = "shipped"
    PARTIALLY_DELIVERED = "partially-delivered"
    DELIVERED = "delivered"


class Parcel(StrEnum):
    """The state of one shipment."""

    UNKNOWN = "unknown"  # scanned, but nobody said what it holds
    CREATED = "created"
    PICKED_UP = "picked-up"
    IN_TRANSIT = "in-transit"
    IN_CUSTOMS = "in-customs"
    OUT_FOR_DELIVERY = "out-for-delivery"
    ATTEMPTED = "attempted"
    PICKUP_READY = "pickup-ready"
    EXCEPTION = "exception"
    REFUSED = "refused"
    RETURNING = "returning"
    DELIVERED = "delivered"
    RETURNED = "returned-to-sender"
    LOST = "lost"
    CANCELLED = "cancelled"


class Returning(StrEnum):
    """The axis of return, of one return and over all of the order."""

    NONE = "none"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    REQUESTED = "requested"
    APPROVED = "approved"
    IN_TRANSIT = "in-transit"
    PARTIALLY_RETURNED = "partially-returned"
    RETURNED = "returned"


class Headline(StrEnum):
    """The one state that a person reads first."""

    EXPECTED = "expected"
    PLACED = "placed"
    PAID = "paid"
    IN_PRODUCTION = "in-production"
    READY = "ready"
    PARTIALLY_SHIPPED = "partially-shipped"
    SHIPPED = "shipped"
    OUT_FOR_DELIVERY = "out-for-delivery"
    PICKUP_READY = "pickup-ready"
    DELIVERY_PROBLEM = "delivery-problem"
    PARTIALLY_DELIVERED = "partially-delivered"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    CREDITED = "credited"


TERMINAL: Final = frozenset({Headline.DELIVERED, Headline.RETURNED, Headline.CANCELLED, Headline.CREDITED})
# A parcel's end. The physical fact that it was handed over holds against every other, whenever it is learned.
PARCEL_ENDS: Final = (Parcel.DELIVERED, Parcel.RETURNED, Parcel.LOST, Parcel.CANCELLED)
PARCEL_STATES: Final[Mapping[str, Parcel]] = {
    SHIPMENT_CREATED: Parcel.CREATED,
    SHIPMENT_PICKED_UP: Parcel.PICKED_UP,
    SHIPMENT_IN_TRANSIT: Parcel.IN_TRANSIT,
    SHIPMENT_IN_CUSTOMS: Parcel.IN_CUSTOMS,
    SHIPMENT_OUT_FOR_DELIVERY: Parcel.OUT_FOR_DELIVERY,
    SHIPMENT_ATTEMPTED: Parcel.ATTEMPTED,
    SHIPMENT_PICKUP_READY: Parcel.PICKUP_READY,
    SHIPMENT_EXCEPTION: Parcel.EXCEPTION,
    SHIPMENT_REFUSED: Parcel.REFUSED,
    SHIPMENT_RETURNING: Parcel.RETURNING,
    SHIPMENT_DELIVERED: Parcel.DELIVERED,
    SHIPMENT_RETURNED: Parcel.RETURNED,
    SHIPMENT_LOST: Parcel.LOST,
    SHIPMENT_CANCELLED: Parcel.CANCELLED,
}

PAYMENT_WORDS: Final[Mapping[Payment, Words]] = {
    Payment.UNPAID: Words("待付款", "Not paid"),
    Payment.AUTHORIZED: Words("付款已授权", "Authorised"),
    Payment.FAILED: Words("付款失败", "Failed"),
    Payment.VOIDED: Words("授权已撤销", "Withdrawn"),
    Payment.PARTIALLY_PAID: Words("部分付款", "Paid in part"),
    Payment.PAID: Words("已付款", "Paid"),
    Payment.PARTIALLY_REFUNDED: Words("部分退款", "Refunded in part"),
    Payment.REFUNDED: Words("已退款", "Refunded"),
}
PRODUCTION_WORDS: Final[Mapping[Production, Words]] = {
    Production.NONE: Words("现货", "Ready-made"),
    Production.QUEUED: Words("已排产", "Queued"),
    Production.IN_PROGRESS: Words("制作中", "Being made"),
    Production.COMPLETED: Words("制作完成", "Made"),
}
SHIPPING_WORDS: Final[Mapping[Shipping, Words]] = {
    Shipping.NOT_SHIPPED: Words("未发货", "Not shipped"),
    Shipping.PACKED: Words("已打包", "Packed"),
    Shipping.PARTIALLY_SHIPPED: Words("部分发货", "Shipped in part"),
    Shipping.SHIPPED: Words("已发货", "Shipped"),
    Shipping.PARTIALLY_DELIVERED: Words("部分送达", "Delivered in part"),
    Shipping.DELIVERED: Words("已送达", "Delivered"),
}
PARCEL_WORDS: Final[Mapping[Parcel, Words]] = {
    Parcel.UNKNOWN: Words("物流信息", "Carrier reports"),
    **{state: TYPES[name].words for name, state in PARCEL_STATES.items()},
}
RETURN_WORDS: Final[Mapping[Returning, Words]] = {
    Returning.NONE: Words("无退货", "No return"),
    Returning.CANCELLED: Words("退货已撤销", "Withdrawn"),
    Returning.REJECTED: Words("退货未通过", "Declined"),
    Returning.REQUESTED: Words("已申请退货", "Requested"),
    Returning.APPROVED: Words("退货已同意", "Approved"),
    Returning.IN_TRANSIT: Words("退货寄回中", "On its way back"),
    Returning.PARTIALLY_RETURNED: Words("部分退货", "Returned in part"),
    Returning.RETURNED: Words("已退货", "Returned"),
}
HEADLINE_WORDS: Final[Mapping[Headline, Words]] = {
    Headline.EXPECTED: Words("等待订单信息", "Waiting for the order's details"),
    Headline.PLACED: Words("已下单", "Order placed"),
    Headline.PAID: Words("已付款，待处理", "Paid, being prepared"),
    Headline.IN_PRODUCTION: Words("制作中", "Being made"),
    Headline.READY: Words("待发货", "Ready to ship"),
    Headline.PARTIALLY_SHIPPED: Words("部分发货", "Shipped in part"),
    Headline.SHIPPED: Words("运输中", "On its way"),
    Headline.OUT_FOR_DELIVERY: Words("派送中", "Out for delivery"),
    Headline.PICKUP_READY: Words("待取件", "Ready for pick-up"),
    Headline.DELIVERY_PROBLEM: Words("配送异常", "Delivery problem"),
    Headline.PARTIALLY_DELIVERED: Words("部分送达", "Delivered in part"),
    Headline.DELIVERED: Words("已送达", "Delivered"),
    Headline.RETURNED: Words("已退货", "Returned"),
    Headline.CANCELLED: Words("已取消", "Cancelled"),
    Headline.CREDITED: Words("已退款入账", "Credited"),
}


def rank_of(type_: str) -> int:
    """Return the rank of a type; one that this version does not know comes after all it knows."""
    return RANKS.get(type_, _BEHIND_ALL)


_BEHIND_ALL: Final = 10_000
