"""What stands at the side of a page: the areas and pages of the reader's roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.console.pages import ROOT, Area
from gateway.console.visit import Visit

QUICK_LIMIT: Final = 4  # pages in the bar at the foot of a phone; all stand behind its last button


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation."""

    title: str
    href: str
    icon: str
    current: bool
    counts: str


@dataclass(frozen=True, slots=True)
class Group:
    """An area's pages; the first group, the start page alone, has no heading."""

    title: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Navigation:
    """All groups, and the few pages for a thumb."""

    groups: Sequence[Group]
    quick: Sequence[Entry]


def navigation_for(areas: Sequence[Area], visit: Visit) -> Navigation:
    """Return the pages that the member may open."""
    member = visit.member
    if member is None:
        return Navigation((), ())
    path = visit.request.url.path
    groups = []
    for area in areas:
        entries = [
            Entry(
                visit.words(page.title),
                ROOT + page.path.rstrip("/"),
                page.nav,
                _is_within(path, ROOT + page.path.rstrip("/")),
                page.counts,
            )
            for page in area.pages
            if page.nav and page.roles & member.roles
        ]
        if entries:
            groups.append(Group(visit.words(f"{area.name}.area"), entries))
    return Navigation(groups, [group.entries[0] for group in groups][:QUICK_LIMIT])


def _is_within(path: str, href: str) -> bool:
    """Say whether a page is this entry's or below it; everything is below the start page, which counts by itself."""
    return path.rstrip("/") == href or (href != ROOT and path.startswith(f"{href}/"))
