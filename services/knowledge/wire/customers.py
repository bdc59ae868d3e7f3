"""Customers as protobuf."""

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from zhike.knowledge.v1 import customer_pb2 as pb
from zhike.knowledge.v1 import customer_service_pb2 as service_pb

from services.kits.money import minor_digits
from services.kits.times import time_of
from services.knowledge.domain.classes import COUPON, DISCOUNT, OWN_LABEL, ComparedShare, CustomerClass
from services.knowledge.domain.facts import ConsentState, Fact
from services.knowledge.domain.identity import Member, Refusal, Refused
from services.knowledge.domain.profile import Customer
from services.knowledge.domain.purchases import Habit, PurchaseSummary
from services.knowledge.usecases.customers import AccountView
from services.knowledge.usecases.finding import Hit, PurchaseHistory

NANOS = 1_000_000_000
NO_CURRENCY = "XXX"  # ISO 4217: no currency involved; of months without any order
UNNUMBERED = "event:"  # an order without a number of its own
PRODUCTS_SHOWN = 5
_EXPLANATIONS = {
    Refused.BLOCKED: "a known placeholder; it joins nobody",
    Refused.UNVERIFIED: "nobody has verified that it is this person's; it joins nobody until then",
}


def customer_to_pb(customer: Customer, *, habits: bool = True) -> pb.Customer:
    """Encode the whole customer."""
    message = pb.Customer(
        id=customer.id,
        identifiers=[_member(each) for each in customer.person.members],
        account_id=customer.account_id,
        facts=[_fact(each) for each in customer.facts],
        consents=[_consent(each) for each in customer.consents],
        purchases=_purchases(customer.purchases, habits=habits),
        promotions=pb.PromotionAttitude(
            discount_share=_share(customer.promotions[DISCOUNT]),
            coupon_share=_share(customer.promotions[COUPON]),
            own_label_share=_share(customer.promotions[OWN_LABEL]),
        ),
        classes=[_class(each) for each in customer.classes],
        refused_identifiers=[_refusal(each) for each in customer.person.refused],
        profile_hash=customer.profile_hash,
        interactions_by_channel=customer.interactions_by_channel,
    )
    _set_time(message.first_seen_time, customer.first_seen_us)
    _set_time(message.last_seen_time, customer.last_seen_us)
    return message


def account_to_pb(account: AccountView) -> pb.Account:
    """Encode an account."""
    return pb.Account(
        id=account.id, kind=account.kind, external_id=account.external_id, customer_ids=account.customer_ids
    )


def hit_to_pb(hit: Hit) -> service_pb.CustomerHit:
    """Encode who was found."""
    return service_pb.CustomerHit(
        customer_id=hit.customer_id, name=hit.name, matched_by=hit.matched_by, identifiers=hit.identifiers
    )


def history_to_pb(history: PurchaseHistory) -> pb.PurchaseHistory:
    """Encode what a person bought."""
    message = pb.PurchaseHistory(customer_id=history.customer_id)
    for month in history.months:
        message.months.add(
            month=month.month,
            orders=month.orders,
            spend=money_to_pb(month.spend_minor, history.currency or NO_CURRENCY),
        )
    for order in history.orders:
        goods = [line for line in order.lines if not line.is_charge]
        added = message.orders.add(
            shop=order.shop,
            number="" if order.number.startswith(UNNUMBERED) else order.number,
            kind=order.kind,
            channel=order.channel,
            total=money_to_pb(order.total_minor, order.currency),
            lines=len(goods),
            product_ids=[line.product_id for line in goods[:PRODUCTS_SHOWN]],
        )
        _set_time(added.time, order.time_us)
    return message


def money_to_pb(units: int, currency: str) -> Money:
    """Encode minor units; units and nanos carry the same sign."""
    scale = 10 ** minor_digits(currency)
    whole, rest = divmod(abs(units), scale)
    sign = -1 if units < 0 else 1
    return Money(currency_code=currency, units=sign * whole, nanos=sign * rest * (NANOS // scale))


def _member(member: Member) -> pb.MemberIdentifier:
    message = pb.MemberIdentifier(identifier=member.identifier, joined_to=member.joined_to)
    if member.link is not None:
        message.evidence, message.source = member.link.evidence, member.link.source
        _set_time(message.joined_time, member.link.time_us)
    return message


def _fact(fact: Fact) -> pb.Fact:
    message = pb.Fact(
        field=fact.field,
        value=fact.value,
        source=fact.source,
        identifier=fact.identifier,
        superseded_values=fact.superseded_values,
    )
    _set_time(message.claim_time, fact.time_us)
    return message


def _consent(consent: ConsentState) -> pb.Consent:
    message = pb.Consent(purpose=consent.purpose, state=consent.state, source=consent.source)
    _set_time(message.claim_time, consent.time_us)
    return message


def _purchases(summary: PurchaseSummary, *, habits: bool) -> pb.PurchaseSummary:
    message = pb.PurchaseSummary(
        orders=summary.orders,
        median_interval_days=summary.median_interval_days,
        orders_per_30_days=summary.orders_per_30_days,
        median_lines=summary.median_lines,
        usual_hour=summary.usual_hour,
        usual_weekday=summary.usual_weekday,
        habits=[_habit(each) for each in summary.habits] if habits else [],
        returned_units=summary.returned_units,
    )
    if summary.currency:
        message.spend.CopyFrom(money_to_pb(summary.spend_minor, summary.currency))
        message.average_order.CopyFrom(money_to_pb(summary.average_order_minor, summary.currency))
    _set_time(message.first_order_time, summary.first_us)
    _set_time(message.last_order_time, summary.last_us)
    return message


def _habit(habit: Habit) -> pb.HabitualProduct:
    message = pb.HabitualProduct(
        product_id=habit.product_id,
        orders=habit.orders,
        quantity=habit.quantity,
        median_interval_days=habit.median_interval_days,
    )
    _set_time(message.last_time, habit.last_us)
    return message


def _share(share: ComparedShare) -> pb.ComparedShare:
    return pb.ComparedShare(share=share.share, percentile=share.percentile, median=share.median)


def _class(each: CustomerClass) -> pb.Class:
    message = pb.Class(scheme=each.scheme, value=each.value, explanation=each.explanation, terms=each.terms)
    _set_time(message.as_of_time, each.as_of_us)
    return message


def _refusal(refusal: Refusal) -> pb.RefusedIdentifier:
    explanation = _EXPLANATIONS.get(
        refusal.reason, f"seen with {refusal.count} others of one kind, more than one person has; it joins nobody"
    )
    return pb.RefusedIdentifier(identifier=refusal.identifier, reason=refusal.reason.value, explanation=explanation)


def _set_time(field: Timestamp, time_us: int | None) -> None:
    if time_us is not None:
        field.FromDatetime(time_of(time_us))
