"""The texts of estimates, promises and delay notices, in zh and en."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Final

from services.orders.domain.lifecycle import Words
from services.orders.domain.promise import Confidence, Reason
from services.orders.domain.promised import DelayNotice

CONFIDENCE_WORDS: Final[Mapping[Confidence, Words]] = {
    Confidence.HIGH: Words("把握较大", "Fairly sure"),
    Confidence.MEDIUM: Words("大致如此", "Likely"),
    Confidence.LOW: Words("仅供参考", "A rough guide"),
}
REASON_WORDS: Final[Mapping[Reason, Words]] = {
    Reason.PARCEL_PROBLEM: Words("配送途中遇到问题", "the parcel met a problem on its way"),
    Reason.OVERDUE: Words("这一步比平时慢", "this step takes longer than usual"),
    Reason.REWORK: Words("有工序需要返工", "part of the work is done again"),
    Reason.STAGE_UNKNOWN: Words("车间报告了计划外的工序", "the workshop reported a stage that is not in the plan"),
    Reason.CALENDAR_NOT_PUBLISHED: Words(
        "这段时间的节假日安排尚未公布", "the public holidays of that time are not published yet"
    ),
    Reason.CARRIER_SAYS: Words("依据承运商给出的时间", "by the carrier's own estimate"),
    Reason.WORKSHOP_SAYS: Words("依据车间给出的时间", "by the workshop's own estimate"),
    Reason.FEW_OBSERVATIONS: Words("可参考的历史记录还不多", "few orders like this one have been seen yet"),
    Reason.USUAL: Words("依据以往同类订单", "as orders like this one usually take"),
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_words(promise_time: datetime, zone: tzinfo) -> Words:
    """Return the day by whose end something is promised: 12月3日, 3 Dec. Midnight belongs to the day before it."""
    day = (promise_time - timedelta.resolution).astimezone(zone)
    return Words(f"{day.month}月{day.day}日", f"{day.day} {_MONTHS[day.month - 1]}")


def delay_words(notice: DelayNotice, reason: Reason, zone: tzinfo) -> Words:
    """Return the sentence that tells a delay: until when it was promised, until when it is now, and why."""
    was, now, why = day_words(notice.broken_time, zone), day_words(notice.promised_time, zone), REASON_WORDS[reason]
    return Words(
        f"抱歉，您的订单预计由{was.zh}延至{now.zh}送达：{why.zh}。",
        f"We are sorry: your order, promised by {was.en}, is now expected by {now.en}: {why.en}.",
    )
