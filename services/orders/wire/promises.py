"""Promises, estimates and progress as protobuf."""

from datetime import datetime, tzinfo
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.orders.v1 import promise_pb2 as pb
from zhike.orders.v1 import promise_service_pb2
from zhike.type.v1.localized_text_pb2 import LocalizedText

from services.kits.times import micros, time_of
from services.orders.domain.events import OrderEvent
from services.orders.domain.late import LateOrder
from services.orders.domain.lifecycle import DELAY_NOTIFIED, Words
from services.orders.domain.offers import Offer
from services.orders.domain.order import LineState, OrderState
from services.orders.domain.promise import Confidence, Estimate
from services.orders.domain.promise_facts import line_promises_of, notices_of, version_of, versions_of
from services.orders.domain.promise_words import CONFIDENCE_WORDS, REASON_WORDS, day_words
from services.orders.domain.promised import DelayNotice, promised_of
from services.orders.domain.stage_catalog import StageCatalog
from services.orders.domain.stages import Progress

_CONFIDENCE: Final = {
    Confidence.LOW: pb.CONFIDENCE_LOW,
    Confidence.MEDIUM: pb.CONFIDENCE_MEDIUM,
    Confidence.HIGH: pb.CONFIDENCE_HIGH,
}


def estimate_to_pb(estimate: Estimate, zone: tzinfo) -> pb.Estimate:
    """Encode an estimate; days are the shop's."""
    return pb.Estimate(
        likely_time=timestamp(estimate.p50),
        earliest_time=timestamp(estimate.p10),
        latest_time=timestamp(estimate.p90),
        promise_time=timestamp(estimate.promise_time),
        promise_day_words=text(day_words(estimate.promise_time, zone)),
        confidence=_CONFIDENCE[estimate.confidence],
        confidence_words=text(CONFIDENCE_WORDS[estimate.confidence]),
        reasons=[pb.EstimateReason(reason=each.value, words=text(REASON_WORDS[each])) for each in estimate.reasons],
        samples=estimate.samples,
        method=estimate.method,
    )


def offer_to_pb(offer: Offer, zone: tzinfo) -> promise_service_pb2.EstimatePromiseResponse:
    """Encode the promise of a product before it is bought."""
    message = promise_service_pb2.EstimatePromiseResponse(
        product_id=offer.product_id,
        quantity=offer.quantity,
        destination=offer.destination,
        made_to_order=offer.made_to_order,
        available=offer.estimate is not None,
    )
    if offer.estimate is not None:
        message.estimate.CopyFrom(estimate_to_pb(offer.estimate, zone))
    return message


def late_order_to_pb(late: LateOrder) -> promise_service_pb2.LateOrder:
    """Encode an order that is late."""
    return promise_service_pb2.LateOrder(
        id=late.order.id,
        shop=late.order.shop,
        number=late.order.number,
        broken_time=timestamp(late.broken_time),
        promised_time=timestamp(late.promised_time),
        likely_time=timestamp(late.likely_time),
        slips=late.slips,
        reason=pb.EstimateReason(reason=late.reason.value, words=text(REASON_WORDS[late.reason])),
    )


def order_promise_to_pb(state: OrderState, zone: tzinfo) -> pb.OrderPromise | None:
    """Encode what is promised of an order, None where nothing is."""
    versions, notices = versions_of(state.promises), notices_of(state.notices)
    promised = promised_of(versions, notices)
    if promised.held_time is None or promised.latest is None:
        return None
    facts = [fact for fact in state.notices if "slip" in fact.details]
    return pb.OrderPromise(
        held_time=timestamp(promised.held_time),
        held_day_words=text(day_words(promised.held_time, zone)),
        estimate=estimate_to_pb(promised.latest.estimate, zone),
        versions=[_version(fact, zone) for fact in state.promises if "version" in fact.details],
        notices=[_notice(notice, fact) for notice, fact in zip(notices, facts, strict=True)],
    )


def line_estimates(state: OrderState) -> dict[int, Estimate]:
    """Return the latest estimate of each line that had something open then."""
    told = [fact for fact in state.promises if "version" in fact.details]
    if not told:
        return {}
    latest = max(told, key=lambda fact: int(fact.details["version"]))
    return {each.line: each.estimate for each in line_promises_of(latest)}


def progress_to_pb(line: LineState, catalog: StageCatalog) -> pb.LineProgress | None:
    """Encode how far a line is, None where nothing was told of its production."""
    progress = line.progress
    if progress is None:
        return None
    template = catalog.template(line.family)
    message = pb.LineProgress(
        family=line.family,
        stage=progress.now,
        share=progress.share,
        reworks=progress.reworks,
        stages=[
            pb.LineStage(stage=stage.name, words=text(stage.words), done=done)
            for stage, done in zip(template.stages, progress.units, strict=True)
        ]
        if template is not None
        else [],
        remarks=_remarks(progress, catalog),
    )
    if template is not None:
        message.family_words.CopyFrom(text(template.words))
    if progress.now:
        message.stage_words.CopyFrom(text(catalog.stage_words(progress.now)))
    if progress.since is not None:
        message.since_time.CopyFrom(timestamp(progress.since))
    return message


def told_words(event: OrderEvent) -> Words | None:
    """Return the sentence that a delay notice tells."""
    words: Any = event.details.get("words") if event.type == DELAY_NOTIFIED else None
    return Words(words["zh"], words["en"]) if words else None


def timestamp(time: datetime) -> Timestamp:
    """Encode a time."""
    seconds, rest = divmod(micros(time), 1_000_000)  # FromDatetime takes ten times as long
    return Timestamp(seconds=seconds, nanos=rest * 1_000)


def text(words: Words) -> LocalizedText:
    """Encode a text."""
    return LocalizedText(by_language={"zh": words.zh, "en": words.en})


def _version(fact: OrderEvent, zone: tzinfo) -> pb.PromiseVersion:
    version = version_of(fact)
    return pb.PromiseVersion(
        number=version.number,
        make_time=timestamp(version.made_time),
        estimate=estimate_to_pb(version.estimate, zone),
        cause_type=version.cause.type,
        cause_event_id=version.cause.event_id,
    )


def _notice(notice: DelayNotice, fact: OrderEvent) -> pb.DelayNotice:
    message = pb.DelayNotice(
        slip=notice.slip,
        tell_time=timestamp(time_of(fact.occurred_us)),
        broken_time=timestamp(notice.broken_time),
        promised_time=timestamp(notice.promised_time),
        reason=fact.details["reason"],
        late=notice.is_late,
    )
    words = told_words(fact)
    if words is not None:
        message.words.CopyFrom(text(words))
    return message


def _remarks(progress: Progress, catalog: StageCatalog) -> list[pb.ProductionRemark]:
    return [
        pb.ProductionRemark(
            kind=remark.kind.value, words=text(catalog.remark_words(remark)), time=timestamp(remark.time)
        )
        for remark in progress.remarks
    ]
