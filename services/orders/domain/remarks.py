"""What a fact says that does not fit the other facts of its order: kept and shown, never repaired and never silent.

A remark is no refusal. Facts arrive in any order, so a remark may vanish when the fact arrives that explains it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.orders.domain.lifecycle import Words


class Doubt(StrEnum):
    """What does not fit."""

    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    LINE_UNKNOWN = "LINE_UNKNOWN"
    SHIPMENT_UNKNOWN = "SHIPMENT_UNKNOWN"
    SHIPMENT_OF_ANOTHER_ORDER = "SHIPMENT_OF_ANOTHER_ORDER"
    RETURN_UNKNOWN = "RETURN_UNKNOWN"
    TYPE_UNKNOWN = "TYPE_UNKNOWN"
    STAGE_UNKNOWN = "STAGE_UNKNOWN"
    CARRIER_WORD_UNKNOWN = "CARRIER_WORD_UNKNOWN"
    CORRECTED_EVENT_UNKNOWN = "CORRECTED_EVENT_UNKNOWN"
    ORDER_PLACED_TWICE = "ORDER_PLACED_TWICE"
    SHIPMENT_CREATED_TWICE = "SHIPMENT_CREATED_TWICE"
    RETURN_REQUESTED_TWICE = "RETURN_REQUESTED_TWICE"
    OVER_SHIPPED = "OVER_SHIPPED"
    OVER_CANCELLED = "OVER_CANCELLED"
    OVER_RETURNED = "OVER_RETURNED"
    OVER_PAID = "OVER_PAID"
    OVER_REFUNDED = "OVER_REFUNDED"
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    BEFORE_ORDER = "BEFORE_ORDER"
    HANDED_OVER_BEFORE_PAYMENT = "HANDED_OVER_BEFORE_PAYMENT"
    SCANNED_AFTER_END = "SCANNED_AFTER_END"
    REWORK = "REWORK"
    EVENTS_DROPPED = "EVENTS_DROPPED"


@dataclass(frozen=True, slots=True)
class Remark:
    """A doubt about one fact. ``quantity``: pieces, or minor units of money, that found no place."""

    doubt: Doubt
    event_id: str
    line: int = 0
    quantity: int = 0


DOUBT_WORDS: Final[Mapping[Doubt, Words]] = {
    Doubt.ORDER_UNKNOWN: Words("还没有收到这个订单的下单信息", "nobody has told of this order being placed"),
    Doubt.LINE_UNKNOWN: Words("订单中没有这一行", "the order has no such line"),
    Doubt.SHIPMENT_UNKNOWN: Words("还没有收到这个包裹的发货信息", "nobody has told what this parcel holds"),
    Doubt.SHIPMENT_OF_ANOTHER_ORDER: Words("这个包裹属于另一个订单", "the parcel belongs to another order"),
    Doubt.RETURN_UNKNOWN: Words("还没有收到这个退货的申请", "nobody has told of this return being requested"),
    Doubt.TYPE_UNKNOWN: Words("这个版本不认识该事件类型", "this version does not know the event's type"),
    Doubt.STAGE_UNKNOWN: Words("工序表中没有这道工序", "the production template has no such stage"),
    Doubt.CARRIER_WORD_UNKNOWN: Words(
        "无法识别的物流状态，已原样保存", "a carrier's word that no table knows, kept as it came"
    ),
    Doubt.CORRECTED_EVENT_UNKNOWN: Words("被更正的事件还没有收到", "the event that is corrected has not arrived"),
    Doubt.ORDER_PLACED_TWICE: Words("同一订单又有一份下单信息", "the order was placed a second time"),
    Doubt.SHIPMENT_CREATED_TWICE: Words("同一包裹又有一份发货信息", "the parcel was packed a second time"),
    Doubt.RETURN_REQUESTED_TWICE: Words("同一退货又有一份申请", "the return was requested a second time"),
    Doubt.OVER_SHIPPED: Words("发货数量超过了未发数量", "more was shipped than was open"),
    Doubt.OVER_CANCELLED: Words("取消数量超过了未发数量", "more was cancelled than was open"),
    Doubt.OVER_RETURNED: Words("退货数量超过了送达数量", "more came back than was delivered"),
    Doubt.OVER_PAID: Words("付款超过了订单金额", "more was paid than the order's total"),
    Doubt.OVER_REFUNDED: Words("退款超过了付款", "more was refunded than was paid"),
    Doubt.CURRENCY_DIFFERS: Words(
        "币种与订单不同，金额未计入", "another currency than the order's; the amount is not counted"
    ),
    Doubt.BEFORE_ORDER: Words("发生时间早于下单时间", "it happened before the order was placed"),
    Doubt.HANDED_OVER_BEFORE_PAYMENT: Words("付款之前已交给快递", "handed to the carrier before it was paid"),
    Doubt.SCANNED_AFTER_END: Words("包裹已有结果之后的物流更新", "a scan dated after the parcel's end"),
    Doubt.REWORK: Words("返工：回到了之前的工序", "rework: an earlier stage was entered again"),
    Doubt.EVENTS_DROPPED: Words("事件过多，之后的未记入", "too many events; later ones are not counted"),
}
