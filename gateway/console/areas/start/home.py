"""The start page: what needs this reader now, card by card, each read at the same time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.console.pages import Attention, Card, Page, View
from gateway.console.staffing import EVERYBODY
from gateway.console.visit import Visit
from gateway.fallbacks import is_absent
from services.chassis.errors import ZhikeError

MORNING_ENDS, DAY_ENDS = 11, 18  # hours of the shop's clock


@dataclass(frozen=True, slots=True)
class Shown:
    """A card as the page shows it: ``attention`` is None while its service is away."""

    card: Card
    attention: Attention | None
    away: bool = False


async def show(visit: Visit) -> View:
    """Read every card of the reader's roles; what is calm goes last."""
    roles = visit.staff.roles
    cards = [card for area in visit.areas for card in area.cards if card.roles & roles]
    shown = await asyncio.gather(*(_read(visit, card) for card in cards))
    return {
        "greeting": _greeting(visit.formats.local(visit.parts.clock.now()).hour),
        "today": visit.formats.day(visit.parts.clock.now()),
        "cards": sorted((each for each in shown if each is not None), key=_rank),
        "topics": sorted({topic for card in cards for topic in card.topics}),
    }


async def _read(visit: Visit, card: Card) -> Shown | None:
    try:
        attention = await card.read(visit)
    except ZhikeError as error:
        if not is_absent(error):
            raise
        return Shown(card, None, away=True)
    return Shown(card, attention) if attention is not None else None


def _rank(shown: Shown) -> tuple[int, str]:
    order: Sequence[str] = ("bad", "warn", "info", "good")
    if shown.attention is None:
        return len(order), shown.card.name
    tone = shown.attention.tone if shown.attention.count else "good"
    return order.index(tone), shown.card.name


def _greeting(hour: int) -> str:
    return "start.morning" if hour < MORNING_ENDS else "start.day" if hour < DAY_ENDS else "start.evening"


PAGE: Final = Page(
    path="/",
    roles=EVERYBODY,
    title="start.title",
    template="start/home.html",
    show=show,
    nav="home",
    help="start.help",
    topics=("alerts", "system"),
)
