"""A customer's own data, at their word: what they agreed to, the archive of everything, and erasure."""

from typing import Annotated, Final, Literal

from pydantic import Field
from zhike.knowledge.v1 import customer_pb2, customer_service_pb2
from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.artifacts import streamed
from gateway.clients import GET_CUSTOMER, SET_CONSENT
from gateway.console.pages import ROOT, Download, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.privacy_clients import ERASE_CUSTOMER, EXPORT_CUSTOMER, GET_EXPORT

PATH: Final = "/privacy/{id}"
ROLES: Final = frozenset({StaffRole.DESK})  # who administers the platform sees no customer by that alone
ID_LIMIT: Final = 260
EXPORT_LIMIT: Final = 64
ERASE_WORD: Final = "erase"
BY_DESK: Final = "desk"
SOURCE: Final = "desk"


class ConsentForm(FormModel):
    """A yes or no."""

    purpose: Literal["personalization", "marketing"]
    granted: Literal["yes", "no"]


class ExportForm(FormModel):
    """Asks for the archive; nothing else is said."""


class EraseForm(FormModel):
    """Asks for erasure: the word is typed, so that nobody does it by accident."""

    confirm: Annotated[str, Field(min_length=1, max_length=20)]


async def show(visit: Visit) -> View | Download:
    """Show consents, the archive if one was asked for, and what erasing means."""
    customer_id = visit.path["id"][:ID_LIMIT]
    customer = await visit.ask(GET_CUSTOMER, customer_service_pb2.GetCustomerRequest(id=customer_id))
    export = await _export(visit, customer)
    if export is not None and export.state == "ready" and visit.query.get("download"):
        content = await streamed(visit.parts.caller, "knowledge", export.digest)
        await visit.record("customer.export.download", "customer", customer.id)
        return Download(content, "application/zip", "customer-data.zip")
    visit.form("consent")
    visit.form("export")
    visit.form("erase")
    return {
        "customer": customer,
        "export": export,
        "erase_word": ERASE_WORD,
        "whole_customer": visit.link("/customers/{id}", id=customer.id),
    }


async def set_consent(visit: Visit, form: ConsentForm) -> Redirect:
    """Keep what the customer said."""
    customer_id = visit.path["id"][:ID_LIMIT]
    request = customer_service_pb2.SetConsentRequest(
        id=customer_id,
        purpose=form.purpose,
        granted=form.granted == "yes",
        source=SOURCE,
        request_id=visit.submit_id,
        owner=_owner(visit),
    )
    before = await consent_of(visit, customer_id, form.purpose)
    await visit.ask(SET_CONSENT, request)
    after: dict[str, object] = {form.purpose: "granted" if form.granted == "yes" else "denied"}
    await visit.record("customer.consent", "customer", customer_id, before=before, after=after)
    return Redirect(visit.link(PATH, id=customer_id), Flash("privacy.consent.saved"))


async def consent_of(visit: Visit, customer_id: str, purpose: str) -> dict[str, object]:
    """Return what holds for a purpose, for the trail."""
    customer = await visit.ask(GET_CUSTOMER, customer_service_pb2.GetCustomerRequest(id=customer_id))
    return {purpose: next((each.state for each in customer.consents if each.purpose == purpose), "default")}


async def export(visit: Visit, _form: ExportForm) -> Redirect:
    """Begin to gather everything."""
    customer_id = visit.path["id"][:ID_LIMIT]
    request = pb.ExportCustomerRequest(id=customer_id, owner=_owner(visit), request_id=visit.submit_id)
    operation = await visit.ask(EXPORT_CUSTOMER, request)
    await visit.record("customer.export", "customer", customer_id)
    return Redirect(f"{visit.link(PATH, id=customer_id)}?export={operation.name}", Flash("privacy.export.begun"))


async def erase(visit: Visit, form: EraseForm) -> Redirect:
    """Erase the customer; the trail says that it was done, not to whom."""
    customer_id = visit.path["id"][:ID_LIMIT]
    if form.confirm.strip().lower() not in (ERASE_WORD, "删除"):
        return Redirect(visit.link(PATH, id=customer_id), Flash("privacy.erase.not_confirmed", tone="warn"))
    request = pb.EraseCustomerRequest(
        id=customer_id, owner=_owner(visit), request_id=visit.submit_id, requested_by=BY_DESK
    )
    erasure = await visit.ask(ERASE_CUSTOMER, request)
    await visit.record("customer.erase", "erasure", erasure.id)
    return Redirect(f"{ROOT}/erasures/{erasure.id}", Flash("privacy.erase.begun"))


async def _export(visit: Visit, customer: customer_pb2.Customer) -> pb.PersonExport | None:
    """Return the export that the address names, if it is of this customer. Raises ZhikeError for another's."""
    export_id = visit.query.get("export", "")
    if not 0 < len(export_id) <= EXPORT_LIMIT:
        return None
    own = [each.identifier for each in customer.identifiers]
    if not own:
        return None  # without a name to hold it against, any export would do
    return await visit.ask(GET_EXPORT, pb.GetExportRequest(id=export_id, only_identifiers=own))


def _owner(visit: Visit) -> str:
    return f"staff:{visit.staff.id}"


PAGE: Final = Page(
    path=PATH,
    roles=ROLES,
    title="privacy.data.page",
    help="privacy.data.help",
    template="privacy/data.html",
    show=show,
    forms=(
        Form("consent", ConsentForm, set_consent),
        Form("export", ExportForm, export),
        Form("erase", EraseForm, erase),
    ),
)
