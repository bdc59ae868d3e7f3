"""Promises and progress on the wire: every number has its words, days are the shop's."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from zhike.orders.v1 import promise_pb2 as pb

from services.kits.times import micros
from services.orders.domain.events import OrderEvent, Portion
from services.orders.domain.folding import fold_order
from services.orders.domain.offers import Offer
from services.orders.domain.order import OrderRef
from services.orders.domain.promise import Confidence, Estimate, Reason
from services.orders.domain.promise_facts import LinePromise, delay_fact, promise_fact
from services.orders.domain.promise_words import delay_words
from services.orders.domain.promised import Cause, DelayNotice, PromiseVersion
from services.orders.usecases.reading import OrderAnswer
from services.orders.wire.orders import Wording, order_to_pb
from services.orders.wire.promises import offer_to_pb
from tests.strategies.orders import parcel, placed, told

SHANGHAI = ZoneInfo("Asia/Shanghai")
REF = OrderRef("main", "7")
NOW = datetime(1970, 1, 1, 1, tzinfo=UTC)
FOUND = Estimate(
    p10=datetime(2026, 12, 2, 3, tzinfo=UTC),
    p50=datetime(2026, 12, 2, 9, tzinfo=UTC),
    p90=datetime(2026, 12, 3, 9, tzinfo=UTC),
    promise_time=datetime(2026, 12, 3, 16, tzinfo=UTC),  # midnight in Shanghai
    confidence=Confidence.MEDIUM,
    reasons=(Reason.CALENDAR_NOT_PUBLISHED, Reason.REWORK),
    samples=40,
)
WORDING = Wording(SHANGHAI)


def promise(number: int = 1, line: int = 1) -> OrderEvent:
    version = PromiseVersion(number, NOW, FOUND, Cause("order-placed", "e1"))
    return promise_fact(REF, version, [LinePromise(line, FOUND, "cakes")], cause_seq=1).fact


def delay() -> OrderEvent:
    notice = DelayNotice(1, 1, FOUND.promise_time, datetime(2026, 12, 5, 16, tzinfo=UTC))
    words = delay_words(notice, Reason.REWORK, SHANGHAI)
    return delay_fact(REF, notice, words, Reason.REWORK, now=NOW).fact


def stage(name: str, at: int) -> OrderEvent:
    return told(f"{name}-{at}", "stage-entered", at, portions=(Portion(1),), details={"stage": name})


def order(*events: OrderEvent, for_shop: bool = False) -> pb.OrderPromise:
    return order_to_pb(OrderAnswer(REF, fold_order([placed(1), *events]), 3), for_shop=for_shop, wording=WORDING)


def test_an_order_says_what_is_held_every_version_and_every_delay() -> None:
    shown = order(promise(), promise(2), delay()).promise
    assert [version.number for version in shown.versions] == [1, 2]
    assert (shown.versions[0].cause_type, shown.versions[0].cause_event_id) == ("order-placed", "e1")
    assert shown.held_day_words.by_language == {"zh": "12月5日", "en": "5 Dec"}
    (notice,) = shown.notices
    assert (notice.slip, notice.reason, notice.late) == (1, "rework", False)
    assert "延至12月5日" in notice.words.by_language["zh"]
    assert notice.tell_time.ToMicroseconds() == micros(NOW)


def test_an_estimate_has_its_band_its_word_and_its_reasons() -> None:
    shown = order(promise()).promise.estimate
    assert shown.likely_time.ToDatetime(UTC) == FOUND.p50
    assert shown.earliest_time.ToDatetime(UTC) < shown.likely_time.ToDatetime(UTC) < shown.latest_time.ToDatetime(UTC)
    assert shown.promise_day_words.by_language == {"zh": "12月3日", "en": "3 Dec"}
    assert shown.confidence == pb.CONFIDENCE_MEDIUM
    assert [reason.reason for reason in shown.reasons] == ["calendar-not-published", "rework"]
    assert shown.reasons[0].words.by_language["zh"] == "这段时间的节假日安排尚未公布"


def test_an_order_that_is_not_promised_has_no_promise() -> None:
    assert not order().HasField("promise")
    assert not order(promise(line=2)).lines[0].HasField("estimate")


def test_a_line_has_its_estimate_until_it_is_there() -> None:
    packed = told("pack", "shipment-created", 5, parcel=parcel(1))
    assert order(promise(), packed).lines[0].estimate.samples == 40
    there = told("done", "shipment-delivered", 9, parcel=parcel(1))
    assert not order(promise(), packed, there).lines[0].HasField("estimate")


def test_a_line_shows_its_stages_and_what_deserves_a_word() -> None:
    (line,) = order(promise(), stage("Baking", 61), stage("inspecting", 62), stage("decorating", 63)).lines
    shown = line.progress
    assert (shown.family, shown.stage, shown.reworks) == ("cakes", "decorating", 1)
    assert shown.family_words.by_language["zh"] == "定制蛋糕"
    assert shown.stage_words.by_language["en"] == "Decorating"
    assert [each.stage for each in shown.stages][:3] == ["queued", "gathering", "baking"]
    assert [each.done for each in shown.stages] == [1, 1, 1, 1, 1, 1, 1, 0, 0]
    assert 0 < shown.share < 1
    assert shown.remarks[0].words.by_language["zh"] == "返工：从“质检”退回“裱花装饰”"
    assert not order().lines[0].HasField("progress")


def test_a_fact_has_closer_words_where_there_are_any() -> None:
    held = told("held", "shipment-exception", 64, parcel=parcel(1), details={"detail": "held", "carrier_word": "208"})
    facts = {
        each.type: each for each in order(promise(), stage("烘焙", 61), stage("Glazing", 62), held, delay()).events
    }
    assert facts["shipment-exception"].detail_words.by_language["zh"] == "滞留网点"
    assert facts["delay-notified"].detail_words.by_language["en"].startswith("We are sorry")
    assert not facts["order-placed"].HasField("detail_words")
    stages = [each for each in order(promise(), stage("烘焙", 61), stage("Glazing", 62)).events if each.stage]
    assert [each.detail_words.by_language["en"] for each in stages] == ["Baking", "Glazing"]


def test_an_offer_without_goods_has_no_estimate() -> None:
    assert not offer_to_pb(Offer("p-1", 3, "", False, None), SHANGHAI).available
    shown = offer_to_pb(Offer("p-1", 3, "CN-31", True, FOUND), SHANGHAI)
    assert (shown.available, shown.made_to_order, shown.destination) == (True, True, "CN-31")
    assert shown.estimate.method == "lane-quantiles/1"
