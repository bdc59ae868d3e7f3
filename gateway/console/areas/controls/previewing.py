"""What a Control would change: for one customer side by side, for a thousand in numbers."""

import asyncio
from typing import Any, Final

import orjson
from zhike.controls.v1 import control_service_pb2 as pb

from gateway.console.areas.controls.saying import HERE, READERS, control_form, service_in
from gateway.console.forms import said_of
from gateway.console.pages import Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.control_clients import DRY_RUN_CONTROL, GET_CONTROL, LIST_CONTROLS, PREVIEW_CONTROL
from gateway.dry_runs import dry_run_result
from gateway.identifiers import normalise_identifier
from gateway.public_form import public_form
from services.chassis.errors import ErrorKind, ZhikeError

SLOTS: Final = 12
WAIT_TURNS, WAIT_S = 30, 0.25  # for a dry run, before the page says that it goes on
MOVERS_SHOWN: Final = 4
LABEL_LIMIT: Final = 16  # characters of a title below a chart
DEFAULT_PLACEMENT: Final = "recommended-for-you"


class MeasureForm(FormModel):
    """A button."""


async def show(visit: Visit) -> View:
    """Show both sides, and a dry run where the address names one."""
    service = service_in(visit)
    saved = await visit.ask(GET_CONTROL[service], pb.GetControlRequest(id=visit.path["id"]))
    control = control_form(saved.control)
    condition = control["content"]["condition"] or {}
    known = await visit.ask(LIST_CONTROLS[service], pb.ListControlsRequest(page_size=1))
    placement = visit.text("placement") or next(iter(condition.get("placements", ())), DEFAULT_PLACEMENT)
    query = visit.text("query") or next(iter((*condition.get("queries", ()), *condition.get("terms", ()))), "")
    product = visit.text("product") or next(iter(condition.get("product_ids", ())), "")
    look = {"customer": visit.text("customer"), "placement": placement, "query": query, "product": product}
    preview, problem = None, ""
    try:
        preview = await _preview(visit, service, look, condition)
    except ZhikeError as error:
        if error.kind is not ErrorKind.INVALID:
            raise
        problem = said_of(error, visit.words)
    visit.form("measure", {})
    return {
        "service": service,
        "control": control,
        "look": look,
        "placements": [(each, visit.words(f"control_placement.{each}")) for each in known.placements],
        "preview": preview,
        "problem": problem,
        **await _measured(visit, service),
    }


async def _preview(visit: Visit, service: str, look: dict[str, str], condition: dict[str, Any]) -> dict[str, Any]:
    request = pb.PreviewControlRequest(
        id=visit.path["id"],
        identifiers=[normalise_identifier(look["customer"])] if look["customer"] else [],
        placement=look["placement"] if service == "recommendation" else "",
        query=look["query"] if service == "search" else "",
        product_ids=[look["product"]] if look["product"] and service == "recommendation" else [],
        language=visit.language,
        page_size=SLOTS,
        shop=next(iter(condition.get("shops", ())), visit.shop),
        channel=next(iter(condition.get("channels", ())), "web"),
    )
    preview = await visit.ask(PREVIEW_CONTROL[service], request)
    found: dict[str, Any] = public_form(preview)
    before = [slot["product_id"] for slot in found["before"]["slots"]]
    for slot in found["after"]["slots"]:
        was = before.index(slot["product_id"]) + 1 if slot["product_id"] in before else 0
        slot["was"], slot["moved"] = was, was != slot["trace"]["position"]
    found["changed"] = before != [slot["product_id"] for slot in found["after"]["slots"]]
    after = {slot["product_id"] for slot in found["after"]["slots"]}
    for slot in found["before"]["slots"]:
        slot["gone"] = slot["product_id"] not in after
    for side in (found["before"], found["after"]):
        for slot in side["slots"]:
            slot["card"] = plain_card(slot["product"])
    return found


def plain_card(fragment: Any) -> dict[str, Any]:
    """Return a product's card as values: it comes as finished JSON."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(fragment))
    return found or {}


async def measure(visit: Visit, _form: MeasureForm) -> Redirect:
    """Begin a dry run, and wait a moment for its end."""
    service = service_in(visit)
    request = pb.DryRunControlRequest(id=visit.path["id"], request_id=visit.submit_id)
    operation = await visit.ask(DRY_RUN_CONTROL[service], request)
    for _ in range(WAIT_TURNS):
        if await dry_run_result(visit.parts.caller, service, operation.name) is not None:
            break
        await asyncio.sleep(WAIT_S)
    return Redirect(f"{HERE}/{service}/{visit.path['id']}/preview?run={operation.name}#measured")


async def _measured(visit: Visit, service: str) -> View:
    run = visit.text("run")
    if not run:
        return {"run": "", "measured": None}
    measured = await dry_run_result(visit.parts.caller, service, run)
    if measured is None:
        return {"run": run, "measured": None}
    return {"run": run, "measured": measured, "movers": _movers(visit, measured)}


def _movers(visit: Visit, measured: dict[str, Any]) -> dict[str, Any]:
    """Return the products that moved most, gained and lost side by side, for a chart."""
    counts: dict[str, list[int]] = {}
    titles: dict[str, str] = {}
    for side, place in (("gained", 0), ("lost", 1)):
        for each in measured[side][:MOVERS_SHOWN]:
            counts.setdefault(each["product_id"], [0, 0])[place] = each["count"]
            titles[each["product_id"]] = each["titles"].get(visit.language) or each["product_id"]
    return {
        "labels": [_short(titles[each]) for each in counts],
        "gained": [count[0] for count in counts.values()],
        "lost": [count[1] for count in counts.values()],
    }


def _short(title: str) -> str:
    return title if len(title) <= LABEL_LIMIT else title[: LABEL_LIMIT - 1] + "…"


PAGE: Final = Page(
    path="/controls/{service}/{id}/preview",
    roles=READERS,
    title="controls.preview",
    help="control_preview.help",
    template="controls/preview.html",
    show=show,
    forms=(Form("measure", MeasureForm, measure),),
)
