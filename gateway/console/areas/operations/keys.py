"""API keys: made and shown once, exchanged without a gap, taken back."""

from typing import Annotated, Final, Literal

from pydantic import Field

from gateway.console.areas.operations.system import ADMINS
from gateway.console.cells import Act, Cell, Chip, Column, Moment, Stacked, Table
from gateway.console.pages import ROOT, Flash, Form, FormModel, Page, Redirect, View
from gateway.console.visit import Visit
from gateway.keys import LIVE_LIMIT, KeyName, StoredKey
from gateway.principals import Role
from services.chassis.errors import InvalidArgumentError, NotFoundError

HERE: Final = f"{ROOT}/api-keys"
SCOPES: Final = ("shop", "staff", "load")
Row = tuple[KeyName, StoredKey]


class NewForm(FormModel):
    """What a key may do."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    kind: Literal["publishable", "shop", "staff", "load"]
    shop: Annotated[str, Field(max_length=64)] = ""
    channel: Annotated[str, Field(max_length=64)] = "web"
    owner: Annotated[str, Field(max_length=64)] = ""


class NameForm(FormModel):
    """A name whose key is exchanged."""

    name: Annotated[str, Field(max_length=40)]


class RevokeForm(FormModel):
    """One key."""

    id: Annotated[str, Field(min_length=1, max_length=64)]


async def show(visit: Visit) -> View:
    """Show all keys, never what they are."""
    names = await visit.parts.keys.list()
    every = visit.query.get("all") == "yes"
    rows = [(name, key) for name in names for key in name.keys if every or key.revoke_time is None]
    visit.form("new", {"kind": "publishable", "channel": "web", "shop": visit.shop})
    visit.form("rotate")
    visit.form("revoke")
    return {
        "keys": Table("keys", _columns(visit), rows, total=len(rows), empty="operations.keys.none"),
        "kinds": [(each, visit.words(f"operations.kind.{each}")) for each in ("publishable", *SCOPES)],
        "live": sum(len(name.live) for name in names),
        "names": len(names),
    }


async def create(visit: Visit, form: NewForm) -> Redirect:
    """Make a key and say it this once."""
    role = Role.PUBLISHABLE if form.kind == "publishable" else Role(form.kind)
    wanted = KeyName(
        name=form.name,
        role=role,
        shop=form.shop or visit.shop,
        channel=form.channel,
        owner=form.owner or form.name,
    )
    return await _made(visit, wanted, "key.create")


async def rotate(visit: Visit, form: NameForm) -> Redirect:
    """Make a second key of a name; the first is revoked by hand once nobody uses it."""
    name = await _name(visit, form.name)
    if len(name.live) >= LIVE_LIMIT:
        raise InvalidArgumentError(visit.words("operations.keys.two_live"))
    return await _made(visit, name, "key.rotate")


async def revoke(visit: Visit, form: RevokeForm) -> Redirect:
    """Take a key back, at once in this process."""
    await visit.parts.keys.revoke(form.id)
    visit.parts.admission.authenticator.forget()
    await visit.record("key.revoke", "key", form.id, before={"state": "live"}, after={"state": "revoked"})
    return Redirect(HERE, Flash("operations.keys.revoked", {"name": form.id}))


async def _made(visit: Visit, wanted: KeyName, action: str) -> Redirect:
    stored, text = await visit.parts.keys.create(wanted)
    key_id = f"{stored.name}.{stored.keys[-1].number}"
    made = {"kind": stored.role.value, "shop": stored.shop}
    await visit.record(action, "key", key_id, before=None, after=made)
    return Redirect(HERE, Flash("operations.keys.made", {"name": stored.name, "secret": text}, "info"))


async def _name(visit: Visit, name: str) -> KeyName:
    for each in await visit.parts.keys.list():
        if each.name == name:
            return each
    raise NotFoundError("there is no key of this name", resource="key")


def _columns(visit: Visit) -> tuple[Column, ...]:
    def kind(row: Row) -> Cell:
        tones = {Role.PUBLISHABLE: "plain", Role.LOAD: "warn"}
        return Chip(visit.words(f"operations.kind.{row[0].role.value}"), tones.get(row[0].role, "info"))

    def state(row: Row) -> Cell:
        live = row[1].revoke_time is None
        return Chip(
            visit.words("operations.keys.live" if live else "operations.keys.gone"), "good" if live else "plain"
        )

    def acts(row: Row) -> Cell:
        name, key = row
        if key.revoke_time is not None:
            return None
        key_id = f"{name.name}.{key.number}"
        revoking = Act("revoke", "operations.keys.revoke", {"id": key_id}, "bad", "operations.keys.revoke_sure")
        if len(name.live) >= LIVE_LIMIT:
            return revoking
        return (
            Act("rotate", "operations.keys.rotate", {"name": name.name}, "", "operations.keys.rotate_sure"),
            revoking,
        )

    return (
        Column("operations.keys.name", lambda row: Stacked(row[0].name, f"{row[0].name}.{row[1].number}"), wide=True),
        Column("operations.keys.kind", kind),
        Column("operations.keys.state", state),
        Column("operations.keys.shop", lambda row: row[0].shop),
        Column("operations.keys.channel", lambda row: row[0].channel),
        Column("operations.keys.owner", lambda row: row[0].owner),
        Column("operations.keys.since", lambda row: Moment(row[1].create_time)),
        Column("operations.keys.revoked_at", lambda row: Moment(row[1].revoke_time) if row[1].revoke_time else None),
        Column("", acts, export=False),
    )


PAGE: Final = Page(
    path="/api-keys",
    roles=ADMINS,
    title="operations.keys.title",
    help="operations.keys.help",
    template="operations/keys.html",
    show=show,
    nav="keys",
    forms=(
        Form("new", NewForm, create),
        Form("rotate", NameForm, rotate),
        Form("revoke", RevokeForm, revoke),
    ),
)
