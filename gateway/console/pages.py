"""What an area of the console gives to the frame: pages with forms, cards for the start page, finders, live topics."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

from gateway.console.staffing import StaffRole

if TYPE_CHECKING:
    from gateway.console.visit import Visit

ROOT: Final = "/console"


class FormModel(BaseModel):
    """What a form sends. An empty field counts as not sent; a field that the model does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class Flash:
    """What is said once on the next page: a key of the words, its values, and how it is meant."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    tone: str = "good"  # good, info, warn or bad


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on at another page of the console; ``location`` begins with /console."""

    location: str
    flash: Flash | None = None

    def __post_init__(self) -> None:
        if not self.location.startswith(ROOT) or self.location[len(ROOT) :][:1] not in ("", "/", "?", "#"):
            raise ValueError("a redirect stays in the console")


@dataclass(frozen=True, slots=True)
class Download:
    """A file in place of a page. A large one comes in chunks: from a page alone, for what a form answers is kept."""

    content: bytes | AsyncIterator[bytes]
    media_type: str
    filename: str  # letters, digits, points and hyphens


View = dict[str, Any]
Show = Callable[["Visit"], Awaitable[View | Redirect | Download]]
Handle = Callable[["Visit", Any], Awaitable[Redirect | Download]]


@dataclass(frozen=True, slots=True)
class Form:
    """Something that a page's reader can do: a model of what is sent, and what is done with it.

    ``handle`` gets the visit and the model. It passes ``visit.submit_id`` on as the request id, so that a form that is
    sent twice acts once, and ``visit.expected_version`` as what an edit builds on: a version error (PRECONDITION)
    of the service shows the page again with all that was typed. ``roles`` narrows whom of the page's readers may do it.
    """

    name: str
    model: type[FormModel]
    handle: Handle
    roles: frozenset[StaffRole] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page. ``path`` goes below /console and may have {parameters}; ``title`` and ``help`` are keys of the words.

    ``nav`` names its icon (static/icons.svg) if the page stands in the navigation. ``example`` fills the parameters for
    pictures and walks: a function from what the demo has to a path, or nothing where the path is fixed.
    """

    path: str
    roles: frozenset[StaffRole]
    title: str
    template: str
    show: Show
    nav: str = ""
    help: str = ""
    forms: Sequence[Form] = ()
    topics: Sequence[str] = ()  # live topics whose moves renew the parts marked data-live
    counts: str = ""  # the topic whose number stands beside the page's name in the navigation
    example: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attention:
    """What needs somebody now: how many, where to look, the first few of them."""

    title: str  # a key of the words; it gets {count}
    href: str
    count: int
    tone: str = "warn"
    items: Sequence[tuple[str, str]] = ()  # (text, where it leads)


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the start page: read for everyone of these roles, in parallel with the others."""

    name: str
    roles: frozenset[StaffRole]
    read: Callable[["Visit"], Awaitable[Attention | None]]
    topics: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One hit of the search box."""

    title: str
    href: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finder:
    """Looks for one kind of thing: ``title`` is a key of the words, ``find`` gets the text and how many are wanted."""

    name: str
    title: str
    roles: frozenset[StaffRole]
    find: Callable[["Visit", str, int], Awaitable[Sequence[Found]]]
    icon: str = "search"


@dataclass(frozen=True, slots=True)
class Moved:
    """Something moved: how to go on from here after a broken connection, and a number for the navigation if any.

    ``first`` is how it stood when the stream began, which the page shows already.
    """

    place: str = ""
    count: int | None = None
    first: bool = False


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that moves while people look.

    ``follow`` gets the gateway's parts, the shop and the place to go on from ("" for now). ``live.Polled`` makes one of
    a function that reads how things stand.
    """

    name: str
    roles: frozenset[StaffRole]
    follow: Callable[[Any, str, str], AsyncGenerator[Moved | None, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A part of the console, and of its navigation."""

    name: str  # its words are words/<name>.zh.toml and .en.toml, its heading "<name>.area"
    pages: Sequence[Page] = ()
    cards: Sequence[Card] = ()
    finders: Sequence[Finder] = ()
    topics: Sequence[Topic] = ()
