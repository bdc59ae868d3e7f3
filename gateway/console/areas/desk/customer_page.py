"""The whole customer on one page. What comes from different services is asked at once; a part that is away says so."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from zhike.knowledge.v1 import (
    case_service_pb2,
    contact_pb2,
    contact_service_pb2,
    customer_pb2,
)
from zhike.knowledge.v1 import customer_service_pb2 as pb
from zhike.orders.v1 import order_pb2, order_service_pb2

from gateway.clients import GET_CUSTOMER, GET_ORDER, MERGE_CUSTOMERS, SET_CONSENT, UNMERGE_CUSTOMER
from gateway.console.areas.desk.case_list import case_columns
from gateway.console.areas.desk.contact_calendar import contact_columns
from gateway.console.areas.desk.customers import name_of
from gateway.console.areas.desk.wording import DESK, WAYS, facts_of, options
from gateway.console.areas.privacy.customer_data import consent_of
from gateway.console.cells import Act, Chip, Column, Link, Moment, Money, Share, Stacked, Table
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.desk_clients import CREATE_CONTACT, GET_ACCOUNT, GET_PURCHASE_HISTORY, LIST_CASES, LIST_CONTACTS
from gateway.public_form import money_to_json
from services.chassis.errors import ErrorKind, ZhikeError

SHOWN_ORDERS: Final = 12
PROMISED_ORDERS: Final = 6  # of the latest, those that orders is asked of
SHOWN_CASES: Final = 10
SHOWN_CONTACTS: Final = 10
CONSENT_TONES: Final = {"granted": "good", "denied": "bad", "default": "plain"}


class MergeForm(FormModel):
    """With whom, and why."""

    other: Annotated[str, Field(min_length=3, max_length=260)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class UnmergeForm(FormModel):
    """Which identifiers are another person's, and why."""

    identifiers: tuple[Annotated[str, Field(max_length=260)], ...] = ()
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ConsentForm(FormModel):
    """A purpose, and yes or no."""

    purpose: Literal["personalization", "marketing"]
    granted: bool = False


class ContactForm(FormModel):
    """A contact to plan."""

    kind: Literal["telephone", "email", "mail", "visit"]
    purpose: Literal["care", "service"]
    day: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    note: Annotated[str, Field(max_length=2_000)] = ""


async def show(visit: Visit) -> View:
    """Show a customer."""
    name = visit.path["id"]
    customer, history, cases, contacts = await asyncio.gather(
        visit.ask(GET_CUSTOMER, pb.GetCustomerRequest(id=name)),
        visit.part("purchases", GET_PURCHASE_HISTORY, pb.GetPurchaseHistoryRequest(id=name, orders=SHOWN_ORDERS)),
        visit.part("cases", LIST_CASES, case_service_pb2.ListCasesRequest(customer=name, page_size=SHOWN_CASES)),
        visit.part(
            "contacts", LIST_CONTACTS, contact_service_pb2.ListContactsRequest(customer=name, page_size=SHOWN_CONTACTS)
        ),
    )
    account, promised = await asyncio.gather(_account(visit, customer), _orders(visit, history))
    visit.form("merge")
    visit.form("unmerge")
    visit.form("contact", {"kind": "telephone", "purpose": "care", "day": _today(visit)})
    due = [each for each in contacts.contacts if each.state == contact_pb2.CONTACT_STATE_PLANNED] if contacts else []
    tables = {
        "facts": Table("facts", _fact_columns(visit), customer.facts, empty="customers.no_facts"),
        "identities": Table("identities", _identity_columns(visit), customer.identifiers),
        "orders": Table(
            "orders", _order_columns(visit, promised), history.orders if history else [], empty="customers.no_orders"
        ),
        "case_table": Table("case_table", case_columns(visit), cases.cases if cases else [], empty="cases.none"),
        "contact_table": Table(
            "contact_table",
            contact_columns(visit, with_customer=False),
            contacts.contacts if contacts else [],
            empty="contacts.none_yet",
        ),
    }
    return {
        "customer": customer,
        "name": name_of(customer) or customer.id,
        "account": account,
        "has_history": history is not None,
        "has_cases": cases is not None,
        "has_contacts": contacts is not None,
        "months": [month.month for month in history.months] if history else [],
        "spend": [_amount(month.spend) for month in history.months] if history else [],
        "counts": [month.orders for month in history.months] if history else [],
        "next_contact": due[0] if due else None,
        "figures": _figures(visit, customer),
        "classes": [
            (each.scheme.upper(), each.value, each.explanation.get(visit.language, "")) for each in customer.classes
        ],
        "promotions": _promotions(visit, customer),
        "consents": _consents(visit, customer),
        "refused": customer.refused_identifiers,
        "parts": [(each.identifier, each.identifier) for each in customer.identifiers],
        "ways": options(visit, "contacts.way", WAYS),
        "purposes": [
            ("care", visit.words("contacts.purpose.care")),
            ("service", visit.words("contacts.purpose.service")),
        ],
        "case_link": f"{visit.link('/cases')}?customer={customer.identifiers[0].identifier}#new"
        if customer.identifiers
        else visit.link("/cases"),
        "privacy_link": visit.link("/privacy/{id}", id=customer.id),
        **tables,
    }


async def _account(visit: Visit, customer: customer_pb2.Customer) -> customer_pb2.Account | None:
    if not customer.account_id:
        return None
    return await visit.part("account", GET_ACCOUNT, pb.GetAccountRequest(id=customer.account_id))


async def _orders(visit: Visit, history: customer_pb2.PurchaseHistory | None) -> dict[str, order_pb2.Order]:
    """Ask orders of the latest ones at once; one that it was never told of is knowledge's alone."""
    numbered = [each for each in history.orders if each.number and each.kind == "sale"] if history else []
    found = await asyncio.gather(*(_order(visit, each) for each in numbered[:PROMISED_ORDERS]))
    return {f"{each.shop}/{each.number}": each for each in found if each is not None}


async def _order(visit: Visit, bought: customer_pb2.PurchasedOrder) -> order_pb2.Order | None:
    request = order_service_pb2.GetOrderRequest(
        shop=bought.shop, number=bought.number, view=order_service_pb2.ORDER_VIEW_SHOP
    )
    try:
        return await visit.part("orders", GET_ORDER, request)
    except ZhikeError as error:
        if error.kind is ErrorKind.NOT_FOUND:
            return None
        raise


def _figures(visit: Visit, customer: customer_pb2.Customer) -> list[tuple[object, ...]]:
    words, formats, bought = visit.words, visit.formats, customer.purchases
    abc = next((each.value for each in customer.classes if each.scheme == "abc"), "–")
    last = formats.ago(bought.last_order_time) if bought.HasField("last_order_time") else ""
    return [
        (words("customers.abc"), abc, ""),
        (
            words("customers.spend"),
            formats.money(bought.spend) if bought.HasField("spend") else "–",
            words("customers.net"),
        ),
        (words("customers.orders"), formats.number(bought.orders), last),
        (
            words("customers.rhythm"),
            words(
                "customers.days",
                count=round(bought.median_interval_days),
                number=formats.number(bought.median_interval_days, 1),
            ),
            words("customers.between"),
        ),
    ]


def _promotions(visit: Visit, customer: customer_pb2.Customer) -> list[tuple[str, Share, str]]:
    shares = customer.promotions
    found = []
    for name in ("discount", "coupon", "own_label"):
        share = getattr(shares, f"{name}_share")
        more = (
            visit.words("customers.percentile", number=visit.formats.number(share.percentile))
            if share.percentile >= 0
            else ""
        )
        found.append((visit.words(f"customers.promotion.{name}"), Share(share.share, bar=True), more))
    return found


def _consents(visit: Visit, customer: customer_pb2.Customer) -> list[dict[str, object]]:
    return [
        {
            "purpose": visit.words(f"customers.purpose.{each.purpose}"),
            "chip": Chip(visit.words(f"customers.consent.{each.state}"), CONSENT_TONES[each.state]),
            "source": each.source,
            "time": each.claim_time if each.HasField("claim_time") else None,
            "act": Act(
                "consent",
                "customers.deny" if each.state == "granted" else "customers.grant",
                {"purpose": each.purpose, **({} if each.state == "granted" else {"granted": "true"})},
                confirm="customers.consent_sure",
            ),
        }
        for each in customer.consents
    ]


def _fact_columns(visit: Visit) -> tuple[Column, ...]:
    def label(fact: customer_pb2.Fact) -> str:
        key = f"customers.fact.{fact.field}"
        return visit.words(key) if visit.words.has(key) else fact.field

    def value(fact: customer_pb2.Fact) -> Stacked:
        lost = ", ".join(fact.superseded_values)
        return Stacked(fact.value, visit.words("customers.before", values=lost) if lost else "")

    return (
        Column("customers.fact_is", label),
        Column("customers.value", value, wide=True),
        Column("customers.source", lambda fact: Stacked(fact.source, fact.identifier)),
        Column("customers.since", lambda fact: Moment(fact.claim_time)),
    )


def _identity_columns(visit: Visit) -> tuple[Column, ...]:
    def evidence(member: customer_pb2.MemberIdentifier) -> str:
        key = f"customers.evidence.{member.evidence or 'first'}"
        return visit.words(key) if visit.words.has(key) else member.evidence

    return (
        Column("customers.identifier", lambda member: member.identifier, wide=True),
        Column("customers.why", lambda member: Stacked(evidence(member), member.joined_to)),
        Column("customers.source", lambda member: member.source or None),
        Column(
            "customers.since", lambda member: Moment(member.joined_time if member.HasField("joined_time") else None)
        ),
    )


def _order_columns(visit: Visit, promised: dict[str, order_pb2.Order]) -> tuple[Column, ...]:
    def of(bought: customer_pb2.PurchasedOrder) -> order_pb2.Order | None:
        return promised.get(f"{bought.shop}/{bought.number}")

    def number(bought: customer_pb2.PurchasedOrder) -> Link | str:
        order = of(bought)
        href = visit.link("/orders/{id}", id=order.id) if order is not None else ""
        return Link(bought.number, href) if href else bought.number or "–"

    def state(bought: customer_pb2.PurchasedOrder) -> Chip | None:
        order = of(bought)
        if bought.kind == "return":
            return Chip(visit.words("customers.returned"), "warn")
        return None if order is None else Chip(order.headline_words.by_language.get(visit.language, ""), "info")

    def promise(bought: customer_pb2.PurchasedOrder) -> str | None:
        order = of(bought)
        if order is None or not order.HasField("promise"):
            return None
        return order.promise.held_day_words.by_language.get(visit.language, "") or None

    return (
        Column("customers.order", number),
        Column("customers.time", lambda bought: Moment(bought.time, relative=False)),
        Column("customers.channel", lambda bought: bought.channel),
        Column("customers.state", state),
        Column("customers.promise", promise),
        Column("customers.lines", lambda bought: bought.lines, numeric=True),
        Column("customers.total", lambda bought: Money(bought.total), numeric=True),
    )


async def merge(visit: Visit, form: MergeForm) -> Redirect:
    """Join another customer with this one."""
    customer = await visit.ask(
        MERGE_CUSTOMERS,
        pb.MergeCustomersRequest(
            ids=[visit.path["id"], form.other],
            reason=f"{visit.staff.actor}: {form.reason}"[:500],
            request_id=f"{visit.staff.actor}/{visit.submit_id}",
            owner=visit.staff.actor,
        ),
    )
    before, after = {"customers": 2}, {"customers": 1, "reason": form.reason}
    await visit.record("customer.merge", "customer", customer.id, before=before, after=after)
    return Redirect(visit.link("/customers/{id}", id=customer.id), Flash("customers.merged"))


async def unmerge(visit: Visit, form: UnmergeForm) -> Redirect:
    """Part identifiers from this customer."""
    answer = await visit.ask(
        UNMERGE_CUSTOMER,
        pb.UnmergeCustomerRequest(
            id=visit.path["id"],
            identifiers=form.identifiers,
            reason=f"{visit.staff.actor}: {form.reason}"[:500],
            request_id=f"{visit.staff.actor}/{visit.submit_id}",
            owner=visit.staff.actor,
        ),
    )
    customer = answer.customers[-1]
    after = {"customers": len(answer.customers), "reason": form.reason, "parted": len(form.identifiers)}
    await visit.record("customer.unmerge", "customer", customer.id, before={"customers": 1}, after=after)
    return Redirect(visit.link("/customers/{id}", id=customer.id), Flash("customers.unmerged"))


async def consent(visit: Visit, form: ConsentForm) -> Redirect:
    """Keep a yes or a no that the customer said to the desk."""
    before = await consent_of(visit, visit.path["id"], form.purpose)
    customer = await visit.ask(
        SET_CONSENT,
        pb.SetConsentRequest(
            id=visit.path["id"],
            purpose=form.purpose,
            granted=form.granted,
            source="desk",
            request_id=f"{visit.staff.actor}/{visit.submit_id}",
            owner=visit.staff.actor,
        ),
    )
    after: dict[str, object] = {form.purpose: "granted" if form.granted else "denied"}
    await visit.record("customer.consent", "customer", customer.id, before=before, after=after)
    return Redirect(visit.link("/customers/{id}", id=customer.id), Flash("customers.consent_kept"))


async def plan(visit: Visit, form: ContactForm) -> Redirect:
    """Plan a contact."""
    contact = await visit.ask(
        CREATE_CONTACT,
        contact_service_pb2.CreateContactRequest(
            customer=visit.path["id"],
            shop=visit.shop,
            kind=contact_pb2.ContactKind.Value(f"CONTACT_KIND_{form.kind.upper()}"),
            purpose=contact_pb2.ContactPurpose.Value(f"CONTACT_PURPOSE_{form.purpose.upper()}"),
            day=form.day,
            owner=visit.staff.actor,
            note=form.note,
            actor=visit.staff.actor,
            request_id=f"{visit.staff.actor}/{visit.submit_id}",
        ),
    )
    await visit.record("contact.plan", "contact", contact.id, after=facts_of(kind=form.kind, day=form.day))
    return Redirect(visit.link("/customers/{id}", id=visit.path["id"]), Flash("contacts.planned"))


def _today(visit: Visit) -> str:
    return visit.formats.local(visit.parts.clock.now()).date().isoformat()


def _amount(money: Any) -> float:
    form = money_to_json(money)
    return float(form["amount"]) if form else 0.0


FORMS: Final[Sequence[Form]] = (
    Form("merge", MergeForm, merge),
    Form("unmerge", UnmergeForm, unmerge),
    Form("consent", ConsentForm, consent),
    Form("contact", ContactForm, plan),
)
PAGE: Final = Page(
    path="/customers/{id}",
    roles=DESK,
    title="customers.one",
    help="customers.one_help",
    template="desk/customer.html",
    show=show,
    forms=FORMS,
    topics=("cases",),
)
