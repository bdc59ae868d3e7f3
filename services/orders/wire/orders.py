"""Orders as protobuf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache, lru_cache
from typing import Any, Final

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from zhike.orders.v1 import order_pb2 as pb
from zhike.type.v1.localized_text_pb2 import LocalizedText

from services.kits.money import minor_digits, minor_units
from services.kits.purchases import SALE
from services.orders.domain.carriers import CarrierWords, own_carrier_words
from services.orders.domain.events import OrderEvent, Portion
from services.orders.domain.lifecycle import (
    HEADLINE_WORDS,
    PARCEL_WORDS,
    PAYMENT_WORDS,
    PRODUCTION_WORDS,
    RETURN_WORDS,
    SHIPPING_WORDS,
    TERMINAL,
    TYPES,
    Words,
)
from services.orders.domain.linked_data import linked_data
from services.orders.domain.order import LineState, OrderState, ParcelState, PaymentState, Placing, ReturnState
from services.orders.domain.parcels import parcel_id
from services.orders.domain.remarks import DOUBT_WORDS, Remark
from services.orders.domain.stage_catalog import StageCatalog, own_stage_catalog
from services.orders.usecases.reading import OrderAnswer
from services.orders.wire.promises import (
    estimate_to_pb,
    line_estimates,
    order_promise_to_pb,
    progress_to_pb,
    told_words,
)

NANOS: Final = 1_000_000_000
TEXTS_REMEMBERED: Final = 1_024
_NO_CURRENCY: Final = "XXX"
_DETAILS: Final = ("stage", "carrier_word", "place", "text", "reason", "detail")


@dataclass(frozen=True, slots=True)
class Wording:
    """What words are made with: the shop's zone for days, the tables of stages and of carriers' words."""

    zone: tzinfo = UTC
    catalog: StageCatalog = field(default_factory=own_stage_catalog)
    carrier_words: CarrierWords = field(default_factory=own_carrier_words)


def order_to_pb(answer: OrderAnswer, *, for_shop: bool, wording: Wording | None = None) -> pb.Order:
    """Encode an order. ``for_shop``: with identifiers, sources and remarks."""
    wording = wording or Wording()
    ref, state, placing = answer.ref, answer.state, answer.state.placing
    parcels = {scan: parcel_id(each.ref) for each in state.parcels for scan in each.scans}
    message = pb.Order(
        id=ref.id,
        shop=ref.shop,
        number=ref.number,
        kind=ref.kind or SALE,
        version=answer.version,
        headline=_number(pb.Headline, "HEADLINE", state.headline),
        headline_words=_text(HEADLINE_WORDS[state.headline]),
        ended=state.headline in TERMINAL,
        payment=_payment(state.payment, placing),
        production=_number(pb.ProductionState, "PRODUCTION_STATE", state.production),
        production_words=_text(PRODUCTION_WORDS[state.production]),
        shipping=_number(pb.ShippingState, "SHIPPING_STATE", state.shipping),
        shipping_words=_text(SHIPPING_WORDS[state.shipping]),
        returning=_number(pb.ReturnState, "RETURN_STATE", state.returning),
        returning_words=_text(RETURN_WORDS[state.returning]),
        lines=_lines(state, wording),
        shipments=[shipment_to_pb(each) for each in state.parcels],
        returns=[return_to_pb(each) for each in state.returns],
        events=[_event(each, state, wording, parcels, for_shop=for_shop) for each in state.history],
        linked_data_json=orjson.dumps(linked_data(ref, state)),
    )
    if placing is not None:
        message.zone, message.channel = placing.zone, placing.channel
        _set_time(message.place_time, placing.placed_us)
    if for_shop:
        message.remarks.extend([remark_to_pb(each) for each in state.remarks])
        message.identifiers.extend(placing.identifiers if placing is not None else ())
    promise = order_promise_to_pb(state, wording.zone)
    if promise is not None:
        message.promise.CopyFrom(promise)
    _set_time(message.change_time, state.changed_us)
    return message


def shipment_to_pb(parcel: ParcelState) -> pb.Shipment:
    """Encode a parcel."""
    message = pb.Shipment(
        id=parcel_id(parcel.ref),
        carrier=parcel.ref.carrier,
        tracking_number=parcel.ref.tracking_number,
        ship_date=parcel.ref.ship_date,
        state=_number(pb.ParcelState, "PARCEL_STATE", parcel.state),
        words=_text(PARCEL_WORDS[parcel.state]),
        items=_items(parcel.contents),
        carrier_word=parcel.carrier_word,
    )
    _set_time(message.create_time, parcel.created_us)
    _set_time(message.hand_over_time, parcel.handed_over_us)
    _set_time(message.delivery_time, parcel.delivered_us)
    _set_time(message.change_time, parcel.changed_us)
    return message


def return_to_pb(goods: ReturnState) -> pb.Return:
    """Encode a return."""
    message = pb.Return(
        id=goods.id,
        state=_number(pb.ReturnState, "RETURN_STATE", goods.state),
        words=_text(RETURN_WORDS[goods.state]),
        requested=_items(goods.requested),
        received=_items(goods.received),
    )
    _set_time(message.change_time, goods.changed_us)
    return message


def remark_to_pb(remark: Remark) -> pb.Remark:
    """Encode a remark."""
    return pb.Remark(
        reason=remark.doubt.value,
        words=_text(DOUBT_WORDS[remark.doubt]),
        event_id=remark.event_id,
        line=remark.line,
        quantity=remark.quantity,
    )


def _lines(state: OrderState, wording: Wording) -> list[pb.OrderLine]:
    """Encode the lines, each with how far it is made and when what is open of it will be there."""
    estimates = line_estimates(state)
    lines = []
    for line in state.lines:
        message = _line(line, state.placing)
        progress, found = progress_to_pb(line, wording.catalog), estimates.get(line.line.number)
        if progress is not None:
            message.progress.CopyFrom(progress)
        if found is not None and line.line.quantity > line.delivered + line.cancelled:
            message.estimate.CopyFrom(estimate_to_pb(found, wording.zone))
        lines.append(message)
    return lines


def _line(line: LineState, placing: Placing | None) -> pb.OrderLine:
    placed = line.line
    message = pb.OrderLine(
        number=placed.number,
        product_id=placed.product_id,
        quantity=placed.quantity,
        open=line.open,
        shipped=line.shipped,
        cancelled=line.cancelled,
        delivered=line.delivered,
        returned=line.returned,
        is_charge=placed.is_charge,
        production=_number(pb.ProductionState, "PRODUCTION_STATE", line.production),
        production_words=_text(PRODUCTION_WORDS[line.production]),
    )
    if placing is not None and placing.currency != _NO_CURRENCY:
        message.price.CopyFrom(_money(placed.price_minor, placing.currency))
        message.total.CopyFrom(_money(placed.total_minor, placing.currency))
    return message


def _payment(payment: PaymentState, placing: Placing | None) -> pb.Payment:
    message = pb.Payment(
        state=_number(pb.PaymentState, "PAYMENT_STATE", payment.state), words=_text(PAYMENT_WORDS[payment.state])
    )
    if placing is not None and placing.currency != _NO_CURRENCY:
        message.total.CopyFrom(_money(placing.total_minor, placing.currency))
        message.captured.CopyFrom(_money(payment.captured_minor, placing.currency))
        message.refunded.CopyFrom(_money(payment.refunded_minor, placing.currency))
    _set_time(message.pay_time, payment.paid_us)
    return message


def _event(
    event: OrderEvent, state: OrderState, wording: Wording, parcels: Mapping[str, str], *, for_shop: bool
) -> pb.OrderEvent:
    """Encode a fact. ``parcels``: by fact, since a carrier names its parcel without the day that tells two apart."""
    type_ = TYPES.get(event.type)
    message = pb.OrderEvent(
        id=event.id,
        seq=event.seq,
        type=event.type,
        zone=event.zone,
        items=_portions(event.portions),
        shipment_id=parcels.get(event.id) or (parcel_id(event.parcel) if event.parcel is not None else ""),
        return_id=event.return_id,
        corrects=event.corrects,
        void=event.id in state.void,
    )
    for name in _DETAILS:
        if name in event.details:
            setattr(message, name, str(event.details[name]))
    message.words.CopyFrom(_text(type_.words if type_ is not None else Words(event.type, event.type)))
    closer = _closer_words(event, wording)
    if closer is not None:
        message.detail_words.CopyFrom(_text(closer))
    if for_shop:
        message.source, message.source_event_id = event.source, event.source_event_id
    money: Mapping[str, Any] | None = event.details.get("amount")
    if money is not None:
        message.amount.CopyFrom(_money(minor_units(money["amount"], money["currency"]), money["currency"]))
    _set_time(message.occurred_time, event.occurred_us)
    _set_time(message.recorded_time, event.recorded_us or None)
    return message


def _closer_words(event: OrderEvent, wording: Wording) -> Words | None:
    """Return what a stage, a scan's detail or a delay says more closely."""
    if event.details.get("stage"):
        return wording.catalog.stage_words(wording.catalog.stage_named(str(event.details["stage"])))
    return told_words(event) or wording.carrier_words.detail_words(str(event.details.get("detail", "")))


def _items(pieces: Mapping[int, int]) -> list[pb.Item]:
    return [pb.Item(line=line, quantity=quantity) for line, quantity in pieces.items()]


def _portions(portions: Sequence[Portion]) -> list[pb.Item]:
    return [pb.Item(line=each.line, quantity=each.quantity or 0) for each in portions]


@cache
def _number(enum: Any, prefix: str, word: str) -> Any:
    """Return the enum's value of a state: "partially-shipped" is HEADLINE_PARTIALLY_SHIPPED."""
    return enum.Value(f"{prefix}_{word.upper().replace('-', '_')}")


@lru_cache(maxsize=TEXTS_REMEMBERED)
def _text(words: Words) -> LocalizedText:
    """Return a message that is copied into others, never changed: an order has the same few texts again and again."""
    return LocalizedText(by_language={"zh": words.zh, "en": words.en})


def _money(units: int, currency: str) -> Money:
    scale = 10 ** minor_digits(currency)
    whole, rest = divmod(units, scale)
    return Money(currency_code=currency, units=whole, nanos=rest * (NANOS // scale))


def _set_time(message: Timestamp, time_us: int | None) -> None:
    if time_us is not None:
        # FromDatetime takes ten times as long, and an order holds dozens of times.
        message.seconds, rest = divmod(time_us, 1_000_000)
        message.nanos = rest * 1_000
