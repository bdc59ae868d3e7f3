"""Who stands in the shop. A shop of one's own would ask its sign-in; here the page says whom it is to be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.demo_shop.personas import load_personas
from gateway.principals import visitor_identifier
from gateway.schemas.forms import Read
from services.chassis.errors import NotFoundError

NAME_LIMIT = 80


class GuestForm(Read):
    """A persona's id, or the random id of a visitor whom nobody knows."""

    persona: Annotated[str, Field(max_length=NAME_LIMIT)] = ""
    visitor_id: Annotated[str, Field(max_length=NAME_LIMIT)] = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest. ``name``: in the shop's own books; ``past_orders``: ids of orders from before the shop's books began."""

    name: str
    identifiers: tuple[str, ...]
    past_orders: tuple[str, ...] = ()


def guest_of(form: GuestForm, data: Path) -> Guest:
    """Return who it is. Raises NotFoundError for no persona, VisitorIdMalformedError."""
    if not form.persona:
        identifier = visitor_identifier(form.visitor_id)
        return Guest(identifier, (identifier,))
    persona = next((each for each in load_personas(data) if each.id == form.persona), None)
    if persona is None:
        raise NotFoundError("there is no such guest", resource="persona", id=form.persona)
    return Guest(f"persona:{persona.id}", persona.identifiers, persona.orders)
