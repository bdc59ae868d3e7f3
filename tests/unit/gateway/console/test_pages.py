"""Every page of the console, in both languages, for those who may and those who may not."""

import pytest

from gateway.console.pages import ROOT
from gateway.console.registry import AREAS
from gateway.console.staffing import StaffRole
from tests.fakes.console import ConsoleOnFakes, whole

PAGES = [page for area in AREAS for page in area.pages]
FIXED = [page for page in PAGES if "{" not in page.path]


def test_paths_and_names_are_told_apart() -> None:
    assert len({page.path for page in PAGES}) == len(PAGES)
    for each in ("cards", "finders", "topics"):
        names = [one.name for area in AREAS for one in getattr(area, each)]
        assert len(set(names)) == len(names), each
    for page in PAGES:
        assert len({form.name for form in page.forms}) == len(page.forms), page.path


def test_every_topic_that_a_page_or_card_follows_exists() -> None:
    known = {topic.name for area in AREAS for topic in area.topics}
    followed = {topic for page in PAGES for topic in page.topics}
    followed |= {topic for area in AREAS for card in area.cards for topic in card.topics}
    assert followed <= known


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", FIXED, ids=[page.path for page in FIXED])
async def test_a_page_is_whole(console: ConsoleOnFakes, page, language: str) -> None:  # type: ignore[no-untyped-def]
    console.language = language
    response = await console.get(page.path)
    assert response.status_code in (200, 303), response.text
    whole(response.text)
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]


@pytest.mark.parametrize("page", [page for page in FIXED if page.roles], ids=lambda page: page.path)
async def test_a_page_is_for_its_roles_alone(console: ConsoleOnFakes, page) -> None:  # type: ignore[no-untyped-def]
    console.roles = None
    response = await console.get(page.path)
    assert response.status_code == 303
    assert response.headers["location"].startswith(f"{ROOT}/sign-in?next=")
    others = [role for role in StaffRole if role not in page.roles]
    if others:
        console.roles = others
        refused = await console.get(page.path)
        assert refused.status_code == 403
        whole(refused.text)
