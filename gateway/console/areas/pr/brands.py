"""The brands that are looked for in what is said: the shop's own and its rivals'."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field
from zhike.reputation.v1 import source_service_pb2 as pb

from gateway.console.areas.pr.marks import READERS, WRITERS
from gateway.console.cells import Cell, Chip, Column, Link, Table
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.pr_clients import DELETE_BRAND, LIST_BRANDS, PUT_BRAND
from services.chassis.errors import NotFoundError

HERE: Final = f"{ROOT}/brands"
KINDS: Final = {"own": pb.BRAND_KIND_OWN, "rival": pb.BRAND_KIND_RIVAL}
Lines = Annotated[str, Field(max_length=5_000)]


class NewForm(FormModel):
    """A brand and what it is called, a name a line."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: Literal["own", "rival"]
    names: Annotated[Lines, Field(min_length=1)]
    exclusions: Lines = ""


class EditForm(FormModel):
    """What may be changed of a brand."""

    kind: Literal["own", "rival"]
    names: Annotated[Lines, Field(min_length=1)]
    exclusions: Lines = ""


class Nothing(FormModel):
    """A button."""


async def show(visit: Visit) -> View:
    """Show all brands."""
    listed = await visit.ask(LIST_BRANDS, pb.ListBrandsRequest())
    visit.form("new", {"kind": "own"})
    return {
        "brands": Table(
            "brands", _columns(visit), listed.brands, empty="pr.brands.none", empty_hint="pr.brands.none_hint"
        ),
        "kinds": kind_options(visit),
        "may": visit.may(StaffRole.PR),
    }


async def create(visit: Visit, form: NewForm) -> Redirect:
    """Look for another one."""
    return await _put(visit, form.id, form, 0, "brand.create")


async def show_one(visit: Visit) -> View:
    """Show one to be edited."""
    brand = await _brand(visit)
    stored = {
        "kind": "rival" if brand.kind == pb.BRAND_KIND_RIVAL else "own",
        "names": "\n".join(brand.names),
        "exclusions": "\n".join(brand.exclusions),
    }
    visit.form("edit", stored, version=brand.version)
    visit.form("delete", version=brand.version)
    return {"brand": brand, "kinds": kind_options(visit), "may": visit.may(StaffRole.PR)}


async def edit(visit: Visit, form: EditForm) -> Redirect:
    """Save, unless somebody else did meanwhile."""
    before = await _brand(visit)
    return await _put(visit, visit.path["id"], form, visit.expected_version, "brand.edit", before)


async def delete(visit: Visit, _form: Nothing) -> Redirect:
    """Look for it no longer; what was counted stays."""
    before = await _brand(visit)
    request = pb.DeleteBrandRequest(id=visit.path["id"], expected_version=visit.expected_version)
    await visit.ask(DELETE_BRAND, request)
    await visit.record("brand.delete", "brand", visit.path["id"], before=_said(before))
    return Redirect(HERE, Flash("pr.brands.deleted", {"name": visit.path["id"]}))


def kind_options(visit: Visit) -> list[tuple[str, str]]:
    """Return whose a brand may be."""
    return [(each, visit.words(f"pr.brand_kind.{each}")) for each in KINDS]


async def _put(
    visit: Visit, brand_id: str, form: NewForm | EditForm, version: int, action: str, before: pb.Brand | None = None
) -> Redirect:
    brand = pb.Brand(id=brand_id, kind=KINDS[form.kind], names=_lines(form.names), exclusions=_lines(form.exclusions))
    await visit.ask(PUT_BRAND, pb.PutBrandRequest(brand=brand, expected_version=version))
    await visit.record(action, "brand", brand_id, before=before and _said(before), after=_said(brand))
    return Redirect(HERE, Flash("pr.brands.saved", {"name": brand_id}))


def _said(brand: pb.Brand) -> dict[str, object]:
    kind = next((name for name, number in KINDS.items() if number == brand.kind), "")
    return {"kind": kind, "names": list(brand.names), "exclusions": list(brand.exclusions)}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\n\r]+", text) if line.strip()]


async def _brand(visit: Visit) -> pb.Brand:
    for brand in (await visit.ask(LIST_BRANDS, pb.ListBrandsRequest())).brands:
        if brand.id == visit.path["id"]:
            return brand
    raise NotFoundError("there is no brand of this id", resource="brand", id=visit.path["id"][:64])


def _columns(visit: Visit) -> tuple[Column, ...]:
    def kind(brand: pb.Brand) -> Cell:
        own = brand.kind != pb.BRAND_KIND_RIVAL
        return Chip(visit.words(f"pr.brand_kind.{'own' if own else 'rival'}"), "good" if own else "plain")

    return (
        Column("pr.brands.name", lambda brand: Link(brand.id, f"{HERE}/{brand.id}")),
        Column("pr.brands.kind", kind),
        Column("pr.brands.names", lambda brand: " · ".join(brand.names), wide=True),
        Column("pr.brands.exclusions", lambda brand: " · ".join(brand.exclusions) or None),
        Column(
            "pr.brands.heard",
            lambda brand: Link(visit.words("pr.mentions.title"), f"{ROOT}/mentions?brand={brand.id}"),
            export=False,
        ),
    )


PAGE: Final = Page(
    path="/brands",
    roles=READERS,
    title="pr.brands.title",
    help="pr.brands.help",
    template="pr/brands.html",
    show=show,
    nav="gift",
    forms=(Form("new", NewForm, create, WRITERS),),
)
ONE_PAGE: Final = Page(
    path="/brands/{id}",
    roles=READERS,
    title="pr.brands.one",
    template="pr/brand.html",
    show=show_one,
    forms=(Form("edit", EditForm, edit, WRITERS), Form("delete", Nothing, delete, WRITERS)),
)
