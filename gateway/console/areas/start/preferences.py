"""A reader's language and theme, and the page that lists the keys of the keyboard."""

from typing import Final, Literal

from gateway.console.pages import ROOT, Form, FormModel, Page, Redirect, View
from gateway.console.preferences import LANGUAGE_COOKIE, THEME_COOKIE, YEAR_S, cookie
from gateway.console.staffing import EVERYBODY
from gateway.console.visit import Visit

BACK_LIMIT: Final = 2_000


class Choice(FormModel):
    """Any of them; ``back`` is where the reader was."""

    language: Literal["zh", "en"] | None = None
    theme: Literal["auto", "light", "dark"] | None = None
    back: str = ROOT


async def choose(visit: Visit, choice: Choice) -> Redirect:
    """Keep the choice in the browser and go back; never out of the console."""
    for name, value in ((LANGUAGE_COOKIE, choice.language), (THEME_COOKIE, choice.theme)):
        if value is not None:
            visit.headers.append(cookie(name, value, life_s=YEAR_S, secure=visit.secure))
    try:
        return Redirect(choice.back[:BACK_LIMIT])
    except ValueError:
        return Redirect(ROOT)


async def show(_visit: Visit) -> Redirect:
    """There is nothing to see here."""
    return Redirect(ROOT)


async def show_keys(_visit: Visit) -> View:
    """Say what the keyboard does."""
    return {"keys": (("/", "search"), ("g", "navigation"), ("n", "next"), ("Esc", "close"), ("?", "help"))}


PAGE: Final = Page(
    path="/preferences",
    roles=frozenset(),
    title="start.title",
    template="start/keys.html",
    show=show,
    forms=(Form("choose", Choice, choose),),
)
KEYS_PAGE: Final = Page(path="/keys", roles=EVERYBODY, title="keys.title", template="start/keys.html", show=show_keys)
