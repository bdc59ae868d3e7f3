"""All Controls: by service and state, what each does and when."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from zhike.controls.v1 import control_service_pb2 as pb

from gateway.console.areas.controls.saying import (
    ACTIONS,
    HERE,
    READERS,
    SERVICES,
    STATES,
    WRITERS,
    action_text,
    condition_text,
    control_form,
    state_chip,
)
from gateway.console.cells import Chip, Column, Link, Moment, Table
from gateway.console.pages import Attention, Card, Finder, Found, Page, View
from gateway.console.visit import Visit
from gateway.control_clients import LIST_CONTROLS
from gateway.routers.controls import action_number, state_number

DRAFTS_SHOWN: Final = 5


async def show(visit: Visit) -> View:
    """Show a page of one service's Controls."""
    service = visit.choice("service", dict.fromkeys(SERVICES), SERVICES[0])
    state = visit.choice("state", dict.fromkeys(STATES))
    request = pb.ListControlsRequest(
        states=[state_number(state)] if state else [],
        action=action_number(visit.choice("action", dict.fromkeys(ACTIONS))),
        text=visit.text("q"),
        page_size=visit.page_size("controls"),
        page_token=visit.cursor("controls"),
    )
    found = await visit.ask(LIST_CONTROLS[service], request)
    counts = {control_state(each.state): each.count for each in found.counts}
    words = visit.words
    return {
        "service": service,
        "services": [(each, words(f"control_service.{each}")) for each in SERVICES],
        "state": state,
        "states": [("", words("controls.all"), sum(counts.values()))]
        + [(each, words(f"control_state.{each}"), counts.get(each, 0)) for each in STATES],
        "actions": [(each, words(f"control_action.{each}")) for each in ACTIONS],
        "controls": Table(
            "controls", _columns(visit, service), [control_form(each) for each in found.controls], found.next_page_token
        ),
        "may_write": visit.may(*WRITERS),
    }


def control_state(number: Any) -> str:
    """Return the word of a state."""
    return str(pb.ControlState.Name(number)).removeprefix("CONTROL_STATE_").lower()


def _columns(visit: Visit, service: str) -> Sequence[Column]:
    words = visit.words

    def title(control: dict[str, Any]) -> Link:
        content = control["content"]
        return Link(content["title"], f"{HERE}/{service}/{control['id']}", condition_text(words, content["condition"]))

    return (
        Column("controls.title", title, wide=True),
        Column("controls.state", lambda each: state_chip(words, each["state"])),
        Column("controls.action", lambda each: Chip(words(f"control_action.{each['content']['action']['type']}"))),
        Column("controls.does", lambda each: action_text(words, each["content"]["action"])),
        Column("controls.author", lambda each: each["author"]),
        Column("controls.changed", lambda each: Moment(each["update_time"])),
    )


async def read_card(visit: Visit) -> Attention | None:
    """Say how many drafts wait."""
    requests = [pb.ListControlsRequest(states=[pb.CONTROL_STATE_DRAFT], page_size=DRAFTS_SHOWN) for _ in SERVICES]
    pages = await asyncio.gather(
        *(visit.ask(LIST_CONTROLS[service], request) for service, request in zip(SERVICES, requests, strict=True))
    )
    count, items = 0, []
    for service, page in zip(SERVICES, pages, strict=True):
        count += sum(each.count for each in page.counts if each.state == pb.CONTROL_STATE_DRAFT)
        items += [(each.content.title, f"{HERE}/{service}/{each.id}") for each in page.controls]
    if not count:
        return None
    return Attention("controls.drafts", f"{HERE}?state=draft", count, "info", items[:DRAFTS_SHOWN])


async def find(visit: Visit, text: str, limit: int) -> Sequence[Found]:
    """Find Controls by their title or note."""
    found: list[Found] = []
    for service in SERVICES:
        page = await visit.ask(LIST_CONTROLS[service], pb.ListControlsRequest(text=text, page_size=limit))
        found += [
            Found(
                each.content.title,
                f"{HERE}/{service}/{each.id}",
                visit.words(f"control_state.{control_state(each.state)}"),
            )
            for each in page.controls
        ]
    return found[:limit]


CARD: Final = Card("controls", WRITERS, read_card)
FINDER: Final = Finder("controls", "controls.page", READERS, find, icon="controls")
PAGE: Final = Page(
    path="/controls",
    roles=READERS,
    title="controls.page",
    help="controls.help",
    template="controls/list.html",
    show=show,
    nav="controls",
)
